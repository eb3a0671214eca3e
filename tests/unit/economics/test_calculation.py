"""One machine, one coin, now."""

import math
from decimal import Decimal

import pytest

from hashwright.chain.find import find_coin
from hashwright.economics.calculation import Assumed, Rig, calculate, earning
from hashwright.economics.coin_facts import CoinFacts, Fact
from hashwright.economics.hashprice import Terms
from hashwright.money import Amount, Currency, Estimate, MoneyError

NOW = 1_790_330_000_000
RIG = Rig(name="S21", hashrate_hs=200e12, power_w=3500.0, price_usd=3000.0)


def market(**facts):
    return CoinFacts(
        facts={
            ("bitcoin", name): Fact(value=Decimal(value), at_ms=NOW, known_at_ms=NOW, sources=("told",))
            for name, value in facts.items()
        }
    )


def answer(assumed, *, price="100000", difficulty="100000000000000", rig=RIG):
    seen = market(price_usd=price, difficulty=difficulty)
    return calculate(rig, (earning(rig, find_coin("btc"), seen, terms=assumed.terms, now_ms=NOW),), assumed)


def test_it_agrees_with_the_published_hashprice():
    """Luxor's example: 62.8643 USD a PH/s and day at D = 1e14, 3.125 BTC and 100,000 USD."""
    found = answer(Assumed(power_price_usd_kwh=0.08))
    assert found.hashprice_usd_ph_day == pytest.approx(62.8643, abs=5e-5)
    assert found.revenue_usd_day.value == pytest.approx(62.8643 * 0.2, abs=1e-5)
    assert found.power_cost_usd_day.value == pytest.approx(6.72)
    assert found.hashcost_usd_ph_day == pytest.approx(33.6)
    assert not found.loses
    assert found.solo_block_days == pytest.approx(1 / (200e12 * 86_400 / (1e14 * 2**32)))


def test_money_is_an_estimate_that_no_sum_of_money_takes():
    found = answer(Assumed(power_price_usd_kwh=0.08))
    assert isinstance(found.profit_usd_day, Estimate)
    with pytest.raises(MoneyError):
        Amount(1, Currency("USD", 2)) + found.profit_usd_day


def test_a_loss_is_told_and_buying_beside_it():
    found = answer(Assumed(power_price_usd_kwh=0.30))
    assert found.loses
    assert found.is_buying_better
    assert found.break_even_power_usd_kwh < 0.30
    assert found.payback.never
    assert found.running_days == 365, "a loser is not switched off by itself"
    assert found.bought_usd.value == pytest.approx(3000 + 365 * 3.5 * 24 * 0.30)


def test_terms_and_decay_count():
    full = answer(Assumed(power_price_usd_kwh=0.02, growth_per_year=0.0))
    part = answer(Assumed(power_price_usd_kwh=0.02, growth_per_year=0.0, terms=Terms(pool_fee=0.02, uptime=0.5)))
    assert part.revenue_usd_day.value == pytest.approx(full.revenue_usd_day.value * 0.98 * 0.5)
    assert part.power_cost_usd_day.value == pytest.approx(full.power_cost_usd_day.value / 2)
    assert full.mined_usd.value == pytest.approx(full.revenue_usd_day.value * 365)
    decayed = answer(Assumed(power_price_usd_kwh=0.02, growth_per_year=math.log(2)))
    assert decayed.mined_usd.value == pytest.approx(full.mined_usd.value / (2 * math.log(2)), rel=1e-9)
    stopped = answer(Assumed(power_price_usd_kwh=0.08, growth_per_year=math.log(8)))
    assert stopped.running_days == pytest.approx(math.log(12.5729 / 6.72) / math.log(8) * 365, abs=0.1)


def test_present_value_and_return_agree_with_each_other():
    cheap = Rig(name="x", hashrate_hs=200e12, power_w=3500.0, price_usd=1000.0)
    found = answer(Assumed(power_price_usd_kwh=0.02, growth_per_year=0.0, rate_per_year=0.0), rig=cheap)
    assert found.present_value_usd.value == pytest.approx(found.profit_usd_day.value * 365 - 1000)
    assert found.return_per_year > 1
    at_return = answer(
        Assumed(power_price_usd_kwh=0.02, growth_per_year=0.0, rate_per_year=found.return_per_year), rig=cheap
    )
    assert at_return.present_value_usd.value == pytest.approx(0, abs=1e-6)
    assert answer(Assumed(power_price_usd_kwh=0.30)).present_value_usd.value < -3000


def test_without_a_price_of_the_machine_there_is_no_payback():
    rig = Rig(name="x", hashrate_hs=1e12, power_w=30.0)
    found = answer(Assumed(power_price_usd_kwh=0.05), rig=rig)
    assert (found.payback, found.present_value_usd, found.return_per_year) == (None, None, None)


def test_free_power_costs_nothing_to_buy_with():
    rig = Rig(name="x", hashrate_hs=1e12, power_w=30.0)
    found = answer(Assumed(power_price_usd_kwh=-0.01), rig=rig)
    assert found.bought_usd.value == 0
    assert found.profit_usd_day.value > found.revenue_usd_day.value
