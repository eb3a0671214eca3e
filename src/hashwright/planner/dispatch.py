"""Plan a site's next hours: exact where it is small, by prices where it is large, by a rule where no solver answers.

    up to 20 groups      one model in whole numbers (`dispatch_matrix`)
    more                 prices, schedules, and a choice among them (`dispatch_prices`)
    no answer in time    the last plan, if it still keeps every limit; then the threshold rule (`dispatch_threshold`)

Whatever comes out is checked against every limit by code that trusts no solver (`dispatch_flows`), and carries its gap.
Plans of equal worth are told apart in a second stage, with the machines fixed: the battery moves least, and early
rather than late. As a weight in the first stage that would drown in the solver's tolerance.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hashwright.energy.slots import SLOT_H, SLOT_MS
from hashwright.errors import Finding
from hashwright.planner.dispatch_flows import exact_flows, own_use_flows, plan_findings, plan_value
from hashwright.planner.dispatch_matrix import Model, couple, machine_block, site_block
from hashwright.planner.dispatch_prices import by_prices
from hashwright.planner.dispatch_problem import KW, FloatArray, IntArray, Method, Plan, Problem, machine_power
from hashwright.planner.dispatch_solver import SolverLimits, solve
from hashwright.planner.dispatch_threshold import by_rule

EXACT_GROUPS_MAX: Final = 20
"""Above, prices are faster and nearer to the bound (reference planning.md 3b)."""
TIE_TOLERANCE: Final = 1e-6
"""What the second stage may give up of the first's money [share]."""

DEFAULT_LIMITS: Final = SolverLimits()
Wish = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to plan: the solver's limits, and how many groups are still solved exactly (0: none)."""

    limits: SolverLimits = DEFAULT_LIMITS
    exact_groups_max: int = EXACT_GROUPS_MAX
    has_solver: bool = True


def plan_dispatch(problem: Problem, *, settings: Settings | None = None, last: Plan | None = None) -> Plan:
    """Return the best plan that can be had: it keeps every limit and says how far from the best it may be."""
    settings = settings or Settings()
    notes = load_findings(problem)
    found, more = _solved(problem, settings) if settings.has_solver else (None, _no_answer("it is switched off"))
    notes += more
    if found is not None:
        found = _not_worse(problem, found, last, settings)
        return replace(found, notes=(*notes, *found.notes))
    kept = _last_plan(problem, last)
    if kept is not None:
        return replace(kept, notes=notes)
    return replace(rule_plan(problem), notes=(*notes, *_told("HW-851", "There is no last plan that keeps every limit")))


def load_findings(problem: Problem) -> tuple[Finding, ...]:
    """Find slots in which the site's own load alone exceeds what it may import (HW-852)."""
    short = problem.unserved_w().max(axis=0)
    if not short.any():
        return ()
    slots = int((short > 0).sum())
    return _told("HW-852", f"In {slots} slots the site itself needs up to {int(short.max())} W more than it may import")


def rule_plan(problem: Problem) -> Plan:
    """Return the plan of the threshold rule."""
    return finished(problem, by_rule(problem), method="threshold")


def finished(problem: Problem, counts: tuple[IntArray, ...], *, method: Method) -> Plan:
    """Return a plan of machines that a rule chose, with a battery that serves the site itself."""
    machines = machine_power(problem, counts)
    flows = own_use_flows(problem, machines)
    return Plan(grid=problem.grid, method=method, counts=counts, flows=flows, value=plan_value(problem, counts, flows))


# ---------------------------------------------------------------- with a solver


def _solved(problem: Problem, settings: Settings) -> tuple[Plan | None, tuple[Finding, ...]]:
    """Return a solver's plan that passes the check, and what is to be told."""
    plan = _attempt(problem, settings)
    notes: tuple[Finding, ...] = ()
    if plan is None and any(it.running and it.age < it.up_min for it in problem.groups):
        # A limit may be lower than what runs and may not stop yet. Then the limit counts.
        groups = tuple(replace(it, may_stop=True) for it in problem.groups)
        problem = replace(problem, groups=groups)
        plan = _attempt(problem, settings)
        if plan is not None:
            notes = _told("HW-854", "What runs now exceeds a limit, and stops before its time")
    if plan is None:
        return None, _no_answer(f"it found none in {settings.limits.time_s:g} s")
    broken = plan_findings(problem, plan)
    if broken:
        return None, broken[:3]
    return plan, notes


