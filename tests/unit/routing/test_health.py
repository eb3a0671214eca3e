"""Which destinations are left alone for a while, and which are not: refusals, silence, coming and going."""

import random

from hashwright.routing.plan import shares_of
from hashwright.routing.step import TICK_KEY
from hashwright.signals import Alert, ClockTicked
from unit.routing.routing_world import Farm


def test_a_destination_that_refuses_much_is_emptied_and_tried_again_later():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for session in range(20):
        farm.join(session, "ab"[session % 2])
    farm.run(30)
    for number in range(60):
        farm.answer("a", "submitted")
        farm.answer("a", "rejected" if number % 5 == 0 else "accepted", reason="no")
    farm.run(20)
    assert not farm.at("a")
    assert "HW-442" in [it.code for it in farm.effects if isinstance(it, Alert)]
    farm.run(600)
    assert 8 <= len(farm.at("a")) <= 12


def test_a_pool_that_always_refuses_a_few_is_not_emptied_by_chance():
    rng = random.Random(1)
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for _ in range(20_000):
        farm.answer("a", "stale" if rng.random() < 0.03 else "accepted")
        farm.now += 1000
        if not farm.now % 5000:
            farm.do(ClockTicked(TICK_KEY))
    assert "HW-442" not in [it.code for it in farm.effects if isinstance(it, Alert)]
    for _ in range(60):
        farm.answer("a", "rejected")
    farm.run(1)
    assert farm.account("a").health.is_degraded, "but one that begins to refuse is found out within sixty answers"


def test_shares_without_an_answer_are_no_refusals():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for _ in range(60):
        farm.answer("a", "lost", reason="one connection of many closed")
        farm.answer("a", "late")
    farm.run(1)
    assert not farm.account("a").health.is_degraded


def test_a_rest_doubles_only_for_one_that_fails_again_within_the_hour():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    rests = []
    for pause_s in (0, 1000, 6000):
        farm.run(pause_s, works=False)
        assert not farm.account("a").health.is_degraded
        for _ in range(60):
            farm.answer("a", "rejected")
        farm.run(1, works=False)
        rests.append(farm.account("a").health.rest_ms // 60_000)
    assert rests == [5, 10, 5]


def test_silence_after_many_shares_is_trouble_too():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    farm.join(1, "a")
    farm.join(2, "b")
    for _ in range(30):
        farm.answer("a", "submitted")
    farm.run(150)
    assert farm.account("a").health.is_degraded


def test_one_that_comes_and_goes_is_left_alone_for_a_while():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for session in range(20):
        farm.join(session, "ab"[session % 2])
    for _ in range(6):
        farm.set("b", "down")
        farm.run(10)
        farm.set("b", "ready")
        farm.run(50)
    assert not farm.at("b")
    assert [it.code for it in farm.effects if isinstance(it, Alert)] == ["HW-442"]
    farm.run(1200)
    assert 8 <= len(farm.at("b")) <= 12


def test_one_that_falls_once_a_day_is_taken_back_at_once():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for _ in range(4):
        farm.set("b", "down")
        farm.set("b", "ready")
        assert not farm.account("b").health.is_degraded
        farm.now += 86_400_000


def test_the_only_destination_is_used_however_it_is():
    farm = Farm("a")
    farm.join(1, "a")
    for _ in range(60):
        farm.answer("a", "rejected")
    farm.run(20)
    assert farm.at("a") == [1]
    assert shares_of(farm.group(), total_hs=100.0, now=farm.now) == {"a": 1.0}
