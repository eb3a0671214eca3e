"""Retargets: Bitcoin Core's own four cases (`pow_tests.cpp`), and where Litecoin differs."""

import pytest

from hashwright import registry
from hashwright.chain.retarget import is_retarget, period_start_height, retargeted_bits
from hashwright.chain.target import bits_of_target, target_of_bits

BITCOIN, LITECOIN = (registry.load("coins", name).COIN for name in ("bitcoin", "litecoin"))
TWO_WEEKS_S = 14 * 86_400


@pytest.mark.parametrize(
    ("start", "end", "old", "new"),
    [
        (1_261_130_161, 1_262_152_739, 0x1D00FFFF, 0x1D00D86A),  # blocks 30240 and 32255
        (1_231_006_505, 1_233_061_996, 0x1D00FFFF, 0x1D00FFFF),  # not easier than the limit
        (1_279_008_237, 1_279_297_671, 0x1C05A3F4, 0x1C0168FD),  # a quarter of the time, at most
        (1_263_163_443, 1_269_211_443, 0x1C387F6F, 0x1D00E1FD),  # four times, at most
    ],
)
def test_bitcoin_core_s_cases(start, end, old, new):
    assert retargeted_bits(old, end - start, BITCOIN) == new


def test_a_period_on_time_changes_nothing():
    assert retargeted_bits(0x1B0404CB, TWO_WEEKS_S, BITCOIN) == 0x1B0404CB
    assert retargeted_bits(0x1A00AD31, 2016 * 150, LITECOIN) == 0x1A00AD31


def test_time_that_ran_backwards_counts_as_a_quarter():
    assert retargeted_bits(0x1B0404CB, -5, BITCOIN) == retargeted_bits(0x1B0404CB, TWO_WEEKS_S // 4, BITCOIN)


def test_litecoin_s_first_periods():
    """Blocks 2016 and 4032: the genesis target was a little below the limit, and 4032 was four times faster."""
    assert retargeted_bits(0x1E0FFFF0, 1_318_480_354 - 1_317_972_665, LITECOIN) == 0x1E0FFFFF
    assert retargeted_bits(0x1E0FFFFF, 1_318_485_419 - 1_318_480_354, LITECOIN) == 0x1E03FFFF


@pytest.mark.parametrize("nbits", [0x1E0FFFFF, 0x1E0FFFFD, 0x1E080001, 0x1E07FFFF])
def test_the_bit_that_litecoin_s_code_drops_never_shows(nbits):
    """Its rule, written out: near the limit it multiplies half the target, and doubles the result."""
    limit, planned_s = LITECOIN.networks["main"].target_limit, 2016 * 150
    target = target_of_bits(nbits)
    shift = int(target.bit_length() > limit.bit_length() - 1)
    for elapsed_s in range(planned_s // 4, planned_s * 4, 997):
        theirs = min((target >> shift) * elapsed_s // planned_s << shift, limit)
        assert retargeted_bits(nbits, elapsed_s, LITECOIN) == bits_of_target(theirs)


def test_which_heights_retarget_and_from_where_they_measure():
    assert [h for h in range(4033) if is_retarget(h, BITCOIN)] == [2016, 4032]
    assert [period_start_height(h, BITCOIN) for h in (2016, 4032)] == [0, 2016]
    assert [period_start_height(h, LITECOIN) for h in (2016, 4032)] == [0, 2015]


def test_regtest_never_retargets():
    assert not any(is_retarget(2016, coin, "regtest") for coin in (BITCOIN, LITECOIN))
