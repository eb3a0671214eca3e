"""The checks of an offer: one test for each row of planning.md 7, with its figures."""

import math

import numpy as np
import pytest

from hashwright.chain.economy import EPOCH_2016
from hashwright.economics import contract as it
from hashwright.economics.changes import Changes
from hashwright.economics.contract_paths import ContractPaths
from hashwright.economics.scenarios import Assumptions, CoinStart, World, simulate

HASHPRICE = 0.2616


def offer(**more):
    told = {"coin": "BTC", "price_usd": 180.0, "hashrate": "1 TH/s", "days": 1826, "maintenance_usd_th_day": 0.14}
    return it.Offer(**(told | more))


def today(hashprice=HASHPRICE, price=9000.0):
    """Return a day on which a TH/s earns so much."""
    coins = hashprice / price
    return it.Today(hashrate_hs=1e12, work_hashes=1e12 * 86_400 * 12.5 / coins, reward_coins=12.5, price_usd=price)


def test_the_levelised_cost_of_the_genesis_contract():
    cost = it.levelised_usd_th_day(offer(), today())
    assert cost == pytest.approx(180 / 1826 + 0.14)
    assert cost == pytest.approx(0.2386, abs=5e-5)
    check = it.check_levelised(offer(), today())
    assert check.verdict == "warning"
    assert "0.2386 USD/TH/day, against a hashprice of 0.2616 today: +10%" in check.arithmetic
    assert it.check_levelised(offer(), today(0.2)).verdict == "bad"


def test_the_static_break_even_of_the_sellers_own_page():
    assert it.static_break_even_days(offer(), today()) == pytest.approx(180 / (0.2616 - 0.14))
    assert it.static_break_even_days(offer(), today(0.13)) is None


def test_one_percent_a_day_is_364_percent_a_year_and_37_times_compounded():
    check = it.check_promise(offer(promised_percent_day=1.0), today())
    assert "364 % in 52 weeks, x37 if put in again" in check.arithmetic
    assert "1.8000 USD/TH/day" in check.arithmetic
    assert check.verdict == "impossible"


def test_a_fixed_return_that_mining_could_pay_is_still_no_mining():
    assert it.check_promise(offer(promised_percent_day=0.1), today()).verdict == "bad"
    assert it.check_promise(offer(), today()).verdict == "good"


def test_hash_power_that_does_not_exist_is_found_by_the_blocks():
    sold = 10e18
    work = 1e12 * 2**32
    now = it.Today(hashrate_hs=1e12, work_hashes=work, reward_coins=12.5, price_usd=9000)
    a_day = sold * 86_400 / work
    few = it.check_blocks(offer(blocks_seen=1, blocks_seen_days=30), now, sold)
    assert a_day == pytest.approx(201.2, abs=0.1)
    assert few.verdict == "impossible"
    fair = it.check_blocks(offer(blocks_seen=round(a_day * 30), blocks_seen_days=30), now, sold)
    assert fair.verdict == "good"
    assert it.check_blocks(offer(), now, None).verdict == "unknown"


@pytest.mark.parametrize(
    ("seen", "expected", "chance"), [(0, 3.0, math.exp(-3)), (2, 3.0, 8.5 * math.exp(-3)), (5, 0, 1)]
)
def test_poisson_by_hand(seen, expected, chance):
    assert it.poisson_at_most(seen, expected) == pytest.approx(chance)


def test_poisson_of_many_is_the_bell_curve():
    assert it.poisson_at_most(1000, 1000.0) == pytest.approx(0.508, abs=0.005)
    assert it.poisson_at_most(800, 1000.0) < 1e-9


def test_facts_that_are_not_told_are_counted():
    assert it.check_facts(offer()).verdict == "bad"
    told = offer(location="x", pool="x", machines="x", custody="x", registration="x")
    assert it.check_facts(told).verdict == "good"
    assert (
        "not told: custody" in it.check_facts(offer(location="x", pool="x", machines="x", registration="x")).arithmetic
    )


def test_a_commission_is_a_warning_and_silence_is_unknown():
    assert it.check_referral(offer(referral_percent=5)).verdict == "warning"
    assert "9.00 USD that buy no hash power" in it.check_referral(offer(referral_percent=5)).arithmetic
    assert it.check_referral(offer()).verdict == "unknown"
    assert it.check_referral(offer(referral_percent=0)).verdict == "good"


