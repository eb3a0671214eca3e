"""A plan in words and sums: what happens when and why, kWh by source, money by kind. For screens, pages and JSON.

A **block** is a run of slots in which the same number of machines runs for the same reason. The reason is read from the
plan's own numbers: what the machines' power costs there, what it earns, and which limit they stand at.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from hashwright.energy.slots import SLOT_H
from hashwright.planner.dispatch_flows import scenario_values
from hashwright.planner.dispatch_problem import KW, FloatArray, IntArray, Plan, Problem, starts_of

Reason = Literal[
    "cheap power", "paid to use", "own sun and wind", "battery", "minimum run", "heat", "held back by a limit",
    "too dear", "better sold", "minimum rest", "waits", "pinned by a person",
]  # fmt: skip
NEAR: Final = 0.98
"""So near to a limit counts as at the limit: a machine is a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Slots `first` to before `last`: machines that run, why, and means over the block [kW, currency/kWh, percent]."""

    first: int
    last: int
    machines: int
    reason: Reason
    price: float
    earns: float
    machines_kw: float
    own_kw: float
    grid_kw: float
    battery_percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over a plan as expected: energy [kWh] and money [currency]."""

    import_kwh: float
    own_kwh: float
    curtailed_kwh: float
    discharge_kwh: float
    charge_kwh: float
    export_kwh: float
    machines_kwh: float
    load_kwh: float
    unserved_kwh: float
    coins: float
    bought: float
    sold: float
    starts: float
    wear: float
    peak: float
    heat: float
    stored: float
    value: float


def expected(problem: Problem, values: FloatArray | IntArray) -> FloatArray:
    """Return the mean of scenarios of a series (scenarios, slots)."""
    return np.asarray(problem.probability @ values, dtype=np.float64)


def totals_of(problem: Problem, plan: Plan) -> Totals:
    """Return the sums of a plan; money adds up to `value`, which leaves risk out."""
    flows, site = plan.flows, problem.site

    def kwh(values: IntArray) -> float:
        return float(expected(problem, values).sum()) * SLOT_H / KW

    def money(values: FloatArray) -> float:
        return float(expected(problem, values).sum()) * SLOT_H / KW

    machines = plan.machines_w(problem)
    earned = starts = 0.0
    for group, chosen in zip(problem.groups, plan.counts, strict=True):
        earned += float(problem.probability @ np.einsum("kst,kt->s", group.money(), chosen.astype(np.float64)))
        starts += group.start_cost * float(starts_of(group, chosen).sum())
    battery = site.battery
    rise = np.maximum(flows.import_w.max(axis=1) - site.peak_w, 0) / KW
    held = 0.0
    if battery is not None:
        held = battery.end_value * float(problem.probability @ (flows.energy_wh[:, -1] - battery.energy_wh)) / KW
    heat = np.minimum(machines, site.heat_w).sum() * SLOT_H / KW if site.heat_price else 0.0
    return Totals(
        import_kwh=kwh(flows.import_w),
        own_kwh=kwh(problem.own_w),
        curtailed_kwh=kwh(flows.curtailed_w),
        discharge_kwh=kwh(flows.discharge_w),
        charge_kwh=kwh(flows.charge_w),
        export_kwh=kwh(flows.export_w),
        machines_kwh=float(machines.sum()) * SLOT_H / KW,
        load_kwh=kwh(problem.load_w),
        unserved_kwh=kwh(flows.unserved_w),
        coins=earned,
        bought=-money(problem.price * flows.import_w),
        sold=money(problem.export_price * flows.export_w),
        starts=-starts,
        wear=-(0.0 if battery is None else battery.wear * kwh(flows.discharge_w)),
        peak=-site.peak_price * float(problem.probability @ rise),
        heat=site.heat_price * float(heat),
        stored=held,
        value=float(problem.probability @ scenario_values(problem, plan.counts, flows)),
    )


def break_even(problem: Problem) -> tuple[tuple[str, float], ...]:
    """Return for each group the power price at which its most efficient level earns nothing [currency/kWh]."""
    return tuple(
        (group.name, float(best_per_kwh(problem, number).mean())) for number, group in enumerate(problem.groups)
    )


