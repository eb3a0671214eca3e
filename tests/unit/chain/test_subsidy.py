"""New coins at the heights where they change."""

import pytest

from hashwright import registry
from hashwright.chain.subsidy import issued, next_halving_height, subsidy

BITCOIN, LITECOIN = (registry.load("coins", name).COIN for name in ("bitcoin", "litecoin"))
COIN = 10**8


@pytest.mark.parametrize(
    ("height", "coin", "network", "value"),
    [
        (0, BITCOIN, "main", 50 * COIN),
        (209_999, BITCOIN, "main", 50 * COIN),
        (210_000, BITCOIN, "main", 25 * COIN),
        (840_000, BITCOIN, "main", 312_500_000),
        (6_929_999, BITCOIN, "main", 1),
        (6_930_000, BITCOIN, "main", 0),
        (210_000 * 64, BITCOIN, "main", 0),
        (210_000 * 1000, BITCOIN, "main", 0),
        (149, BITCOIN, "regtest", 50 * COIN),
        (150, BITCOIN, "regtest", 25 * COIN),
        (2_519_999, LITECOIN, "main", 1_250_000_000),
        (2_520_000, LITECOIN, "main", 625_000_000),
        (433, LITECOIN, "regtest", 1_250_000_000),
    ],
)
def test_subsidy(height, coin, network, value):
    assert subsidy(height, coin, network) == value


def test_the_next_halving():
    assert next_halving_height(0, BITCOIN) == 210_000
    assert next_halving_height(839_999, BITCOIN) == 840_000
    assert next_halving_height(840_000, BITCOIN) == 1_050_000
    assert next_halving_height(840_000, LITECOIN) == 1_680_000


def test_all_bitcoin_there_will_ever_be():
    """Bitcoin Core's own test has the same sum (`subsidy_limit_test`: 2,099,999,997,690,000)."""
    assert issued(7_000_000, BITCOIN) == issued(210_000 * 1000, BITCOIN) == 2_099_999_997_690_000


@pytest.mark.parametrize("height", [0, 1, 149, 150, 151, 299, 300, 1000])
def test_issued_is_the_sum_of_the_blocks(height):
    assert issued(height, LITECOIN, "regtest") == sum(subsidy(n, LITECOIN, "regtest") for n in range(height + 1))
