"""New coins by height, against published points of each chain."""

import pytest

from hashwright import registry
from hashwright.chain.subsidy import subsidy
from hashwright.errors import NotSupported

COINS = {name: registry.load("coins", name).COIN for name in registry.names("coins")}


def coins_of(name, height):
    coin = COINS[name]
    return coin.economy.emission.subsidy(height) / 10**coin.decimals


@pytest.mark.parametrize(
    ("name", "height", "coins"),
    [
        *(("bitcoin", 210_000 * era, 50 / 2**era) for era in range(5)),
        ("bitcoin", 209_999, 50.0),
        ("litecoin", 839_999, 50.0),
        ("litecoin", 2_520_000, 6.25),
        # Dogecoin's own tests: the fixed rewards begin at 145,000
        *(
            ("dogecoin", *row)
            for row in [
                (145_000, 250_000),
                (199_999, 250_000),
                (200_000, 125_000),
                (300_000, 62_500),
                (400_000, 31_250),
                (500_000, 15_625),
                (600_000, 10_000),
                (50_000_000, 10_000),
            ]
        ),
        # ECIP-1017: era 1 ends with block 5,000,000
        *(
            ("ethereum_classic", 5_000_000 * era + block, coins)
            for era, coins in enumerate((5, 4, 3.2, 2.56, 2.048, 1.6384))
            for block in (1, 5_000_000)
        ),
        ("monero", 3_000_000, 0.6),
        ("monero", 2_641_623, 0.6),
        ("ethereum", 4_369_999, 5),
        ("ethereum", 4_370_000, 3),
        ("ethereum", 7_280_000, 2),
        ("ethereum", 15_537_394, 0),
        ("zcash", 30_000, 12.5),
        ("zcash", 653_600, 6.25),
        ("zcash", 1_046_399, 6.25),
        ("zcash", 1_046_400, 3.125),
        ("zcash", 2_726_400, 1.5625),
        ("ravencoin", 2_099_999, 5_000),
        ("ravencoin", 2_100_000, 2_500),
        ("dash", 210_240, 5.0),
        ("dash", 210_241, 4.64285715),
        ("decred", 6_143, 31.19582664),
        ("decred", 6_144, 30.88695706),
        ("vertcoin", 840_000, 25),
        ("bitcoin_cash", 840_000, 3.125),
    ],
)
def test_the_published_points(name, height, coins):
    assert coins_of(name, height) == pytest.approx(coins, abs=1e-12)


def test_monero_pays_what_its_own_tests_say_at_the_beginning():
    emission = COINS["monero"].economy.emission
    assert emission.subsidy(0) == 17_592_186_044_415
    assert emission.subsidy(1) == pytest.approx(17_592_169_267_200, abs=1e6)
    assert emission.subsidy(2_641_622) == pytest.approx(6e11, rel=2e-3), "the curve meets the tail"


@pytest.mark.parametrize("name", ["bitcoin", "litecoin"])
def test_the_two_ways_to_ask_say_the_same(name):
    """A pool's engine asks `subsidy`, which knows test networks; a forecast asks the emission."""
    coin = COINS[name]
    for height in (0, 1, coin.halving_blocks - 1, coin.halving_blocks, 5_000_000, 70 * coin.halving_blocks):
        assert coin.economy.emission.subsidy(height) == subsidy(height, coin)


@pytest.mark.parametrize("name", [name for name, coin in COINS.items() if coin.economy])
def test_nothing_changes_before_the_next_change(name):
    emission = COINS[name].economy.emission
    for height in (0, 1, 99_999, 145_000, 700_000, 2_000_000, 5_000_000):
        following = emission.next_change(height)
        if following is None:
            assert emission.subsidy(height) == emission.subsidy(height * 10 + 1)
            continue
        assert following > height
        assert emission.subsidy(following - 1) == emission.subsidy(height)
        if name not in ("dogecoin", "monero"):  # their tables also have rows that only say the rule changes
            assert emission.subsidy(following) != emission.subsidy(height)


def test_where_the_miner_gets_a_part_only():
    share = {name: COINS[name].economy.miner_share_ppm for name in ("bitcoin", "dash", "zcash", "decred", "ethereum")}
    assert share["bitcoin"]("2020-01-01") == 1_000_000
    assert share["dash"]("2019-06-01") == 450_000
    assert share["dash"]("2015-01-01") == 650_000
    assert share["dash"]("2021-01-01") == 900 * (1000 - 513)
    assert share["dash"]("2023-11-24") == share["dash"]("2023-12-13") == 900 * (1000 - 585)
    assert share["dash"]("2023-12-14") == 200_000
    assert share["zcash"]("2020-01-01") == share["zcash"]("2024-12-01") == 800_000
    assert [share["decred"](day) for day in ("2021-01-01", "2023-01-01", "2024-01-01")] == [600_000, 100_000, 10_000]
    assert [share["ethereum"](day) for day in ("2022-09-14", "2022-09-15")] == [1_000_000, 0]


def test_which_coins_a_session_mines():
    sessions = {name: coin.economy.session for name, coin in COINS.items() if coin.economy and coin.economy.session}
    assert sessions == {
        "bitcoin": "bitcoin",
        "bitcoin_cash": "bitcoin",
        "litecoin": "bitcoin",
        "monero": "cryptonote",
    }
    assert COINS["dogecoin"].economy.merged_parent == "litecoin"


@pytest.mark.parametrize(
    ("name", "why"), [("dogecoin", "along with Litecoin"), ("bitcoin_cash", "at a pool"), ("ravencoin", "kawpow")]
)
def test_a_coin_that_is_only_compared_says_why(name, why):
    with pytest.raises(NotSupported, match=why) as refusal:
        COINS[name].network("main")
    assert refusal.value.code == "HW-817"
