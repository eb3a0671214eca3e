"""A site walked through recorded days: what a plan made each noon would have earned, beside rules and hindsight.

Every day at the same hour a new plan is made from what was known then, and followed until the next one. What was known:
the day-ahead prices to the end of tomorrow, what a hash earned up to yesterday, and for the sun the mean of the last
days at the same time (nobody's forecast was recorded, so the walk uses the simplest honest one, and what it has learned
of its error). What happens is then reckoned with the real sun: the battery takes up the difference, the grid the rest,
and where a limit would break, machines stop.

The same reckoning, with the same prices, judges the baselines. `hindsight` knows the next four days exactly: no
forecast can be better, so it is what is left to be won.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from hashwright.energy.forecast_error import learned_error, scenarios_w
from hashwright.energy.slots import SLOT_H, SLOT_MS, Grid
from hashwright.planner.dispatch import Settings, finished, plan_dispatch
from hashwright.planner.dispatch_flows import exact_flows, own_use_flows
from hashwright.planner.dispatch_problem import (
    KW,
    LONG_AGO,
    FloatArray,
    Flows,
    IntArray,
    MachineGroup,
    Plan,
    Problem,
    machine_power,
    starts_of,
)
from hashwright.planner.dispatch_threshold import always, by_break_even, by_rule
from hashwright.planner.net_metering import Surplus, settlement

Policy: TypeAlias = Literal["plan", "threshold", "always on", "sun only", "off", "hindsight"]
POLICIES: Final[tuple[Policy, ...]] = ("plan", "threshold", "always on", "sun only", "off", "hindsight")
DAY: Final = 96
PLAN_SLOT: Final = 52
"""Plans are made at 13:00 UTC, when tomorrow's prices are out."""
LOOK_BACK_DAYS: Final = 3
LEARN_DAYS: Final = 30
HINDSIGHT_DAYS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a policy did over all days: money [currency] by kind, energy [kWh], hours that machines ran, starts."""

    policy: Policy
    days: int
    coins: float
    bought: float
    sold: float
    wear: float
    starts_cost: float
    stored: float
    import_kwh: float
    export_kwh: float
    curtailed_kwh: float
    machines_kwh: float
    unserved_kwh: float
    run_share: float
    starts: int
    shed_slots: int
    plans_by_rule: int
    settled: float = 0.0
    """What the months' ends change under net metering [currency]."""

    @property
    def value(self) -> float:
        """Return what is left [currency]."""
        return self.coins + self.bought + self.sold + self.settled + self.wear + self.starts_cost + self.stored


@dataclass(slots=True)
class _State:
    """Where the site stands between two plans."""

    energy_wh: float
    running: list[int]
    age: list[int]
    level: list[int]


def walk(whole: Problem, policy: Policy, *, settings: Settings | None = None, surplus: Surplus | None = None) -> Walked:
    """Walk a policy through a problem of many days: one scenario, what really happened.

    `surplus` says what becomes of a month's surplus under net metering.
    """
    state = _State(
        energy_wh=0.0 if whole.site.battery is None else float(whole.site.battery.energy_wh),
        running=[it.running for it in whole.groups],
        age=[it.age for it in whole.groups],
        level=[it.level_now for it in whole.groups],
    )
    sums = dict.fromkeys(Walked.__dataclass_fields__, 0.0)
    bought: list[IntArray] = []
    sold: list[IntArray] = []
    for first, count in _stretches(whole.grid.count):
        known = _known(whole, first, count, policy)
        real = _part(whole, first, count, state)
        plan = _decided(_with_state(known, state), policy, settings)
        counts, flows, shed = _happened(real, known, plan, policy)
        _add(sums, real, counts, flows)
        bought.append(flows.import_w[0])
        sold.append(flows.export_w[0])
        sums["shed_slots"] += shed
        sums["plans_by_rule"] += plan.method == "threshold" and policy in ("plan", "hindsight")
        _move_on(state, real, counts, flows)
    if surplus is not None:
        series = np.concatenate(bought), np.concatenate(sold)
        sums["settled"] = settlement(whole.grid, *series, whole.export_price[0], surplus)
    return _walked(whole, policy, sums, state)


def _stretches(slots: int) -> Iterator[tuple[int, int]]:
    """Yield the first slot and the length of what each plan is followed for."""
    first = 0
    while first < slots:
        last = min(first + (PLAN_SLOT if first == 0 else DAY), slots)
        yield first, last - first
        first = last


