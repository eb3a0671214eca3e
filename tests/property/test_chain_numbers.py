"""Targets, difficulty, headers and merkle trees, for any number."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hashwright.chain.header import Header, header_bytes, parse_header, swap_words
from hashwright.chain.merkle import merkle_branch, merkle_root, root_from_branch
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.chain.target import (
    TARGET_MAX,
    bits_of_target,
    difficulty_of_target,
    target_of_bits,
    target_of_difficulty,
    work_of_target,
)

TARGETS = st.integers(1, TARGET_MAX) | st.integers(1, 255).flatmap(lambda bits: st.integers(2**bits - 2, 2**bits + 2))
DIFFICULTIES = st.floats(min_value=1e-12, max_value=1e18)
DIFF1 = st.sampled_from([item.diff1_target for item in ALGORITHMS.values()])
WORDS = st.integers(0, 2**32 - 1)
HASHES = st.binary(min_size=32, max_size=32)


@given(TARGETS.filter(bool))
def test_the_compact_form_rounds_down_by_less_than_a_part_in_32768_and_then_stays(target):
    nbits = bits_of_target(target)
    kept = target_of_bits(nbits)
    assert target - (target >> 15) - 1 < kept <= target
    assert bits_of_target(kept) == nbits


@given(TARGETS.filter(bool), TARGETS.filter(bool))
def test_the_compact_form_keeps_the_order(one, other):
    low, high = sorted((one, other))
    assert target_of_bits(bits_of_target(low)) <= target_of_bits(bits_of_target(high))


@given(WORDS)
def test_nbits_stand_for_a_target_in_range_or_for_none(nbits):
    try:
        target = target_of_bits(nbits)
    except ValueError:
        return
    assert 0 < target <= TARGET_MAX


@given(DIFFICULTIES, DIFFICULTIES, DIFF1)
def test_more_difficulty_is_never_a_larger_target(one, other, diff1):
    low, high = sorted((one, other))
    assert target_of_difficulty(high, diff1) <= target_of_difficulty(low, diff1)


@given(DIFFICULTIES, DIFF1)
def test_a_difficulty_s_target_is_the_largest_that_is_hard_enough(difficulty, diff1):
    target = target_of_difficulty(difficulty, diff1)
    if target < TARGET_MAX:
        assert Fraction(diff1, target) >= Fraction(difficulty) > Fraction(diff1, target + 1)


@given(TARGETS.filter(bool), TARGETS.filter(bool), DIFF1)
def test_a_smaller_target_is_at_least_as_difficult_and_as_much_work(one, other, diff1):
    low, high = sorted((one, other))
    assert difficulty_of_target(low, diff1) >= difficulty_of_target(high, diff1)
    assert work_of_target(low) >= work_of_target(high) >= 1


@given(st.binary(min_size=80, max_size=80))
def test_any_80_bytes_are_a_header_and_come_back(data):
    assert header_bytes(parse_header(data)) == data


@given(WORDS, HASHES, HASHES, WORDS, WORDS, WORDS)
def test_any_header_is_80_bytes_and_comes_back(version, prevhash, root, ntime, nbits, nonce):
    header = Header(version=version, prevhash_le=prevhash, merkle_root_le=root, ntime=ntime, nbits=nbits, nonce=nonce)
    assert parse_header(header_bytes(header)) == header


@given(HASHES)
def test_swapping_words_twice_changes_nothing(data):
    assert swap_words(swap_words(data)) == data
    assert sorted(swap_words(data)) == sorted(data)


@given(st.integers(0, 300), st.integers(0, 2**32))
def test_the_branch_leads_to_the_root_for_any_number_of_transactions(count, seed):
    coinbase, *others = (sha256d(b"%d %d" % (seed, n)) for n in range(count + 1))
    branch = merkle_branch(others)
    assert root_from_branch(coinbase, branch) == merkle_root([coinbase, *others])
    assert len(branch) == count.bit_length()
