"""What holds for all amounts, weights and targets."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hashwright.chain.merkle import merkle_branch, merkle_root, root_from_branch
from hashwright.chain.target import (
    TARGET_MAX,
    bits_of_target,
    difficulty_of_target,
    target_of_bits,
    target_of_difficulty,
    work_of_target,
)
from hashwright.money import Amount, Currency, amount_of, apportion

BTC = Currency("BTC", 8)
DIFF1 = 0xFFFF << 208
minors = st.integers(min_value=-(2**61), max_value=2**61)


@given(minors)
def test_text_of_an_amount_reads_back_exactly(minor):
    amount = Amount(minor, BTC)
    assert amount_of(amount.text(), BTC) == amount


@given(minors, st.lists(st.integers(min_value=0, max_value=2**80), min_size=1, max_size=40).filter(any))
def test_parts_sum_exactly_and_none_is_a_unit_off(minor, weights):
    parts = apportion(Amount(minor, BTC), weights)
    assert sum(part.minor for part in parts) == minor
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Fraction(part.minor) - Fraction(minor * weight, sum(weights))) < 1
        assert weight or part.minor == 0


@given(minors, st.lists(st.integers(min_value=0, max_value=1000), min_size=2, max_size=10).filter(any))
def test_a_larger_weight_never_gets_less(minor, weights):
    parts = [abs(part.minor) for part in apportion(Amount(minor, BTC), weights)]
    for i, j in ((i, j) for i in range(len(weights)) for j in range(len(weights))):
        assert weights[i] <= weights[j] or parts[i] >= parts[j]


@given(st.integers(min_value=1, max_value=TARGET_MAX))
def test_the_compact_form_never_makes_a_target_easier(target):
    nbits = bits_of_target(target)
    back = target_of_bits(nbits)
    assert back <= target < back + (back >> 15) + 1
    assert bits_of_target(back) == nbits


@given(st.floats(min_value=1e-9, max_value=1e30), st.floats(min_value=1e-9, max_value=1e30))
def test_a_higher_difficulty_is_a_lower_target_and_more_work(one, other):
    low, high = sorted((one, other))
    easy, hard = target_of_difficulty(low, DIFF1), target_of_difficulty(high, DIFF1)
    assert easy >= hard
    assert work_of_target(easy) <= work_of_target(hard)


@given(st.floats(min_value=1e-6, max_value=1e20))
def test_difficulty_and_target_are_two_writings_of_one_thing(difficulty):
    again = difficulty_of_target(target_of_difficulty(difficulty, DIFF1), DIFF1)
    assert abs(again - difficulty) <= difficulty * 1e-9


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=0, max_size=40), st.binary(min_size=32, max_size=32))
def test_the_branch_leads_to_the_same_root_for_any_number_of_transactions(others, coinbase):
    assert root_from_branch(coinbase, merkle_branch(others)) == merkle_root([coinbase, *others])
