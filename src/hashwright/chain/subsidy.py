"""New coins of a block, by the halving rule that Bitcoin and its family share."""

from typing import Final

from hashwright.chain.coin import Coin

_HALVINGS_MAX: Final = 64
"""Consensus: a shift by more bits than the value has would not be zero on every machine."""


def subsidy(height: int, coin: Coin, network: str = "main") -> int:
    """Return the new coins of a block [minor units], without fees. (Bitcoin Core: `GetBlockSubsidy`.)"""
    halvings = height // coin.halving_interval_blocks(network)
    return coin.subsidy_start >> halvings if halvings < _HALVINGS_MAX else 0


def next_halving_height(height: int, coin: Coin, network: str = "main") -> int:
    """Return the first height above this one with a lower subsidy."""
    interval = coin.halving_interval_blocks(network)
    return (height // interval + 1) * interval


def issued(height: int, coin: Coin, network: str = "main") -> int:
    """Return the new coins of all blocks up to this one [minor units].

    It is what the rule allows. Some miners took less, and a genesis block's coins cannot be spent.
    """
    interval = coin.halving_interval_blocks(network)
    total, start = 0, 0
    for _ in range(_HALVINGS_MAX):
        total += subsidy(start, coin, network) * (min(height + 1, start + interval) - start)
        start += interval
        if start > height:
            break
    return total
