"""Cost basis by first in, first out: which mined coins were sold, what they were worth when earned, and the gain.

Coins come in where our own income is (`income:mined`, `income:fee`, blocks that fill a reserve) or where the owner
brings some (`equity:owner`), and go out by sales, as costs, as work that a reserve pays, or with the owner. What
members are owed was never ours and is not counted. The worth on the day of income is the cost; of what the owner brings
it is not known here. Where no price of that time is known the cost is unknown too, and so is the gain: never zero.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from hashwright.ledger.accounts import CONVERSION, OWNER, RESERVES
from hashwright.ledger.entries import Entry
from hashwright.ledger.prices import Valuer
from hashwright.money import Amount, Currency

SALE: Final = "sale"
RESERVE_MOVED: Final = "reserve-moved"
Way = Literal["sold", "spent", "withdrawn", "taken back"]


@dataclass(slots=True, kw_only=True)
class Lot:
    """Coins that came in together. `left` of `minor` are still there; `cost` is of all of them [minor units]."""

    at_ms: int
    source: str
    currency: Currency
    minor: int
    left: int
    cost: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """Coins of one lot that went out at once. `cost` and `proceeds` are None where they are not known or not due."""

    way: Way
    source: str
    acquired_ms: int
    acquired_source: str
    gone_ms: int
    amount: Amount
    cost: Amount | None
    proceeds: Amount | None

    @property
    def gain(self) -> Amount | None:
        """Return proceeds less cost; None unless both are known."""
        return None if self.cost is None or self.proceeds is None else self.proceeds - self.cost


@dataclass(slots=True, kw_only=True)
class Lots:
    """All lots, oldest first by currency, what went out of them, and what went out beyond them [minor units]."""

    open: dict[Currency, "deque[Lot]"]
    gone: list[Disposal]
    uncovered: dict[Currency, int]


def first_in_first_out(entries: Iterable[Entry], valuer: Valuer) -> Lots:
    """Walk entries in order of time and match what goes out with what came in first."""
    lots = Lots(open={}, gone=[], uncovered={})
    for entry in sorted(entries, key=lambda it: it.at_ms):
        if entry.kind == RESERVE_MOVED:
            continue  # the owner's before and after
        for currency, minor in _own_income(entry).items():
            if currency == valuer.quote or not minor:
                continue
            if minor > 0:
                _take_in(lots, entry, Amount(minor, currency), valuer)
            else:
                way: Way = "withdrawn" if _is_owners(entry) else "taken back"
                _give_out(lots, entry, Amount(-minor, currency), way, None)
        for currency, minor in _own_costs(entry).items():
            if currency != valuer.quote and minor > 0:
                _give_out(lots, entry, Amount(minor, currency), "spent", None)
        _sell(lots, entry, valuer)
    return lots


def _own_income(entry: Entry) -> dict[Currency, int]:
    sums: dict[Currency, int] = {}
    for it in entry.postings:
        is_filled = it.account.startswith(RESERVES) and it.amount.minor < 0
        if it.account.startswith(("income:mined:", "income:fee:")) or it.account == OWNER or is_filled:
            sums[it.amount.currency] = sums.get(it.amount.currency, 0) - it.amount.minor
    return sums


def _is_owners(entry: Entry) -> bool:
    return any(it.account == OWNER for it in entry.postings)


def _own_costs(entry: Entry) -> dict[Currency, int]:
    sums: dict[Currency, int] = {}
    for it in entry.postings:
        is_paid = it.account.startswith(RESERVES) and it.amount.minor > 0
        if it.account.startswith("expense:") or is_paid:
            sums[it.amount.currency] = sums.get(it.amount.currency, 0) + it.amount.minor
    return sums


def _sell(lots: Lots, entry: Entry, valuer: Valuer) -> None:
    if entry.kind != SALE:
        return
    received = -sum(
        it.amount.minor for it in entry.postings if it.account == CONVERSION and it.amount.currency == valuer.quote
    )
    for it in entry.postings:
        if it.account == CONVERSION and it.amount.currency != valuer.quote and it.amount.minor > 0:
            proceeds = Amount(received, valuer.quote) if received > 0 else None
            _give_out(lots, entry, it.amount, "sold", proceeds)


def _take_in(lots: Lots, entry: Entry, amount: Amount, valuer: Valuer) -> None:
    # What the owner paid for coins that he brings is not known here: the day's price would be a guess.
    valuation = None if _is_owners(entry) else valuer.value(amount, entry.at_ms)
    lot = Lot(
        at_ms=entry.at_ms,
        source=entry.source,
        currency=amount.currency,
        minor=amount.minor,
        left=amount.minor,
        cost=None if valuation is None else valuation.worth.minor,
    )
    lots.open.setdefault(amount.currency, deque()).append(lot)


def _give_out(lots: Lots, entry: Entry, amount: Amount, way: Way, proceeds: Amount | None) -> None:
    queue = lots.open.setdefault(amount.currency, deque())
    wanted = amount.minor
    while wanted and queue:
        lot = queue[0]
        taken = min(wanted, lot.left)
        before = amount.minor - wanted
        lots.gone.append(
            Disposal(
                way=way,
                source=entry.source,
                acquired_ms=lot.at_ms,
                acquired_source=lot.source,
                gone_ms=entry.at_ms,
                amount=Amount(taken, amount.currency),
                cost=_cost_of(lot, taken, proceeds),
                proceeds=None if proceeds is None else _share(proceeds, before, taken, amount.minor),
            )
        )
        lot.left -= taken
        wanted -= taken
        if not lot.left:
            queue.popleft()
    if wanted:
        lots.uncovered[amount.currency] = lots.uncovered.get(amount.currency, 0) + wanted


def _cost_of(lot: Lot, taken: int, proceeds: Amount | None) -> Amount | None:
    if lot.cost is None or proceeds is None:
        return None
    return _share(Amount(lot.cost, proceeds.currency), lot.minor - lot.left, taken, lot.minor)


def _share(whole: Amount, before: int, taken: int, total: int) -> Amount:
    """Divide by running totals, so that the pieces of a whole sum to it, to the last minor unit."""
    return Amount(whole.minor * (before + taken) // total - whole.minor * before // total, whole.currency)