def _not_worse(problem: Problem, found: Plan, last: Plan | None, settings: Settings) -> Plan:
    """Return a solver's plan, or the last plan or the rule's where the solver ran out of time with a worse one."""
    if found.gap is not None and found.gap <= settings.limits.gap:
        return found
    known = (_last_plan(problem, last), rule_plan(problem))
    others = [it for it in known if it is not None and _gives_up_nothing(problem, it, found)]
    if not others:
        return found
    best = max(others, key=lambda it: it.value)
    if best.value <= found.value + settings.limits.gap_abs + _rounding(problem) or plan_findings(problem, best):
        return found
    bound = None if found.bound is None else max(found.bound, best.value)
    words = f"in {settings.limits.time_s:g} s it found a plan worth less than this one"
    return replace(best, bound=bound, notes=_no_answer(words))


def _gives_up_nothing(problem: Problem, plan: Plan, found: Plan) -> bool:
    """Tell whether a plan can be held against another by its worth: it stops nothing early, and serves as much load.

    Neither is money: a rule that leaves the house dark would seem to save its power.
    """
    stops_early = any(
        not group.may_stop and (counts.sum(axis=0)[: max(group.up_min - group.age, 0)] < group.running).any()
        for group, counts in zip(problem.groups, plan.counts, strict=True)
    )
    return not stops_early and int(plan.flows.unserved_w.sum()) <= int(found.flows.unserved_w.sum())


def _rounding(problem: Problem) -> float:
    """Return what whole watts may cost a best plan: one watt in each slot, at the dearest price."""
    dearest = max(float(np.abs(it).max(initial=0.0)) for it in (problem.price, problem.export_price))
    return dearest * SLOT_H / 1000 * problem.grid.count


def _attempt(problem: Problem, settings: Settings) -> Plan | None:
    is_exact = len(problem.groups) <= settings.exact_groups_max
    return _exact(problem, settings.limits) if is_exact else _by_prices(problem, settings.limits)


def _exact(problem: Problem, limits: SolverLimits) -> Plan | None:
    model = Model()
    block = site_block(model, problem)
    blocks = [machine_block(model, problem, block, group) for group in problem.groups]
    answer = solve(model, limits)
    if answer is None:
        return None
    counts = tuple(np.rint(answer.columns[it]).astype(np.int64) for it in blocks)
    wish = _tie_broken(problem, counts, limits, answer.columns)
    return None if wish is None else _plan(problem, counts, wish, method="exact", bound=-answer.bound)


def _by_prices(problem: Problem, limits: SolverLimits) -> Plan | None:
    answer = by_prices(problem, limits)
    if answer is None:
        return None
    wish = _tie_broken(problem, answer.counts, limits, answer.site)
    return None if wish is None else _plan(problem, answer.counts, wish, method="prices", bound=answer.bound)


def _plan(problem: Problem, counts: tuple[IntArray, ...], wish: Wish, *, method: Method, bound: float) -> Plan:
    charge, discharge, curtailed = (it * KW for it in wish)
    machines = machine_power(problem, counts)
    flows = exact_flows(problem, machines, charge, discharge, curtailed)
    value = plan_value(problem, counts, flows)
    battery = problem.site.battery
    # The solver counts the whole peak and all that is in the battery at the end, a plan only what changed.
    bound -= 0.0 if battery is None else battery.end_value * battery.energy_wh / KW
    bound += problem.site.peak_price * problem.site.peak_w / KW
    # The solver was kept from a limit's last watts; the flows may use them.
    bound = max(bound, value)
    has_bound = not problem.unserved_w().any()
    return Plan(
        grid=problem.grid, method=method, counts=counts, flows=flows, value=value, bound=bound if has_bound else None
    )


