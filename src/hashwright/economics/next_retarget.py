"""Where the next retarget will land, from how fast this period's blocks came.

As mempool.space estimates it (its `difficulty-adjustment`, whose published vectors are the tests): from a quarter of
the period on, its own speed alone counts; before, the last 504 blocks do, of which those of the last period are scaled
to the difficulty of this one. Where their time is not known, they count as planned. An estimate.
"""

from dataclasses import dataclass
from typing import Final

BLEND_BLOCKS: Final = 504
"""A quarter of a period."""
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
    tail_s: float | None = None,
    epoch_blocks: int = 2016,
    interval_s: int = 600,
) -> NextRetarget:
    """Estimate the next retarget.

    Args:
        height: of the newest block.
        elapsed_s: since the first block of this period [s].
        previous_change_percent: of the last retarget.
        tail_s: from the block 504 before the newest to the first of this period [s], where it is known.
        epoch_blocks: between two retargets.
        interval_s: planned between two blocks [s].
    """
    done = height % epoch_blocks
    remaining = epoch_blocks - done
    mean_s = _mean_interval_s(done, max(elapsed_s, 1.0), previous_change_percent, tail_s, interval_s)
    change = min(max((interval_s / mean_s - 1) * 100, CHANGE_MIN_PERCENT), CHANGE_MAX_PERCENT)
    return NextRetarget(
        height=height + remaining,
        change_percent=change,
        progress=done / epoch_blocks,
        remaining_blocks=remaining,
        remaining_s=remaining * mean_s,
    )


def _mean_interval_s(
    done: int, elapsed_s: float, previous_change_percent: float, tail_s: float | None, interval_s: int
) -> float:
    """Return the seconds that a block takes at the present difficulty, as far as they can be told."""
    if done >= BLEND_BLOCKS:
        return elapsed_s / (done + 1)
    if tail_s is None:
        planned_s = float(interval_s) * (BLEND_BLOCKS - done)
        return (elapsed_s + planned_s) / (BLEND_BLOCKS + 1)
    return (elapsed_s + tail_s * (1 + previous_change_percent / 100)) / BLEND_BLOCKS
