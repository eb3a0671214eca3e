"""The walk through recorded days: it sees nothing of later, and machines stop where a limit would break."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal as D

import numpy as np
import pytest
from bench.dispatch import made_problem

from hashwright.energy.slots import Grid, ms_of
from hashwright.energy.tariff import net_metering_bill
from hashwright.planner import site_year
from hashwright.planner.dispatch import Settings, plan_dispatch
from hashwright.planner.dispatch_solver import SolverLimits
from hashwright.planner.net_metering import Surplus, settlement
from hashwright.planner.site_year import DAY, forecast_w, walk

SERIES = ("price", "export_price", "sun_w", "load_w")


def days(number=3, **changes):
    return made_problem(3, slots=number * DAY, limit=0.7, seed=4, **changes)


def test_what_a_plan_knows_does_not_depend_on_what_comes_later():
    whole, first = days(6), 3 * DAY + 52
    end = first + 2 * DAY - first % DAY
    later = {}
    for name in SERIES:
        series = getattr(whole, name).copy()
        # Prices are published to the end of tomorrow; of sun nothing is known ahead.
        series[:, (first if name == "sun_w" else end) :] += 7
        # How large the panels are is known: more than they ever gave is not to come.
        later[name] = np.minimum(series, whole.sun_w.max()) if name == "sun_w" else series
    groups = tuple(
        dataclasses.replace(it, earn=np.concatenate([it.earn[:, : first + 1], it.earn[:, first + 1 :] * 3], axis=1))
        for it in whole.groups
    )
    other = dataclasses.replace(whole, groups=groups, **later)
    before, after = (site_year._known(it, first, DAY, "plan") for it in (whole, other))
    assert before.grid == after.grid
    assert before.grid.end_ms == whole.grid.start_ms + end * 900_000
    for name in SERIES:
        assert (getattr(before, name) == getattr(after, name)).all()
    assert all((a.earn == b.earn).all() for a, b in zip(before.groups, after.groups, strict=True))


def test_a_forecast_is_the_mean_of_the_last_days_and_nothing_without_one():
    seen = np.concatenate([np.full(DAY, 100.0), np.full(DAY, 300.0)])
    assert forecast_w(seen, 10).tolist() == [200.0] * 10
    assert forecast_w(seen[:50], 10).tolist() == [0.0] * 10


def test_hindsight_is_best_and_doing_nothing_earns_no_coins():
    whole, coarse = days(2), Settings(limits=SolverLimits(gap=0.05))
    found = {it: walk(whole, it, settings=coarse) for it in ("plan", "threshold", "off", "hindsight")}
    assert found["hindsight"].value >= found["plan"].value - 0.06 * abs(found["plan"].value)
    assert found["plan"].value > found["off"].value
    assert (found["off"].coins, found["off"].starts) == (0, 0)
    assert found["plan"].days == 2
    assert found["plan"].unserved_kwh == 0
    assert found["plan"].plans_by_rule == 0


def test_without_a_solver_the_walk_goes_on_by_the_rule_and_says_so():
    walked = walk(days(2), "plan", settings=Settings(has_solver=False))
    assert walked.plans_by_rule == 3
    assert walked.machines_kwh > 0


def test_machines_stop_where_the_real_sun_is_less_than_the_limit_needs():
    told = days(1, battery=None)
    site = dataclasses.replace(told.site, import_w=3000)
    told = dataclasses.replace(told, site=site, sun_w=np.full_like(told.sun_w, 20_000), price=told.price * 0)
    real = dataclasses.replace(told, sun_w=told.sun_w // 100)
    plan = plan_dispatch(told)
    assert plan.machines_w(told).min() > 3200
    counts, flows, shed = site_year._happened(real, told, plan, "plan")
    assert shed == DAY
    assert sum(it.sum() for it in counts) == 0
    assert flows.unserved_w.sum() == 0
    assert flows.import_w.max() <= 3000


@pytest.mark.parametrize(("row", "running", "expected"), [
    ([1, 1, 0, 0], 1, (0, 2)), ([1, 1, 1, 1], 1, (1, 9)), ([0, 0, 0, 1], 0, (1, 1)),
])  # fmt: skip
def test_where_a_group_stands_after_a_stretch(row, running, expected):
    group = dataclasses.replace(days(1).groups[0], running=running, age=5)
    assert site_year._last_change(group, np.array([row, [0] * 4])) == expected


def test_net_metering_pays_a_month_s_surplus_otherwise_and_agrees_with_the_bill():
    grid = Grid(start_ms=ms_of(datetime(2026, 1, 31, 12, tzinfo=UTC)), count=96)
    import_w, export_w = np.zeros(96, np.int64), np.zeros(96, np.int64)
    import_w[:8], export_w[8:24] = 4000, 4000  # January: 8 kWh bought, 16 kWh sold
    import_w[60:], export_w[50:60] = 4000, 4000  # February: more bought than sold
    price = np.full(96, 0.3)
    slot_by_slot = float((price * (export_w - import_w))[:48].sum()) / 4000  # slots of a quarter, kW
    changed = settlement(grid, import_w, export_w, price, Surplus(price=0.05, zone="UTC"))
    bill = net_metering_bill(bought_kwh=D(8), sold_kwh=D(16), price=D("0.3"), surplus_price=D("0.05"))
    assert slot_by_slot + changed == pytest.approx(-float(bill))
    assert settlement(grid, import_w, export_w // 8, price, Surplus(price=0.05, zone="UTC")) == 0
