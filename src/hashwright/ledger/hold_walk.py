"""The books walked along the hold rules: what each would have sold, beside what was really sold.

    walk(entries, rules, valuer, now_ms=...) -> Walk

What counts as mined is the owner's income (`income:mined`, `income:fee`); what members are owed, and what a reserve
holds, was never his to sell. What could be sold is in a wallet, or sent by an upstream (`asset:receivable:...:paid`),
less what is owed to others. The walk is of another world in which only the rule sold: real sales are put back, and the
rule's own are taken out, so it never recommends more than would be there.

`share` sells its part of each income, by running totals, so that the parts sum. What a pool has credited and not yet
sent waits until it is there. `cover` sells for energy costs as they were booked, up to what is held, and carries the
rest; a bill is divided among coins by what each is worth. It needs a measured price: without one it waits, and says so.
A new rule starts anew: what the old one still wanted is forgotten.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from hashwright.ledger.accounts import CONVERSION, MEMBERS, OWNER, RESERVES
from hashwright.ledger.entries import Entry
from hashwright.ledger.hold import WHOLE_BP, HoldRule, rule_at
from hashwright.ledger.lots import RESERVE_MOVED, SALE
from hashwright.ledger.prices import Valuer
from hashwright.money import Amount, Currency, apportion

ENERGY: Final = "expense:energy:"
MINED: Final = ("income:mined:", "income:fee:")
HELD: Final = ("asset:wallet:", MEMBERS, "liability:payout:", "liability:held:", "liability:escrow:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one entry meant for one coin [minor units]. `worth` and `mined_worth` are None where no price was measured.

    `worth` is of `advised`, `mined_worth` of `mined`, `received` what a real sale brought [minor units of the quote].
    `taken` are coins that were spent on costs, or that the owner took out.
    """

    at_ms: int
    currency: Currency
    rule: HoldRule | None
    mined: int = 0
    mined_worth: int | None = 0
    advised: int = 0
    worth: int | None = 0
    sold: int = 0
    received: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """What one entry moved, by coin [minor units]; `received` in the quote."""

    mined: Mapping[str, int] = field(default_factory=dict)
    sold: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)
    received: int = 0


@dataclass(slots=True, kw_only=True)
class Coin:
    """One coin's state along the walk [minor units]. `era_*` count since the present rule began."""

    currency: Currency
    rules: tuple[HoldRule, ...]
    rule: HoldRule | None = None
    free: int = 0
    reserves: dict[str, int] = field(default_factory=dict)
    mined: int = 0
    sold: int = 0
    advised: int = 0
    era_mined: int = 0
    era_sold: int = 0
    era_advised: int = 0

    @property
    def held(self) -> int:
        """Return what is really there and nobody else's, at least 0."""
        return max(self.free - sum(max(it, 0) for it in self.reserves.values()), 0)

    @property
    def held_by_rule(self) -> int:
        """Return what would be there had only the rule sold, at least 0."""
        reserved = sum(max(it, 0) for it in self.reserves.values())
        return max(self.free - reserved + self.sold - self.advised, 0)

    @property
    def behind(self) -> int:
        """Return what the rule would have sold beyond what was sold, since it began; negative where more was sold."""
        return self.era_advised - self.era_sold


