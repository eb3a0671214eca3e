"""Which pools to mine at, for somebody who dislikes luck: constant absolute risk aversion (CARA).

After Chatzigiannis, Baldimtsi, Griva and Li, "Diversification across mining pools" (2019). A pool with Λ hash/s finds
blocks by a Poisson law, Λ/W a second; with l of our own in it, each pays us R (1 - f) l / (Λ + l). For the utility
-exp(-a x) the certainty equivalent of such a stream is closed:

    value(l) = (Λ + l)/W * T * (1 - exp(-a R (1 - f) l/(Λ + l))) / a

It is concave in l, so the best split of our hash power between pools gives each the same marginal value: one number is
found by bisection, and each pool's part from it. A pool's size cuts luck, its fee costs mean: large and dear against
small and cheap is weighed by `a`. Schemes that pay by share (PPS, FPPS) have no luck: Λ is infinite for them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_STEPS: Final = 80
_SMALL: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool as a miner's luck sees it: its hash rate without ours [hash/s; infinite: paid by share], and its fee."""

    name: str
    hashrate_hs: float
    fee: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """Over what time luck counts [s], what a block pays [USD] and takes [hash], and the dislike of luck [1/USD]."""

    span_s: float
    block_usd: float
    work_hashes: float
    aversion: float


def certainty_usd(pool: Pool, ours_hs: float, taste: Taste) -> float:
    """Return the sure money that mining there over the span is worth [USD]."""
    if ours_hs <= 0:
        return 0.0
    net = taste.block_usd * (1 - pool.fee)
    if math.isinf(pool.hashrate_hs) or taste.aversion < _SMALL:
        return ours_hs / taste.work_hashes * taste.span_s * net
    whole = pool.hashrate_hs + ours_hs
    loss = -math.expm1(-taste.aversion * net * ours_hs / whole)
    return whole / taste.work_hashes * taste.span_s * loss / taste.aversion


def marginal_usd(pool: Pool, ours_hs: float, taste: Taste) -> float:
    """Return what one more hash a second there is worth [USD over the span]."""
    net, scale = taste.block_usd * (1 - pool.fee), taste.span_s / taste.work_hashes
    if math.isinf(pool.hashrate_hs) or taste.aversion < _SMALL:
        return scale * net
    whole = pool.hashrate_hs + ours_hs
    if whole <= 0:
        return scale * -math.expm1(-taste.aversion * net) / taste.aversion
    part = taste.aversion * net * ours_hs / whole
    slope = taste.aversion * net * pool.hashrate_hs / whole
    return scale * (-math.expm1(-part) + slope * math.exp(-part)) / taste.aversion


def best_split(pools: Sequence[Pool], ours_hs: float, taste: Taste) -> tuple[float, ...]:
    """Return the hash rate for each pool [hash/s]: all of ours, at equal marginal values.

    Raises:
        ValueError: there is no pool, or nothing to split.
    """
    if not pools or ours_hs <= 0:
        raise ValueError("a split needs pools and hash power")
    high = max(marginal_usd(pool, 0.0, taste) for pool in pools)
    low = min(marginal_usd(pool, ours_hs, taste) for pool in pools)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if sum(_wanted(pool, ours_hs, taste, middle) for pool in pools) > ours_hs:
            low = middle
        else:
            high = middle
    wanted = [_wanted(pool, ours_hs, taste, high) for pool in pools]
    left = ours_hs - sum(wanted)
    # what is left over belongs to whoever is flat at this value: a pool that pays by share takes any amount
    left = max(left, 0.0)
    flat = max(range(len(pools)), key=lambda i: marginal_usd(pools[i], wanted[i] + left, taste))
    wanted[flat] += left
    total = sum(wanted)
    return tuple(it * ours_hs / total for it in wanted)


def _wanted(pool: Pool, ours_hs: float, taste: Taste, value: float) -> float:
    """Return how much a pool takes until its marginal value falls to this."""
    if marginal_usd(pool, 0.0, taste) <= value:
        return 0.0
    if marginal_usd(pool, ours_hs, taste) >= value:
        return ours_hs
    low, high = 0.0, ours_hs
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if marginal_usd(pool, middle, taste) > value else (low, middle)
    return low
