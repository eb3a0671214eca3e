"""One turn of the autopilot: what it may see decides, what is old or unready is left out, and it moves in steps."""

import msgspec
import pytest

from hashwright.planner.autopilot import POINTS, Limits, Seen, SeenWay, Thought, parts_of, think

NOW = 1_800_000_000_000
MINUTE = 60_000


def way(name, *, coins=1e-24, price=50_000.0, age=5 * MINUTE, net=1.0, ready=True):
    return SeenWay(
        destination=name, coin="bitcoin", is_ready=ready, coins_per_hash=coins, price_usd=price,
        price_at_ms=NOW - age, price_source="test", net=net,
    )  # fmt: skip


def seen(*ways, held=None, **changes):
    limits = Limits(**changes.pop("limits", {}))
    defaults = {"hashrate_hs": 1e15, "efficiency_j_th": 0.0, "power_price_usd_kwh": 0.0}
    return Seen(at_ms=NOW, algorithm="sha256d", ways=ways, held=held or {}, limits=limits, **defaults | changes)


def test_work_moves_to_where_it_is_worth_more_one_step_a_turn():
    found = think(seen(way("a"), way("b", net=0.98), held={"b": 1.0}, limits={"step": 0.25}))
    assert found.parts == {"a": 2500, "b": 7500}
    assert found.gain_usd_day == pytest.approx(0.25 * 0.02 * 1e15 * 86_400 * 1e-24 * 50_000)
    assert found.worth["a"] == pytest.approx(1e15 * 86_400 * 1e-24 * 50_000), "coins a hash, hashes a day, USD a coin"
    assert not found.is_loss


def test_a_step_of_all_moves_all():
    assert think(seen(way("a"), way("b", net=0.9), held={"b": 1.0}, limits={"step": 1.0})).parts == {"a": POINTS}


def test_a_gain_below_the_margin_moves_nothing():
    found = think(seen(way("a"), way("b", net=0.999), held={"b": 1.0}, limits={"margin_usd": 10.0}))
    assert found.parts == {"b": POINTS}
    assert "would gain" in found.reasons[0]


def test_old_unknown_and_unready_ways_are_left_out_with_their_reason():
    ways = (way("good"), way("old", age=61 * MINUTE), way("dark", coins=None), way("free", price=None))
    found = think(seen(*ways, way("down", ready=False), held={"good": 1.0}))
    assert found.parts == {"good": POINTS}
    assert [line.partition(":")[0] for line in found.left_out] == ["old", "dark", "free", "down"]
    assert "HW-401 the price of bitcoin is 61 min old" in found.left_out[0]


def test_where_nothing_can_be_compared_everything_stays():
    found = think(seen(way("old", age=100 * MINUTE), held={"old": 1.0}))
    assert found.parts == {}
    assert "stays as it is" in found.why


def test_where_no_machine_works_nothing_is_decided():
    assert think(seen(way("a"), held={"a": 1.0}, hashrate_hs=0.0)).parts == {}


def test_a_loss_is_said_and_the_route_is_still_the_best_of_the_bad():
    found = think(
        seen(way("a"), way("b", net=0.5), held={"a": 1.0}, efficiency_j_th=20.0, power_price_usd_kwh=0.50)
    )  # 240 USD of power a day for 4.32 USD of coins
    assert found.is_loss
    assert found.idle > 0, "resting is what it would do"
    assert found.parts == {"a": POINTS}, "what still works, works where it earns most"


def test_work_at_a_place_that_cannot_be_compared_is_not_left_there():
    found = think(seen(way("a"), way("gone", ready=False), held={"gone": 1.0}))
    assert found.parts == {"a": POINTS}


def test_the_same_sight_gives_the_same_thought_through_json():
    before = seen(way("a"), way("b", net=0.9), held={"b": 1.0}, history=({"a": 1.0, "b": None}, {"a": 2.0}))
    again = msgspec.json.decode(msgspec.json.encode(before), type=Seen)
    assert think(again) == think(before)
    assert msgspec.json.decode(msgspec.json.encode(think(before)), type=Thought) == think(before)


def test_a_mean_of_days_is_not_lured_by_one():
    history = tuple({"a": 1.0, "b": 100.0} for _ in range(6))
    today = (way("a", coins=1e-24), way("b", coins=0.9e-24))
    greedy = think(seen(*today, held={"b": 1.0}, history=history, limits={"step": 1.0}))
    calm = think(seen(*today, held={"b": 1.0}, history=history, limits={"step": 1.0, "policy": "averaged"}))
    assert (greedy.parts, calm.parts) == ({"a": POINTS}, {"b": POINTS})


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ({"a": 1.0}, {"a": 10_000}),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 3334, "b": 3333, "c": 3333}),
        ({"a": 0.0, "b": 0.75}, {"b": 10_000}),
        ({"a": 0.0}, {}),
    ],
)
def test_parts_sum_to_all(weights, parts):
    assert parts_of(weights) == parts
