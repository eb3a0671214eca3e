"""Worlds of scenarios: where coins start, what is left out and said, stress, and a budget's five ways."""

import dataclasses
from decimal import Decimal

import numpy as np
import pytest

from hashwright.chain.find import find_coin
from hashwright.economics.coin_facts import CoinFacts, Fact
from hashwright.economics.hardware import Machine
from hashwright.economics.hashprice import Terms
from hashwright.economics.scenarios import Assumptions
from hashwright.errors import OperatorError
from hashwright.planner.compare import Budget, compare, machines_for, usual_offer
from hashwright.planner.worlds import changes_for, prepare, start_of, what_if, with_fees

NOW = 1_780_000_000_000


def fact(value, at_ms=NOW):
    return Fact(value=Decimal(str(value)), at_ms=at_ms, known_at_ms=at_ms, sources=("test",))


def market(**more):
    facts = {
        ("bitcoin", "price_usd"): fact(80_000),
        ("bitcoin", "difficulty"): fact("1.2e14"),
        ("bitcoin", "fees_coins"): fact("0.03125"),
        ("litecoin", "price_usd"): fact(100),
        ("litecoin", "difficulty"): fact(25_000_000),
        ("dogecoin", "price_usd"): fact("0.2"),
        ("dogecoin", "difficulty"): fact(5_000_000),
    }
    return CoinFacts(facts=facts | more)


def coins(*names):
    return [find_coin(name) for name in names]


def prepared(*names, facts=None, days=400):
    return prepare(
        coins(*names), facts or market(), None, days=days, now_ms=NOW, assumptions=Assumptions(growth=0.3)
    )  # fmt: skip


def test_a_start_has_the_subsidy_of_the_height_and_its_next_halving():
    it = start_of(find_coin("btc"), market(), days=1200, now_ms=NOW)
    assert it.reward_coins[0] == 3.125
    assert 1.5625 in it.reward_coins, "the halving of 2028 lies within"
    assert it.work_hashes == pytest.approx(1.2e14 * 2**32)
    assert 0 <= it.epoch_done < 1


def test_fees_have_todays_level_and_the_pasts_ups_and_downs():
    it = prepared("btc")
    assert it.world.changes.fees.mean() == pytest.approx(0.01)
    assert it.world.starts[0].fees_ratio == pytest.approx(0.01)
    assert it.world.changes.fees.std() > 0
    same = with_fees(it.world.changes, [None])
    assert np.array_equal(same.fees, it.world.changes.fees)


def test_a_coin_without_a_price_is_left_out_and_said():
    it = prepared("btc", "xmr")
    assert [coin.ticker for coin in it.coins] == ["BTC"]
    assert [(found.code, found.place) for found in it.findings] == [("HW-820", "XMR")]
    with pytest.raises(OperatorError, match="No coin is left"):
        prepared("xmr")


def test_a_merged_coin_of_another_year_is_left_out():
    old = market().facts | {("dogecoin", "difficulty"): fact(5_000_000, NOW - 400 * 86_400_000)}
    it = prepared("ltc", "doge", facts=CoinFacts(facts=old))
    assert [coin.ticker for coin in it.coins] == ["LTC"]
    assert "400 days apart; left out" in it.findings[0].message


def test_a_what_if_moves_prices_and_difficulties():
    world = prepared("btc").world
    moved = what_if(world, price=1.2, difficulty=2.0)
    assert moved.starts[0].price_usd == pytest.approx(1.2 * world.starts[0].price_usd)
    assert moved.starts[0].work_hashes == pytest.approx(2 * world.starts[0].work_hashes)


def test_made_changes_are_the_same_each_time():
    assert np.array_equal(changes_for(["BTC"], None).price, changes_for(["BTC"], None).price)


# -------------------------------------------------------------------- a budget


MACHINE = Machine(vendor="x", model="X", kind="asic", algorithm="sha256d", hashrate_hs=200e12, power_w=3500)


def budget(world, **more):
    offer, rate = usual_offer(world.starts[0], ticker="BTC", days=360)
    settings = {
        "usd": 10_000.0, "days": 360, "machine": MACHINE, "machine_price_usd": 3000.0, "machines": 2,
        "power_price_usd_kwh": 0.05, "terms": Terms(), "offer": offer, "offer_hashrate_hs": rate,
    }  # fmt: skip
    return Budget(**(settings | more))


def walked(**more):
    world = prepared("btc").world
    return compare(world, budget(world, **more), paths=300, rng=np.random.default_rng(1))


def test_keeping_is_the_budget_and_buying_is_the_price():
    found = walked()
    assert (found.value["keep"] == 10_000).all()
    assert found.value["buy"].mean() == pytest.approx(9950, rel=0.25)
    assert found.below_buying("buy") is None


def test_dear_power_is_never_paid_and_the_machine_only_loses_its_worth():
    found = walked(power_price_usd_kwh=3.0)
    assert found.value["mine"].max() <= 4000 + 6000
    assert found.value["mine"].min() >= 4000


def test_renting_costs_its_premium_against_buying_day_by_day():
    cheap, dear = walked(rent_premium=0.0), walked(rent_premium=0.5)
    assert (cheap.value["rent"] > dear.value["rent"]).all()


def test_usual_terms_are_a_tenth_below_the_first_days_hashprice():
    world = prepared("btc").world
    offer, rate = usual_offer(world.starts[0], ticker="BTC", days=360)
    start = world.starts[0]
    th = rate / 1e12
    hashprice = rate * 86_400 / start.work_hashes * start.reward_coins[0] * 1.01 * start.price_usd / th
    levelised = offer.price_usd / (th * 360) + offer.maintenance_usd_th_day
    assert levelised / hashprice == pytest.approx(0.9)


def test_a_machine_is_bought_with_three_months_of_power():
    assert machines_for(10_000, 3000, 3500, power_price_usd_kwh=0.05) == 2
    assert machines_for(3100, 3000, 3500, power_price_usd_kwh=0.05) == 0


def test_a_budget_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        budget(prepared("btc").world).usd = 1
