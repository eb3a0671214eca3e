"""The page Energy from what a program answers: series, limits, the rule that holds, and the power of the fleet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.web.energy import groups_of, power_of, site_of_state
from hashwright.web.steering import rows_of, steer_of
from unit.web.power_state import FLEET, SLOT_MS, START, change, power_state
from unit.web.world import NOW


def test_series_begin_with_the_plan_and_unknown_stays_unknown():
    plan = site_of_state(power_state()).plan
    assert plan.times_s[0] == START // 1000
    assert len(plan.times_s) == 8
    assert plan.price == (*[0.2] * 7, None)
    assert plan.sun_w[0] == 1000.0
    assert plan.export_price == ()
    assert plan.battery_percent[:2] == (62.0, 60.0)
    assert plan.gain == pytest.approx(2.25)


def test_watts_of_groups_hold_until_they_change():
    plan = site_of_state(power_state()).plan
    assert plan.groups_w == {"cellar": (0, 0, *[1100.0] * 6), "garage": (*[7000.0] * 4, *[0.0] * 4)}


def test_limits_findings_and_reasons_are_told():
    plan = site_of_state(power_state()).plan
    assert [(it.name, it.value_w) for it in plan.limits] == [("import", 11_000.0), ("machines", 12_000.0)]
    assert [it.reason for it in plan.stretches] == ["cheap power", "too dear"]
    assert plan.told == ("HW-841 tariff: no price after the last slot",)


def test_a_site_says_its_mode_its_banner_and_what_it_asks():
    site = site_of_state(power_state(banner="HW-951 the last safe plan rules", rule="last plan"))
    assert (site.mode, site.asks, site.banner[:6], site.plan.rule) == ("ADVISE", 31, "HW-951", "last plan")
    paused = site_of_state(power_state(is_paused=True, state="kept"))
    assert (paused.mode, paused.asks, paused.next_ms) == ("PAUSED", None, None)


def test_a_site_without_a_plan_is_a_site():
    state = power_state() | {"plan": None, "last": None}
    site = site_of_state(state)
    assert (site.name, site.plan, site.asks) == ("home", None, None)


def test_power_is_measured_estimated_or_unknown_and_never_nothing():
    power = power_of(FLEET, at_ms=NOW, is_live=False)
    found = {it.group: (it.measured_w, it.measured, it.estimated_w, it.estimated, it.unknown) for it in power.groups}
    assert found == {
        "garage": (6985.0, 2, 0, 0, 0),
        "cellar": (0, 0, 2194.0, 2, 0),
        "attic": (0, 0, 0, 0, 1),
    }
    assert power.oldest_ms == 4_000


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(-3, 12), st.floats(0, 1e6)), max_size=12))
def test_every_series_is_as_long_as_the_plan_and_its_last_value_is_what_was_said_last(changes):
    found = groups_of([change(name, slot, watts, 1) for name, slot, watts in changes], START, 8)
    assert all(len(values) == 8 for values in found.values())
    for name in found:
        said = sorted([(slot, at, watts) for at, (it, slot, watts) in enumerate(changes) if it == name and slot < 8])
        assert found[name][-1] == (said[-1][2] if said else 0.0)


def test_states_come_as_a_list_or_under_a_name():
    states = [power_state()]
    assert rows_of(states) == rows_of({"sites": states}) == states
    assert rows_of({}) == rows_of("odd") == rows_of([1, {"no": "settings"}]) == []


def test_a_steer_of_power_has_the_name_of_its_site():
    steer = steer_of("power", power_state(banner="HW-952 the threshold rule rules"))
    assert (steer.kind, steer.name, steer.asks, steer.problem[:6]) == ("power", "home", 31, "HW-952")
    assert START + SLOT_MS > NOW
