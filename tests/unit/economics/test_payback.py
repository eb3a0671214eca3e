"""Payback, present value, rate of return and the levelised cost of hash."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.economics.payback import (
    HashSource,
    capital_recovery_factor,
    earned_usd,
    internal_rate_per_year,
    last_profitable_day,
    levelised_cost_usd_ph_day,
    net_present_value_usd,
    payback,
)


def test_decay_turns_a_quick_payback_into_none():
    """As in planning.md 2.6: what an advertisement says, what the trend says, and where it never pays back."""
    advertised = payback(capex_usd=370.0, revenue_usd_day=15.0, cost_usd_day=5.0, decay_per_day=0.0)
    assert advertised.days == pytest.approx(37.0)
    assert advertised.days == advertised.naive_days
    falling = payback(capex_usd=370.0, revenue_usd_day=15.0, cost_usd_day=5.0, decay_per_day=0.0095)
    assert falling.naive_days == pytest.approx(37.0)
    assert 55 < falling.days < 70
    never = payback(capex_usd=370.0, revenue_usd_day=15.0, cost_usd_day=5.0, decay_per_day=0.02)
    assert never.never
    assert never.peak_usd < 0
    assert never.peak_day == pytest.approx(math.log(3) / 0.02)


def test_a_machine_that_loses_from_the_first_day():
    lost = payback(capex_usd=100.0, revenue_usd_day=3.0, cost_usd_day=5.0, decay_per_day=0.001)
    assert (lost.days, lost.naive_days, lost.peak_day, lost.peak_usd) == (None, None, 0.0, -100.0)


def test_without_power_cost_the_area_under_the_curve_is_the_bound():
    rates = {"cost_usd_day": 0.0, "decay_per_day": 0.01}
    assert payback(capex_usd=999.0, revenue_usd_day=10.0, **rates).days == pytest.approx(690.8, abs=0.1)
    assert payback(capex_usd=1001.0, revenue_usd_day=10.0, **rates).never


def test_a_growing_revenue_pays_back_sooner():
    growing = payback(capex_usd=500.0, revenue_usd_day=10.0, cost_usd_day=5.0, decay_per_day=-0.005)
    assert growing.days < growing.naive_days == 100.0


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_numbers_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="no payback"):
        payback(capex_usd=wrong, revenue_usd_day=1.0, cost_usd_day=0.0, decay_per_day=0.0)


@given(st.floats(1, 1e5), st.floats(0.1, 1e3), st.floats(0, 1e3), st.floats(-0.001, 0.02))
def test_what_is_paid_back_was_earned_by_then(capex, revenue, cost, decay):
    rates = {"revenue_usd_day": revenue, "cost_usd_day": cost, "decay_per_day": decay}
    answer = payback(capex_usd=capex, **rates)
    if answer.days is not None and answer.days < 1e8:
        assert earned_usd(answer.days, **rates) == pytest.approx(capex, rel=1e-6)
        assert answer.days <= last_profitable_day(**rates) * (1 + 1e-9)
    elif answer.days is None and math.isfinite(answer.peak_day):
        assert earned_usd(answer.peak_day, **rates) < capex


def test_present_value_and_rate_agree():
    flows = [-1_000.0, *([1.5] * 1_095)]
    rate = internal_rate_per_year(flows)
    assert net_present_value_usd(flows, rate_per_year=rate) == pytest.approx(0.0, abs=1e-6)
    assert net_present_value_usd([-100.0, 110.0], rate_per_year=0.10, step_days=365) == pytest.approx(0.0)
    assert internal_rate_per_year([-100.0, 110.0], step_days=365) == pytest.approx(0.10)
    assert net_present_value_usd([0.0, 0.0], rate_per_year=0.1, step_days=365, resale_usd=11.0) == pytest.approx(10.0)


def test_where_there_is_no_rate():
    assert internal_rate_per_year([-100.0, -1.0]) is None
    assert internal_rate_per_year([1.0, 1.0]) is None
    with pytest.raises(ValueError, match="above -100 %"):
        net_present_value_usd([1.0], rate_per_year=-1.0)


def test_the_levelised_cost_of_a_contract_is_the_published_one():
    """planning.md 7: 180 USD for 1,826 days of 1 TH/s and 0.14 USD a day are 0.2386 USD/TH/day."""
    contract = HashSource(capex_usd=180.0, hashrate_ph=0.001, fixed_usd_day=0.14)
    cost = levelised_cost_usd_ph_day(contract, power_price_usd_kwh=0.0, rate_per_year=0.0, years=1826 / 365)
    assert cost / 1000 == pytest.approx(0.2386, abs=5e-5)


def test_interest_and_rest_raise_the_cost_of_hash():
    machine = HashSource(capex_usd=3_000.0, hashrate_ph=0.2, power_kw=3.5)
    plain = levelised_cost_usd_ph_day(machine, power_price_usd_kwh=0.05, rate_per_year=0.0, years=4)
    assert plain == pytest.approx(3_000 / 4 / 365 / 0.2 + 0.05 * 24 * 17.5)
    assert levelised_cost_usd_ph_day(machine, power_price_usd_kwh=0.05, rate_per_year=0.1, years=4) > plain
    assert capital_recovery_factor(0.1, 10) == pytest.approx(0.162745, abs=5e-7)
    with pytest.raises(ValueError, match="above zero"):
        levelised_cost_usd_ph_day(machine, power_price_usd_kwh=0.05, rate_per_year=0.1, years=0)
