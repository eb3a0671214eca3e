"""When a turn comes before its time: what holds, not what flaps, and never more often than the gap; a virtual clock."""

import itertools
import random

from hashwright.runtime.autopilot_signs import GAP_MS, SETTLE_MS, EarlyTurns, changed

SECOND = 1000


def run(signs_at, *, seconds, gap_ms=GAP_MS):
    """Look once a second; return when early turns came [s] and why."""
    early, found = EarlyTurns(gap_ms=gap_ms), []
    early.took(signs_at(0), now=0)
    for second in range(1, seconds):
        cause = early.cause(signs_at(second), now=second * SECOND)
        if cause:
            found.append((second, cause))
            early.took(signs_at(second), now=second * SECOND)
    return found


def test_a_change_that_holds_brings_one_turn_after_the_gap():
    found = run(lambda second: {"the price of bitcoin": 100.0 if second < 5 else 110.0}, seconds=600)
    assert found == [(GAP_MS // SECOND, "the price of bitcoin")]


def test_a_change_long_after_the_last_turn_is_acted_on_as_soon_as_it_has_settled():
    found = run(lambda second: {"the state of far": "ready" if second < 100 else "down"}, seconds=600)
    assert found == [(100 + SETTLE_MS // SECOND, "the state of far")]


def test_what_flaps_within_the_settling_time_costs_nothing():
    flaps = run(lambda second: {"the state of far": "down" if second % 2 else "ready"}, seconds=600)
    assert flaps == []


def test_several_changes_at_once_are_one_turn_and_three_are_named():
    before, after = dict.fromkeys("abcde", "x"), dict.fromkeys("abcde", "y")
    assert run(lambda second: before if second < 100 else after, seconds=300) == [(102, "a, b, c and 2 more")]


def test_whatever_happens_there_is_no_more_than_one_early_turn_in_the_gap():
    rng = random.Random(7)  # the same storm each time
    storm = [{"the price of bitcoin": rng.uniform(1, 100), "machines": float(rng.randrange(1000))} for _ in range(3600)]
    found = run(lambda second: storm[second], seconds=3600)
    turns = [0, *(second for second, _ in found)]
    assert len(found) > 60, "it is not silenced either"
    assert min(b - a for a, b in itertools.pairwise(turns)) >= GAP_MS // SECOND


def test_small_moves_are_none_and_orders_that_come_or_go_are_some():
    assert changed({"the price of bitcoin": 100.0}, {"the price of bitcoin": 100.4}) == []
    assert changed({"the price of bitcoin": 100.0}, {"the price of bitcoin": 100.6}) == ["the price of bitcoin"]
    assert changed({"machines": 100.0}, {"machines": 101.0}) == []
    assert changed({"machines": 3.0}, {"machines": 2.0}) == ["machines"]
    assert changed({}, {"order-1": "active"}) == ["order-1"]
    assert changed({"order-1": "active"}, {}) == ["order-1"]
    assert changed({"machines": 0.0}, {"machines": 0.0}) == []
