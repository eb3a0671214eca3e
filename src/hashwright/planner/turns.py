"""What changed in the choice of what to mine, and which number drove it.

The same `decide` is asked with the facts of then, with those of now, and with each number of now alone among those of
then: price, difficulty, new coins a block, fees a block. Machines, power price and rules stay the same throughout.

    turns_of(table, rigs, days=90, costs=costs) -> Turns

A number *drove* a change if it alone brings it about; or, where none does, if nothing would have changed without it.
Else they did it together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hashwright.errors import Finding, OperatorError
from hashwright.planner.decide import FloatArray, Layout, Rules, Snapshot, best_of_groups, decide
from hashwright.planner.history import Costs, Rig, history_of
from hashwright.planner.policies.best_hashprice import BestHashprice
from hashwright.planner.series import DAY_MS, CoinSeries, CoinTable, text_of_day

Number = Literal["price", "difficulty", "new coins", "fees"]
NUMBERS: Final[tuple[Number, ...]] = get_args(Number)
BRIDGED: Final = 8
"""Days at either end from which a number may come; coins and fees of a block are their mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One coin at one end of the span. Coins are those of a block; None where something is not known."""

    price_usd: float
    difficulty: float
    coins: float
    fees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One number of now among those of then: what is chosen, and how much more mining's best gives [USD a day]."""

    number: Number
    choice: str
    gain_usd_day: float
    is_enough: bool
    """It alone brings the choice of now about."""
    is_needed: bool
    """Without it the choice would be that of then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One machine group: its choice and the profit of mining's best way, then and now [USD a day], and each effect."""

    group: str
    then: str
    now: str
    then_usd_day: float
    now_usd_day: float
    effects: tuple[Effect, ...]

    @property
    def is_changed(self) -> bool:
        """Tell whether the choice is another one."""
        return self.then != self.now

    @property
    def drivers(self) -> tuple[Number, ...]:
        """Return the numbers that drove a change; none where only all of them together did."""
        if not self.is_changed:
            return ()
        enough = tuple(it.number for it in self.effects if it.is_enough)
        return enough or tuple(it.number for it in self.effects if it.is_needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """All groups, between two days."""

    first_day: str
    last_day: str
    turns: tuple[Turn, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Worlds:
    """Mixes numbers of then and of now into one-day histories and asks `decide`."""

    table: CoinTable
    rigs: tuple[Rig, ...]
    costs: Costs
    ends: Mapping[str, tuple[Seen, Seen]]
    day: int

    def revenue(self, numbers: frozenset[Number]) -> tuple[Layout, FloatArray]:
        """Return what each way earns with these numbers of now and the others of then [USD a day]."""
        coins = {
            ticker: _one_day(self.table.coins[ticker], self.day, _mixed(then, now, numbers))
            for ticker, (then, now) in self.ends.items()
        }
        table = CoinTable(coins=coins, findings=(), source=self.table.source)
        history = history_of(table, self.rigs, first_day=self.day, last_day=self.day, costs=self.costs)
        return history.layout, history.revenue_usd_day

    def choice(self, numbers: frozenset[Number], held: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Return what `decide` gives each way, and the profit of each [USD a day]."""
        layout, revenue = self.revenue(numbers)
        snapshot = Snapshot(
            now_ms=(self.day + 1) * DAY_MS,
            layout=layout,
            revenue_usd_day=revenue,
            held=layout.all_idle() if held is None else held,
            rules=Rules(),
        )
        return decide(snapshot, BestHashprice()).weights, np.nan_to_num(revenue[-1]) - layout.costs


def turns_of(table: CoinTable, rigs: Sequence[Rig], *, days: int, costs: Costs) -> Turns:
    """Ask `decide` at both ends of the last days that a history knows, and with each number alone.

    Raises:
        OperatorError: no coin of the rigs is known at both ends (HW-827).
    """
    wanted = tuple(dict.fromkeys(rate.coin for rig in rigs for rate in rig.rates if rate.coin in table.coins))
    last = max((_last_known(table.coins[it]) for it in wanted), default=0)
    ends, findings = {}, []
    for ticker in wanted:
        series = table.coins[ticker]
        then, now = _seen(series, last - days, step=1), _seen(series, last, step=-1)
        if then is None or now is None:
            missing = text_of_day(last - days if then is None else last)
            findings.append(
                Finding(code="HW-820", place=ticker, message=f"left out: something is not known about {missing}")
            )
        else:
            ends[ticker] = (then, now)
    if not ends:
        why = "; ".join(f"{it.place}: {it.message}" for it in findings)
        raise OperatorError(f"{table.source} knows no coin of these machines at both ends. {why}", code="HW-827")
    kept = tuple(
        replace(rig, rates=tuple(rate for rate in rig.rates if rate.coin in ends))
        for rig in rigs
        if any(rate.coin in ends for rate in rig.rates)
    )
    worlds = _Worlds(table, kept, costs, ends, last - days)
    return Turns(
        first_day=text_of_day(last - days),
        last_day=text_of_day(last),
        turns=_turns(worlds),
        findings=tuple(findings),
    )


def _turns(worlds: _Worlds) -> tuple[Turn, ...]:
    every: frozenset[Number] = frozenset(NUMBERS)
    layout, _ = worlds.revenue(frozenset())
    then, then_usd = worlds.choice(frozenset(), None)
    now, now_usd = worlds.choice(every, then)
    alone = {number: worlds.choice(frozenset((number,)), then) for number in NUMBERS}
    without = {number: worlds.choice(every - {number}, then) for number in NUMBERS}
    found = []
    for group, places in layout.groups:
        before, after = (_name(layout, group, weights) for weights in (then, now))
        effects = tuple(
            Effect(
                number=number,
                choice=_name(layout, group, alone[number][0]),
                gain_usd_day=_best(layout, places, alone[number][1]) - _best(layout, places, then_usd),
                is_enough=_name(layout, group, alone[number][0]) == after != before,
                is_needed=_name(layout, group, without[number][0]) == before != after,
            )
            for number in NUMBERS
        )
        found.append(
            Turn(
                group=group,
                then=before,
                now=after,
                then_usd_day=_best(layout, places, then_usd),
                now_usd_day=_best(layout, places, now_usd),
                effects=effects,
            )
        )
    return tuple(found)


def _name(layout: Layout, group: str, weights: FloatArray) -> str:
    way = next(it for it, weight in zip(layout.ways, weights, strict=True) if it.group == group and weight > 0.5)
    return way.coin or "idle"


def _best(layout: Layout, places: NDArray[np.intp], profit: FloatArray) -> float:
    chosen = best_of_groups(layout, profit, may_idle=False)
    mask = np.zeros(len(profit))
    mask[places] = 1.0
    return float((chosen * mask) @ profit)


def _last_known(series: CoinSeries) -> int:
    known = np.flatnonzero((series.price_usd > 0) & (series.difficulty > 0))
    return series.first_day + int(known[-1]) if len(known) else series.first_day


def _seen(series: CoinSeries, day: int, *, step: int) -> Seen | None:
    """Read a coin at a day, or up to seven days inward of it."""
    first, last = sorted((day, day + step * (BRIDGED - 1)))
    cut = series.between(first, last)
    prices, difficulties = (values[::step] for values in (cut.price_usd, cut.difficulty))
    blocks, issued = cut.blocks, cut.issuance_native
    known = (blocks > 0) & np.isfinite(issued)
    found = [values[np.isfinite(values) & (values > 0)] for values in (prices, difficulties)]
    if not (len(found[0]) and len(found[1]) and known.any()):
        return None
    count = float(blocks[known].sum())
    return Seen(
        price_usd=float(found[0][0]),
        difficulty=float(found[1][0]),
        coins=float(issued[known].sum()) / count,
        fees=float(np.nan_to_num(cut.fees_native)[known].sum()) / count,
    )


def _mixed(then: Seen, now: Seen, numbers: frozenset[Number]) -> Seen:
    """Take these numbers of now and the others of then."""

    def of(number: Number) -> Seen:
        return now if number in numbers else then

    return Seen(
        price_usd=of("price").price_usd,
        difficulty=of("difficulty").difficulty,
        coins=of("new coins").coins,
        fees=of("fees").fees,
    )


def _one_day(series: CoinSeries, day: int, seen: Seen) -> CoinSeries:
    def row(value: float) -> FloatArray:
        return np.array([value], dtype=np.float64)

    return CoinSeries(
        coin=series.coin,
        first_day=day,
        price_usd=row(seen.price_usd),
        difficulty=row(seen.difficulty),
        hashrate_hs=row(np.nan),
        issuance_native=row(seen.coins),
        fees_native=row(seen.fees),
        blocks=row(1.0),
        is_computed=np.array([False]),
    )
