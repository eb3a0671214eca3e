"""What a hash is worth, and how much of a promise becomes real."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.economics.receivables import FACTOR_MAX, DayOfUpstream, exposure, realisation
from hashwright.economics.reward import reward_per_hash
from hashwright.money import Currency

BTC = Currency("BTC", 8)


def test_hashprice_is_that_of_the_published_formula():
    """planning.md 2.6: D = 1e14, S = 3.125, P = 100,000 USD gives 62.8643 USD a PH/s and day."""
    worth = reward_per_hash(312_500_000, 10**14 * 2**32, BTC)
    assert worth.hashprice(10**15).value * 100_000 == pytest.approx(62.8643, abs=5e-5)


def test_a_fee_is_taken_from_what_work_is_worth():
    worth = reward_per_hash(1_000, 500, BTC)
    assert worth.of(250) == 500
    assert worth.of(250, fee_ppm=20_000) == 490
    assert worth.of(1) == Fraction(2)
    for wrong in ((1, 0), (-1, 5)):
        with pytest.raises(ValueError, match="is none"):
            reward_per_hash(*wrong, BTC)


def day(age, expected, credited):
    return DayOfUpstream(age_days=age, expected=expected, credited=credited)


def test_without_evidence_a_promise_is_believed():
    assert realisation([]).factor == 1.0
    assert realisation([day(0, 0, 0)]).factor == 1.0
    assert not realisation([day(0, 1_000, 0)]).is_short, "one day is no verdict"
    hour = DayOfUpstream(age_days=0, expected=1_000, credited=0, hours=1.0)
    assert realisation([hour]).factor == pytest.approx(48 / 49), "and an hour says nearly nothing"


def test_a_pool_that_pays_half_is_found_out():
    learned = realisation([day(age, 1_000, 500) for age in range(30)])
    assert 0.5 < learned.factor < 0.56
    assert learned.is_short
    honest = realisation([day(age, 1_000, 1_000) for age in range(30)])
    assert honest.factor == pytest.approx(1.0)
    assert not honest.is_short


def test_what_is_recent_counts_more():
    turned_bad = realisation([day(age, 1_000, 400 if age < 20 else 1_000) for age in range(40)])
    turned_good = realisation([day(age, 1_000, 1_000 if age < 20 else 400) for age in range(40)])
    assert turned_bad.factor < turned_good.factor


days = st.lists(st.builds(day, st.integers(0, 60), st.integers(0, 10**12), st.integers(0, 10**12)), max_size=30)


@given(days)
def test_the_factor_is_bounded_and_does_not_depend_on_the_order(known):
    learned = realisation(known)
    assert 0 <= learned.factor <= FACTOR_MAX
    assert realisation(known[::-1]).factor == pytest.approx(learned.factor)
    assert learned.credited <= sum(it.credited for it in known)


@given(days, st.integers(1, 10**12))
def test_more_credit_never_lowers_the_factor(known, more):
    if not any(it.expected for it in known):
        return
    richer = [day(it.age_days, it.expected, it.credited + (more if it.expected else 0)) for it in known]
    assert realisation(richer).factor >= realisation(known).factor - 1e-12


def test_exposure_is_what_could_be_lost():
    assert [exposure(it, 100) for it in (0, 100, 101)] == ["none", "within", "over"]
    assert exposure(10**9, None) == "within"
