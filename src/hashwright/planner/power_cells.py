"""The hours of a power plan as a grid, groups by hours: what each cell does, what that is worth, and the next best.

For each cell the other things that its machines could do in that hour are reckoned: all of them at each level, and
rest. Everything else stays as planned, the battery too; so a loss here is that of one changed hour, not of another
plan. What a limit forbids is no alternative. A cell whose second best would bring more (`second_loss` below zero) is
one that a pin, a minimum time, or the battery's plan holds.

More power is taken from own power that would be sold or lost, then bought; less is bought less, then sold, then lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from hashwright.energy.slots import HOUR_MS, SLOT_H, SLOT_MS
from hashwright.errors import OperatorError
from hashwright.planner.dispatch_flows import exact_flows, scenario_values
from hashwright.planner.dispatch_problem import (
    KW,
    FloatArray,
    IntArray,
    MachineGroup,
    Plan,
    Problem,
    machine_power,
    starts_of,
)
from hashwright.planner.dispatch_report import best_per_kwh, expected, reason_of
from hashwright.planner.power import PowerSeen, PowerThought
from hashwright.planner.power_pinned import slots_of
from hashwright.planner.power_think import plan_of, planned_site, seen_problem

TOLERANCE: Final = "within the plan's tolerance"
"""Said where money speaks against a cell, and no minimum time for it: the solver stopped near the best plan."""
BAND: Final = 5
"""Weathers that the band of money is of."""
CELLS_MAX: Final = 8000
"""A farm of fifty groups over a week: more nobody reads."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One group in one hour. Power [W] and machines are means; money is estimated, of that hour [currency].

    `does`: run (all at full), part, rest. `value` is what is lost if its machines rested, 0 where they do. `second` is
    the next best and `second_loss` what it would lose, None where limits leave nothing else. `pinned`: what a person
    wants of it, empty for nothing.
    """

    group: str
    from_ms: int
    to_ms: int
    does: str
    machines: float
    power_w: float
    price: float
    earns: float
    value: float
    why: str
    second: str
    second_loss: float | None
    pinned: str


class CourseOfMoney(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan will have left by the end of each hour [currency]: mean, worst and best of the weathers."""

    times_s: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hour:
    """A stretch of slots of the plan that one cell is about."""

    first: int
    last: int

    @property
    def slots(self) -> slice:
        return slice(self.first, self.last)


