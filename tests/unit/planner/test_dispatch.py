"""Plans: as good as an independent model says, never above a limit, and never missing."""

import dataclasses
import itertools

import numpy as np
import pytest
from bench.dispatch import made_problem, relaxation

from hashwright.energy.slots import SLOT_MS, Grid
from hashwright.planner import dispatch, dispatch_prices
from hashwright.planner.dispatch import Settings, plan_dispatch, rule_plan
from hashwright.planner.dispatch_flows import plan_findings, plan_value
from hashwright.planner.dispatch_problem import BatteryTerms, Level, MachineGroup, Problem, SiteTerms
from hashwright.planner.dispatch_schedule import Terms, best_schedules
from hashwright.planner.dispatch_solver import SolverLimits
from hashwright.planner.dispatch_threshold import always, by_rule
from unit.planner.linopy_dispatch import best_value

EXACT = Settings(limits=SolverLimits(gap=0.0, gap_abs=1e-9))
PRICES = Settings(exact_groups_max=0)
EUR = 1e-4
A_WATT_KW = 0.002
"""Flows are whole watts, and a peak is charged by the kW."""


def one_group(*, slots=8, price=0.1, earn=0.15, sun=0, load=0, **changes):
    """One machine of 1 kW that earns `earn` currency/h, on a site with a flat price."""
    group = MachineGroup(
        name="one",
        count=changes.pop("count", 1),
        levels=changes.pop("levels", (Level(power_w=1000, hashrate=1.0),)),
        earn=np.full((1, slots), earn),
        **{name: changes.pop(name) for name in tuple(changes) if name in MachineGroup.__slots__},
    )

    def row(value):
        return np.broadcast_to(np.asarray(value), (1, slots))

    prices = row(price).astype(float)
    return Problem(
        grid=Grid(start_ms=0, count=slots),
        groups=(group,),
        site=SiteTerms(**{"import_w": 5000, **changes}),
        price=prices,
        export_price=prices * 0.4,
        sun_w=row(sun).astype(np.int64),
        wind_w=row(0).astype(np.int64),
        load_w=row(load).astype(np.int64),
        probability=np.ones(1),
    )


def on(plan):
    return plan.counts[0].sum(axis=0).tolist()


# ---------------------------------------------------------------- against the second model


def everything():
    """Scenarios, risk, peak, ramp, breaker, heat, battery, machines that run and rest already."""
    site = {"peak_price": 2.0, "peak_w": 500, "ramp_w": 5000, "machines_w": 9000}
    heat = {"heat_price": 0.05, "heat_w": np.full(12, 4000)}
    problem = made_problem(2, slots=12, limit=0.7, seed=5, scenarios=3, **site, **heat)
    groups = tuple(dataclasses.replace(it, count=3, running=1, age=2) for it in problem.groups)
    return dataclasses.replace(problem, groups=groups, risk=0.6, tail=0.4)


def odd_prices():
    """Prices below zero, and export that pays more than import costs: the binaries that we leave out elsewhere."""
    problem = made_problem(2, slots=12, limit=0.6, seed=7)
    price, export = problem.price.copy(), problem.export_price.copy()
    price[0, 3:6] = -0.3
    export[0, 9:12] = 0.4
    return dataclasses.replace(problem, price=price, export_price=export)


@pytest.mark.parametrize(
    "problem",
    [everything(), odd_prices(), made_problem(3, slots=16, limit=0.6, battery=None)],
    ids=["all", "odd", "bare"],
)
def test_the_value_is_that_of_an_independent_model(problem):
    plan = plan_dispatch(problem, settings=EXACT)
    assert plan.method == "exact"
    assert plan_findings(problem, plan) == ()
    best = best_value(problem)
    assert plan.bound == pytest.approx(best, abs=EUR)
    assert plan.value == pytest.approx(best, abs=EUR + problem.site.peak_price * A_WATT_KW)


# ---------------------------------------------------------------- many groups


