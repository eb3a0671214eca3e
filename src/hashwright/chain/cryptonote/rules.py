"""Monero's rules of money and time: emission, difficulty, and which block's hash is the key of RandomX.

Sources: Monero `cryptonote_config.h`, `cryptonote_basic_impl.cpp` (get_block_reward), `difficulty.cpp`,
`crypto/rx-slow-hash.c` (rx_seedheight). All amounts are piconero (1e-12 XMR).
"""

from collections.abc import Sequence
from typing import Final

SUPPLY: Final = 2**64 - 1
BLOCK_S: Final = 120
EMISSION_SHIFT: Final = 20
"""Per minute; a block of two minutes has one less."""
TAIL_A_MINUTE: Final = 300_000_000_000
FULL_REWARD_WEIGHT: Final = 300_000
"""Blocks up to this weight are never punished (since fork 5) [bytes]."""
UNLOCK_BLOCKS: Final = 60

WINDOW: Final = 720
LAG: Final = 15
CUT: Final = 60

SEED_EPOCH: Final = 2048
SEED_LAG: Final = 64


def base_reward(generated: int, *, block_s: int = BLOCK_S) -> int:
    """Return the new coins of a block when so many exist already [piconero], without fees and without punishment."""
    minutes = block_s // 60
    return max((SUPPLY - generated) >> (EMISSION_SHIFT - (minutes - 1)), TAIL_A_MINUTE * minutes)


def block_reward(generated: int, *, weight: int, median_weight: int) -> int:
    """Return the new coins of a block of a weight [bytes]; beyond the median it pays less, as a square.

    Raises:
        ValueError: it weighs more than twice the median and would be refused.
    """
    base, median = base_reward(generated), max(median_weight, FULL_REWARD_WEIGHT)
    if weight <= median:
        return base
    if weight > 2 * median:
        raise ValueError(f"a block of {weight} bytes is above twice the median of {median}")
    return base * (2 * median - weight) * weight // (median * median)


def next_difficulty(times: Sequence[int], cumulative: Sequence[int]) -> int:
    """Return the difficulty of the next block.

    `times` [s] and `cumulative` difficulties are of all blocks so far or at least of the newest 735, oldest first. The
    newest 15 do not count; of the 720 before them the 60 earliest and 60 latest times are cut off.
    """
    if len(times) != len(cumulative):
        raise ValueError("each block has a time and a difficulty")
    start = max(0, len(times) - WINDOW - LAG)
    stamps, works = list(times[start : start + WINDOW]), list(cumulative[start : start + WINDOW])
    if len(stamps) <= 1:
        return 1
    stamps.sort()
    kept = WINDOW - 2 * CUT
    if len(stamps) <= kept:
        low, high = 0, len(stamps)
    else:
        low = (len(stamps) - kept + 1) // 2
        high = low + kept
    span = max(stamps[high - 1] - stamps[low], 1)
    return ((works[high - 1] - works[low]) * BLOCK_S + span - 1) // span


def seed_height(height: int) -> int:
    """Return the height of the block whose hash is the RandomX key of a block."""
    return 0 if height <= SEED_EPOCH + SEED_LAG else (height - SEED_LAG - 1) // SEED_EPOCH * SEED_EPOCH
