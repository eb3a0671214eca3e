"""Plan around pins: money is bent in the hours that a person pinned, so that every planner keeps them within limits.

    problem --bent--> planner --> plan --straight--> the same plan, with what it is really worth

Bent, a machine earns so much more (or so much less) in a pinned slot that no price, start, peak or wear outweighs it.
Limits and minimum times are untouched, so a plan can always be made; where they keep it from a pin, a finding says so.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from hashwright.energy.slots import SLOT_H, SLOT_MS, Grid, utc_text
from hashwright.errors import Finding
from hashwright.planner.dispatch_flows import plan_value
from hashwright.planner.dispatch_problem import KW, IntArray, MachineGroup, Plan, Problem
from hashwright.planner.power_pins import Pin

WEIGHT: Final = 2.0
"""So many times what a slot of a machine may cost or earn at most; more would only coarsen the solver's money."""


def bent(problem: Problem, pins: Sequence[Pin]) -> Problem:
    """Return a problem in which pinned hours pay for themselves."""
    if not any(slots_of(problem.grid, it) for it in pins):
        return problem
    return replace(problem, groups=tuple(_bent(problem, it, pins) for it in problem.groups))


def _bent(problem: Problem, group: MachineGroup, pins: Sequence[Pin]) -> MachineGroup:
    mine = [it for it in pins if it.group == group.name and slots_of(problem.grid, it)]
    if not mine:
        return group
    earn = group.earn.copy()
    extra = WEIGHT * _worth_of_slot(problem, group) / (min(it.hashrate for it in group.levels if it.hashrate) * SLOT_H)
    for pin in mine:
        slots = slots_of(problem.grid, pin)
        earn[:, slots.start : slots.stop] += extra if pin.want == "run" else -extra
    return replace(group, earn=earn)


def _worth_of_slot(problem: Problem, group: MachineGroup) -> float:
    """Return the most money that one machine can move in one slot [currency], its start and its peak with it."""
    site = problem.site
    kwh = max(it.power_w for it in group.levels) / KW * SLOT_H
    dearest = max(float(np.abs(it).max(initial=0.0)) for it in (problem.price, problem.export_price))
    wear = 0.0 if site.battery is None else site.battery.wear + abs(site.battery.end_value)
    earns = float(np.abs(group.money()).max(initial=0.0))
    return earns + kwh * (dearest + wear + site.heat_price) + group.start_cost + site.peak_price * kwh / SLOT_H + 1e-6


def straight(problem: Problem, plan: Plan, pins: Sequence[Pin]) -> Plan:
    """Return a plan that was made for bent money with its real worth, and what of the pins it could not keep."""
    broken = tuple(_broken(problem, plan, pins))
    value = plan_value(problem, plan.counts, plan.flows)
    return replace(plan, value=value, bound=None, notes=(*plan.notes, *broken))


def keeps(plan: Plan, problem: Problem, pins: Sequence[Pin]) -> bool:
    """Tell whether a plan of the same groups does in every pinned slot what the pin says."""
    return not any(
        _missed(chosen[:, _within(plan.grid, pin)], group, pin).any()
        for group, chosen in zip(problem.groups, plan.counts, strict=True)
        for pin in pins
        if pin.group == group.name
    )


def slots_of(grid: Grid, pin: Pin) -> range:
    """Return the slots of a grid that a pin has."""
    first = max((pin.from_ms - grid.start_ms) // SLOT_MS, 0)
    return range(first, min(max(-(-(pin.to_ms - grid.start_ms) // SLOT_MS), first), grid.count))


def pinned_slots(grid: Grid, pins: Sequence[Pin]) -> frozenset[int]:
    """Return every slot of a grid in which something is pinned."""
    return frozenset(slot for pin in pins for slot in slots_of(grid, pin))


def _within(grid: Grid, pin: Pin) -> slice:
    slots = slots_of(grid, pin)
    return slice(slots.start, slots.stop)


def _missed(chosen: IntArray, group: MachineGroup, pin: Pin) -> IntArray:
    """Return how many machines do not do what a pin says, by slot."""
    on = chosen.sum(axis=0)
    return np.asarray(group.count - on if pin.want == "run" else on, dtype=np.int64)


def _broken(problem: Problem, plan: Plan, pins: Sequence[Pin]) -> list[Finding]:
    found = []
    for group, chosen in zip(problem.groups, plan.counts, strict=True):
        for pin in (it for it in pins if it.group == group.name):
            missed = _missed(chosen[:, _within(plan.grid, pin)], group, pin)
            if missed.any():
                verb = "rest" if pin.want == "run" else "run"
                words = f"up to {missed.max()} of {group.count} machines {verb}: a limit or a minimum time stands above"
                found.append(Finding(code="HW-836", place=f"{group.name} {utc_text(pin.from_ms)}", message=words))
    return found
