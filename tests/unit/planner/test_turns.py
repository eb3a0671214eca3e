"""What changed in the choice, and which number drove it: by hand, with two coins of one algorithm."""

import numpy as np
import pytest

from hashwright.errors import OperatorError
from hashwright.planner.history import Costs, Rate, Rig
from hashwright.planner.series import CoinSeries, CoinTable, day_of
from hashwright.planner.turns import NUMBERS, turns_of

FIRST = day_of("2024-01-01")
DAYS = 30
RIG = Rig(
    name="rig",
    rates=(Rate(coin="BTC", hashrate_hs=1e15, power_w=15_000), Rate(coin="BCH", hashrate_hs=1e15, power_w=15_000)),
    net=1.0,
)
COSTS = Costs(power_price_usd_kwh=0.1)
"""36 USD a day of power."""


def series(coin, *, price=(1.0, 1.0), difficulty=(1.0, 1.0), coins=(1.0, 1.0), fees=(0.0, 0.0), scale=50.0, holes=()):
    """A coin that earns `scale` USD a PH/s and day at ones: each number is of the first 15 days and of the others."""

    def row(pair):
        values = np.where(np.arange(DAYS) < DAYS // 2, pair[0], pair[1]).astype(float)
        values[list(holes)] = np.nan
        return values

    unit = 86_400 * 1e15 / 2**32 / scale
    return CoinSeries(
        coin=coin,
        first_day=FIRST,
        price_usd=row(price),
        difficulty=row(difficulty) * unit,
        hashrate_hs=np.full(DAYS, np.nan),
        issuance_native=row(coins) * 144,
        fees_native=row(fees) * 144,
        blocks=row((144, 144)),
        is_computed=np.zeros(DAYS, bool),
    )


def turn(**coins):
    table = CoinTable(coins=coins, findings=(), source="by hand")
    found = turns_of(table, [RIG], days=DAYS - 1, costs=COSTS)
    assert (found.first_day, found.last_day) == ("2024-01-01", "2024-01-30")
    return found.turns[0]


def effects(it):
    return {effect.number: effect for effect in it.effects}


def test_a_price_that_fell_switches_off_and_is_named():
    it = turn(BTC=series("BTC", price=(1.0, 0.5)))
    assert (it.then, it.now, it.drivers) == ("BTC", "idle", ("price",))
    assert (it.then_usd_day, it.now_usd_day) == pytest.approx((14.0, -11.0))
    assert {number: round(effect.gain_usd_day, 6) for number, effect in effects(it).items()} == {
        "price": -25.0,
        "difficulty": 0.0,
        "new coins": 0.0,
        "fees": 0.0,
    }


def test_difficulty_moves_the_machine_to_the_other_coin():
    it = turn(BTC=series("BTC", difficulty=(1.0, 1.25)), BCH=series("BCH", scale=45.0))
    assert (it.then, it.now, it.drivers) == ("BTC", "BCH", ("difficulty",))
    assert effects(it)["difficulty"].gain_usd_day == pytest.approx(-5.0)
    assert effects(it)["difficulty"].choice == "BCH"


def test_a_halving_and_fees_are_told_apart():
    """By hand: half the new coins cost 25 USD a day, fees bring 10 back: what is left pays no power."""
    it = turn(BTC=series("BTC", coins=(1.0, 0.5), fees=(0.0, 0.2)))
    assert (it.then, it.now, it.drivers) == ("BTC", "idle", ("new coins",))
    assert effects(it)["fees"].gain_usd_day == pytest.approx(10.0)
    assert not effects(it)["fees"].is_enough


def test_two_numbers_that_only_do_it_together_are_both_needed():
    """By hand: 50 USD x 0.85 is 42.5 and / 1.2 is 41.7, above 36; both give 35.4."""
    it = turn(BTC=series("BTC", price=(1.0, 0.85), difficulty=(1.0, 1.2)))
    assert (it.then, it.now) == ("BTC", "idle")
    assert not any(effect.is_enough for effect in it.effects)
    assert it.drivers == ("price", "difficulty")


def test_what_pays_again_is_switched_on_only_if_moving_pays():
    """By hand: a move costs a quarter of an hour of power, 0.38 USD; 0.03 USD a day gain 0.21 in a week."""
    it = turn(BTC=series("BTC", scale=36.03, price=(0.9, 1.0)))
    assert (it.then, it.now, it.is_changed) == ("idle", "idle", False)
    more = turn(BTC=series("BTC", scale=37.0, price=(0.9, 1.0)))
    assert (more.then, more.now, more.drivers) == ("idle", "BTC", ("price",))


def test_nothing_changed_has_no_driver():
    it = turn(BTC=series("BTC", price=(1.0, 0.9)))
    assert (it.is_changed, it.drivers, len(it.effects)) == (False, (), len(NUMBERS))


def test_holes_at_an_end_are_bridged_and_a_coin_that_is_not_known_is_left_out():
    it = turn(BTC=series("BTC", price=(1.0, 0.5), holes=(0, 1)), BCH=series("BCH", holes=range(20, 30)))
    assert (it.then, it.now) == ("BTC", "idle")
    table = CoinTable(coins={"BCH": series("BCH", holes=range(8))}, findings=(), source="by hand")
    with pytest.raises(OperatorError, match="both ends") as caught:
        turns_of(table, [RIG], days=DAYS - 1, costs=COSTS)
    assert caught.value.code == "HW-827"