def test_many_groups_are_planned_by_prices_within_half_a_percent_of_the_bound():
    problem = made_problem(25, slots=96, limit=0.5)
    plan = plan_dispatch(problem)
    assert plan.method == "prices"
    assert plan_findings(problem, plan) == ()
    assert 0 <= plan.gap < 0.005
    assert plan.bound <= relaxation(problem)[0] * 1.001


@pytest.mark.parametrize(("seed", "changes"), [
    (1, {}), (2, {"peak_price": 1.0}), (3, {"ramp_w": 4000, "machines_w": 9000}),
    (4, {"heat_price": 0.05, "heat_w": np.full(32, 4000)}),
])  # fmt: skip
def test_prices_and_the_exact_model_bound_each_other(seed, changes):
    problem = made_problem(4, slots=32, limit=0.6, seed=seed, scenarios=2, **changes)
    problem = dataclasses.replace(problem, risk=0.3, tail=0.5)
    exact, prices = (plan_dispatch(problem, settings=it) for it in (EXACT, PRICES))
    assert (exact.method, prices.method) == ("exact", "prices")
    assert plan_findings(problem, prices) == ()
    assert prices.value <= exact.value + EUR <= prices.bound + 2 * EUR
    assert prices.bound - prices.value < 0.5


def test_groups_that_run_partly_are_two_items_of_the_schedules():
    problem = made_problem(3, slots=24, seed=2)
    groups = tuple(dataclasses.replace(it, count=4, running=3, age=1) for it in problem.groups)
    problem = dataclasses.replace(problem, groups=groups)
    exact, prices = (plan_dispatch(problem, settings=it) for it in (EXACT, PRICES))
    assert plan_findings(problem, prices) == ()
    assert prices.value <= exact.value + EUR <= prices.bound + 2 * EUR


@pytest.mark.parametrize("seed", range(12))
def test_the_best_schedule_is_the_best_of_all_that_there_are(seed):
    rng = np.random.default_rng(seed)
    slots, up, down = 9, int(rng.integers(1, 4)), int(rng.integers(1, 4))
    age, is_on = int(rng.integers(1, 4)), bool(rng.integers(2))
    gain, cost = rng.normal(0, 1, slots), 0.3
    best = max(
        value
        for row in itertools.product((0, 1), repeat=slots)
        if (value := walked(row, gain, cost, (up, down, age, is_on))) is not None
    )
    terms = Terms(
        up_min=np.array([up]), down_min=np.array([down]), age=np.array([age]),
        is_on=np.array([is_on]), may_stop=np.array([False]),
    )  # fmt: skip
    schedule, value = best_schedules(gain[None, :], np.array([cost]), terms)
    assert value[0] == pytest.approx(best)
    assert walked(tuple(schedule[0].astype(int)), gain, cost, (up, down, age, is_on)) == pytest.approx(best)


def walked(row, gain, cost, terms):
    """Give the value of a schedule, or None where it breaks a time."""
    up, down, age, is_on = terms
    value, state = 0.0, int(is_on)
    for slot, now in enumerate(row):
        if now != state:
            if age < (up if state else down):
                return None
            value, state, age = value - cost * now, now, 0
        age += 1
        value += gain[slot] * now
    return value


# ---------------------------------------------------------------- what a person expects


def test_it_runs_where_power_costs_less_than_the_hour_earns():
    price = [0.1, 0.1, 0.2, 0.2, 0.1, 0.1, 0.3, 0.3]
    assert on(plan_dispatch(one_group(price=price), settings=EXACT)) == [1, 1, 0, 0, 1, 1, 0, 0]


def test_the_marginal_efficiency_of_a_level_decides_not_the_mean():
    # 1 kW earns 0.15/h; the second kW only 0.09 more: worth it at 0.08, not at 0.1, though the mean of both is 0.12.
    levels = (Level(power_w=1000, hashrate=1.0), Level(power_w=2000, hashrate=1.6))
    problem = one_group(levels=levels, price=[0.08] * 4 + [0.1] * 4)
    plan = plan_dispatch(problem, settings=EXACT)
    assert plan.counts[0].argmax(axis=0).tolist() == [1] * 4 + [0] * 4


