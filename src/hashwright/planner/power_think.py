"""Think a turn of the power autopilot: from what was seen to a plan of machines, in a process of its own.

The site's file says what a group is; the fleet says how many machines of it answer now, what each may draw and what
was measured. Where both know something, the fleet's word counts: a plan is for the machines that are there. Groups that
only one of both knows are left out, by name.
"""

import dataclasses
from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np

from hashwright.energy.forecast_error import ForecastError, error_findings
from hashwright.energy.site import GroupSettings, LevelSettings, Site
from hashwright.energy.slots import SLOT_MS, Grid, Slotted
from hashwright.errors import Finding, OperatorError
from hashwright.planner.dispatch import Settings, finished, plan_dispatch
from hashwright.planner.dispatch_problem import FloatArray, Flows, IntArray, Plan, Problem
from hashwright.planner.dispatch_report import blocks_of, break_even, expected, totals_of
from hashwright.planner.dispatch_solver import SolverLimits
from hashwright.planner.dispatch_threshold import always, by_rule
from hashwright.planner.power import (
    RULES,
    KeptPlan,
    PowerBlock,
    PowerSeen,
    PowerSlot,
    PowerThought,
    SeenMachines,
    Told,
    packed,
    unpacked,
)
from hashwright.planner.power_pinned import bent, keeps, pinned_slots, straight
from hashwright.planner.power_pins import Pin
from hashwright.planner.site_problem import Known, problem_of

TH: Final = 1e12
Pins = tuple[Pin, ...]
FINER: Final = 4
PART_SLACK: Final = 0.005
"""A level this little below what machines can do is one that they can do."""
WITHOUT_BATTERY: Final = "the battery: it does not obey, does not answer, or is not believed"


def think_power(seen: PowerSeen) -> PowerThought:
    """Return what each group should do in the next hours, and why.

    Raises:
        OperatorError: no price of the next hour is known (HW-841), or no group of the fleet is in the site's file.
    """
    site, left_out = planned_site(seen)
    problem, odd = seen_problem(seen, site)
    limits = SolverLimits(time_s=seen.solver_s)
    settings = Settings(limits=limits, has_solver=seen.has_solver)
    plan = _planned(problem, settings, seen)
    told = (*seen.told, *map(_told, (*odd, *error_findings(_error(seen)), *plan.notes)))
    return _thought(problem, plan, site, told=told, left_out=left_out, pins=seen.pins)


def _planned(problem: Problem, settings: Settings, seen: PowerSeen) -> Plan:
    """Return the plan that keeps what a person pinned, as far as limits allow; the last plan only if it kept it."""
    last = plan_of(seen.last, problem)
    if not seen.pins:
        return plan_dispatch(problem, settings=settings, last=last)
    kept = last if last is not None and keeps(last, problem, seen.pins) else None
    finer = replace(settings.limits, gap=settings.limits.gap / FINER)  # bent money is larger than what counts
    settings = replace(settings, limits=finer)
    return straight(problem, plan_dispatch(bent(problem, seen.pins), settings=settings, last=kept), seen.pins)


# ---------------------------------------------------------------- what is planned for


def seen_problem(seen: PowerSeen, site: Site) -> tuple[Problem, tuple[Finding, ...]]:
    """Return the problem of what was seen, and what is odd about it.

    Raises:
        OperatorError: no price of the next hour is known (HW-841).
    """
    problem, odd = problem_of(site, _known(seen, site))
    lost = round(sum(it.lost_w for it in seen.machines))
    return replace(problem, load_w=problem.load_w + lost + seen.battery_w), odd


def planned_site(seen: PowerSeen) -> tuple[Site, tuple[str, ...]]:
    """Return the site with its groups as the fleet has them, and what is left out and why.

    Raises:
        OperatorError: nothing is left to plan for (HW-955).
    """
    site = msgspec.convert(seen.site, Site)
    fleet = {it.group: it for it in seen.machines}
    left_out = [f"group {name}: {count} machines are not in the site's file" for name, count in seen.strangers]
    groups = []
    for group in site.groups:
        machines = fleet.get(group.name)
        if machines is None:
            left_out.append(f"group {group.name}: the fleet has no machine of it")
            continue
        left_out += _missing(machines)
        if machines.count:
            groups.append(_group(group, machines))
    if not groups:
        raise OperatorError(f"No machine can be planned for: {'; '.join(left_out)}.", code="HW-955")
    if seen.is_battery_out and site.battery is not None:
        site = msgspec.structs.replace(site, battery=None)
        left_out.append(WITHOUT_BATTERY)
    return msgspec.structs.replace(site, groups=tuple(groups)), tuple(left_out)


