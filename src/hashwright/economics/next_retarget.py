"""Where the next retarget will land, from how fast this period's blocks came.

As mempool.space estimates it (its open source, `difficulty-adjustment`): early in a period the few blocks are blended
with the end of the last one, weighed by how many of the first 504 blocks are there. The result is an estimate.
"""

from dataclasses import dataclass
from typing import Final

BLEND_BLOCKS: Final = 504
"""A quarter of a period: after so many blocks, its own speed alone counts."""
CHANGE_MAX_PERCENT: Final = 300.0
CHANGE_MIN_PERCENT: Final = -75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRetarget:
    """`change_percent` of the difficulty, expected at `height`, in `remaining_s` [s]; `progress` 0 to 1."""

    height: int
    change_percent: float
    progress: float
    remaining_blocks: int
    remaining_s: float


def next_retarget(
    *,
    height: int,
    elapsed_s: float,
    previous_change_percent: float = 0.0,
    period_blocks: int = 2016,
    interval_s: int = 600,
) -> NextRetarget:
    """Estimate the next retarget.

    Args:
        height: of the newest block.
        elapsed_s: since the first block of this period [s].
        previous_change_percent: of the last retarget: how fast the tail of the last period was.
        period_blocks: between two retargets.
        interval_s: planned between two blocks [s].
    """
    done = height % period_blocks
    remaining = period_blocks - done
    mean_s = _mean_interval_s(done, elapsed_s, previous_change_percent, interval_s)
    change = min(max((interval_s / mean_s - 1) * 100, CHANGE_MIN_PERCENT), CHANGE_MAX_PERCENT)
    return NextRetarget(
        height=height + remaining,
        change_percent=change,
        progress=done / period_blocks,
        remaining_blocks=remaining,
        remaining_s=remaining * mean_s,
    )


def _mean_interval_s(done: int, elapsed_s: float, previous_change_percent: float, interval_s: int) -> float:
    """Return the seconds a block takes now, as far as they can be told."""
    seen_s = max(elapsed_s, 1.0) / (done + 1)
    if done >= BLEND_BLOCKS:
        return seen_s
    before_s = interval_s / (1 + previous_change_percent / 100)
    weight = max(done, 0) / BLEND_BLOCKS
    return seen_s * weight + before_s * (1 - weight)
