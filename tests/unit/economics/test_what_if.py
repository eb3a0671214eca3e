"""What if: levers move the one calculation as its own flags would, and the tornado says which of them matters."""

import json
import math

import pytest

from hashwright.cli.main import run
from hashwright.economics.calculation import Assumed, Earning, Rig
from hashwright.economics.hashprice import Terms
from hashwright.economics.what_if import Case, ends_of, left_usd, moved, reckoned, tornado, value_of
from hashwright.errors import OperatorError
from hashwright.money import Currency, Estimate
from hashwright.runtime.system import SystemClock
from hashwright.runtime.what_if import what_if

USD = Currency("USD", 2)
LEVERS = ("power_price", "price", "growth", "efficiency", "pool_fee")


def case():
    earning = Earning(
        coin="bitcoin", ticker="BTC", price_usd=50_000.0, difficulty=1e14, work_hashes=4.3e23, subsidy_coins=3.125,
        fees_coins=0.0, coins_day=1e-4, revenue_usd_day=Estimate(5.0, USD), hashprice_usd_ph_day=50.0,
    )  # fmt: skip
    assumed = Assumed(power_price_usd_kwh=0.05, terms=Terms(pool_fee=0.02), growth_per_year=0.0, horizon_days=100)
    return Case(
        rig=Rig(name="x", hashrate_hs=1e14, power_w=2000.0, price_usd=100.0), earnings=(earning,), assumed=assumed
    )


def test_each_lever_moves_what_its_name_says_by_hand():
    base = reckoned(case())
    assert left_usd(base) == pytest.approx(100 * (5 - 2.4) - 100)
    assert left_usd(reckoned(moved(case(), "power_price", 0.10))) == pytest.approx(100 * (5 - 4.8) - 100)
    assert left_usd(reckoned(moved(case(), "price", 100_000.0))) == pytest.approx(100 * (10 - 2.4) - 100)
    assert left_usd(reckoned(moved(case(), "efficiency", 10.0))) == pytest.approx(100 * (5 - 1.2) - 100)
    assert left_usd(reckoned(moved(case(), "pool_fee", 0.51))) == pytest.approx(100 * (2.5 - 2.4) - 100)
    rate = math.log(2) / 365
    stops = math.log(5 / 2.4) / rate
    grown = reckoned(moved(case(), "growth", 2.0))
    assert grown.running_days == pytest.approx(min(stops, 100))
    assert grown.mined_usd.value == pytest.approx(5 * -math.expm1(-rate * 100) / rate)


@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_that_is_moved_to_where_it_stands_changes_nothing(lever):
    same = moved(case(), lever, value_of(case(), lever))
    before, after = reckoned(case()), reckoned(same)
    assert left_usd(after) == pytest.approx(left_usd(before))
    assert after.profit_usd_day.value == pytest.approx(before.profit_usd_day.value)


def test_the_tornado_has_every_lever_alone_and_the_strongest_first():
    found = tornado(case())
    assert {it.lever for it in found} == set(LEVERS)
    spreads = [it.spread_usd for it in found]
    assert spreads == sorted(spreads, reverse=True)
    for it in found:
        for end, value in zip((it.low, it.high), ends_of(case(), it.lever), strict=True):
            assert end.value == value
            assert end.left_usd == pytest.approx(left_usd(reckoned(moved(case(), it.lever, value))))
    price = next(it for it in found if it.lever == "price")
    assert price.high.left_usd - price.low.left_usd == pytest.approx(100 * 5 * 0.4)


@pytest.mark.parametrize(
    ("lever", "value"),
    [
        ("price", 0.0), ("growth", 0.0), ("efficiency", -1.0), ("pool_fee", 1.0), ("power_price", math.nan),
        ("price", math.inf),
    ],
)  # fmt: skip
def test_what_is_nothing_to_reckon_with_is_refused(lever, value):
    with pytest.raises(OperatorError) as told:
        moved(case(), lever, value)
    assert told.value.code == "HW-837"


def test_sliders_give_the_answer_of_the_command(tmp_path, capsys):
    def asked(*flags):
        assert run(["calc", "s21", "--json", "--data-dir", str(tmp_path), "--tornado", *flags]) == 0
        return json.loads(capsys.readouterr().out)

    base, after = (
        asked(),
        asked("--power-price", "0.05", "--price", "70000", "--growth", "2x", "--power", "3000W", "--pool-fee", "2%"),
    )
    now = SystemClock().now()
    levers = {"power_price": 0.05, "price": 70_000.0, "growth": 2.0, "efficiency": 15.0, "pool_fee": 0.02}
    same = what_if(tmp_path, "s21", levers={}, now_ms=now)
    found = what_if(tmp_path, "s21", levers=levers, now_ms=now)
    for it, document in ((same.answer, base), (found.before, base), (found.answer, after)):
        assert it.profit_usd_day.value == pytest.approx(document["profit_usd_per_day_est"])
        assert it.mined_usd.value == pytest.approx(document["mined_usd_est"])
        assert it.bought_usd.value == pytest.approx(document["bought_usd"])
    for swing, told in zip(found.swings, after["tornado"], strict=True):
        assert (swing.lever, swing.unit) == (told["lever"], told["unit"])
        assert swing.low.left_usd == pytest.approx(told["low_left_usd_est"])
        assert swing.high.left_usd == pytest.approx(told["high_left_usd_est"])