def test_a_start_that_costs_more_than_it_brings_is_not_made_and_times_are_kept():
    price = [0.1, 0.1, 0.2, 0.1, 0.1, 0.3, 0.1, 0.3]
    assert on(plan_dispatch(one_group(price=price, start_cost=1.0), settings=EXACT)) == [0] * 8
    plan = plan_dispatch(one_group(price=price, up_min=5), settings=EXACT)
    assert on(plan) == [1, 1, 1, 1, 1, 0, 0, 0]
    plan = plan_dispatch(one_group(price=price, running=1, age=1, down_min=3), settings=EXACT)
    assert plan_findings(one_group(price=price, running=1, age=1, down_min=3), plan) == ()


def test_own_sun_is_used_before_it_is_sold_for_less():
    sun = [0, 0, 1500, 1500, 1500, 500, 0, 0]
    problem = one_group(price=0.3, earn=0.15, sun=sun, export_w=5000)
    plan = plan_dispatch(problem, settings=EXACT)
    assert on(plan) == [0, 0, 1, 1, 1, 0, 0, 0]
    assert plan.flows.export_w[0].tolist() == [0, 0, 500, 500, 500, 500, 0, 0]


def test_a_battery_buys_cheap_and_a_peak_is_shaved():
    battery = BatteryTerms(capacity_wh=2000, charge_w=2000, discharge_w=2000, energy_wh=0, efficiency=0.95)
    problem = one_group(price=[0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5], earn=0.0, load=1000, battery=battery)
    plan = plan_dispatch(problem, settings=EXACT)
    assert plan.flows.import_w[0, 4:].sum() < 4 * 1000 / 10
    with_peak = dataclasses.replace(problem, site=dataclasses.replace(problem.site, peak_price=50.0, peak_w=1000))
    assert plan_dispatch(with_peak, settings=EXACT).flows.import_w.max() <= 1001


def test_a_peak_that_was_paid_already_costs_nothing_more():
    free = one_group(price=0.1, earn=0.15, peak_price=10.0, peak_w=1000)
    assert on(plan_dispatch(free, settings=EXACT)) == [1] * 8
    assert on(plan_dispatch(one_group(price=0.1, earn=0.15, peak_price=10.0), settings=EXACT)) == [0] * 8


def test_heat_pays_for_an_hour_that_would_not_pay_itself():
    problem = one_group(price=0.2, earn=0.15, heat_price=0.08, heat_w=np.array([1000] * 4 + [0] * 4))
    assert on(plan_dispatch(problem, settings=EXACT)) == [1] * 4 + [0] * 4


def test_an_extreme_price_stops_everything_and_a_negative_one_starts_it():
    plan = plan_dispatch(one_group(price=[4.0] * 4 + [-0.5] * 4, earn=0.01), settings=EXACT)
    assert on(plan) == [0] * 4 + [1] * 4


def test_ties_are_broken_by_moving_least_and_early():
    battery = BatteryTerms(capacity_wh=1000, charge_w=4000, discharge_w=4000, energy_wh=0, efficiency=1.0)
    flat = one_group(price=0.1, earn=0.0, load=500, battery=battery)
    plan = plan_dispatch(flat, settings=EXACT)
    assert plan.flows.charge_w.sum() == plan.flows.discharge_w.sum() == 0
    needed = one_group(price=[0.1] * 6 + [0.9] * 2, earn=0.0, load=500, battery=battery)
    charge = plan_dispatch(needed, settings=EXACT).flows.charge_w[0]
    assert charge[0] == pytest.approx(1000, abs=8)
    assert charge[1:].sum() <= 8


