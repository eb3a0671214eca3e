"""What would have happened: the planner's own `decide` walks through the history, a day at a time.

On the morning of each day it sees the days that are over and decides; the machines then earn what that day really gave.
Nothing else is shown to it; `look_ahead` proves that by cutting the history at random days and comparing every decision
before the cut.

Beside the policies stand what anybody could have done (`baselines`): the best coin of the start for ever, the leader of
each day, nothing at all, the power money put into the coin, and the bound that no policy reaches: each day's best by a
programme that knew all days (Viterbi's recursion, moves paid).
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashwright.economics.hold import SELL_EVERY, HoldRules, sold_part
from hashwright.planner.decide import (
    DEFAULT_RULES,
    NO_PAST,
    Decision,
    FloatArray,
    Past,
    Policy,
    Rules,
    Snapshot,
    decide,
)
from hashwright.planner.history import History
from hashwright.planner.series import DAY_MS

WARM_UP_DAYS: Final = 1
WEEK: Final = 7
TAIL: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One policy's walk. Arrays have one row a day; money is USD."""

    name: str
    title: str
    profit_usd: FloatArray
    """What each day left after power and moves, coins that are kept at the last price."""
    power_usd: float
    revenue_usd: float
    moves: int
    hours_off: float
    weights: FloatArray
    decisions: tuple[Decision, ...] = ()
    past: Past = NO_PAST
    """What the day after would have to know of these."""

    @property
    def total_usd(self) -> float:
        """Return the profit of all days."""
        return float(self.profit_usd.sum())

    @property
    def drawdown_usd(self) -> float:
        """Return the deepest fall of the sum of profits from an earlier height."""
        sums = np.concatenate(([0.0], np.cumsum(self.profit_usd)))
        return float((np.maximum.accumulate(sums) - sums).max())

    @property
    def cvar_usd(self) -> float:
        """Return the mean loss of the worst 5 % of weeks; negative where even those gained."""
        weeks = len(self.profit_usd) // WEEK
        if not weeks:
            return 0.0
        sums = np.sort(self.profit_usd[: weeks * WEEK].reshape(weeks, WEEK).sum(axis=1))
        return float(-sums[: max(int(weeks * (1 - TAIL)), 1)].mean())


Tick = Callable[[float], None]


def walk(
    history: History,
    policy: Policy,
    *,
    name: str,
    rules: Rules = DEFAULT_RULES,
    hold: HoldRules = SELL_EVERY,
    progress: Tick | None = None,
) -> Run:
    """Walk a policy through the history.

    Raises:
        ValueError: the history has no day to decide on.
    """
    days, layout = history.days, history.layout
    if days <= WARM_UP_DAYS:
        raise ValueError("a backtest needs more than one day")
    held = layout.all_idle()
    weights = np.empty((days, len(layout.ways)))
    weights[:WARM_UP_DAYS] = held
    moved = np.zeros(days)
    moves = 0
    decisions = []
    past = NO_PAST
    for day in range(WARM_UP_DAYS, days):
        decision = decide(snapshot_at(history, day, held, rules, past=past), policy)
        past = past.after(decision)
        moves += sum(reason.verdict == "moved" for reason in decision.reasons)
        moved[day] = decision.moved_usd
        held = decision.weights
        weights[day] = held
        decisions.append(decision)
        if progress is not None and day % 50 == 0:
            progress(day / days)
    run = _run(history, weights, moved, (name, policy.title), hold=hold, moves=moves, decisions=tuple(decisions))
    return dataclasses.replace(run, past=past)


def snapshot_at(history: History, day: int, held: FloatArray, rules: Rules, *, past: Past = NO_PAST) -> Snapshot:
    """Return what was known on the morning of a day: all days before it."""
    return Snapshot(
        now_ms=(history.first_day + day) * DAY_MS,
        layout=history.layout,
        revenue_usd_day=history.revenue_usd_day[:day],
        held=held,
        rules=rules,
        past=past,
    )


def _run(  # noqa: PLR0913 (the parts of one record)
    history: History,
    weights: FloatArray,
    moved: FloatArray,
    names: tuple[str, str],
    *,
    hold: HoldRules = SELL_EVERY,
    moves: int,
    decisions: tuple[Decision, ...] = (),
) -> Run:
    layout = history.layout
    earned = np.nan_to_num(history.revenue_usd_day) * weights
    power = weights @ layout.costs
    revenue = earned.sum(axis=1) if hold.sells_all else _held_value(history, earned, power, hold)
    off = weights @ layout.idle.astype(np.float64) / len(layout.groups)
    return Run(
        name=names[0],
        title=names[1],
        profit_usd=revenue - power - moved,
        power_usd=float(power.sum()),
        revenue_usd=float(earned.sum()),
        moves=moves,
        hours_off=float(off[WARM_UP_DAYS:].sum()) * 24,
        weights=weights,
        decisions=decisions,
    )


def _held_value(history: History, earned: FloatArray, power: FloatArray, hold: HoldRules) -> FloatArray:
    """Return what each day gave: its coins at the day's price, and what kept coins of days before gained or lost."""
    ways = history.layout.ways
    # coins that cover the bill cover it together
    covering = earned[:, [bool(way.coin) and hold.of(way.coin).kind == "cover" for way in ways]].sum(axis=1)
    place = {coin: i for i, coin in enumerate(history.coins)}
    value: FloatArray = earned.sum(axis=1)
    for at, way in enumerate(ways):
        if way.coin:
            part = sold_part(hold.of(way.coin), covering, power)
            value += _gain_of_kept(earned[:, at] * (1 - part), history.price_usd[:, place[way.coin]])
    return value


