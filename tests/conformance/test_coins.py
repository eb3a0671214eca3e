"""What every coin's file must say, whichever coin it is: enough to be reckoned with, or why it cannot be mined."""

import pytest

from hashwright import registry
from hashwright.economics.difficulty import Start, difficulty_paths
from hashwright.economics.hardware import load_catalogue
from hashwright.errors import NotSupported

COINS = {name: registry.load("coins", name).COIN for name in registry.names("coins")}


@pytest.fixture(params=COINS)
def coin(request):
    return COINS[request.param]


def test_no_two_coins_have_one_ticker_or_title():
    for attribute in ("ticker", "title"):
        names = [getattr(coin, attribute) for coin in COINS.values()]
        assert len(names) == len(set(names))


def test_it_can_be_mined_or_says_why_not(coin):
    assert coin.is_minable == (coin.why_not == "")
    if coin.is_minable_here:
        assert coin.network("main").target_limit > 0
        return
    with pytest.raises(NotSupported) as refusal:
        coin.network("main")
    assert refusal.value.code == ("HW-817" if coin.is_minable else "HW-205")


def test_its_economy_is_whole(coin):
    economy = coin.economy
    assert economy is not None
    assert economy.work_factor in (1, 8192, 2**32)
    assert economy.source
    assert coin.mean_interval_s > 0
    rule = economy.adjustment
    assert {"epoch": rule.epoch_blocks, "window": rule.window_s, "relax": rule.relax_s}[rule.kind] > 0
    days = [day for day, _ in economy.miner_shares]
    assert days == sorted(days)
    assert all(0 <= share <= 1_000_000 for _, share in economy.miner_shares)
    assert economy.merged_parent in ("", *COINS)


def test_it_never_creates_more_than_its_first_blocks_and_never_less_than_nothing(coin):
    emission = coin.economy.emission
    heights = [10**power for power in range(9)]
    coins = [emission.subsidy(height) for height in heights]
    assert min(coins) >= 0
    assert all(type(it) is int for it in coins)
    if coin.key != "zcash":  # its first blocks paid half
        assert coins == sorted(coins, reverse=True)


def test_its_difficulty_can_be_followed(coin):
    import numpy as np

    rates = np.full((1, 5), 1e12)
    start = Start(difficulty=1e12 * coin.mean_interval_s / coin.economy.work_factor)
    assert difficulty_paths(rates, coin, start) == pytest.approx(start.difficulty, rel=2e-3)


def test_machines_are_known_for_the_coins_that_are_mined_here():
    algorithms = {machine.algorithm for machine in load_catalogue().machines}
    assert {coin.algorithm for coin in COINS.values() if coin.is_minable_here} <= algorithms
