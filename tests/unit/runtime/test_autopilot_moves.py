"""What moves cost in work, learned from what became of decisions, and used by the next ones."""

import random

import msgspec
import pytest

from hashwright.cli.autopilot_views import _reasons
from hashwright.planner.autopilot import Limits, Seen, SeenWay, think
from hashwright.runtime import autopilot_views
from hashwright.runtime.autopilot_moves import ANY, LOST_MAX_S, Moved, Span, loss_to, losses_of, moves_between
from hashwright.runtime.autopilot_settings import parse_autopilot
from unit.runtime.autopilot_world import turn
from unit.runtime.test_autopilot import work


def span(*, moved=(), proven=1.0, seconds=300.0, age_days=0.0):
    return Span(age_days=age_days, seconds=seconds, expected=1e15 * seconds, proven=proven * 1e15 * seconds,
                moved=moved)  # fmt: skip


def a_move(part=1.0, source="near", target="far"):
    return (Moved(source=source, target=target, part=part),)


@pytest.mark.parametrize(("before", "after", "moved"), [
    ({"a": 1.0}, {"a": 1.0}, []),
    ({"a": 1.0}, {"a": 0.75, "b": 0.25}, [("a", "b", 0.25)]),
    ({"a": 0.5, "b": 0.5}, {"c": 1.0}, [("a", "c", 0.5), ("b", "c", 0.5)]),
    ({"a": 1.0}, {"b": 0.75, "c": 0.25}, [("a", "b", 0.75), ("a", "c", 0.25)]),
    ({"a": 1.0}, {"a": 0.4}, []),
])  # fmt: skip
def test_who_gained_took_from_who_lost(before, after, moved):
    found = [(it.source, it.target, it.part) for it in moves_between(before, after)]
    assert found == [(source, target, pytest.approx(part)) for source, target, part in moved]


def test_what_is_always_short_is_no_cost_of_moving():
    """Machines prove 90 % of what is expected, always; a whole move loses 30 s more."""
    spans = [span(proven=0.9)] * 20 + [span(moved=a_move(), proven=0.9 - 0.1)] * 9
    loss = losses_of(spans)["near", "far"]
    assert (loss.seconds, loss.moved, loss.spans) == (pytest.approx(30 * 9 / 10), 9.0, 9)


def test_a_move_of_a_part_counts_for_its_part():
    half = [span()] * 5 + [span(moved=a_move(0.5), proven=1 - 15 / 300)] * 18
    assert losses_of(half)["near", "far"].seconds == pytest.approx(30 * 9 / 10)


def test_nothing_is_learned_without_calm_spans_and_one_span_teaches_little():
    assert losses_of([span(moved=a_move(), proven=0.5)]) == {}
    assert losses_of([]) == {}
    assert losses_of([span(), span(moved=a_move(0.1), proven=0.9)])["near", "far"].seconds == pytest.approx(30 / 1.1)
    better = losses_of([span(), span(moved=a_move(), proven=1.2)])
    assert better["near", "far"].seconds == 0.0, "luck is no gain of moving"


def test_old_spans_count_less_and_a_dead_pool_is_bounded():
    calm = [span()] * 5
    fresh = losses_of([*calm, span(moved=a_move(), proven=0.9), span(moved=a_move(), proven=0.5, age_days=140)])
    assert fresh["near", "far"].seconds == pytest.approx(15, abs=0.3)
    dead = losses_of([*calm, *[span(moved=a_move(), proven=0.0, seconds=3600.0)] * 1000])
    assert dead["near", "far"].seconds == pytest.approx(LOST_MAX_S, rel=2e-3)


def test_a_true_loss_is_found_through_the_chance_of_shares():
    rng = random.Random(7)
    spans = [span(proven=rng.gauss(1, 0.05)) for _ in range(300)]
    spans += [span(moved=a_move(0.5), proven=rng.gauss(1, 0.05) - 0.5 * 20 / 300) for _ in range(200)]
    assert losses_of(spans)["near", "far"].seconds == pytest.approx(20, abs=4)


