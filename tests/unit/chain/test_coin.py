"""What the coins say about themselves."""

import pytest

from hashwright import registry
from hashwright.chain.coin import Coin
from hashwright.chain.proof import ALGORITHMS
from hashwright.chain.target import bits_of_target
from hashwright.errors import NotSupported

COINS = {name: registry.load("coins", name).COIN for name in registry.names("coins")}
MINABLE = [coin for coin in COINS.values() if coin.is_minable_here]


def test_these_coins_are_known():
    assert {"bitcoin", "litecoin", "ethereum"} <= set(COINS)


@pytest.mark.parametrize("name", COINS)
def test_a_coin_s_key_is_its_file(name):
    assert isinstance(COINS[name], Coin)
    assert COINS[name].key == name


@pytest.mark.parametrize("coin", MINABLE, ids=lambda coin: coin.key)
def test_a_minable_coin_is_whole(coin):
    assert coin.algorithm in ALGORITHMS
    assert {"main", "test", "regtest"} <= set(coin.networks)
    assert all(name == network.name for name, network in coin.networks.items())
    for network in coin.networks.values() if coin.family == "bitcoin" else ():
        assert network.pubkey_versions
        assert network.script_versions
        assert not set(network.pubkey_versions) & set(network.script_versions)


@pytest.mark.parametrize(
    ("coin", "network", "nbits"),
    [
        ("bitcoin", "main", 0x1D00FFFF),
        ("bitcoin", "test", 0x1D00FFFF),
        ("bitcoin", "signet", 0x1E0377AE),
        ("bitcoin", "regtest", 0x207FFFFF),
        ("litecoin", "main", 0x1E0FFFFF),
        ("litecoin", "test", 0x1E0FFFFF),
        ("litecoin", "regtest", 0x207FFFFF),
    ],
)
def test_the_easiest_target_in_its_compact_form(coin, network, nbits):
    assert bits_of_target(COINS[coin].network(network).target_limit) == nbits


def test_ethereum_says_since_when_not_and_what_instead():
    assert not COINS["ethereum"].is_minable
    with pytest.raises(NotSupported, match=r"2022-09-15.*Ethereum Classic") as refusal:
        COINS["ethereum"].network("main")
    assert refusal.value.code == "HW-205"


def test_a_network_that_a_coin_has_not():
    with pytest.raises(NotSupported, match="Litecoin has no network 'signet'") as refusal:
        COINS["litecoin"].network("signet")
    assert (refusal.value.code, refusal.value.hint) == ("HW-204", "Choose one of: main, test, regtest.")
