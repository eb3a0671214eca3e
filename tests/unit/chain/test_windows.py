"""Rules that set the difficulty by the last blocks, against published vectors and against arithmetic by hand."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.chain import windows
from hashwright.chain.adjustment import (
    DECRED_HALF_LIFE_S,
    DECRED_INTERVAL_S,
    asert_bits,
    cut,
    digishield_bits,
    ethash_difficulty,
)
from hashwright.chain.target import bits_of_target, target_of_bits

DASH = (
    *((1408728124, 0x1B104BE1), (1408728332, 0x1B10E09E), (1408728479, 0x1B11A33C), (1408728495, 0x1B121CF3)),
    *((1408728608, 0x1B11951E), (1408728744, 0x1B11ABAC), (1408728756, 0x1B118D9C), (1408728950, 0x1B1123F9)),
    *((1408729116, 0x1B1141BF), (1408729179, 0x1B110764), (1408729305, 0x1B107556), (1408729474, 0x1B104297)),
    *((1408729576, 0x1B1063D0), (1408729587, 0x1B10E878), (1408729647, 0x1B0DFAFF), (1408729678, 0x1B0C9AB8)),
    *((1408730179, 0x1B0C03D6), (1408730862, 0x1B0DD168), (1408730914, 0x1B10B864), (1408731242, 0x1B0FED89)),
    *((1408731256, 0x1B113FF1), (1408732229, 0x1B10460B), (1408732257, 0x1B13B83F), (1408732489, 0x1B1418D4)),
)
"""Main-network blocks 123,433 to 123,456, as Dash Core's own test has them; 123,457 carries 1b1441de."""


def steady(count, interval_s, bits=0x1B104BE1):
    return [(1_600_000_000 + at * interval_s, bits) for at in range(count)]


def test_dash_reproduces_the_block_of_its_own_test():
    assert windows.dark_gravity_wave_bits(DASH) == 0x1B1441DE