def test_risk_prefers_the_plan_that_is_never_bad():
    problem = one_group(slots=4, price=0.1, earn=0.2)
    both = {
        "price": np.array([[0.05] * 4, [0.5] * 4]),
        "export_price": np.zeros((2, 4)),
        "probability": np.array([0.8, 0.2]),
        "groups": (dataclasses.replace(problem.groups[0], earn=np.full((2, 4), 0.2)),),
        **{name: np.zeros((2, 4), dtype=np.int64) for name in ("sun_w", "wind_w", "load_w")},
    }
    problem = dataclasses.replace(problem, **both)
    assert on(plan_dispatch(problem, settings=EXACT)) == [1] * 4
    assert on(plan_dispatch(dataclasses.replace(problem, risk=0.9, tail=0.2), settings=EXACT)) == [0] * 4


# ---------------------------------------------------------------- when there is no answer


def broken_solver(*_arguments, **_settings):
    return None


def test_without_an_answer_the_last_plan_holds_and_after_it_the_rule(monkeypatch):
    problem = made_problem(3, slots=32, limit=0.6)
    last = plan_dispatch(problem)
    monkeypatch.setattr(dispatch, "solve", broken_solver)
    later = dataclasses.replace(problem, grid=Grid(start_ms=problem.grid.start_ms + 4 * SLOT_MS, count=32))
    counts = [it[:, 3] for it in last.counts]
    groups = tuple(
        dataclasses.replace(group, running=int(now.sum()), level_now=int(now.argmax()))
        for group, now in zip(later.groups, counts, strict=True)
    )
    battery = dataclasses.replace(later.site.battery, energy_wh=int(last.flows.energy_wh[0, 3]))
    later = dataclasses.replace(later, groups=groups, site=dataclasses.replace(later.site, battery=battery))
    same = {name: np.roll(getattr(problem, name), -4, axis=1) for name in ("price", "export_price", "sun_w", "load_w")}
    later = dataclasses.replace(later, **same)
    kept = plan_dispatch(later, last=last)
    assert kept.method == "last plan"
    assert plan_findings(later, kept) == ()
    assert all((new[:, :28] == old[:, 4:]).all() for new, old in zip(kept.counts, last.counts, strict=True))
    assert [it.code for it in kept.notes] == ["HW-850"]
    alone = plan_dispatch(later)
    assert alone.method == "threshold"
    assert [it.code for it in alone.notes] == ["HW-850", "HW-851"]
    assert plan_findings(later, alone) == ()


def test_a_last_plan_that_breaks_a_limit_of_today_is_not_followed(monkeypatch):
    problem = made_problem(3, slots=32, limit=1.2)
    last = plan_dispatch(problem)
    monkeypatch.setattr(dispatch, "solve", broken_solver)
    small = dataclasses.replace(problem, site=dataclasses.replace(problem.site, machines_w=2000))
    assert plan_dispatch(small, last=last).method == "threshold"
    gone = dataclasses.replace(problem, grid=Grid(start_ms=problem.grid.end_ms, count=32))
    assert plan_dispatch(gone, last=last).method == "threshold"


def test_a_solver_with_no_time_has_no_answer_and_the_rule_plans():
    problem = made_problem(6, slots=96)
    plan = plan_dispatch(problem, settings=Settings(limits=SolverLimits(time_s=0.0)))
    assert plan.method == "threshold"
    assert "0 s" in plan.notes[0].message
    assert plan_dispatch(problem, settings=Settings(has_solver=False)).method == "threshold"


def test_a_plan_that_does_not_pass_the_check_is_not_used(monkeypatch):
    problem = made_problem(2, slots=16)
    real = dispatch._exact

    def cheating(problem, limits):
        plan = real(problem, limits)
        return dataclasses.replace(plan, counts=tuple(it * 0 + 1 for it in plan.counts))

    monkeypatch.setattr(dispatch, "_exact", cheating)
    plan = plan_dispatch(problem)
    assert plan.method == "threshold"
    assert "HW-855" in {it.code for it in plan.notes}