def _tie_broken(problem: Problem, counts: tuple[IntArray, ...], limits: SolverLimits, found: FloatArray) -> Wish | None:
    """Return the battery's wish for machines that are fixed: of the best ones, that which moves least and early.

    `found` is the first stage's answer, whose first columns are the site's. Where it chose between charging and
    discharging, or import and export, that choice stays: in whole numbers, ties on a flat tariff have no end.
    """
    model = Model()
    block = site_block(model, problem)
    choices = model.whole_columns()
    model.fix(choices, np.rint(found[choices]))
    slots = np.arange(problem.grid.count)
    machines = machine_power(problem, counts)
    fixed = model.add_columns(len(slots), lower=machines / KW, upper=machines / KW)
    couple(model, block, fixed, np.ones(len(slots)), slots)
    if block.cvar is not None:
        model.put(block.cvar, model.add_columns(1, lower=1.0, upper=1.0), _fixed_money(problem, counts))
    limits = replace(limits, gap=1e-7, gap_abs=1e-9)
    first = solve(model, limits, is_relaxed=True)
    if first is None:
        return None
    chosen = first.columns
    if block.charge is not None and block.discharge is not None:
        cost = np.concatenate(model.cost)
        kept = model.add_rows(1, upper=first.cost + TIE_TOLERANCE * max(abs(first.cost), 1.0))
        used = np.flatnonzero(cost)
        model.put(kept, used, cost[used])
        model.cost = [np.zeros(len(block_cost)) for block_cost in model.cost]
        early = np.ones(block.charge.shape) + np.arange(problem.grid.count) * 1e-5
        model.pay(block.charge.ravel(), early.ravel())
        model.pay(block.discharge.ravel(), early.ravel())
        second = solve(model, limits, is_relaxed=True)
        chosen = first.columns if second is None else second.columns
    shape = problem.price.shape
    nothing = np.zeros(shape)
    return (
        nothing if block.charge is None else chosen[block.charge],
        nothing if block.discharge is None else chosen[block.discharge],
        chosen[block.curtailed],
    )


def _fixed_money(problem: Problem, counts: tuple[IntArray, ...]) -> FloatArray:
    money = np.zeros(problem.scenarios)
    for group, chosen in zip(problem.groups, counts, strict=True):
        money = money + np.einsum("kst,kt->s", group.money(), chosen.astype(np.float64))
        on = chosen.sum(axis=0)
        money = money - group.start_cost * np.maximum(np.diff(on, prepend=group.running), 0).sum()
    return money


# ---------------------------------------------------------------- without one


def _last_plan(problem: Problem, last: Plan | None) -> Plan | None:
    """Return what is left of an earlier plan, if it reaches over this horizon's start and keeps every limit of today.

    Slots behind its end are planned by the rule.
    """
    if last is None:
        return None
    shift = (problem.grid.start_ms - last.grid.start_ms) // SLOT_MS
    left = last.grid.count - shift
    if not 0 <= shift < last.grid.count or len(last.counts) != len(problem.groups):
        return None
    counts = []
    for group, rule, known in zip(problem.groups, by_rule(problem), last.counts, strict=True):
        if known.shape[0] != len(group.levels):
            return None
        chosen = rule.copy()
        part = known[:, shift : shift + problem.grid.count]
        chosen[:, : part.shape[1]] = part
        counts.append(chosen)
    plan = _continued(problem, tuple(counts), last, shift)
    if left < problem.grid.count and plan_findings(problem, plan):
        # The seam between plan and rule may break a machine's times: rest after the plan's end is always allowed.
        for chosen in counts:
            chosen[:, left:] = 0
        plan = _continued(problem, tuple(counts), last, shift)
    return None if plan_findings(problem, plan) else plan


def _continued(problem: Problem, counts: tuple[IntArray, ...], last: Plan, shift: int) -> Plan:
    """Return a plan of known machines whose battery does what the last plan meant it to do."""
    wishes = []
    for known in (last.flows.charge_w, last.flows.discharge_w):
        wish = np.zeros(problem.price.shape)
        part = known[0, shift : shift + problem.grid.count]
        wish[:, : len(part)] = part
        wishes.append(wish)
    flows = exact_flows(problem, machine_power(problem, counts), wishes[0], wishes[1])
    value = plan_value(problem, counts, flows)
    return Plan(grid=problem.grid, method="last plan", counts=counts, flows=flows, value=value)


def _no_answer(why: str) -> tuple[Finding, ...]:
    return _told("HW-850", f"The solver gave no plan: {why}")


def _told(code: str, message: str) -> tuple[Finding, ...]:
    return (Finding(code=code, place="plan", message=message),)
