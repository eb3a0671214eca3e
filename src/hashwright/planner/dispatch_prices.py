"""Dispatch of many groups: prices decide, schedules answer, and a small site problem chooses among the schedules.

    1. The site alone is a linear programme whose machine columns are whole schedules of a group.
    2. Its duals are the price of power in each slot; at these prices every group finds its best schedule exactly
       (`dispatch_schedule`), and that becomes a new column. Until no schedule is worth adding (column generation).
    3. The columns that are left are chosen in whole numbers.

Each round also gives a bound: at any prices, the best that site and groups could do apart is at least as good as any
plan (Lagrange). In the end it is at least as tight as the linear relaxation of the exact model, because each group's
part is solved in whole numbers; the rounds stop a little before that (`CONVERGED`). Prices are drawn toward the best
ones so far: alone, they swing.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashwright.planner.dispatch_matrix import INF, Model, SiteBlock, couple, earn_by_scenario, site_block
from hashwright.planner.dispatch_problem import KW, FloatArray, IntArray, Problem
from hashwright.planner.dispatch_schedule import Item, Terms, best_schedules, items_of, terms_of
from hashwright.planner.dispatch_solver import SolverLimits, solve

CHOICE_GAP: Final = 3e-3
"""How near to its own best the last choice in whole numbers must come: nearer costs seconds and brings cents."""
USED_MIN: Final = 1e-4
ROUNDS_MAX: Final = 60
SMOOTHING: Final = 0.6
"""How far prices stay at the best ones so far (Wentges, 1997)."""
REDUCED_MIN: Final = 1e-7
CONVERGED: Final = 1e-3
"""Bound and master this close: another round is worth less than the rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One machine's schedule: the level in each slot, -1 for off."""

    item: int
    level: NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAnswer:
    """Machines by group, what the site does with them, and the bound [currency]."""

    counts: tuple[IntArray, ...]
    site: FloatArray
    """The columns of the site, as `site_block` numbers them."""
    bound: float


