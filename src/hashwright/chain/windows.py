"""Rules that set the difficulty of each block by the last blocks: DarkGravityWave, Zcash's average, LWMA, Kimoto's.

Each takes blocks as (time [s], nbits), oldest first and the newest last, and gives the nbits of the block after them,
in whole numbers as consensus does. A chain younger than its window has the easiest target, which is the caller's to
know: here that is an error.

    dash, ravencoin    dark_gravity_wave_bits   24 blocks of 150 s, 180 blocks of 60 s
    zcash              zcash_bits               17 targets, medians of 11 times, a quarter of the deviation
    bitcoin gold       lwma_bits                45 blocks, newer times weigh more
    vertcoin           kimoto_bits              144 to 4,032 blocks: as few as the deviation allows

Sources: Dash Core and Ravencoin `src/pow.cpp`; Zcash protocol specification 7.7.3; BTCGPU `src/pow.cpp`; Vertcoin Core
`src/pow.cpp`. Kimoto's horizon is a power in floating point in the original, too.
"""

from collections.abc import Sequence
from typing import Final

from hashwright.chain.adjustment import cut
from hashwright.chain.target import bits_of_target, target_of_bits

Blocks = Sequence[tuple[int, int]]

DASH_BLOCKS: Final = 24
RAVENCOIN_BLOCKS: Final = 180
DASH_LIMIT: Final = 2**236 - 1
ZCASH_WINDOW: Final = 17
ZCASH_MEDIAN: Final = 11
ZCASH_LIMIT: Final = 2**243 - 1
LWMA_BLOCKS: Final = 45
LWMA_WEIGHT: Final = 13_772
"""(45 + 1) / 2 x 0.998 x 600, as Bitcoin Gold has it."""
LWMA_LIMIT: Final = 2**251 - 1
KIMOTO_MIN: Final = 144
KIMOTO_MAX: Final = 4_032
KIMOTO_LIMIT: Final = 2**236 - 1


def dark_gravity_wave_bits(
    blocks: Blocks, *, count: int = DASH_BLOCKS, interval_s: int = 150, limit: int = DASH_LIMIT
) -> int:
    """Return the nbits by DarkGravityWave 3; the mean weighs the newest target twice, as the original does."""
    window = _last(blocks, count)
    mean = target_of_bits(window[-1][1])
    for number, (_, nbits) in enumerate(reversed(window[:-1]), start=2):
        mean = (mean * number + target_of_bits(nbits)) // (number + 1)
    planned_s = count * interval_s
    counted_s = min(max(window[-1][0] - window[0][0], planned_s // 3), planned_s * 3)
    return bits_of_target(min(mean * counted_s // planned_s, limit))


def zcash_bits(blocks: Blocks, *, interval_s: int = 75, limit: int = ZCASH_LIMIT) -> int:
    """Return the nbits by Zcash's rule, of 28 blocks: the mean target of 17, damped by medians of 11 times."""
    window = _last(blocks, ZCASH_WINDOW + ZCASH_MEDIAN)
    mean = sum(target_of_bits(nbits) for _, nbits in window[-ZCASH_WINDOW:]) // ZCASH_WINDOW
    planned_s = ZCASH_WINDOW * interval_s
    measured_s = _median_time(window) - _median_time(window[:-ZCASH_WINDOW])
    counted_s = planned_s + cut(measured_s - planned_s, 4)
    counted_s = min(max(counted_s, planned_s * 84 // 100), planned_s * 132 // 100)
    return bits_of_target(min(mean // planned_s * counted_s, limit))


def lwma_bits(blocks: Blocks, *, interval_s: int = 600, limit: int = LWMA_LIMIT) -> int:
    """Return the nbits by Bitcoin Gold's linearly weighted mean, of 46 blocks."""
    window = _last(blocks, LWMA_BLOCKS + 1)
    weighted_s = target = 0
    for weight in range(1, LWMA_BLOCKS + 1):
        taken_s = min(window[weight][0] - window[weight - 1][0], 6 * interval_s)
        weighted_s += taken_s * weight
        target += target_of_bits(window[weight][1]) // (LWMA_WEIGHT * LWMA_BLOCKS * LWMA_BLOCKS)
    weighted_s = max(weighted_s, LWMA_BLOCKS * LWMA_WEIGHT // 10)
    return bits_of_target(min(weighted_s * target, limit))


def kimoto_bits(blocks: Blocks, *, interval_s: int = 150, limit: int = KIMOTO_LIMIT) -> int:
    """Return the nbits by Kimoto's gravity well, of up to 4,032 blocks: it looks back until the pace is off."""
    newest_s = _last(blocks, KIMOTO_MIN)[-1][0]
    mean = elapsed_s = planned_s = 0
    for count, (time_s, nbits) in enumerate(reversed(blocks[-KIMOTO_MAX:]), start=1):
        target = target_of_bits(nbits)
        mean = target if count == 1 else mean + cut(target - mean, count)
        elapsed_s = max(newest_s - time_s, 0)
        planned_s = interval_s * count
        if count >= KIMOTO_MIN and elapsed_s and _is_beyond(planned_s / elapsed_s, count):
            break
    if elapsed_s:
        mean = mean * elapsed_s // planned_s
    return bits_of_target(min(mean, limit))


def _is_beyond(pace: float, count: int) -> bool:
    horizon: float = 1 + 0.7084 * (count / KIMOTO_MIN) ** -1.228
    return pace >= horizon or pace <= 1 / horizon


def _median_time(blocks: Blocks) -> int:
    return sorted(time_s for time_s, _ in blocks[-ZCASH_MEDIAN:])[ZCASH_MEDIAN // 2]


def _last(blocks: Blocks, count: int) -> Blocks:
    if len(blocks) < count:
        raise ValueError(f"the rule looks at {count} blocks, and there are {len(blocks)}")
    return blocks[-count:]
