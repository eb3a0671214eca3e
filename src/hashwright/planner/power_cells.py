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
from hashwright.planner.dispatch_problem import KW, FloatArray, IntArray, Plan, Problem, machine_power, starts_of
from hashwright.planner.dispatch_report import best_per_kwh, expected, reason_of
from hashwright.planner.power import PowerSeen, PowerThought
from hashwright.planner.power_pinned import slots_of
from hashwright.planner.power_pins import Pin
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
    return tuple(_cell(problem, plan, seen, number, hour) for number in range(len(problem.groups)) for hour in hours)


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


def _cell(problem: Problem, plan: Plan, seen: PowerSeen, number: int, hour: _Hour) -> Cell:
    group, chosen = problem.groups[number], plan.counts[number]
    part = chosen[:, hour.slots]
    start = plan.grid.start_ms
    pinned = next((it.want for it in seen.pins if it.group == group.name and _meets(plan, hour, it)), "")
    rivals = sorted(_rivals(problem, plan, number, hour), key=lambda it: it[1])
    resting = next((loss for name, loss in rivals if name == "rest"), 0.0)
    second, loss = rivals[0] if rivals else ("", None)
    return Cell(
        group=group.name,
        from_ms=start + hour.first * SLOT_MS,
        to_ms=start + hour.last * SLOT_MS,
        does=_does(part, group.count),
        machines=float(part.sum(axis=0).mean()),
        power_w=float((group.power_w() @ part).mean()),
        price=float(expected(problem, problem.price)[hour.slots].mean()),
        earns=float(best_per_kwh(problem, number)[hour.slots].mean()),
        value=resting,
        why="pinned by a person" if pinned else _why(problem, plan, number, hour),
        second=second,
        second_loss=loss,
        pinned=pinned,
    )


def _meets(plan: Plan, hour: _Hour, pin: Pin) -> bool:
    slots = slots_of(plan.grid, pin)
    return slots.start < hour.last and slots.stop > hour.first


def _does(part: IntArray, count: int) -> str:
    if not part.any():
        return "rest"
    return "run" if bool((part[-1] == count).all()) else "part"


def _why(problem: Problem, plan: Plan, number: int, hour: _Hour) -> str:
    """Return why this group does so: the site's reason where the group goes with most others, else its own money."""
    slot = hour.first
    runs = bool(plan.counts[number][:, hour.slots].any())
    price, earns = expected(problem, problem.price)[slot], best_per_kwh(problem, number)[slot]
    if runs and price <= earns and price >= 0 and _bought(problem, plan, slot):
        return "cheap power"
    if not runs and price > earns:
        return "too dear"
    reason = reason_of(problem, plan, slot)
    is_off = reason in ("too dear", "better sold", "minimum rest", "waits")
    found = reason if is_off != runs else ("minimum run" if runs else "waits")
    return TOLERANCE if found == "minimum run" and problem.groups[number].up_min <= 1 else found


def _bought(problem: Problem, plan: Plan, slot: int) -> bool:
    machines = float(plan.machines_w(problem)[slot])
    return float(expected(problem, plan.flows.import_w)[slot]) >= machines / 2


def _rivals(problem: Problem, plan: Plan, number: int, hour: _Hour) -> Iterator[tuple[str, float]]:
    """Yield what else the group could do in an hour, with what that loses beside the plan [currency]."""
    group, chosen = problem.groups[number], plan.counts[number]
    for level in range(-1, len(group.levels)):
        other = chosen.copy()
        other[:, hour.slots] = 0
        if level >= 0:
            other[level, hour.slots] = group.count
        if (other == chosen).all():
            continue
        loss = _loss(problem, plan, number, other, hour)
        if loss is not None:
            yield _name(problem, number, level), loss


def _name(problem: Problem, number: int, level: int) -> str:
    levels = problem.groups[number].levels
    if level < 0:
        return "rest"
    return "run" if level == len(levels) - 1 else f"run at {levels[level].power_w / levels[-1].power_w:.0%}"


def _loss(problem: Problem, plan: Plan, number: int, other: IntArray, hour: _Hour) -> float | None:
    """Return what a changed hour loses [currency]; None where a limit forbids it."""
    group, chosen, site, at = problem.groups[number], plan.counts[number], problem.site, hour.slots
    change = group.power_w() @ (other - chosen)[:, at]
    machines = plan.machines_w(problem)[at] + change
    if (machines > site.machines_w).any():
        return None
    flows, price, sold = plan.flows, problem.price[:, at], problem.export_price[:, at]
    net = flows.import_w[:, at] - flows.export_w[:, at] - flows.curtailed_w[:, at] + change[None, :]
    bought = np.maximum(net, 0)
    if (bought > site.import_w).any():
        return None
    surplus = np.minimum(np.maximum(-net, 0), np.where(sold >= 0, site.export_w, 0))
    power = price * (bought - flows.import_w[:, at]) - sold * (surplus - flows.export_w[:, at])
    cost = float(problem.probability @ power.sum(axis=1)) * SLOT_H / KW
    money = np.einsum("kst,kt->s", group.money()[:, :, at], (chosen - other)[:, at].astype(np.float64))
    starts = group.start_cost * float(starts_of(group, other).sum() - starts_of(group, chosen).sum())
    return float(problem.probability @ money) + cost + starts + _peak(problem, plan, bought, at) + _heat(
        problem, plan, machines, at
    )  # fmt: skip


def _peak(problem: Problem, plan: Plan, bought: IntArray, at: slice) -> float:
    """Return what the demand charge rises by [currency]."""
    site = problem.site
    if not site.peak_price:
        return 0.0
    imports = plan.flows.import_w.copy()
    before = np.maximum(imports.max(axis=1) - site.peak_w, 0)
    imports[:, at] = bought
    after = np.maximum(imports.max(axis=1) - site.peak_w, 0)
    return site.peak_price * float(problem.probability @ (after - before)) / KW


def _heat(problem: Problem, plan: Plan, machines: IntArray, at: slice) -> float:
    """Return what heat is lost [currency]."""
    site = problem.site
    if not site.heat_price:
        return 0.0
    wanted = site.heat_w[at]
    lost = np.minimum(plan.machines_w(problem)[at], wanted) - np.minimum(machines, wanted)
    return site.heat_price * float(lost.sum()) * SLOT_H / KW