def cells_of(seen: PowerSeen, thought: PowerThought) -> tuple[Cell, ...]:
    """Return the cells of a kept turn, group by group in the order of time.

    Raises:
        OperatorError: what was seen is no problem any more: another program wrote it.
    """
    problem, plan = _replayed(seen, thought)
    hours = list(_hours(plan))[: max(CELLS_MAX // max(len(problem.groups), 1), 1)]
    site = _Site(
        problem=problem,
        plan=plan,
        machines_w=plan.machines_w(problem),
        price=expected(problem, problem.price),
        bought_w=expected(problem, plan.flows.import_w),
        reasons=tuple(reason_of(problem, plan, hour.first) for hour in hours),
        highest_w=plan.flows.import_w.max(axis=1),
    )
    return tuple(
        _cell(site, row, hour, reason)
        for row in (_row(site, seen, number) for number in range(len(problem.groups)))
        for hour, reason in zip(hours, site.reasons, strict=True)
    )


def course_of(seen: PowerSeen, thought: PowerThought) -> CourseOfMoney:
    """Return how the plan's money grows, with the band of what sun and wind may do to it.

    The machines do as planned in every weather; the battery as far as it can. Peak and what the battery holds at the
    end count at the end only.

    Raises:
        OperatorError: what was seen is no problem any more: another program wrote it.
    """
    problem, plan = _replayed(seen, thought, weathers=BAND)
    kwh, flows = SLOT_H / KW, plan.flows
    money = (problem.export_price * flows.export_w - problem.price * flows.import_w) * kwh
    for group, chosen in zip(problem.groups, plan.counts, strict=True):
        money = money + np.einsum("kst,kt->st", group.money(), chosen.astype(np.float64))
        money = money - group.start_cost * starts_of(group, chosen)[None, :]
    if problem.site.heat_price:
        heat = np.minimum(plan.machines_w(problem), problem.site.heat_w)
        money = money + problem.site.heat_price * heat[None, :] * kwh
    if problem.site.battery is not None:
        money = money - problem.site.battery.wear * flows.discharge_w * kwh
    sums = money.cumsum(axis=1)
    sums[:, -1] += scenario_values(problem, plan.counts, flows) - sums[:, -1]
    ends = [hour.last - 1 for hour in _hours(plan)]
    start = plan.grid.start_ms
    return CourseOfMoney(
        times_s=tuple((start + (it + 1) * SLOT_MS) // 1000 for it in ends),
        mean=tuple((problem.probability @ sums)[ends].tolist()),
        low=tuple(sums.min(axis=0)[ends].tolist()),
        high=tuple(sums.max(axis=0)[ends].tolist()),
    )


def _replayed(seen: PowerSeen, thought: PowerThought, *, weathers: int = 0) -> tuple[Problem, Plan]:
    """Return the problem of a turn and its plan; with `weathers`, in so many scenarios of sun and wind.

    Raises:
        OperatorError: the plan is not one of this problem (HW-955).
    """
    site, _ = planned_site(seen)
    if weathers:
        site = msgspec.structs.replace(site, risk=msgspec.structs.replace(site.risk, scenarios=weathers))
    problem, _ = seen_problem(seen, site)
    kept = plan_of(thought.plan, problem)
    if kept is None or kept.grid != problem.grid:
        raise OperatorError("The plan is not one of what was seen.", code="HW-955")
    flows = exact_flows(problem, machine_power(problem, kept.counts), *_wishes(problem, kept))
    return problem, Plan(grid=problem.grid, method=kept.method, counts=kept.counts, flows=flows, value=0.0)


def _wishes(problem: Problem, kept: Plan) -> tuple[FloatArray, FloatArray]:
    """Return what the battery was meant to do, the same in every scenario [W]."""
    shape = problem.price.shape
    charge = np.broadcast_to(kept.flows.charge_w, shape).astype(np.float64)
    discharge = np.broadcast_to(kept.flows.discharge_w, shape).astype(np.float64)
    return charge, discharge


def _hours(plan: Plan) -> Iterator[_Hour]:
    """Yield whole hours of the clock; the first and the last may be parts of one."""
    start, count = plan.grid.start_ms, plan.grid.count
    first = 0
    while first < count:
        edge = (start + first * SLOT_MS) // HOUR_MS * HOUR_MS + HOUR_MS
        last = min((edge - start) // SLOT_MS, count)
        yield _Hour(first=first, last=last)
        first = last


# ---------------------------------------------------------------- one cell


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """What all cells share, reckoned once: means by slot of the machines' draw, the price, what is bought."""

    problem: Problem
    plan: Plan
    machines_w: IntArray
    price: FloatArray
    bought_w: FloatArray
    reasons: tuple[str, ...]
    highest_w: IntArray
    """The highest import of each scenario [W]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What the cells of a group share: `money` is the mean of what a machine earns at each level in each slot."""

    group: MachineGroup
    chosen: IntArray
    power_w: IntArray
    money: FloatArray
    earns: FloatArray
    pins: tuple[tuple[range, str], ...]


def _row(site: _Site, seen: PowerSeen, number: int) -> _Row:
    problem, group = site.problem, site.problem.groups[number]
    return _Row(
        group=group,
        chosen=site.plan.counts[number],
        power_w=group.power_w(),
        money=np.einsum("s,kst->kt", problem.probability, group.money()),
        earns=best_per_kwh(problem, number),
        pins=tuple((slots_of(site.plan.grid, it), it.want) for it in seen.pins if it.group == group.name),
    )


def _cell(site: _Site, row: _Row, hour: _Hour, reason: str) -> Cell:
    group, part = row.group, row.chosen[:, hour.slots]
    start = site.plan.grid.start_ms
    met = (want for slots, want in row.pins if slots.start < hour.last and slots.stop > hour.first)
    pinned = next(met, "")
    rivals = sorted(_rivals(site, row, hour), key=lambda it: it[1])
    resting = next((loss for name, loss in rivals if name == "rest"), 0.0)
    second, loss = rivals[0] if rivals else ("", None)
    return Cell(
        group=group.name,
        from_ms=start + hour.first * SLOT_MS,
        to_ms=start + hour.last * SLOT_MS,
        does=_does(part, group.count),
        machines=float(part.sum(axis=0).mean()),
        power_w=float((row.power_w @ part).mean()),
        price=float(site.price[hour.slots].mean()),
        earns=float(row.earns[hour.slots].mean()),
        value=resting,
        why="pinned by a person" if pinned else _why(site, row, hour, reason),
        second=second,
        second_loss=loss,
        pinned=pinned,
    )


def _does(part: IntArray, count: int) -> str:
    if not part.any():
        return "rest"
    return "run" if bool((part[-1] == count).all()) else "part"


def _why(site: _Site, row: _Row, hour: _Hour, reason: str) -> str:
    """Return why this group does so: the site's reason where the group goes with most others, else its own money."""
    slot = hour.first
    runs = bool(row.chosen[:, hour.slots].any())
    price, earns = site.price[slot], row.earns[slot]
    if runs and 0 <= price <= earns and site.bought_w[slot] >= site.machines_w[slot] / 2:
        return "cheap power"
    if not runs and price > earns:
        return "too dear"
    is_off = reason in ("too dear", "better sold", "minimum rest", "waits")
    found = reason if is_off != runs else ("minimum run" if runs else "waits")
    return TOLERANCE if found == "minimum run" and row.group.up_min <= 1 else found


def _rivals(site: _Site, row: _Row, hour: _Hour) -> Iterator[tuple[str, float]]:
    """Yield what else the group could do in an hour, with what that loses beside the plan [currency]."""
    before = row.chosen[:, hour.slots]
    for level in range(-1, len(row.group.levels)):
        other = np.zeros_like(before)
        if level >= 0:
            other[level] = row.group.count
        if (other == before).all():
            continue
        loss = _loss(site, row, other, hour)
        if loss is not None:
            yield _name(row.group, level), loss


def _name(group: MachineGroup, level: int) -> str:
    levels = group.levels
    if level < 0:
        return "rest"
    return "run" if level == len(levels) - 1 else f"run at {levels[level].power_w / levels[-1].power_w:.0%}"


def _loss(site: _Site, row: _Row, other: IntArray, hour: _Hour) -> float | None:
    """Return what a changed hour loses [currency]; None where a limit forbids it."""
    problem, flows, terms, at = site.problem, site.plan.flows, site.problem.site, hour.slots
    change = row.power_w @ (other - row.chosen[:, at])
    machines = site.machines_w[at] + change
    if (machines > terms.machines_w).any():
        return None
    price, sold = problem.price[:, at], problem.export_price[:, at]
    net = flows.import_w[:, at] - flows.export_w[:, at] - flows.curtailed_w[:, at] + change[None, :]
    bought = np.maximum(net, 0)
    if (bought > terms.import_w).any():
        return None
    surplus = np.minimum(np.maximum(-net, 0), np.where(sold >= 0, terms.export_w, 0))
    power = price * (bought - flows.import_w[:, at]) - sold * (surplus - flows.export_w[:, at])
    cost = float(problem.probability @ power.sum(axis=1)) * SLOT_H / KW
    money = float((row.money[:, at] * (row.chosen[:, at] - other)).sum())
    return money + cost + _starts(row, other, hour) + _peak(site, bought, at) + _heat(site, machines, at)


def _starts(row: _Row, other: IntArray, hour: _Hour) -> float:
    """Return what more starts cost, at the edges of the hour and in it [currency]."""
    if not row.group.start_cost:
        return 0.0
    before = row.chosen.sum(axis=0)
    after = before.copy()
    after[hour.slots] = other.sum(axis=0)
    reach = slice(hour.first, hour.last + 1)
    first = before[hour.first - 1] if hour.first else row.group.running
    more = [np.maximum(np.diff(it[reach], prepend=first), 0).sum() for it in (after, before)]
    return row.group.start_cost * float(more[0] - more[1])


def _peak(site: _Site, bought: IntArray, at: slice) -> float:
    """Return what the demand charge rises by [currency]."""
    problem, terms = site.problem, site.problem.site
    if not terms.peak_price:
        return 0.0
    imports = site.plan.flows.import_w.copy()
    imports[:, at] = bought
    before, after = (np.maximum(it - terms.peak_w, 0) for it in (site.highest_w, imports.max(axis=1)))
    return terms.peak_price * float(problem.probability @ (after - before)) / KW


def _heat(site: _Site, machines: IntArray, at: slice) -> float:
    """Return what heat is lost [currency]."""
    terms = site.problem.site
    if not terms.heat_price:
        return 0.0
    wanted = terms.heat_w[at]
    lost = np.minimum(site.machines_w[at], wanted) - np.minimum(machines, wanted)
    return terms.heat_price * float(lost.sum()) * SLOT_H / KW