def test_what_runs_may_stop_before_its_time_where_a_limit_needs_it():
    problem = one_group(running=1, age=1, up_min=8, import_w=500)
    for settings in (EXACT, PRICES):
        plan = plan_dispatch(problem, settings=settings)
        assert on(plan) == [0] * 8
        assert [it.code for it in plan.notes] == ["HW-854"]


def test_a_load_above_the_limit_is_told_and_machines_rest():
    problem = one_group(load=[6000] * 4 + [100] * 4)
    plan = plan_dispatch(problem, settings=EXACT)
    assert on(plan) == [0] * 4 + [1] * 4
    assert plan.flows.unserved_w[0].tolist() == [1000] * 4 + [0] * 4
    assert [it.code for it in plan.notes] == ["HW-852"]
    assert plan.bound is None
    assert plan.gap is None
    assert plan_findings(problem, plan) == ()


def test_the_check_finds_every_kind_of_broken_limit():
    problem = made_problem(2, slots=16, limit=0.6, ramp_w=3000, machines_w=6000)
    plan = plan_dispatch(problem)

    def told(**flows):
        changed = dataclasses.replace(plan, flows=dataclasses.replace(plan.flows, **flows))
        return " ".join(it.message for it in plan_findings(problem, changed))

    assert plan_findings(problem, plan) == ()
    assert "balance does not close" in told(import_w=plan.flows.import_w + 1)
    assert "W are imported" in told(import_w=plan.flows.import_w + 10**6)
    assert "W are exported" in told(export_w=plan.flows.export_w + 10**6)
    assert "curtailed than there are" in told(curtailed_w=plan.flows.curtailed_w + 10**6)
    assert "does not follow" in told(energy_wh=plan.flows.energy_wh + 10)
    assert "too fast" in told(charge_w=plan.flows.charge_w + 10**6)
    assert "negative" in told(export_w=plan.flows.export_w - 1)
    full = dataclasses.replace(plan, counts=tuple(it * 0 + 9 for it in plan.counts))
    message = " ".join(it.message for it in plan_findings(problem, full))
    assert all(part in message for part in ("breaker", "rise by more", "machines run"))
    flicker = tuple((np.arange(16) % 2 == 0).astype(np.int64)[None, :].repeat(2, axis=0) for _ in plan.counts)
    message = " ".join(it.message for it in plan_findings(problem, dataclasses.replace(plan, counts=flicker)))
    assert "stop before they ran" in message
    assert "start before they rested" in message


# ---------------------------------------------------------------- the rule


def test_the_rule_has_hysteresis():
    price = [0.14, 0.145, 0.155, 0.16, 0.155, 0.145, 0.142, 0.1]
    assert on(rule_plan(one_group(price=price))) == [1, 1, 1, 0, 0, 0, 1, 1]


def test_the_rule_uses_own_sun_at_what_selling_it_would_bring():
    plan = rule_plan(one_group(price=0.3, earn=0.15, sun=[0, 0, 1500, 1500, 600, 0, 0, 0], export_w=5000))
    assert on(plan) == [0, 0, 1, 1, 0, 0, 0, 0]


