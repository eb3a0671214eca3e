"""Rules that move the difficulty with each block."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.chain.adjustment import (
    DIGISHIELD_LIMIT,
    ETHASH_MINIMUM,
    asert_bits,
    digishield_bits,
    ethash_difficulty,
)
from hashwright.chain.target import bits_of_target, target_of_bits

ANCHOR = 0x1804DAFE
"""Bitcoin Cash's own: block 661,647."""


@pytest.mark.parametrize(
    ("elapsed_s", "factor"),
    [(60, 60), (68, 61), (67, 60), (53, 60), (52, 59), (-1000, 45), (0, 53), (10_000, 90), (-100_000, 45)],
)
def test_digishield_takes_an_eighth_and_has_bounds(elapsed_s, factor):
    """By Dogecoin's constants, with division toward zero as C++ has it."""
    old = 0x1B123456
    assert digishield_bits(old, elapsed_s) == bits_of_target(target_of_bits(old) * factor // 60)


def test_digishield_is_never_easier_than_the_chain_allows():
    assert target_of_bits(digishield_bits(bits_of_target(DIGISHIELD_LIMIT), 10_000)) <= DIGISHIELD_LIMIT


def test_asert_keeps_the_anchor_on_time_and_doubles_in_a_half_life():
    """By the specification: on time nothing changes, two days late is twice as easy, two days early half."""
    on_time = {"blocks": 1_000, "since_anchor_s": 600 * 1_001}
    assert asert_bits(ANCHOR, **on_time) == ANCHOR
    late = asert_bits(ANCHOR, blocks=1_000, since_anchor_s=600 * 1_001 + 172_800)
    early = asert_bits(ANCHOR, blocks=1_000, since_anchor_s=600 * 1_001 - 172_800)
    assert target_of_bits(late) == 2 * target_of_bits(ANCHOR)
    assert target_of_bits(early) == pytest.approx(target_of_bits(ANCHOR) / 2, rel=1e-4)


@given(st.integers(-10 * 86_400, 10 * 86_400), st.integers(0, 200_000))
def test_asert_is_the_power_that_it_approximates(delay_s, blocks):
    bits = asert_bits(ANCHOR, blocks=blocks, since_anchor_s=600 * (blocks + 1) + delay_s)
    exact = target_of_bits(ANCHOR) * 2.0 ** (delay_s / 172_800)
    assert target_of_bits(bits) == pytest.approx(exact, rel=3e-4)


@pytest.mark.parametrize(
    ("elapsed_s", "uncles", "steps"), [(8, False, 1), (9, False, 0), (17, False, 0), (18, False, -1), (8, True, 2)]
)
def test_ethash_moves_by_a_part_in_2048(elapsed_s, uncles, steps):
    assert ethash_difficulty(2048 * 10**9, elapsed_s, has_uncles=uncles) == (2048 + steps) * 10**9


def test_ethash_has_bounds():
    assert ethash_difficulty(2048 * 10**9, 10**6) == (2048 - 99) * 10**9
    assert ethash_difficulty(ETHASH_MINIMUM, 10**6) == ETHASH_MINIMUM