def _gain_of_kept(bought_usd: FloatArray, price_usd: FloatArray) -> FloatArray:
    """Return what coins that are taken in at each day's price gain or lose on the days after [USD].

    An unknown price is that of the day before; nothing can be taken in before the first known one.
    """
    known = np.maximum.accumulate(np.where(np.isfinite(price_usd), np.arange(len(price_usd)), -1))
    price = np.where(known >= 0, price_usd[np.maximum(known, 0)], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        coins = np.nan_to_num(np.where(price > 0, bought_usd / price, 0.0))
    held = np.concatenate(([0.0], np.cumsum(coins)[:-1]))
    steps = np.nan_to_num(np.diff(price, prepend=price[0]))
    gain: FloatArray = held * steps
    return gain


# -------------------------------------------------------------------- what anybody could have done


def idle_run(history: History) -> Run:
    """Do nothing."""
    weights = np.tile(history.layout.all_idle(), (history.days, 1))
    return _run(history, weights, np.zeros(history.days), ("idle", "never mine"), moves=0)


def leader_run(history: History) -> Run:
    """Jump to each morning's leader, whatever a move costs, and never stop."""
    layout = history.layout
    profit = np.nan_to_num(history.revenue_usd_day) - layout.costs
    profit[:, layout.idle] = -np.inf
    weights = np.tile(layout.all_idle(), (history.days, 1))
    for _, places in layout.groups:
        best = profit[:-1][:, places].argmax(axis=1)
        weights[1:, places] = 0.0
        weights[np.arange(1, history.days), places[best]] = 1.0
    steps = np.clip(np.diff(weights, axis=0), 0, None)
    moved = np.concatenate(([0.0], steps @ layout.moves))
    moves = int((steps[:, ~layout.idle].sum(axis=1) > 0).sum())
    return _run(history, weights, moved, ("follow the leader", "yesterday's best coin, every day"), moves=moves)


def foresight_run(history: History) -> Run:
    """Do the best that could have been done by somebody who knew all days."""
    layout = history.layout
    profit = np.nan_to_num(history.revenue_usd_day) - layout.costs
    weights = np.zeros_like(profit)
    weights[0] = layout.all_idle()
    moves = 0
    for _, places in layout.groups:
        path = _best_path(profit[1:, places], layout.moves[places], start=int(layout.idle[places].argmax()))
        weights[np.arange(1, history.days), places[path]] = 1.0
        moves += int((np.diff(path) != 0).sum())
    moved = np.concatenate(([0.0], np.clip(np.diff(weights, axis=0), 0, None) @ layout.moves))
    return _run(history, weights, moved, ("perfect foresight", "the bound: it knew every day"), moves=moves)


def _best_path(profit: FloatArray, moves: FloatArray, *, start: int) -> NDArray[np.intp]:
    """Return the best way of each day, moves paid: forward values, then back along the choices."""
    days, ways = profit.shape
    value = np.full(ways, -np.inf)
    value[start] = 0.0
    came = np.empty((days, ways), np.intp)
    for day in range(days):
        best = int(value.argmax())
        arrives = value[best] - moves
        stays = value >= arrives
        came[day] = np.where(stays, np.arange(ways), best)
        value = np.where(stays, value, arrives) + profit[day]
    path = np.empty(days, np.intp)
    path[-1] = int(value.argmax())
    for day in range(days - 1, 0, -1):
        path[day - 1] = came[day, path[day]]
    return path


def buy_run(history: History, fixed: Run) -> Run:
    """Put the power money of the fixed coin into that coin each day; what it is worth moves with the price."""
    layout = history.layout
    place = {coin: i for i, coin in enumerate(history.coins)}
    profit = np.zeros(history.days)
    names = []
    for at, way in enumerate(layout.ways):
        spent = fixed.weights[:, at] * way.cost_usd_day
        if way.coin and spent.any():
            profit += _gain_of_kept(spent, history.price_usd[:, place[way.coin]])
            names.append(way.coin)
    title = f"the same power money into {', '.join(dict.fromkeys(names)) or 'nothing'}, day by day"
    weights = np.tile(layout.all_idle(), (history.days, 1))
    return Run(
        name="buy the coin", title=title, profit_usd=profit, power_usd=0.0, revenue_usd=0.0, moves=0,
        hours_off=24.0 * (history.days - WARM_UP_DAYS), weights=weights,
    )  # fmt: skip


def share_of_foresight(run: Run, bound: Run) -> float | None:
    """Return which part of the possible profit a run made; None where nothing was possible."""
    return run.total_usd / bound.total_usd if bound.total_usd > 0 else None


# -------------------------------------------------------------------- the future is not seen


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAhead:
    """One decision that changed when later days were cut off."""

    policy: str
    cut: int
    day: int


def look_ahead(
    history: History,
    policy: Policy,
    *,
    name: str,
    cuts: Sequence[int],
    rules: Rules = DEFAULT_RULES,
) -> tuple[LookAhead, ...]:
    """Cut the history before each of some days, walk again, and name the first decision that changed, if one did.

    The decision of the day after the cut is compared too: it is the one that a look at tomorrow would change. A cut
    history is a copy that ends there, so that nothing behind the cut can be read by accident.
    """
    whole = walk(history, policy, name=name, rules=rules)
    found = []
    for cut in cuts:
        again = np.empty((cut + 1, len(history.layout.ways)))
        short = history.cut(cut)
        walked = walk(short, policy, name=name, rules=rules)
        again[:cut] = walked.weights
        again[cut] = decide(snapshot_at(short, cut, again[cut - 1], rules, past=walked.past), policy).weights
        changed = np.flatnonzero((whole.weights[: cut + 1] != again).any(axis=1))
        if len(changed):
            found.append(LookAhead(policy=name, cut=cut, day=history.first_day + int(changed[0])))
    return tuple(found)
