"""From a site's settings to a problem: each table means what the docs say."""

import tomllib
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from hashwright.energy.battery import Battery, content_wh
from hashwright.energy.site import read_site
from hashwright.energy.slots import Grid, Slotted, ms_of
from hashwright.errors import OperatorError
from hashwright.planner.dispatch import plan_dispatch
from hashwright.planner.dispatch_report import blocks_of, totals_of
from hashwright.planner.site_problem import Known, problem_of

MINIMAL = """
[site]
name = "x"
zone = "Europe/Berlin"
[limits]
import_kw = 10
[tariff]
kind = "flat"
[revenue]
per_th_day = 0.048
fee = 0.02
rejects = 0.01
[[groups]]
name = "a"
count = 2
up_minutes = 50
levels = [{ power_w = 3000, hashrate_ths = 150.0 }, { power_w = 2000, hashrate_ths = 110.0 }]
"""


def site(extra=""):
    findings = []
    found = read_site(tomllib.loads(MINIMAL + extra, parse_float=Decimal), "x.toml", findings)
    return found, findings


def known(start=datetime(2026, 1, 31, 20, tzinfo=UTC), count=8, **changes):
    grid = Grid(start_ms=ms_of(start), count=count)
    values = changes.pop("values", (Decimal("0.1"),) * count)
    facts = {
        "price": Slotted(grid=grid, values=values),
        "export": None,
        "sun_w": np.zeros(count),
        "wind_w": np.zeros(count),
        "per_th_day": np.full(count, 0.048),
    }
    return Known(**{**facts, **changes})


def problem(extra="", **changes):
    found, findings = site(extra)
    assert findings == []
    return problem_of(found, known(**changes))[0]


def test_groups_have_their_levels_by_power_with_cooling_and_what_is_left_of_revenue():
    group = problem("[[sun]]\ndc_kw = 1\ntilt = 1\nazimuth = 1\n" * 0).groups[0]
    assert [it.power_w for it in group.levels] == [2000, 3000]
    assert (group.up_min, group.down_min, group.count) == (4, 1, 2)
    assert group.earn[0, 0] == pytest.approx(0.048 / 24 * 0.98 * 0.99)
    text = MINIMAL.replace("[site]", "cooling = 0.05\n[site]")
    cooled, _ = problem_of(read_site(tomllib.loads(text), "x", []), known())
    assert [it.power_w for it in cooled.groups[0].levels] == [2100, 3150]


def test_emissions_are_an_extra_price():
    extra = "[emissions]\nkg_per_kwh = 0.4\nprice_per_kg = 0.1\n"
    assert problem(extra).price[0, 0] == pytest.approx(0.14)


def test_a_demand_charge_counts_as_much_of_the_months_rest_as_the_horizon_covers():
    extra = "[demand]\nper_kw = 12\npeak_kw = 3.5\n"
    at_end = problem(extra).site  # two hours at 21:00 of the month's last day in Berlin: three hours are left
    assert at_end.peak_price == pytest.approx(12 * 2 / 3)
    assert at_end.peak_w == 3500
    early = problem(extra, start=datetime(2025, 12, 31, 23, tzinfo=UTC)).site
    assert early.peak_price == pytest.approx(12 * 2 / (31 * 24))
    assert problem(extra, peak_kw=5.0).site.peak_w == 5000


def test_load_by_the_hour_heat_by_the_month_and_net_power_for_what_is_sold():
    hours = ", ".join(str(it) for it in range(24))
    extra = f"[load]\nbase_kw = 0.5\nhours_kw = [{hours}]\n[heat]\nprice = 0.05\ndemand_kw = 2\nmonths = [2]\n"
    found = problem(extra, count=16)
    assert found.load_w[0, :5].tolist() == [21_500] * 4 + [22_500]
    assert found.site.heat_w.tolist() == [0] * 12 + [2000] * 4
    sold = Slotted(grid=known().price.grid, values=(Decimal("0.07"),) * 4 + (None,) * 4)
    assert problem(export=sold).export_price[0].tolist() == [0.07] * 4 + [0.0] * 4


