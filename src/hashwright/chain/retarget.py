"""How a chain adjusts its target: once in 2,016 blocks, by the time they took, at most fourfold.

Two rules that look alike. Bitcoin measures from the first to the last block of the period, which are 2,015 intervals;
Litecoin measures from the last block of the period before, which are all 2,016, except in its first period, which has
none before it. (Bitcoin Core `src/pow.cpp`, Litecoin Core the same file.)

Litecoin's code also halves a target near its limit while it multiplies, for the product to fit in 256 bits. The bit
that this can cost is far below those that the compact form keeps, so no rule here needs it.

Test networks also allow blocks of the lowest difficulty after 20 minutes of silence; their templates say so, and no
rule here guesses it.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.target import bits_of_target, target_of_bits


def is_retarget(height: int, coin: Coin, network: str = "main") -> bool:
    """Tell whether the block at this height may have another target than the one before it."""
    return coin.network(network).is_retargeting and height > 0 and height % coin.retarget_blocks == 0


def period_start_height(height: int, coin: Coin) -> int:
    """Return the block from whose time the retarget at this height measures, up to the block before it."""
    return max(height - 1 - coin.retarget_intervals, 0)


def retargeted_bits(nbits: int, elapsed_s: int, coin: Coin, network: str = "main") -> int:
    """Return the nbits of a new period.

    Args:
        nbits: the old period's.
        elapsed_s: from `period_start_height` to the last block of the old period [s]; may be negative.
    """
    limit = coin.network(network).target_limit
    planned_s = coin.retarget_blocks * coin.block_interval_s
    counted_s = min(max(elapsed_s, planned_s // 4), planned_s * 4)
    return bits_of_target(min(target_of_bits(nbits) * counted_s // planned_s, limit))