def test_payouts_in_a_token_of_ones_own():
    assert it.check_payout(offer(payout_asset="CPTL"), "BTC").verdict == "bad"
    assert it.check_payout(offer(payout_asset="btc"), "BTC").verdict == "good"


def test_small_print_costs():
    check = it.check_terms(offer(fee_may_change=True, deposit_is_one_way=True, withdrawal_min_coins=0.001), today())
    assert check.verdict == "warning"
    assert "34 days of gross income" in check.arithmetic
    assert it.check_terms(offer(), today()).verdict == "good"


def test_coins_against_coins():
    check = it.check_coins(offer(price_usd=900, days=365), today())
    assert check.verdict == "bad"
    assert "0.010609 coins; its price buys 0.100000 today" in check.arithmetic


# -------------------------------------------------------------------- payouts


def mined(days=60, seed=4, step=30):
    """Return payouts of real mining: difficulty steps once, fees wave."""
    rng = np.random.default_rng(seed)
    base = np.where(np.arange(days) < step, 1.0, 0.85) * (1 + rng.uniform(0, 0.06, days))
    return base * 1e-5


def test_real_payouts_pass_and_smooth_ones_are_found():
    expected = mined()
    rng = np.random.default_rng(9)
    real = {check.name: check.verdict for check in it.check_payouts(expected * 0.99, expected)}
    assert set(real.values()) == {"good"}
    smooth = {c.name: c.verdict for c in it.check_payouts(np.full(60, 1e-5) * (1 + rng.normal(0, 1e-4, 60)), expected)}
    assert smooth["payouts follow mining"] == "bad"
    assert smooth["smooth earnings"] == "bad"
    assert smooth["retarget or halving"] == "bad"


def test_half_of_the_promised_hash_power_is_found():
    names = {check.name: check.verdict for check in it.check_payouts(mined() * 0.45, mined())}
    assert names["payouts in all"] == "bad"
    assert names["payouts follow mining"] == "good"


def test_few_days_prove_nothing():
    assert [c.verdict for c in it.check_payouts(np.ones(5), np.ones(5))] == ["unknown"]


# -------------------------------------------------------------------- its life in scenarios


def world(hash_change=0.0, days=400):
    shape = (200, 1)
    changes = Changes(
        coins=("BTC",), price=np.zeros(shape), hashrate=np.full(shape, hash_change), fees=np.zeros(shape), source="test"
    )
    now = today()
    begin = CoinStart(
        coin="BTC", price_usd=now.price_usd, work_hashes=now.work_hashes, interval_s=600, adjustment=EPOCH_2016,
        reward_coins=(12.5,) * days,
    )  # fmt: skip
    return World(starts=(begin,), changes=changes, assumptions=Assumptions(growth=hash_change * 365)), now


def live(told, hash_change=0.0, days=400):
    it_world, now = world(hash_change, days)
    paths = ContractPaths(told, now, 0, 4)
    simulate(it_world, days=days, paths=4, rng=np.random.default_rng(1), watchers=[paths])
    return paths


def test_in_a_still_world_the_contract_earns_what_its_seller_says():
    told = offer(price_usd=10.0, days=300)
    paths = live(told)
    assert paths.usd == pytest.approx([300 * (0.2616 - 0.14)] * 4, rel=0.01)
    assert paths.break_even_days(50) == pytest.approx(10 / (0.2616 - 0.14), abs=2)


def test_the_seller_ends_it_after_so_many_days_of_loss_and_nothing_comes_after():
    paths = live(offer(price_usd=50.0, days=390, stop_after_days=28), hash_change=0.005)
    day = int(paths.stop_day[0])
    crossed = math.log(0.2616 / 0.14) / 0.005
    assert day == pytest.approx(crossed + 28, abs=16)
    assert paths.break_even_days(50) is None
    assert (paths.net_usd < 0).all()


def test_a_late_start_earns_later():
    assert live(offer(price_usd=1.0, days=100, starts_after_days=50), days=150).even_day[0] > 50
