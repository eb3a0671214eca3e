"""The arithmetic of hash power, by published examples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.economics import hashprice as hp
from hashwright.economics.next_retarget import next_retarget

positive = st.floats(1e-3, 1e9)


def test_rosenfelds_bob():
    """Analysis of Bitcoin Pooled Mining Reward Systems (2011), section 2.1: 1 GH/s for a day."""
    work = hp.work_hashes(1_690_906.0, 2**32)
    blocks = hp.blocks_per_day(1e9, work)
    assert blocks == pytest.approx(0.011897, abs=5e-7)
    assert hp.coins_per_day(1e9, work, 50.0) == pytest.approx(0.5948, abs=5e-5)
    variance = blocks * 50**2
    assert variance == pytest.approx(29.742, abs=5e-4)
    assert math.sqrt(variance) == pytest.approx(5.454, abs=5e-4)


def test_luxors_hashprice():
    """planning.md 2.6: D = 1e14, S = 3.125, P = 100,000 USD."""
    assert hp.hashprice_usd_ph_day(hp.work_hashes(1e14, 2**32), 3.125, 1e5) == pytest.approx(62.8643, abs=5e-5)


def test_break_even_is_where_hashcost_meets_hashprice():
    price = hp.break_even_power_usd_kwh(62.8643, 17.5, net=0.98)
    assert hp.hashcost_usd_ph_day(17.5, price) == pytest.approx(62.8643 * 0.98)
    assert price == pytest.approx(0.14668, abs=5e-6)


def test_power_of_a_machine_and_of_a_coin():
    assert hp.efficiency_j_th(3500.0, 200e12) == pytest.approx(17.5)
    assert hp.power_cost_usd_day(3500.0, 0.08) == pytest.approx(6.72)
    work = hp.work_hashes(1e14, 2**32)
    days_a_coin = 1 / hp.coins_per_day(200e12, work, 3.125)
    assert hp.electricity_kwh_coin(17.5, work, 3.125) == pytest.approx(days_a_coin * 3.5 * 24)


@given(positive, positive, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_terms_multiply(hashrate, reward, fee, stale, uptime):
    terms = hp.Terms(pool_fee=fee, stale=stale, uptime=uptime)
    gross = hp.coins_per_day(hashrate, 1e20, reward)
    assert hp.coins_per_day(hashrate, 1e20, reward, terms) == pytest.approx(gross * (1 - fee) * (1 - stale) * uptime)


def test_numbers_and_arrays_give_the_same():
    difficulty, price = np.array([1e13, 1e14]), np.array([50_000.0, 1e5])
    both = hp.hashprice_usd_ph_day(hp.work_hashes(difficulty, 2**32), np.full(2, 3.125), price)
    alone = [
        hp.hashprice_usd_ph_day(hp.work_hashes(d, 2**32), 3.125, p)
        for d, p in zip(difficulty.tolist(), price.tolist(), strict=True)
    ]
    assert both.tolist() == alone


def test_merged_revenues_add_as_far_as_the_pool_passes_them_on():
    assert hp.merged_hashprice_usd_ph_day(10.0, 30.0, pass_through=0.0) == 10.0
    assert hp.merged_hashprice_usd_ph_day(10.0, 30.0, pass_through=0.5) == 25.0
    for wrong in (-0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            hp.merged_hashprice_usd_ph_day(10.0, 30.0, pass_through=wrong)
    with pytest.raises(TypeError):
        hp.merged_hashprice_usd_ph_day(10.0, 30.0)


def test_the_step_between_levels_decides_not_the_average():
    """At 0.10 USD the upper level averages 20 J/TH, which pays; its last step costs 30 J/TH, which does not."""
    levels = ((100e12, 1500.0), (150e12, 3000.0))
    assert hp.marginal_j_th(levels) == pytest.approx((15.0, 30.0))
    assert hp.break_even_power_usd_kwh(60.0, 20.0) > 0.10
    assert hp.best_level(levels, hashprice_usd_ph_day=60.0, power_price_usd_kwh=0.10) == 0
    assert hp.best_level(levels, hashprice_usd_ph_day=60.0, power_price_usd_kwh=0.05) == 1
    assert hp.best_level(levels, hashprice_usd_ph_day=60.0, power_price_usd_kwh=0.20) is None
    with pytest.raises(ValueError, match="faster"):
        hp.marginal_j_th(((2.0, 1.0), (1.0, 1.0)))


def stamp(text):
    from datetime import UTC, datetime

    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("last", "quarter", "now", "height", "previous", "progress", "change", "following"),
    [
        ("2024-02-02T15:42:06", "2024-02-08T14:43:05", "2024-02-11T22:43:01", 830_027, 7.333505241141637,
         71.97420634920636, 8.512745140778843, 830_592),
        ("2022-08-18T11:07:00", "2022-08-16T03:16:54", "2022-08-19T14:03:53", 750_134, 0.6280047707459726,
         9.027777777777777, 1.0420538959004633, 751_968),
        ("2023-04-20T09:57:33", "2022-08-16T03:16:54", "2023-05-04T14:54:26", 788_255, 1.7220298879531821,
         99.95039682539682, -1.4512637555574193, 788_256),
    ],
)  # fmt: skip
def test_the_next_retarget_by_mempools_vectors(last, quarter, now, height, previous, progress, change, following):
    """mempool `difficulty-adjustment.test.ts` (planning.md 6); a whole period is measured to its last block."""
    found = next_retarget(
        height=height,
        elapsed_s=stamp(now) - stamp(last),
        previous_change_percent=previous,
        tail_s=stamp(last) - stamp(quarter),
    )
    assert found.change_percent == pytest.approx(change, abs=1e-12)
    assert found.progress * 100 == pytest.approx(progress, abs=1e-12)
    assert (found.height, found.remaining_blocks) == (following, following - height)


def test_a_young_period_is_taken_as_planned_where_its_past_is_unknown():
    calm = next_retarget(height=2016 * 400 + 3, elapsed_s=4 * 600.0)
    assert abs(calm.change_percent) < 0.2
    assert -1 < next_retarget(height=2016 * 400, elapsed_s=0.0).change_percent < 1
    assert next_retarget(height=2016 * 400 + 2000, elapsed_s=1.0).change_percent == 300.0
