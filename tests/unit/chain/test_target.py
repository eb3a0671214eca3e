"""Targets and difficulty, against Bitcoin Core's own cases for the compact form."""

from fractions import Fraction

import pytest

from hashwright.chain.proof import DIFF1
from hashwright.chain.target import (
    TARGET_MAX,
    bits_of_target,
    difficulty_of_target,
    target_of_bits,
    target_of_difficulty,
    work_of_target,
)


@pytest.mark.parametrize(
    ("nbits", "target", "written"),
    [
        (0x01120000, 0x12, 0x01120000),
        (0x02123456, 0x1234, 0x02123400),
        (0x03123456, 0x123456, 0x03123456),
        (0x04123456, 0x12345600, 0x04123456),
        (0x05009234, 0x92340000, 0x05009234),
        (0x20123456, 0x123456 << 232, 0x20123456),
        (0x1D00FFFF, 0xFFFF << 208, 0x1D00FFFF),
        (0x207FFFFF, 0x7FFFFF << 232, 0x207FFFFF),
        (0x21000001, 1 << 240, 0x1F010000),
        (0x2100FFFF, 0xFFFF << 240, 0x2100FFFF),
        (0x220000FF, 0xFF << 248, 0x2100FF00),
    ],
)
def test_compact_form(nbits, target, written):
    assert target_of_bits(nbits) == target
    assert bits_of_target(target) == written


@pytest.mark.parametrize(
    "nbits",
    [
        0x00000000,
        0x00123456,
        0x01003456,  # the mantissa is shifted out
        0x02000056,
        0x03000000,
        0x04000000,
        0x01FEDCBA,  # negative
        0x04923456,
        0x1D80FFFF,
        0x21010000,  # 257 bits
        0x22000100,
        0x23000001,
        0xFF123456,
    ],
)
def test_bits_that_stand_for_no_target(nbits):
    with pytest.raises(ValueError, match=f"{nbits:08x}"):
        target_of_bits(nbits)


@pytest.mark.parametrize("target", [0, -1, 2**256])
def test_a_target_that_is_none_has_no_bits(target):
    with pytest.raises(ValueError, match="is no target"):
        bits_of_target(target)


def test_the_mantissa_never_reaches_into_the_sign():
    assert bits_of_target(0x80) == 0x02008000
    assert bits_of_target(0x7F) == 0x017F0000
    assert bits_of_target(0x800000) == 0x04008000
    assert bits_of_target(TARGET_MAX) == 0x2100FFFF


@pytest.mark.parametrize(
    ("difficulty", "target"),
    [
        (1, DIFF1),
        (1.0, DIFF1),
        (2, DIFF1 // 2),
        (0.5, DIFF1 * 2),
        (Fraction(1, 3), DIFF1 * 3),
        (3, DIFF1 // 3),
        (1e-300, TARGET_MAX),
        (5e-324, TARGET_MAX),
        (1.7e308, 1),
    ],
)
def test_target_of_difficulty_is_exact_and_within_bounds(difficulty, target):
    assert target_of_difficulty(difficulty, DIFF1) == target


def test_a_decimal_difficulty_is_the_float_it_is_not_the_decimal_it_looks_like():
    assert target_of_difficulty(0.1, DIFF1) == DIFF1 * 2**55 // 3602879701896397


@pytest.mark.parametrize("difficulty", [0, -1, 0.0, -0.5, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_difficulty(difficulty):
    with pytest.raises(ValueError, match="is no difficulty"):
        target_of_difficulty(difficulty, DIFF1)


def test_difficulty_of_target():
    assert difficulty_of_target(DIFF1, DIFF1) == 1.0
    assert difficulty_of_target(target_of_bits(0x1B0404CB), DIFF1) == pytest.approx(16307.420938523983, rel=1e-15)
    assert difficulty_of_target(1, DIFF1 * 65536) > 1e70


def test_work_is_bitcoin_core_s_block_proof():
    assert work_of_target(DIFF1) == 0x100010001
    assert work_of_target(TARGET_MAX) == 1
    assert work_of_target(target_of_bits(0x207FFFFF)) == 2
    assert work_of_target(1) == 2**255