def test_a_pair_that_hardly_moved_is_judged_by_its_target_and_then_by_all_moves():
    calm = [span()] * 50
    spans = [
        *calm, *[span(moved=a_move(source="a", target="b"), proven=0.9)] * 9,
        *[span(moved=a_move(0.2, source="c", target="b"), proven=1.0)] * 2,
        *[span(moved=a_move(0.1, source="a", target="d"), proven=1.0)],
    ]  # fmt: skip
    losses = losses_of(spans)
    assert loss_to(losses, {"a": 1.0}, "b") == losses["a", "b"]
    assert loss_to(losses, {"c": 1.0}, "b") == losses[ANY, "b"]
    assert loss_to(losses, {"a": 0.6, "c": 0.4}, "d") == losses[ANY, ANY]
    assert loss_to({}, {"a": 1.0}, "b") is None


def seen(move_s):
    def way(name, usd):
        return SeenWay(destination=name, coin="bitcoin", is_ready=True, coins_per_hash=usd / (1e15 * 86_400),
                       price_usd=1.0, price_at_ms=0, price_source="", net=1.0, move_s=move_s, move_spans=9)  # fmt: skip

    return Seen(at_ms=0, algorithm="sha256d", hashrate_hs=1e15, efficiency_j_th=0.0, power_price_usd_kwh=0.0,
                ways=(way("near", 50.0), way("far", 51.0)), held={"near": 1.0},
                limits=Limits(step=1.0, hold_days=0.01))  # fmt: skip


def test_what_a_move_loses_holds_back_a_move_that_would_not_pay():
    """A dollar a day more, for 864 s: worth a cent, which 17 s of 51 dollars a day cost as well."""
    assert think(seen(0.0)).parts == {"far": 10_000}
    assert think(seen(10.0)).parts == {"far": 10_000}
    assert think(seen(10.0)).moved_usd == pytest.approx(51 * 10 / 86_400)
    assert think(seen(25.0)).parts == {"near": 10_000}


def test_a_live_autopilot_learns_from_its_own_moves_and_says_so(world):
    """Every ten minutes the better pool changes; after each move nothing comes for a minute, else all as expected."""
    service = world.autopilot(mode="live", step_percent=100.0, dwell_s=0)
    best = "far"
    for _ in range(14):
        best = "near" if best == "far" else "far"
        world.destination("near", usd_ph_day=60.0 if best == "near" else 50.0)
        world.destination("far", usd_ph_day=60.0 if best == "far" else 50.0)
        row, _ = turn(service, minutes=5)
        moved = row.state == "applied"
        world.route(best)
        for minute in range(5):
            if not (moved and minute == 0):
                work(world, best, hashes=10**15 * 60, minutes=minute)
        row, _ = turn(service, minutes=5)
        for minute in range(5):
            work(world, best, hashes=10**15 * 60, minutes=minute)
    kept = {way.destination: way for way in msgspec.json.decode(row.seen, type=Seen).ways}
    assert 30 < kept["near"].move_s < 60, "the minute, drawn a little to nothing"
    assert kept["near"].move_spans >= 3
    settings = parse_autopilot({"algorithm": "sha256d"})
    document = world.store.read_books(
        lambda connection: autopilot_views.learned(connection, settings, ["near", "far"], now=world.clock.now())
    )
    pairs = {(it["source"], it["target"]): it for it in document["moves"]}
    assert pairs["far", "near"]["lost_s"] > 30
    assert pairs[ANY, ANY]["spans"] >= 10


def test_an_explanation_says_what_a_move_loses():
    lines = _reasons(msgspec.to_builtins(seen(25.0)), msgspec.to_builtins(think(seen(25.0))))
    assert "A move to far loses 25.0 s of its work, as 9 moves taught." in lines
    assert not [line for line in _reasons(msgspec.to_builtins(seen(0.0)), msgspec.to_builtins(think(seen(0.0))))
                if line.startswith("A move")]  # fmt: skip