class _Work:
    """What stays the same over the rounds: the site's model, the items, the arrays of their levels."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.items: tuple[Item, ...] = items_of(problem.groups)
        self.terms: Terms = terms_of(problem.groups, self.items)
        self.model = Model()
        self.block: SiteBlock = site_block(self.model, problem)
        self.site_rows, self.site_columns = self.model.rows, self.model.columns
        self.money = [group.money() for group in problem.groups]
        self.power_kw = [group.power_w() / KW for group in problem.groups]
        self.start_cost = np.array([problem.groups[it.group].start_cost for it in self.items])
        self.count = np.array([it.count for it in self.items], dtype=np.float64)
        self.convexity = self.model.add_rows(len(self.items), lower=self.count, upper=self.count)
        self.schedules: list[Schedule] = []
        self.known: set[tuple[int, bytes]] = set()
        self.columns: list[int] = []
        self.site = _SiteDual(self.model)

    def price(self, duals: FloatArray) -> tuple[list[Schedule], FloatArray]:
        """Return the best schedule of each item at the duals of the site's rows, and what it gains."""
        power_price, weights = self._power_price(duals)
        gains, levels = [], []
        for money, power_kw in zip(self.money, self.power_kw, strict=True):
            worth = np.tensordot(money, weights, axes=(1, 0)) - power_kw[:, None] * power_price[None, :]
            levels.append(worth.argmax(axis=0).astype(np.int8))
            gains.append(worth.max(axis=0))
        owner = [it.group for it in self.items]
        gain, level = np.array(gains)[owner], np.array(levels)[owner]
        is_on, values = best_schedules(gain, self.start_cost, self.terms)
        chosen = np.where(is_on, level, np.int8(-1))
        return [Schedule(item=number, level=row) for number, row in enumerate(chosen)], values

    def _power_price(self, duals: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what a kW costs a machine in each slot, and what a scenario's money counts."""
        block = self.block
        price = duals[block.balance].sum(axis=0)
        for rows, sign in ((block.breaker, -1.0), (block.heat, 1.0), (block.ramp, -1.0)):
            if rows is not None:
                price = price + sign * duals[rows]
        if block.ramp is not None:
            price[:-1] += duals[block.ramp[1:]]
        weights = block.weights if block.cvar is None else block.weights + duals[block.cvar]
        return price, weights

    def add(self, schedules: list[Schedule]) -> int:
        """Add the schedules that are new as columns; return how many."""
        new = [it for it in schedules if (it.item, it.level.tobytes()) not in self.known]
        for schedule in new:
            self.known.add((schedule.item, schedule.level.tobytes()))
            self._add_column(schedule)
        return len(new)

    def _add_column(self, schedule: Schedule) -> None:
        item = self.items[schedule.item]
        column = self.model.add_columns(1, upper=float(item.count), is_whole=True)
        slots = np.flatnonzero(schedule.level >= 0)
        levels = schedule.level[slots]
        power = self.power_kw[item.group][levels]
        couple(self.model, self.block, np.repeat(column, len(slots)), power, slots)
        money = self.money[item.group][levels, :, slots].sum(axis=0) if len(slots) else np.zeros(self.problem.scenarios)
        on = schedule.level >= 0
        starts = int((on[1:] & ~on[:-1]).sum()) + int(on[0] and not item.is_on)
        money = money - starts * self.start_cost[schedule.item]
        earn_by_scenario(self.model, self.block, column, money[:, None])
        self.model.put(self.convexity[schedule.item], column, 1.0)
        self.schedules.append(schedule)
        self.columns.append(int(column[0]))

    def bound(self, duals: FloatArray, values: FloatArray) -> float:
        """Return what no plan can exceed, by prices and what the items gain at them."""
        return -self.site.least(duals[: self.site_rows]) + float(self.count @ values)


class _SiteDual:
    """The site's own part of the Lagrangian at any duals: bounds times reduced costs."""

    def __init__(self, model: Model) -> None:
        starts, self.rows, self.values = model.matrix()
        self.columns = np.repeat(np.arange(model.columns), np.diff(starts))
        self.cost, self.size = np.concatenate(model.cost), model.columns
        self.lower, self.upper = np.concatenate(model.lower), np.concatenate(model.upper)
        self.row_lower, self.row_upper = np.concatenate(model.row_lower), np.concatenate(model.row_upper)

    def least(self, duals: FloatArray) -> float:
        """Return the least cost that the site's columns can have at these duals; minus infinity where there is none."""
        reduced = self.cost - np.bincount(self.columns, weights=self.values * duals[self.rows], minlength=self.size)
        ends = np.where(reduced > 0, self.lower, self.upper)
        rows = np.where(duals > 0, self.row_lower[: len(duals)], self.row_upper[: len(duals)])
        parts = _product(reduced, ends), _product(duals, rows)
        return float(parts[0].sum() + parts[1].sum())


def _product(amounts: FloatArray, ends: FloatArray) -> FloatArray:
    """Multiply; what is zero within the solver's tolerance is zero, also at an end that is infinitely far."""
    is_zero = np.abs(amounts) <= np.where(np.isinf(ends), 1e-6, 0.0)
    return np.where(is_zero, 0.0, amounts * np.where(is_zero, 0.0, ends))


def by_prices(problem: Problem, limits: SolverLimits) -> PriceAnswer | None:
    """Plan by prices; None where the solver gave no answer, or no choice of schedules keeps the limits."""
    work = _Work(problem)
    for guess in _guesses(work):
        work.add(work.price(guess)[0])
    best_bound, best = INF, None
    for _round in range(ROUNDS_MAX):
        master = solve(work.model, limits, is_relaxed=True)
        if master is None:
            return None
        added = 0
        for duals in _points(master.duals, best):
            schedules, values = work.price(duals)
            bound = work.bound(duals, values)
            if bound < best_bound:
                best_bound, best = bound, duals
            added += work.add(schedules)
        if not added or best_bound + master.cost < CONVERGED * max(abs(master.cost), 1e-6):
            break
    return _chosen(work, limits, best_bound)


def _guesses(work: _Work) -> list[FloatArray]:
    """Return the first prices: the import's, nothing, and so much that everything stops."""
    problem, found = work.problem, []
    weighted = problem.price * problem.probability[:, None] * 0.25
    for price in (weighted, np.zeros_like(weighted), np.full_like(weighted, 1e6)):
        duals = np.zeros(work.model.rows)
        duals[work.block.balance] = price
        found.append(duals)
    return found


def _points(duals: FloatArray, best: FloatArray | None) -> list[FloatArray]:
    if best is None:
        return [duals]
    return [SMOOTHING * best + (1 - SMOOTHING) * duals, duals]


def _kept_columns(work: _Work, values: FloatArray) -> FloatArray:
    """Return upper bounds that leave each item only the schedules that the relaxed choice used, and resting."""
    upper = np.concatenate(work.model.upper).copy()
    for column, schedule in zip(work.columns, work.schedules, strict=True):
        if values[column] < USED_MIN and (schedule.level >= 0).any():
            upper[column] = 0.0
    return upper


def _chosen(work: _Work, limits: SolverLimits, bound: float) -> PriceAnswer | None:
    """Choose among the schedules in whole numbers."""
    relaxed = solve(work.model, limits, is_relaxed=True)
    if relaxed is None:
        return None
    tight = replace(limits, gap=CHOICE_GAP)
    answer = solve(work.model, tight, upper=_kept_columns(work, relaxed.columns)) or solve(work.model, tight)
    if answer is None:
        return None
    problem = work.problem
    counts = tuple(np.zeros((len(it.levels), problem.grid.count), dtype=np.int64) for it in problem.groups)
    for column, schedule in zip(work.columns, work.schedules, strict=True):
        number = round(float(answer.columns[column]))
        slots = np.flatnonzero(schedule.level >= 0)
        if number and len(slots):
            counts[work.items[schedule.item].group][schedule.level[slots], slots] += number
    return PriceAnswer(
        counts=counts,
        site=answer.columns[: work.site_columns],
        bound=bound,
    )