def test_the_baselines_always_run_and_run_on_own_power_only():
    problem = one_group(price=0.9, earn=0.01, sun=[0, 0, 1500, 1500, 1500, 0, 0, 0])
    assert by_rule(problem, always)[0].sum() == 8
    assert by_rule(problem, always, own_only=True)[0].sum(axis=0).tolist() == [0, 0, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("seed", range(6))
def test_the_rule_keeps_every_limit_and_is_not_better_than_the_best_plan(seed):
    problem = made_problem(4, slots=48, limit=0.4, seed=seed, ramp_w=9000, machines_w=20_000, scenarios=2)
    plan = rule_plan(problem)
    assert plan_findings(problem, plan) == ()
    assert plan.value <= plan_dispatch(problem).bound + EUR
    assert plan_value(problem, plan.counts, plan.flows) == plan.value


def test_prices_without_an_answer_are_none(monkeypatch):
    monkeypatch.setattr(dispatch_prices, "solve", broken_solver)
    assert dispatch_prices.by_prices(made_problem(2, slots=8), SolverLimits()) is None


def test_a_problem_with_a_hole_or_a_wrong_shape_is_refused():
    problem = made_problem(2, slots=8)
    with pytest.raises(ValueError, match="price is"):
        dataclasses.replace(problem, price=problem.price * np.nan)
    with pytest.raises(ValueError, match="load_w is"):
        dataclasses.replace(problem, load_w=problem.load_w[:, :4])
    with pytest.raises(ValueError, match="earn must be"):
        dataclasses.replace(problem, groups=(dataclasses.replace(problem.groups[0], running=99),))


def test_a_solver_that_ran_out_of_time_is_never_worse_than_the_rule_or_the_last_plan(monkeypatch):
    problem = made_problem(3, slots=48)
    idle = dispatch.finished(problem, tuple(np.zeros_like(it) for it in rule_plan(problem).counts), method="exact")
    good = plan_dispatch(problem)
    monkeypatch.setattr(dispatch, "_attempt", lambda *_: dataclasses.replace(idle, bound=good.bound))
    rule = plan_dispatch(problem)
    assert (rule.method, rule.value > idle.value, rule.bound) == ("threshold", True, good.bound)
    assert [it.code for it in rule.notes] == ["HW-850"]
    held = plan_dispatch(problem, last=good)
    assert (held.method, held.value) == ("last plan", pytest.approx(good.value))


def test_a_rule_that_stops_machines_early_or_leaves_load_unserved_is_not_better_than_a_plan(monkeypatch):
    """Machines that must run three more slots at a loss: the rule's plan without them seems to be worth more."""
    battery = BatteryTerms(
        capacity_wh=5000, charge_w=500, discharge_w=3000, energy_wh=5000, efficiency=0.97, wear=0.01, end_value=0.05
    )
    site = {"import_w": 701, "battery": battery, "sun": [0, 0, 0, 0, 2000, 2000]}
    levels = (Level(power_w=901, hashrate=1.0),)
    tied = one_group(slots=6, price=0.9, earn=0.0, levels=levels, count=3, running=3, age=1, up_min=4, **site)
    plan = plan_dispatch(tied, settings=EXACT)
    assert plan.gap > 0
    assert rule_plan(tied).value > plan.value
    assert (plan.method, on(plan)) == ("exact", [3, 3, 3, 0, 0, 0])

    battery = BatteryTerms(capacity_wh=4000, charge_w=2000, discharge_w=2000, energy_wh=2000, wear=0.5)
    dark = one_group(slots=4, price=3.0, load=[1000, 6000, 6000, 6000], battery=battery)
    served = plan_dispatch(dark, settings=EXACT)
    assert served.method == "exact"
    nothing = dataclasses.replace(dark, site=dataclasses.replace(dark.site, battery=None))
    assert served.flows.unserved_w.sum() < rule_plan(nothing).flows.unserved_w.sum()


def test_choices_that_a_flat_tariff_leaves_open_are_not_searched_a_second_time(monkeypatch):
    """With the machines fixed, what was chosen in whole numbers stays: the second stage has none."""
    calls = []
    real = dispatch.solve

    def watched(model, limits, **options):
        calls.append(options.get("is_relaxed", False))
        return real(model, limits, **options)

    monkeypatch.setattr(dispatch, "solve", watched)
    battery = BatteryTerms(capacity_wh=10_000, charge_w=3000, discharge_w=3000, energy_wh=6000, efficiency=0.95)
    problem = one_group(slots=16, price=-0.05, earn=0.002, export_w=20_000, battery=battery)
    plan = plan_dispatch(problem, settings=EXACT)
    assert calls == [False, True, True], "one search, then two linear programmes"
    assert plan_findings(problem, plan) == ()
    assert plan.gap < 1e-3
    assert not (plan.flows.charge_w * plan.flows.discharge_w).any()
