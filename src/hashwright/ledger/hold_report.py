"""What hold rules come to: day by day or month by month, by the end, and what they say now.

`report(...)` gives the whole of it for the screen, CSV and JSON. Every worth rests on a measured price of its time;
where one is missing the sum is None, which is unknown and not zero.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from hashwright.ledger.entries import Entry
from hashwright.ledger.export_csv import line_of
from hashwright.ledger.hold import HoldRule
from hashwright.ledger.hold_walk import Coin, Step, Walk, advised_entries, walk
from hashwright.ledger.lots import SALE, Lots, first_in_first_out
from hashwright.ledger.prices import PriceSeen, Valuer
from hashwright.money import Amount, Currency

By = Literal["day", "month"]
NO_RULE: Final = "no rule"
HEADS: Final = (
    *("period", "coin", "rule", "mined", "mined_worth", "rule_sells", "rule_worth", "sold", "received"),
    *("spent_or_taken", "power_bill", "currency"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One coin in one period [minor units]; `bill` are the power bills booked in it, on its first row only."""

    period: str
    currency: Currency | None
    rule: str
    mined: int = 0
    mined_worth: int | None = 0
    advised: int = 0
    worth: int | None = 0
    sold: int = 0
    received: int = 0
    taken: int = 0
    bill: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One coin at the end, in the world of the rule or in the real one [minor units].

    `brought` is what sales brought, `kept` the coins that are left to sell, `kept_worth` at the price of now,
    `unrealised` the worth of all lots that are left less what they were worth when mined; sales touched `lots`.
    """

    sold: int
    brought: int | None
    kept: int
    kept_worth: int | None
    unrealised: int | None
    lots: int
    lots_all: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One coin: its rule, both outcomes, and what the rule says now: sell `sell`, worth `worth`; or it is `ahead`."""

    currency: Currency
    rule: HoldRule | None
    mined: int
    by_rule: Outcome
    really: Outcome
    sell: int
    worth: int | None
    ahead: int
    price: PriceSeen | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReport:
    """All of it, oldest period first."""

    quote: Currency
    rows: tuple[Row, ...]
    standings: tuple[Standing, ...]
    walk: Walk


def report(
    entries: Sequence[Entry],
    rules: Mapping[str, tuple[HoldRule, ...]],
    valuer: Valuer,
    *,
    now_ms: int,
    by: By = "day",
    tried: HoldRule | None = None,
) -> HoldReport:
    """Walk the books and sum what came of it. `tried` stands in for all rules, from the first entry on."""
    walked = walk(entries, rules, valuer, now_ms=now_ms, tried=tried)
    past = [it for it in entries if it.at_ms <= now_ms]
    real = first_in_first_out(past, valuer)
    advised = advised_entries(walked.steps, valuer.quote)
    ruled = first_in_first_out([*(it for it in past if it.kind != SALE), *advised], valuer)
    standings = tuple(
        _standing(walked, coin, (ruled, real), valuer, now_ms) for _, coin in sorted(walked.coins.items())
    )
    return HoldReport(quote=valuer.quote, rows=tuple(rows_of(walked, by)), standings=standings, walk=walked)


def rows_of(walked: Walk, by: By) -> Iterator[Row]:
    """Sum steps and bills by period and coin, oldest first."""
    length = 10 if by == "day" else 7
    groups: dict[str, dict[str, list[Step]]] = {}
    bills: dict[str, int] = {}
    for at_ms, minor in walked.bills:
        period = _day(at_ms)[:length]
        bills[period] = bills.get(period, 0) + minor
        groups.setdefault(period, {})
    for step in walked.steps:
        groups.setdefault(_day(step.at_ms)[:length], {}).setdefault(step.currency.code, []).append(step)
    for period in sorted(groups):
        bill = bills.get(period, 0)
        if not groups[period]:
            yield Row(period=period, currency=None, rule="", bill=bill)
        for code in sorted(groups[period]):
            yield _row(period, groups[period][code], bill)
            bill = 0


def _row(period: str, steps: Sequence[Step], bill: int) -> Row:
    rules = dict.fromkeys(NO_RULE if it.rule is None else it.rule.text for it in steps)
    return Row(
        period=period,
        currency=steps[0].currency,
        rule=", then ".join(rules),
        mined=sum(it.mined for it in steps),
        mined_worth=_sum(it.mined_worth for it in steps),
        advised=sum(it.advised for it in steps),
        worth=_sum(it.worth for it in steps),
        sold=sum(it.sold for it in steps),
        received=sum(it.received for it in steps),
        taken=sum(it.taken for it in steps),
        bill=bill,
    )


def _standing(walked: Walk, coin: Coin, lots: tuple[Lots, Lots], valuer: Valuer, now_ms: int) -> Standing:
    steps = [it for it in walked.steps if it.currency == coin.currency]
    price = valuer.price_at(coin.currency.code, now_ms)
    sell = min(max(coin.behind, 0), coin.held)

    def worth(minor: int) -> int | None:
        valuation = valuer.value(Amount(minor, coin.currency), now_ms)
        return None if valuation is None else valuation.worth.minor

    ruled, real = lots
    by_rule = _outcome(ruled, coin, (coin.advised, _sum(it.worth for it in steps), coin.held_by_rule), worth)
    really = _outcome(real, coin, (coin.sold, sum(it.received for it in steps), coin.held), worth)
    return Standing(
        currency=coin.currency,
        rule=coin.rule,
        mined=coin.mined,
        by_rule=by_rule,
        really=really,
        sell=sell,
        worth=worth(sell),
        ahead=max(-coin.behind, 0) if coin.rule is not None else 0,
        price=price,
    )


def _outcome(
    lots: Lots, coin: Coin, numbers: tuple[int, int | None, int], worth: Callable[[int], int | None]
) -> Outcome:
    sold, brought, kept = numbers
    left = [it for it in lots.open.get(coin.currency, ()) if it.left]
    gone = [it for it in lots.gone if it.amount.currency == coin.currency]
    costs = [None if it.cost is None else it.cost - it.cost * (it.minor - it.left) // it.minor for it in left]
    cost, now = _sum(costs), worth(sum(it.left for it in left))
    return Outcome(
        sold=sold,
        brought=brought,
        kept=kept,
        kept_worth=worth(kept),
        unrealised=None if cost is None or now is None else now - cost,
        lots=len({it.acquired_source for it in gone if it.way == "sold"}),
        lots_all=len({it.source for it in left} | {it.acquired_source for it in gone}),
    )


def _sum(numbers: Iterable[int | None]) -> int | None:
    total = 0
    for it in numbers:
        if it is None:
            return None
        total += it
    return total


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def export_hold(found: HoldReport) -> Iterator[str]:
    """Write the periods as CSV; what is not known is `unknown`, never zero."""
    yield line_of(HEADS)
    for it in found.rows:
        yield line_of(cells_of(it, found.quote))


def cells_of(row: Row, quote: Currency) -> tuple[str, ...]:
    """Write one row as text, in the order of `HEADS`."""
    coin = row.currency

    def coins(minor: int) -> str:
        return "" if coin is None else Amount(minor, coin).text()

    def money(minor: int | None) -> str:
        return "unknown" if minor is None else Amount(minor, quote).text()

    return (
        *(row.period, "" if coin is None else coin.code, row.rule),
        *(coins(row.mined), money(row.mined_worth), coins(row.advised), money(row.worth)),
        *(coins(row.sold), money(row.received), coins(row.taken), money(row.bill), quote.code),
    )