def test_ravencoin_is_the_same_rule_over_180_blocks_of_a_minute():
    """By hand: 180 steady blocks are measured over 179 intervals, so the next is a 180th harder."""
    blocks = steady(181, 60)
    found = windows.dark_gravity_wave_bits(blocks, count=windows.RAVENCOIN_BLOCKS, interval_s=60)
    assert found == bits_of_target(target_of_bits(blocks[0][1]) * 179 // 180)


def test_zcash_follows_the_relations_of_its_own_tests():
    """Zcash `src/gtest/test_pow.cpp`: steady blocks, a late last block, and the mean target that is named there."""
    blocks = steady(40, 75, 0x1E7FFFFF)
    unchanged = target_of_bits(0x1E7FFFFF) // (17 * 75) * (17 * 75)
    assert windows.zcash_bits(blocks) == bits_of_target(unchanged)
    late = [*blocks[:-1], (blocks[-1][0] + 30, 0x1E0FFFFF)]
    mean = 0x0000796968696969696969696969696969696969696969696969696969696969
    assert windows.zcash_bits(late) == bits_of_target(mean // (17 * 75) * (17 * 75)), "a median is not moved by one"


def test_zcash_damps_by_a_quarter_within_its_bounds():
    """By hand: blocks at half the pace measure 2,550 s for 1,275: a quarter of that counts, at most 32 and 16 %."""
    target = target_of_bits(0x1C104BE1)
    for interval_s, counted_s in ((75, 1275), (90, 1338), (150, 1593), (600, 1683), (60, 1212), (1, 1071)):
        found = windows.zcash_bits(steady(40, interval_s, 0x1C104BE1))
        assert found == bits_of_target(target // 1275 * counted_s), interval_s


def test_bitcoin_golds_weights_sum_to_its_constant():
    """By hand: 45 steady blocks weigh 1,035 x 600 s, of which its constant is 0.998 times."""
    target = target_of_bits(0x1D104BE1)
    weighted = 1035 * 600
    expected = weighted * (45 * (target // (13_772 * 45 * 45)))
    assert windows.lwma_bits(steady(46, 600, 0x1D104BE1)) == bits_of_target(expected)
    assert expected == pytest.approx(target * 600 * 23 / 13_772, rel=1e-6)
    slow = windows.lwma_bits(steady(46, 100_000, 0x1D104BE1))
    assert slow == bits_of_target(6 * expected), "a block counts six times the plan at most"
    fast = windows.lwma_bits(steady(46, 0, 0x1D104BE1))
    assert target_of_bits(fast) == pytest.approx(target / 10, rel=1e-4), "and never below a tenth in all"


def test_kimotos_well_looks_back_until_the_pace_is_off():
    """By hand: at half the pace 143 of 144 intervals are seen; a pace near the plan looks over the whole week."""
    target = target_of_bits(0x1B104BE1)
    assert windows.kimoto_bits(steady(5000, 300)) == bits_of_target(target * (143 * 300) // (144 * 150))
    assert windows.kimoto_bits(steady(5000, 150)) == bits_of_target(target * (4031 * 150) // (4032 * 150))
    burst = [*steady(4500, 150)]
    burst += [(burst[-1][0] + at, 0x1B104BE1) for at in range(1, 145)]
    assert windows.kimoto_bits(burst) == bits_of_target(target * 143 // (144 * 150)), "a burst is seen at once"
    still = [(1_600_000_000, 0x1B104BE1)] * 200
    assert windows.kimoto_bits(still) == 0x1B104BE1, "no time went by: nothing is scaled"


RULES = {
    "dash": (windows.dark_gravity_wave_bits, 24, windows.DASH_LIMIT),
    "zcash": (windows.zcash_bits, 28, windows.ZCASH_LIMIT),
    "bitcoin gold": (windows.lwma_bits, 46, windows.LWMA_LIMIT),
    "vertcoin": (windows.kimoto_bits, 144, windows.KIMOTO_LIMIT),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_knows_its_window_and_its_easiest_target(name):
    rule, count, limit = RULES[name]
    with pytest.raises(ValueError, match=f"{count} blocks"):
        rule(steady(count - 1, 100))
    easiest = bits_of_target(limit)
    assert target_of_bits(rule(steady(count, 10**6, easiest))) <= limit
    assert rule(steady(count, 10**6, easiest)) == easiest


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(RULES)),
    st.lists(st.tuples(st.integers(-7_200, 7_200), st.integers(0x1A010000, 0x1A7FFFFF)), min_size=150, max_size=150),
)
def test_any_times_and_targets_give_a_target(name, story):
    """Clocks of miners go back and forth; a rule answers all the same, and only the newest blocks count."""
    rule, count, limit = RULES[name]
    blocks = list(itertools.accumulate(story, lambda before, it: (before[0] + it[0], it[1])))
    assert 0 < target_of_bits(rule(blocks)) <= limit
    if name != "vertcoin":
        assert rule(blocks) == rule(blocks[-count:])


ASERT = {
    "run 5: half-lives of blocks without time": (
        0x1D00FFFF,
        (
            (2, 0, 0x1D00FEC5),
            (290, 0, 0x1C7F62C0),
            (6338, 0, 0x1A03FB16),
            (60482, 0, 0x023FB100),
            (64514, 0, 0x01010000),
        ),
    ),
    "run 7: a rising hash rate": (
        0x1802AEE8,
        (
            *((2, 1200, 0x1802AEE8), (3, 1310, 0x1802AD91), (4, 1327, 0x1802ABF8), (9, 7099, 0x1802B39C)),
            *((10, 7099, 0x1802B1F2), (55, 17410, 0x18028556), (101, 20372, 0x18024899), (181, 23457, 0x1801E821)),
            *((299, 26846, 0x1801748D), (400, 28361, 0x180125ED), (501, 29563, 0x1800E793), (637, 31014, 0x1800A7EE)),
        ),
    ),
}
"""Of the test vectors that the specification of aserti3-2d names (Bitcoin Cash Node, qa-assets)."""


@pytest.mark.parametrize("name", ASERT)
def test_asert_reproduces_the_vectors_of_its_specification(name):
    anchor, rows = ASERT[name]
    for height, time_s, nbits in rows:
        assert asert_bits(anchor, since_anchor_s=time_s, blocks=height - 1) == nbits, height


DECRED = (
    *((453_027_238, height, 300 * height, 453_027_238) for height in (0, 1, 10)),
    *((16_842_752, 1, 43_500, 16_908_288), (16_842_752, 6, 261_000, 20_971_520)),
    *((453_027_238, 1, 299, 453_027_237), (453_027_238, 4, 1_199, 453_027_237)),
    *((453_027_238, 1, -1, 453_027_034), (453_027_238, 3, -3, 453_026_629), (453_027_238, 6, -6, 453_026_029)),
    *((486_604_799, 6, 11_793_600, 486_604_799),),
)
"""Start bits, blocks since, seconds since, expected bits: dcrd `asert_test_vectors.json`, main network."""


@pytest.mark.parametrize(("start", "blocks", "elapsed_s", "expected"), DECRED)
def test_decred_reproduces_the_vectors_of_dcrd(start, blocks, elapsed_s, expected):
    found = asert_bits(
        start,
        since_anchor_s=elapsed_s,
        blocks=blocks - 1,
        interval_s=DECRED_INTERVAL_S,
        half_life_s=DECRED_HALF_LIFE_S,
    )
    assert found == expected


POISSON = (
    *((41, 486980492), (336, 487061450), (489, 487078288), (565, 487055944), (584, 487008047), (675, 486995157)),
    *((839, 487014846), (1026, 487046581), (1049, 487001339), (1077, 486962191), (1100, 486924455), (1130, 486892458)),
    *((1148, 486859412), (1227, 486847027), (1278, 486827269), (1616, 486894503), (2201, 487095140), (2575, 487249052)),
)


def test_decreds_random_blocks_are_reproduced_one_by_one():
    """The test network's setting (120 s, half-life 720 s), start 487015304."""
    for blocks, (elapsed_s, expected) in enumerate(POISSON, start=1):
        found = asert_bits(
            487015304,
            since_anchor_s=elapsed_s,
            blocks=blocks - 1,
            interval_s=120,
            half_life_s=720,
            limit=2**232 - 1,
        )
        assert found == expected, blocks


@pytest.mark.parametrize(
    ("before_s", "after_s", "nbits", "expected"),
    [
        (1395094427, 1395094679, 0x1B499DFD, 0x1B671062),
        (1395380517, 1395380447, 0x1B446F21, 0x1B335358),
        (1395094679, 1395094727, 0x1B671062, 0x1B6558A4),
    ],
)
def test_digishield_reproduces_main_network_blocks(before_s, after_s, nbits, expected):
    """Blocks 145,001, 149,424 and 145,002 of Dogecoin, as Dogecoin Core's own tests have them."""
    assert digishield_bits(nbits, after_s - before_s) == expected


@pytest.mark.parametrize(
    ("parent", "elapsed_s", "has_uncles", "expected"),
    [
        (0x6963001F28BA95C2, 1, False, 0x69702C7F2C9FAD14),
        (0x232669DA055AF609, 2, False, 0x232ACEA7409BA167),
        (0x6D1A04397A7E287C, 20, False, 0x6D0C60F8F34ED8B7),
        (0x1B4780A170E725E9, 20, True, 0x1B4780A170E725E9),
        (0x42850AE6D7797FFC, 20, False, 0x427CBA457A9E90CD),
    ],
)
def test_ethereum_classic_reproduces_the_vectors_of_eip_100(parent, elapsed_s, has_uncles, expected):
    """`difficultyByzantium.json` of ethereum/tests, blocks before its bomb: Ethereum Classic has none (ECIP-1041)."""
    assert ethash_difficulty(parent, elapsed_s, has_uncles=has_uncles) == expected


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_division_cuts_toward_zero_as_consensus_code_does(number, divisor):
    found = cut(number, divisor)
    assert abs(found) == abs(number) // divisor
    assert found == 0 or (found > 0) == (number > 0)