def _missing(machines: SeenMachines) -> list[str]:
    found = []
    if machines.unrated:
        found.append(f"group {machines.group}: of {machines.unrated} machines nobody knows what they draw")
    if machines.lost:
        found.append(
            f"group {machines.group}: {machines.lost} machines do not answer;"
            f" {machines.lost_w:,.0f} W are kept free for them"
        )
    return found


def _group(group: GroupSettings, machines: SeenMachines) -> GroupSettings:
    """Return a group with the machines' own number, power and hash rates; levels that they cannot run at go."""
    top = max(group.levels, key=lambda level: level.power_w)
    usable = [level for level in group.levels if level.power_w / top.power_w >= machines.min_part - PART_SLACK]
    levels = {round(machines.rated_w * it.power_w / top.power_w): _rate_ths(it, top, machines) for it in usable}
    return msgspec.structs.replace(
        group,
        count=machines.count,
        running=min(machines.running, machines.count),
        levels=tuple(LevelSettings(power_w=max(watts, 1), hashrate_ths=rate) for watts, rate in levels.items()),
    )


def _rate_ths(level: LevelSettings, top: LevelSettings, machines: SeenMachines) -> float:
    """Return a level's hash rate [TH/s]: as measured, else by the machines' rating, else by the site's file."""
    part = level.power_w / top.power_w
    if machines.curve and machines.curve[0][0] <= part <= machines.curve[-1][0]:
        parts, rates = zip(*machines.curve, strict=True)
        return float(np.interp(part, parts, rates)) / TH
    if machines.rated_hs:
        return machines.rated_hs / TH * level.hashrate_ths / top.hashrate_ths
    return level.hashrate_ths * machines.rated_w / top.power_w


def _known(seen: PowerSeen, site: Site) -> Known:
    grid = Grid(start_ms=seen.start_ms, count=len(seen.price))
    fleet = {it.group: it for it in seen.machines}
    return Known(
        price=_slotted(grid, seen.price),
        export=None if seen.export is None else _slotted(grid, seen.export),
        sun_w=_floats(seen.sun_w),
        wind_w=_floats(seen.wind_w),
        per_th_day=np.array(seen.per_th_day),
        error=_error(seen),
        running={it.name: it.running for it in site.groups},
        age={it.name: int(fleet[it.name].age or 0) for it in site.groups if fleet[it.name].age is not None},
        level=seen.level,
        peak_kw=seen.peak_kw,
    )


def _error(seen: PowerSeen) -> ForecastError:
    return ForecastError(factor=seen.factor, spread=seen.spread, days=seen.days)


def _slotted(grid: Grid, values: tuple[float | None, ...]) -> Slotted:
    return Slotted(grid=grid, values=tuple(None if it is None else Decimal(repr(it)) for it in values))


def _floats(values: tuple[float | None, ...]) -> FloatArray:
    return np.array([np.nan if it is None else it for it in values], dtype=np.float64)


# ---------------------------------------------------------------- plans that are kept


def kept_plan(problem: Problem, plan: Plan) -> KeptPlan:
    """Return a plan as it is kept."""
    return KeptPlan(
        start_ms=plan.grid.start_ms,
        slots=plan.grid.count,
        groups=tuple(it.name for it in problem.groups),
        counts=tuple(tuple(packed(row.tolist()) for row in chosen) for chosen in plan.counts),
        charge_w=packed(plan.flows.charge_w[0].tolist()),
        discharge_w=packed(plan.flows.discharge_w[0].tolist()),
    )