def test_a_hole_ends_the_horizon_and_one_at_once_ends_the_attempt():
    found, _ = site()
    values = (Decimal("0.1"),) * 6 + (None, Decimal("0.1"))
    cut, findings = problem_of(found, known(values=values))
    assert cut.grid.count == 6
    assert [it.code for it in findings] == ["HW-841"]
    with pytest.raises(OperatorError) as error:
        problem_of(found, known(values=(Decimal("0.1"),) * 3 + (None,) * 5))
    assert error.value.code == "HW-841"


def test_scenarios_of_the_sun_and_unknown_sun_is_none():
    extra = "[risk]\nscenarios = 3\nweight = 0.2\n[[sun]]\ndc_kw = 5\ntilt = 20\nazimuth = 180\n"
    text = (MINIMAL + extra).replace('zone = "Europe/Berlin"', 'zone = "UTC"\nlatitude = 1\nlongitude = 1')
    found = read_site(tomllib.loads(text + '[weather]\nkind = "clear_sky"\n'), "x", [])
    three, _ = problem_of(found, known(sun_w=np.full(8, 1000.0)))
    assert three.own_w[:, 0].tolist() == [1000, 727, 1273]
    none, _ = problem_of(found, known(sun_w=np.full(8, np.nan)))
    assert none.own_w.max() == 0


def test_what_runs_now_is_taken_over_and_reasons_are_read_from_the_plan():
    found = problem(running={"a": 2}, age={"a": 1})
    assert (found.groups[0].running, found.groups[0].age) == (2, 1)
    plan = plan_dispatch(found)
    (block,) = blocks_of(found, plan)
    assert (block.machines, block.reason, block.first, block.last) == (2, "cheap power", 0, 8)
    totals = totals_of(found, plan)
    assert totals.coins + totals.bought == pytest.approx(totals.value)
    dear = problem(values=(Decimal("0.4"),) * 8)
    assert [it.reason for it in blocks_of(dear, plan_dispatch(dear))] == ["too dear"]


@pytest.mark.parametrize(("extra", "part"), [
    ("[wind]\n", "a list of tables is expected"),
    ("[[wind]]\nhub_m = 50\nspeeds_ms = [5, 3]\npowers_kw = [1]\n", "one power for each speed"),
    ("[risk]\nscenarios = 2\n", "2 are not offered"),
    ("[load]\nhours_kw = [1, 2]\n", "has 2 figures"),
    ("[[sun]]\ndc_kw = 1\ntilt = 200\nazimuth = 1\n", "tilt"),
    ("[[groups]]\nname = \"a\"\nlevels = [{ power_w = 1, hashrate_ths = 1 }]\n", "no name twice"),
    ("[[groups]]\nname = \"b\"\nlevels = []\n", "one level at least"),
    ("[nonsense]\n", "there is no such setting"),
])  # fmt: skip
def test_each_problem_of_a_site_is_told(extra, part):
    found, findings = site(extra)
    assert found is None or findings
    assert any(part in f"{it.place} {it.message}" for it in findings)
    assert {it.code for it in findings} == {"HW-840"}


@pytest.mark.parametrize(("level", "expected", "codes"), [
    (50.0, 5000, []), (130.0, 10_000, ["HW-848"]), (-4.0, 0, ["HW-848"]), (None, 1000, ["HW-848"]),
    (float("nan"), 1000, ["HW-848"]),
])  # fmt: skip
def test_a_batterys_report_is_believed_within_what_can_be(level, expected, codes):
    battery = Battery(capacity_kwh=10, charge_kw=5, discharge_kw=5, reserve=0.1)
    content, findings = content_wh(battery, level)
    assert content == expected
    assert [it.code for it in findings] == codes