@dataclass(slots=True, kw_only=True)
class Bill:
    """Power bills in the quote [minor units]: booked while a rule covers them, covered, and still open."""

    booked: int = 0
    covered: int = 0
    open: int = 0
    other: dict[str, int] = field(default_factory=dict)
    """Bills in other money, by currency code: not covered here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """All steps in order, bills as (time [ms], minor units), each coin at the end, and how often a price lacked."""

    steps: tuple[Step, ...]
    bills: tuple[tuple[int, int], ...]
    coins: Mapping[str, Coin]
    bill: Bill
    waited: int


class _Walker:
    def __init__(self, rules: Mapping[str, tuple[HoldRule, ...]], tried: HoldRule | None, valuer: Valuer) -> None:
        self.rules, self.tried, self.valuer = rules, tried, valuer
        self.coins: dict[str, Coin] = {}
        self.steps: list[Step] = []
        self.bills: list[tuple[int, int]] = []
        self.bill = Bill()
        self.waited = 0

    def coin(self, currency: Currency) -> Coin:
        """Return the state of a coin, made when it is first seen."""
        code = currency.code
        if code not in self.coins:
            rules = (self.tried,) if self.tried is not None else self.rules.get(code, ())
            self.coins[code] = Coin(currency=currency, rules=rules)
        return self.coins[code]

    def take(self, entry: Entry) -> None:
        """Let one entry happen, and ask each rule."""
        self._turn(entry.at_ms)
        moved = self._post(entry)
        self._turn(entry.at_ms)  # a coin that was just seen for the first time
        for code, minor in moved.mined.items():
            self.coins[code].mined += minor
            self.coins[code].era_mined += minor
        for code, minor in moved.sold.items():
            self.coins[code].sold += minor
            self.coins[code].era_sold += minor
        self._advise(entry.at_ms, moved)

    def finish(self, now_ms: int) -> None:
        """Ask each rule once more, at the prices of now."""
        self._turn(now_ms)
        self._advise(now_ms, _Moved())

    def _turn(self, at_ms: int) -> None:
        """Begin rules whose time has come."""
        for coin in self.coins.values():
            rule = rule_at(coin.rules, at_ms)
            if rule is not coin.rule:
                coin.rule = rule
                coin.era_mined = coin.era_sold = coin.era_advised = 0
        if not self._covering():
            self.bill.open = 0

    def _covering(self) -> list[Coin]:
        return [it for it in self.coins.values() if it.rule is not None and it.rule.kind == "cover"]

    def _post(self, entry: Entry) -> _Moved:
        """Let each posting count; return what was mined, sold and taken."""
        sums: dict[str, dict[str, int]] = {"mined": {}, "sold": {}, "taken": {}}
        received = 0
        for it in entry.postings:
            account, currency, minor = it.account, it.amount.currency, it.amount.minor
            if account.startswith(ENERGY) and not self._is_coin(currency):
                self._book(entry.at_ms, currency, minor)
            if currency == self.valuer.quote and entry.kind == SALE and account == CONVERSION:
                received -= minor
            elif self._is_coin(currency):
                self._hold(self.coin(currency), account, minor)
                what, moved = _meaning(entry.kind, account, minor)
                if what:
                    sums[what][currency.code] = sums[what].get(currency.code, 0) + moved
        return _Moved(mined=sums["mined"], sold=sums["sold"], taken=sums["taken"], received=received)

    def _is_coin(self, currency: Currency) -> bool:
        return currency != self.valuer.quote and currency.exponent > self.valuer.quote.exponent

    def _hold(self, coin: Coin, account: str, minor: int) -> None:
        is_sent = account.startswith("asset:receivable:") and account.endswith(":paid")
        if account.startswith(HELD) or is_sent:
            coin.free += minor
        elif account.startswith(RESERVES):
            coin.reserves[account] = coin.reserves.get(account, 0) - minor

    def _book(self, at_ms: int, currency: Currency, minor: int) -> None:
        if currency != self.valuer.quote:
            self.bill.other[currency.code] = self.bill.other.get(currency.code, 0) + minor
            return
        self.bills.append((at_ms, minor))
        if self._covering():
            self.bill.booked += minor
            self.bill.open = max(self.bill.open + minor, 0)

    def _advise(self, at_ms: int, moved: _Moved) -> None:
        advised = {code: self._share(coin) for code, coin in self.coins.items()}
        worths: dict[str, int] = {}
        for code, (minor, worth) in self._cover(at_ms).items():
            advised[code], worths[code] = minor, worth
        for code, coin in self.coins.items():
            minor, mined = advised[code], moved.mined.get(code, 0)
            coin.advised += minor
            coin.era_advised += minor
            sold, taken = moved.sold.get(code, 0), moved.taken.get(code, 0)
            if minor or mined or sold or taken:
                self.steps.append(
                    Step(
                        at_ms=at_ms,
                        currency=coin.currency,
                        rule=coin.rule,
                        mined=mined,
                        mined_worth=self._worth(coin, mined, at_ms),
                        advised=minor,
                        worth=worths[code] if code in worths else self._worth(coin, minor, at_ms),
                        sold=sold,
                        received=moved.received if code in moved.sold else 0,
                        taken=taken,
                    )
                )

    def _share(self, coin: Coin) -> int:
        if coin.rule is None or coin.rule.kind != "share":
            return 0
        due = max(coin.era_mined, 0) * coin.rule.part_bp // WHOLE_BP - coin.era_advised
        return min(max(due, 0), coin.held_by_rule)

    def _worth(self, coin: Coin, minor: int, at_ms: int) -> int | None:
        if not minor:
            return 0
        valuation = self.valuer.value(Amount(minor, coin.currency), at_ms)
        return None if valuation is None else valuation.worth.minor

    def _cover(self, at_ms: int) -> dict[str, tuple[int, int]]:
        """Sell for the open bill; return coins and their worth by code."""
        held = [coin for coin in self._covering() if coin.held_by_rule]
        if not self.bill.open or not held:
            return {}
        priced = [(coin, it.value) for coin in held if (it := self.valuer.price_at(coin.currency.code, at_ms))]
        self.waited += len(priced) < len(held)
        worths = [self._worth(coin, coin.held_by_rule, at_ms) or 0 for coin, _ in priced]
        total = sum(worths)
        if not total:
            return {}
        parts = apportion(Amount(min(self.bill.open, total), self.valuer.quote), worths)
        found: dict[str, tuple[int, int]] = {}
        for (coin, price), part in zip(priced, parts, strict=True):
            minor = min(_coins_for(part, price, coin.currency), coin.held_by_rule)
            worth = self._worth(coin, minor, at_ms) or 0
            self.bill.open -= worth
            self.bill.covered += worth
            found[coin.currency.code] = (minor, worth)
        return found


def _meaning(kind: str, account: str, minor: int) -> tuple[str, int]:
    """Say what a posting of coins means for their owner, and how much of it."""
    if account.startswith(MINED):
        return "mined", -minor
    if kind == SALE and account == CONVERSION:
        return "sold", minor
    is_out = account == OWNER or account.startswith("expense:")
    return ("taken", minor) if is_out and minor > 0 and kind != RESERVE_MOVED else ("", 0)


def _coins_for(money: Amount, price: Decimal, currency: Currency) -> int:
    """Return the minor units of a coin that are worth so much money at most, rounded down."""
    numerator, denominator = price.as_integer_ratio()
    coins: int = money.minor * 10**currency.exponent * denominator // (numerator * 10**money.currency.exponent)
    return coins


def walk(
    entries: Iterable[Entry],
    rules: Mapping[str, tuple[HoldRule, ...]],
    valuer: Valuer,
    *,
    now_ms: int,
    tried: HoldRule | None = None,
) -> Walk:
    """Walk entries in order of time. With `tried` all coins follow that rule from the first entry on."""
    walker = _Walker(rules, tried, valuer)
    for entry in sorted(entries, key=lambda it: it.at_ms):
        if entry.at_ms <= now_ms:
            walker.take(entry)
    walker.finish(now_ms)
    return Walk(
        steps=tuple(walker.steps),
        bills=tuple(walker.bills),
        coins=walker.coins,
        bill=walker.bill,
        waited=walker.waited,
    )


def advised_entries(steps: Sequence[Step], quote: Currency) -> Iterator[Entry]:
    """Write what the rules advised as sales, for the lots of the world in which they were followed."""
    from hashwright.ledger.entries import entry_of

    for number, it in enumerate(steps):
        if it.advised:
            coins, worth = Amount(it.advised, it.currency), Amount(it.worth or 0, quote)
            yield entry_of(
                f"advised:{number}",
                SALE,
                it.at_ms,
                (CONVERSION, coins),
                ("asset:wallet:advised", -coins),
                ("asset:cash:advised", worth),
                (CONVERSION, -worth),
            )