def _horizon(whole: Problem, first: int, policy: Policy, count: int) -> int:
    """Return how many slots are planned for: to the end of tomorrow, four days in hindsight, the stretch by a rule."""
    if policy == "plan":
        wanted = DAY - first % DAY + DAY if first else DAY
    else:
        wanted = HINDSIGHT_DAYS * DAY if policy == "hindsight" else count
    return min(wanted, whole.grid.count - first)


def _known(whole: Problem, first: int, count: int, policy: Policy) -> Problem:
    """Return the problem as it was known before slot `first`."""
    length = _horizon(whole, first, policy, count)
    part = _sliced(whole, first, length)
    if policy != "plan":
        return part
    # What a hash earns is known for today; of tomorrow nobody knows more than that.
    groups = tuple(replace(it, earn=np.repeat(it.earn[:, :1], length, axis=1)) for it in part.groups)
    part = replace(part, groups=groups)
    if not whole.own_w.any():
        return part
    seen = whole.own_w[0, :first].astype(np.float64)
    told = forecast_w(seen, length)
    start = max(first - LEARN_DAYS * DAY, LOOK_BACK_DAYS * DAY)
    past = np.concatenate(
        [forecast_w(seen[:at], DAY)[:DAY] for at in range(start, first - DAY + 1, DAY)] or [np.zeros(0)]
    )
    error = learned_error(past, seen[start : start + len(past)])
    # How large the panels are is known: the most that they ever gave.
    scenarios = scenarios_w(told, error, count=3, limit_w=float(whole.own_w.max()))
    return _in_scenarios(part, np.rint(scenarios).astype(np.int64))


