"""What is learned is bounded, slow, and honest about what it rests on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.economics.realised import (
    DRIFT_MAX,
    HIGH,
    LOW,
    Evidence,
    forecast_error,
    learned,
    machine_factor,
)


def evidence(realised, *, expected=24.0, days=1.0, age=0.0):
    return Evidence(age_days=age, days=days, expected=expected, realised=realised)


def test_without_evidence_nothing_changes():
    assert learned([]).factor == 1.0
    assert learned([evidence(0.0, expected=0.0)]).factor == 1.0
    assert learned([]).plain is None


def test_a_bad_hour_moves_a_factor_by_two_percent():
    hour = evidence(0.0, expected=1.0, days=1 / 24)
    assert learned([hour]).factor == pytest.approx(48 / 49)
    assert learned([hour] * 24).factor == pytest.approx(2 / 3), "a whole day of nothing says more"


def test_a_fact_that_lasts_is_learned_within_the_bounds():
    weeks = [evidence(24.0 * 0.9, age=day) for day in range(30)]
    assert learned(weeks).factor == pytest.approx(0.91, abs=0.01)
    assert learned(weeks).plain == pytest.approx(0.9)
    assert learned([evidence(0.0, age=day) for day in range(300)]).factor == LOW
    assert learned([evidence(2400.0)]).factor == HIGH


def test_older_days_count_less():
    was_bad = [evidence(12.0, age=40), evidence(24.0)]
    is_bad = [evidence(24.0, age=40), evidence(12.0)]
    assert learned(was_bad).factor > learned(is_bad).factor


@given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(1e-6, 1e12), st.floats(0.001, 30), st.floats(0, 400))))
def test_no_evidence_leaves_the_bounds(rows):
    found = learned([evidence(r, expected=e, days=d, age=a) for r, e, d, a in rows])
    assert LOW <= found.factor <= HIGH


@given(st.floats(0, 3), st.integers(1, 23))
def test_less_evidence_moves_less(ratio, hours):
    """The factor of some hours lies between none and that of a day of the same."""
    short = learned([evidence(hours * ratio, expected=float(hours), days=hours / 24)]).factor
    day = learned([evidence(24 * ratio)]).factor
    assert min(1.0, day) - 1e-9 <= short <= max(1.0, day) + 1e-9


def test_a_forecast_of_as_today_is_judged_by_the_changes_of_days():
    found = forecast_error([100.0, 110.0, None, 121.0, 110.0])
    assert found.pairs == 2
    assert found.bias == pytest.approx((math.log(1.1) + math.log(110 / 121)) / 16)
    assert found.spread == pytest.approx(math.sqrt((math.log(1.1) ** 2 + math.log(110 / 121) ** 2) / 2))
    assert forecast_error([None, 5.0, 0.0]).factor(30) == 1.0


def test_a_drift_that_is_learned_is_bounded():
    wild = forecast_error([2.0**day for day in range(30)])
    assert wild.factor(1000) == pytest.approx(math.exp(DRIFT_MAX))


@pytest.mark.parametrize(
    ("claimed", "proven", "shares", "factor"),
    [
        (100.0, 0.0, 0, 1.0),
        (100.0, 50.0, 200, 0.75),
        (100.0, 90.0, 10**6, 0.9),
        (0.0, 5.0, 50, 1.0),
        (1.0, 9.0, 10**6, HIGH),
    ],
)
def test_a_machine_is_taken_at_its_word_until_shares_say_otherwise(claimed, proven, shares, factor):
    assert machine_factor(claimed, proven, shares) == pytest.approx(factor, abs=0.001)