def plan_of(kept: KeptPlan | None, problem: Problem) -> Plan | None:
    """Return a kept plan for the groups of a problem; None where there is none, or it knew other groups."""
    if kept is None or set(kept.groups) != {it.name for it in problem.groups}:
        return None
    by_name = dict(zip(kept.groups, kept.counts, strict=True))
    counts = tuple(np.array([unpacked(row) for row in by_name[it.name]], dtype=np.int64) for it in problem.groups)
    if any(it.shape[-1] != kept.slots for it in counts):
        return None
    nothing: IntArray = np.zeros((1, kept.slots), dtype=np.int64)
    flows = Flows(
        import_w=nothing,
        export_w=nothing,
        curtailed_w=nothing,
        charge_w=np.array([unpacked(kept.charge_w)], dtype=np.int64),
        discharge_w=np.array([unpacked(kept.discharge_w)], dtype=np.int64),
        unserved_w=nothing,
        energy_wh=np.zeros((1, kept.slots)),
    )
    grid = Grid(start_ms=kept.start_ms, count=kept.slots)
    return Plan(grid=grid, method="last plan", counts=counts, flows=flows, value=0.0)


# ---------------------------------------------------------------- the answer


def _thought(
    problem: Problem, plan: Plan, site: Site, *, told: tuple[Told, ...], left_out: tuple[str, ...], pins: Pins
) -> PowerThought:
    idle = tuple(np.zeros_like(it) for it in plan.counts)
    flows = plan.flows
    return PowerThought(
        rule=RULES[plan.method],
        method=plan.method,
        plan=kept_plan(problem, plan),
        groups=_slots(problem, plan, site),
        blocks=_blocks(problem, plan, pins),
        machines=sum(it.count for it in problem.groups),
        value=plan.value,
        value_always=finished(problem, by_rule(problem, always), method="always on").value,
        value_off=finished(problem, idle, method="threshold").value,
        bound=plan.bound,
        totals=dataclasses.asdict(totals_of(problem, plan)),
        break_even=dict(break_even(problem)),
        machines_w=tuple(plan.machines_w(problem).tolist()),
        own_w=_means(problem, problem.own_w),
        import_w=_means(problem, flows.import_w),
        export_w=_means(problem, flows.export_w),
        battery_wh=() if problem.site.battery is None else _means(problem, flows.energy_wh),
        told=told,
        left_out=left_out,
        earn=_earn(problem, plan),
    )


def _earn(problem: Problem, plan: Plan) -> tuple[float, ...]:
    total = np.zeros(plan.grid.count)
    for group, chosen in zip(problem.groups, plan.counts, strict=True):
        total += problem.probability @ np.einsum("kst,kt->st", group.money(), chosen.astype(np.float64))
    return tuple(round(float(it), 6) for it in total)


def _means(problem: Problem, values: FloatArray | IntArray) -> tuple[int, ...]:
    return tuple(round(float(it)) for it in expected(problem, values))


def _slots(problem: Problem, plan: Plan, site: Site) -> tuple[PowerSlot, ...]:
    """Return each group's changes, in the order of time."""
    found = []
    for group, settings, chosen in zip(problem.groups, site.groups, plan.counts, strict=True):
        watts = np.array(sorted(level.power_w for level in settings.levels))
        before = None
        for slot in range(plan.grid.count):
            now = tuple(chosen[:, slot].tolist())
            if now != before:
                found.append(_slot(group.name, plan.grid.start_ms + slot * SLOT_MS, now, watts))
            before = now
    return tuple(sorted(found, key=lambda it: (it.from_ms, it.group)))


def _slot(group: str, from_ms: int, counts: tuple[int, ...], watts: IntArray) -> PowerSlot:
    parts = tuple(
        (round(float(watts[level] / watts[-1]), 4), counts[level])
        for level in reversed(range(len(counts)))
        if counts[level]
    )
    power = float(np.dot(watts, counts))
    return PowerSlot(group=group, from_ms=from_ms, machines=sum(counts), parts=parts, power_w=power)


def _blocks(problem: Problem, plan: Plan, pins: Pins) -> tuple[PowerBlock, ...]:
    start = plan.grid.start_ms
    names = ("machines", "reason", "price", "earns", "machines_kw", "own_kw", "grid_kw", "battery_percent")
    return tuple(
        PowerBlock(
            from_ms=start + it.first * SLOT_MS,
            to_ms=start + it.last * SLOT_MS,
            **{name: getattr(it, name) for name in names},
        )
        for it in blocks_of(problem, plan, pinned_slots(plan.grid, pins))
    )


def _told(finding: Finding) -> Told:
    return Told(code=finding.code, place=finding.place, message=finding.message, hint=finding.hint)
