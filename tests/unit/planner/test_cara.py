"""The CARA split of pools: closed forms, limits, and scipy's answer."""

import math

import numpy as np
import pytest

from hashwright.planner.cara import Pool, Taste, best_split, certainty_usd, marginal_usd

TASTE = Taste(span_s=30 * 86_400, block_usd=300_000, work_hashes=4e23, aversion=1e-4)
BIG, SMALL = Pool(name="big", hashrate_hs=2e20, fee=0.02), Pool(name="small", hashrate_hs=2e18, fee=0.005)
SHARE = Pool(name="share", hashrate_hs=math.inf, fee=0.03)


def test_certainty_is_the_closed_form_of_a_poisson_stream():
    rng = np.random.default_rng(2)
    pool = Pool(name="p", hashrate_hs=5e18, fee=0.01)
    ours, taste = 1e18, Taste(span_s=30 * 86_400, block_usd=300_000, work_hashes=4e23, aversion=1e-6)
    rate = (5e18 + ours) / taste.work_hashes * taste.span_s
    pay = taste.block_usd * 0.99 * ours / (5e18 + ours)
    blocks = rng.poisson(rate, 400_000)
    utility = np.exp(-taste.aversion * pay * blocks).mean()
    assert certainty_usd(pool, ours, taste) == pytest.approx(-math.log(utility) / taste.aversion, rel=0.01)


def test_without_dislike_of_luck_value_is_the_mean_and_the_cheapest_pool_wins():
    calm = Taste(span_s=86_400, block_usd=3e5, work_hashes=4e23, aversion=0.0)
    assert certainty_usd(SMALL, 1e18, calm) == pytest.approx(1e18 / 4e23 * 86_400 * 3e5 * 0.995)
    assert best_split((BIG, SMALL, SHARE), 1e18, calm) == pytest.approx((0, 1e18, 0))


def test_marginal_is_the_slope():
    for pool in (BIG, SMALL):
        step = 1e12
        slope = (certainty_usd(pool, 1e17 + step, TASTE) - certainty_usd(pool, 1e17 - step, TASTE)) / (2 * step)
        assert marginal_usd(pool, 1e17, TASTE) == pytest.approx(slope, rel=1e-4)


def test_who_dislikes_luck_more_goes_to_the_larger_pool_and_then_to_shares():
    parts = []
    for aversion in (1e-7, 1e-5, 1.0):
        taste = Taste(span_s=86_400, block_usd=3e5, work_hashes=4e23, aversion=aversion)
        parts.append(best_split((BIG, SMALL, SHARE), 1e17, taste))
    assert parts[0][1] > parts[1][1] > parts[2][1]
    assert parts[2][2] > 0.9e17


@pytest.mark.parametrize("ours", [1e16, 1e18, 5e19])
def test_scipy_finds_no_better_split(ours):
    optimize = pytest.importorskip("scipy.optimize")
    pools = (BIG, SMALL, SHARE)
    found = best_split(pools, ours, TASTE)

    def loss(parts):
        return -sum(certainty_usd(pool, part * ours, TASTE) for pool, part in zip(pools, parts, strict=True))

    scale = -loss(np.array(found) / ours)
    result = optimize.minimize(
        lambda parts: loss(parts) / scale, np.full(3, 1 / 3), bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda parts: parts.sum() - 1}, method="SLSQP", options={"ftol": 1e-12},
    )  # fmt: skip
    assert sum(found) == pytest.approx(ours)
    assert -result.fun <= 1 + 1e-6


def test_nothing_to_split_is_refused():
    with pytest.raises(ValueError, match="pools"):
        best_split((), 1.0, TASTE)