def forecast_w(seen: FloatArray, length: int) -> FloatArray:
    """Return the mean of the last days at the same time of day [W]; nothing where no day was seen."""
    days = min(len(seen) // DAY, LOOK_BACK_DAYS)
    if not days:
        return np.zeros(length)
    day = seen[len(seen) - days * DAY :].reshape(days, DAY).mean(axis=0)
    return np.tile(day, -(-length // DAY))[:length]


def _sliced(whole: Problem, first: int, count: int) -> Problem:
    cut = slice(first, first + count)
    names = ("price", "export_price", "sun_w", "wind_w", "load_w")
    series: dict[str, Any] = {name: getattr(whole, name)[:, cut] for name in names}
    groups = tuple(replace(it, earn=it.earn[:, cut]) for it in whole.groups)
    heat = whole.site.heat_w[cut] if len(whole.site.heat_w) else whole.site.heat_w
    grid = Grid(start_ms=whole.grid.start_ms + first * SLOT_MS, count=count)
    return replace(whole, grid=grid, groups=groups, site=replace(whole.site, heat_w=heat), **series)


def _in_scenarios(part: Problem, own_w: IntArray) -> Problem:
    number = len(own_w)
    names = ("price", "export_price", "load_w")
    series: dict[str, Any] = {name: np.repeat(getattr(part, name), number, axis=0) for name in names}
    groups = tuple(replace(it, earn=np.repeat(it.earn, number, axis=0)) for it in part.groups)
    return replace(
        part, groups=groups, sun_w=own_w, wind_w=np.zeros_like(own_w), probability=np.full(number, 1 / number), **series
    )


def _part(whole: Problem, first: int, count: int, state: _State) -> Problem:
    return _with_state(_sliced(whole, first, count), state)


def _with_state(problem: Problem, state: _State) -> Problem:
    groups = tuple(
        replace(it, running=running, age=age, level_now=level)
        for it, running, age, level in zip(problem.groups, state.running, state.age, state.level, strict=True)
    )
    battery = problem.site.battery
    if battery is None:
        return replace(problem, groups=groups)
    end = max(float(np.quantile(problem.price, 0.25)) * battery.efficiency, 0.0)
    battery = replace(battery, energy_wh=int(state.energy_wh), end_value=end)
    return replace(problem, groups=groups, site=replace(problem.site, battery=battery))


def _decided(problem: Problem, policy: Policy, settings: Settings | None) -> Plan:
    if policy in ("plan", "hindsight"):
        return plan_dispatch(problem, settings=settings)
    rules: dict[str, Callable[[], tuple[IntArray, ...]]] = {
        "threshold": lambda: by_rule(problem, by_break_even),
        "always on": lambda: by_rule(problem, always),
        "sun only": lambda: by_rule(problem, always, own_only=True),
        "off": lambda: tuple(np.zeros((len(it.levels), problem.grid.count), np.int64) for it in problem.groups),
    }
    return finished(problem, rules[policy](), method="threshold")


def _happened(real: Problem, known: Problem, plan: Plan, policy: Policy) -> tuple[tuple[IntArray, ...], Flows, int]:
    """Return what machines and flows became with the real sun, and in how many slots machines had to stop."""
    count = real.grid.count
    counts = tuple(it[:, :count].copy() for it in plan.counts)
    shed = 0
    while True:
        machines = machine_power(real, counts)
        flows = _flows(real, known, plan, machines, policy)
        short = np.flatnonzero((flows.unserved_w[0] > 0) & (machines > 0))
        if not len(short):
            return counts, flows, shed
        shed += len(short)
        for chosen in counts:
            chosen[:, short] = 0


def _flows(real: Problem, known: Problem, plan: Plan, machines: IntArray, policy: Policy) -> Flows:
    if policy not in ("plan", "hindsight") or plan.method == "threshold":
        return own_use_flows(real, machines)
    count = real.grid.count
    wish = (plan.flows.charge_w - plan.flows.discharge_w)[0, :count].astype(np.float64)
    # The battery takes up what the sun did otherwise than was told, but is not emptied for it.
    other = (real.own_w[0] - known.own_w[0, :count]).astype(np.float64)
    moved = np.where(wish > 0, np.maximum(wish + other, 0), np.where(other > 0, wish + other, wish))
    curtailed = plan.flows.curtailed_w[:1, :count].astype(np.float64)
    return exact_flows(real, machines, np.maximum(moved, 0)[None, :], np.maximum(-moved, 0)[None, :], curtailed)


def _add(sums: dict[str, float], real: Problem, counts: tuple[IntArray, ...], flows: Flows) -> None:
    kwh = SLOT_H / KW
    for group, chosen in zip(real.groups, counts, strict=True):
        sums["coins"] += float(np.einsum("kst,kt->", group.money(), chosen.astype(np.float64)))
        begun = int(starts_of(group, chosen).sum())
        sums["starts"] += begun
        sums["starts_cost"] -= begun * group.start_cost
        sums["run_share"] += float(chosen.sum())
    sums["bought"] -= float((real.price * flows.import_w).sum()) * kwh
    sums["sold"] += float((real.export_price * flows.export_w).sum()) * kwh
    if real.site.battery is not None:
        sums["wear"] -= real.site.battery.wear * float(flows.discharge_w.sum()) * kwh
    for name in ("import", "export", "curtailed", "unserved"):
        sums[f"{name}_kwh"] += float(getattr(flows, f"{name}_w").sum()) * kwh
    sums["machines_kwh"] += float(machine_power(real, counts).sum()) * kwh


def _move_on(state: _State, real: Problem, counts: tuple[IntArray, ...], flows: Flows) -> None:
    """Let the stretch's end be the next one's begin."""
    if real.site.battery is not None:
        state.energy_wh = float(flows.energy_wh[0, -1])
    for number, (group, chosen) in enumerate(zip(real.groups, counts, strict=True)):
        state.running[number], state.age[number] = _last_change(group, chosen)
        state.level[number] = int(chosen[:, -1].argmax())


def _last_change(group: MachineGroup, chosen: IntArray) -> tuple[int, int]:
    on = chosen.sum(axis=0)
    changed = np.flatnonzero(np.diff(on, prepend=group.running))
    age = len(on) - int(changed[-1]) if len(changed) else min(group.age + len(on), LONG_AGO)
    return int(on[-1]), age


def _walked(whole: Problem, policy: Policy, sums: dict[str, float], state: _State) -> Walked:
    stored, battery = 0.0, whole.site.battery
    if battery is not None:
        stored = float(np.median(whole.price)) * (state.energy_wh - battery.energy_wh) / KW
    machines = sum(it.count for it in whole.groups)
    whole_numbers = ("starts", "shed_slots", "plans_by_rule")
    values: dict[str, Any] = {
        name: int(sums[name]) if name in whole_numbers else sums[name] for name in sums if name != "policy"
    }
    values |= {
        "days": whole.grid.count // DAY, "stored": stored, "run_share": sums["run_share"] / machines / whole.grid.count
    }  # fmt: skip
    return Walked(policy=policy, **values)