def best_per_kwh(problem: Problem, number: int) -> FloatArray:
    """Return what a group's most efficient level earns for a kWh in each slot [currency/kWh]."""
    group = problem.groups[number]
    best = max(level.hashrate / level.power_w for level in group.levels)
    return best * KW * expected(problem, group.earn)


def blocks_of(problem: Problem, plan: Plan, pinned: Collection[int] = ()) -> tuple[Block, ...]:
    """Return a plan as blocks of one number of machines and one reason; in `pinned` slots a person is the reason."""
    on = np.sum([chosen.sum(axis=0) for chosen in plan.counts], axis=0)
    reasons: list[Reason] = [
        "pinned by a person" if slot in pinned else reason_of(problem, plan, slot) for slot in range(plan.grid.count)
    ]
    edges = [0] + [
        slot for slot in range(1, len(on)) if (on[slot], reasons[slot]) != (on[slot - 1], reasons[slot - 1])
    ] + [len(on)]  # fmt: skip
    return tuple(
        _block(problem, plan, (first, last), int(on[first]), reasons[first]) for first, last in pairwise(edges)
    )


def _block(problem: Problem, plan: Plan, slots: tuple[int, int], machines: int, reason: Reason) -> Block:
    first, last = slots

    def mean(values: FloatArray | IntArray) -> float:
        return float(expected(problem, values)[first:last].mean())

    battery = problem.site.battery
    held = None if battery is None else 100 * expected(problem, plan.flows.energy_wh)[last - 1] / battery.capacity_wh
    return Block(
        first=first,
        last=last,
        machines=machines,
        reason=reason,
        price=mean(problem.price),
        earns=max(float(best_per_kwh(problem, it)[first:last].mean()) for it in range(len(problem.groups))),
        machines_kw=float(plan.machines_w(problem)[first:last].mean()) / KW,
        own_kw=mean(problem.own_w) / KW,
        grid_kw=mean(plan.flows.import_w - plan.flows.export_w) / KW,
        battery_percent=None if held is None else float(held),
    )


def reason_of(problem: Problem, plan: Plan, slot: int) -> Reason:
    """Return why the machines of a slot run, or why most of them do not."""
    on = sum(int(chosen[:, slot].sum()) for chosen in plan.counts)
    if on * 2 >= sum(it.count for it in problem.groups):
        return _why_on(problem, plan, slot)
    return _why_off(problem, plan, slot) if not on else _why_few(problem, plan, slot)


def _now(problem: Problem, values: FloatArray | IntArray, slot: int) -> float:
    return float(problem.probability @ values[:, slot])


def _why_on(problem: Problem, plan: Plan, slot: int) -> Reason:
    machines = float(plan.machines_w(problem)[slot])
    price = _now(problem, problem.price, slot)
    own = _now(problem, problem.own_w - plan.flows.curtailed_w - plan.flows.export_w, slot)
    if price < 0:
        return "paid to use"
    if own > machines / 2:
        return "own sun and wind"
    if _now(problem, plan.flows.discharge_w, slot) > machines / 2:
        return "battery"
    if price <= max(best_per_kwh(problem, it)[slot] for it in range(len(problem.groups))):
        return "cheap power"
    return "heat" if problem.site.heat_price else "minimum run"


def _why_few(problem: Problem, plan: Plan, slot: int) -> Reason:
    machines = float(plan.machines_w(problem)[slot])
    at_limit = (
        _now(problem, plan.flows.import_w, slot) >= NEAR * problem.site.import_w
        or machines >= NEAR * problem.site.machines_w
    )
    price, best = (
        _now(problem, problem.price, slot),
        max(best_per_kwh(problem, it)[slot] for it in range(len(problem.groups))),
    )
    if at_limit and price <= best:
        return "held back by a limit"
    return _why_on(problem, plan, slot)


def _why_off(problem: Problem, plan: Plan, slot: int) -> Reason:
    best = max(best_per_kwh(problem, it)[slot] for it in range(len(problem.groups)))
    price, sold = _now(problem, problem.price, slot), _now(problem, problem.export_price, slot)
    if _now(problem, plan.flows.export_w, slot) > 0 and sold >= best:
        return "better sold"
    if price > best:
        return "too dear"
    if any(it.down_min > slot + it.age for it in problem.groups):
        return "minimum rest"
    return "waits"
