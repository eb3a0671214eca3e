"""Who mines where: plans, failover, slices, pins, health, and what keeps it all calm."""

import itertools

import pytest

from hashwright.routing.effects import AskWork
from hashwright.routing.events import PlanFailed, PlanRestored, RouteSet, Target
from hashwright.routing.pins import fits, pin_of
from hashwright.routing.plan import shares_of
from hashwright.routing.snapshot import open_sealed
from hashwright.routing.step import place
from hashwright.signals import (
    Alert,
    ClockTicked,
    CreditWork,
    MachineGone,
    MachineReady,
    MoveMachine,
    ProcessStarted,
    WakeAt,
)
from unit.routing.routing_world import NOW, SHA, Farm, written_and_read

# ---------------------------------------------------------------- plans to shares


def shares(farm, total=100.0):
    found = shares_of(farm.group(), total_hs=total, now=farm.now)
    return {name: round(share, 6) for name, share in found.items()}


def test_parts_of_any_scale():
    farm = Farm("a", "b")
    farm.plan(a=70, b=30)
    assert shares(farm) == {"a": 0.7, "b": 0.3}
    farm.plan(a=0.7, b=0.3)
    assert shares(farm) == {"a": 0.7, "b": 0.3}


def test_a_rate_is_served_first_and_parts_share_the_rest():
    farm = Farm("a", "b", "c")
    farm.targets(Target("a", "rate", 40.0), Target("b", "share", 1.0), Target("c", "share", 2.0))
    assert shares(farm) == {"a": 0.4, "b": 0.2, "c": 0.4}


def test_rates_that_are_more_than_there_is_are_squeezed_alike():
    farm = Farm("a", "b")
    farm.targets(Target("a", "rate", 300.0), Target("b", "rate", 100.0))
    assert shares(farm) == {"a": 0.75, "b": 0.25}


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((Target("b", "floor", 50.0),), {"a": 0.5, "b": 0.5}),
        ((Target("a", "cap", 20.0),), {"a": 0.2, "b": 0.8}),
        ((Target("a", "cap", 20.0), Target("b", "floor", 10.0)), {"a": 0.2, "b": 0.8}),
        ((Target("b", "floor", 500.0),), {"b": 1.0}),
    ],
)
def test_floors_and_caps(bounds, expected):
    farm = Farm("a", "b")
    farm.targets(Target("a", "share", 90.0), Target("b", "share", 10.0), *bounds)
    assert shares(farm) == expected


def test_power_that_no_target_wants_is_not_left_idle():
    farm = Farm("a", "b")
    farm.do(RouteSet(SHA, (Target("a", "rate", 10.0),), ("b",), "", 0, "t"))
    assert shares(farm) == {"a": 0.1, "b": 0.9}
    farm.do(RouteSet(SHA, (Target("a", "rate", 10.0),), (), "", 0, "t"))
    assert shares(farm) == {"a": 1.0}


def test_the_part_of_one_that_is_away_goes_to_the_first_fall_back_that_is_there():
    farm = Farm("a", "b", "c", "d")
    farm.plan(a=70, b=30, fallbacks=("c", "d"))
    farm.set("a", "down")
    assert shares(farm) == {"b": 0.3, "c": 0.7}
    farm.set("c", "down")
    assert shares(farm) == {"b": 0.3, "d": 0.7}


def test_a_fall_back_that_stands_in_for_a_rate_keeps_its_own_part():
    farm = Farm("a", "b", "c")
    wanted = (Target("a", "rate", 10.0), Target("b", "share", 1.0), Target("c", "share", 1.0))
    farm.do(RouteSet(SHA, wanted, ("b",), "", 0, "t"))
    assert shares(farm) == {"a": 0.1, "b": 0.45, "c": 0.45}
    farm.set("a", "down")
    assert shares(farm) == {"b": 0.55, "c": 0.45}
    farm.do(RouteSet(SHA, (*wanted, Target("b", "cap", 30.0)), ("b",), "", 0, "t"))
    assert shares(farm) == {"b": 0.3, "c": 0.7}


def test_without_fall_backs_the_others_share_it():
    farm = Farm("a", "b", "c")
    farm.plan(a=50, b=30, c=20)
    farm.set("a", "down")
    assert shares(farm) == {"b": 0.6, "c": 0.4}


def test_when_no_target_is_left_the_safe_one_takes_all():
    farm = Farm("a", "x", "safe")
    farm.plan(a=1, safe="safe")
    farm.set("a", "down")
    assert shares(farm) == {"safe": 1.0}
    farm.set("safe", "down")
    assert shares(farm) == {"x": 1.0}
    farm.set("x", "down")
    assert shares(farm) == {}


def test_a_plan_that_names_nothing_that_exists_is_like_none():
    farm = Farm("x", "safe")
    farm.plan(nowhere=1, safe="safe")
    assert shares(farm) == {"safe": 1.0}


def test_without_a_plan_the_first_stays_the_first_until_it_goes():
    farm = Farm("a", "b")
    assert shares(farm) == {"a": 1.0}
    farm.set("a", "down")
    assert shares(farm) == {"b": 1.0}
    farm.set("a", "ready")
    assert shares(farm) == {"b": 1.0}, "nothing goes back and forth"


def test_a_plan_that_runs_out_gives_way_to_the_safe_one_and_says_so():
    farm = Farm("a", "safe")
    farm.plan(a=1, safe="safe", valid_until=NOW + 5_000)
    farm.join(1, "a")
    farm.run(3)
    assert farm.where[1] == "a"
    farm.run(4)
    assert farm.where[1] == "safe"
    assert [it.code for it in farm.effects if isinstance(it, Alert)] == ["HW-440"]


def test_a_plan_that_fails_moves_everybody_at_once_and_comes_back():
    farm = Farm("a", "safe")
    farm.plan(a=1, safe="safe")
    for session in range(50):
        farm.join(session, "a")
    farm.do(PlanFailed("", "the journal cannot be written"))
    assert farm.at("safe") == list(range(50))
    farm.do(PlanFailed("", "again"))
    farm.do(PlanRestored(""))
    farm.run(60)
    assert farm.at("a") == list(range(50))
    assert [it.code for it in farm.effects if isinstance(it, Alert)] == ["HW-440", "HW-441"]


# ---------------------------------------------------------------- failover


def test_a_thousand_machines_leave_a_dead_destination_in_one_step():
    farm = Farm("a", "b", "c")
    farm.plan(a=50, b=25, c=25)
    for session in range(1000):
        farm.join(session, "abcc"[session % 4] if session % 4 else "a")
    farm.set("a", "down", "reset")
    assert not farm.at("a")
    assert abs(len(farm.at("b")) - len(farm.at("c"))) <= 2


def test_a_destination_that_comes_back_is_filled_slowly():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for session in range(100):
        farm.join(session, "ab"[session % 2])
    farm.run(60)
    farm.set("a", "down")
    farm.run(10)
    farm.set("a", "ready")
    farm.run(5)
    assert len(farm.at("a")) <= 20
    farm.run(240)
    assert 45 <= len(farm.at("a")) <= 55


def test_everybody_has_work_in_the_step_in_which_there_is_some_again():
    farm = Farm("a")
    farm.set("b", "waiting")
    farm.plan(a=1, fallbacks=("b",))
    for session in range(200):
        farm.join(session, "a")
    farm.set("a", "down")
    farm.run(5, works=False)
    assert len(farm.at("a")) == 200
    farm.set("b", "ready")
    assert len(farm.at("b")) == 200


def test_one_that_has_no_part_in_the_route_comes_and_goes_unnoticed():
    farm = Farm("a", "b", "x")
    farm.plan(a=60, b=40)
    for session in range(20):
        farm.join(session, "aaabb"[session % 5], rate=1e12 * (session + 1))
    farm.run(600)
    group = farm.group()
    settled = (group.review_at, group.reviews, group.hurry_until)
    for state in ("down", "ready", "waiting", "ready"):
        farm.set("x", state)
        assert (group.review_at, group.reviews, group.hurry_until) == settled
    farm.run(1)
    assert group.hurry_until == settled[2]
    farm.set("b", "down")
    assert group.hurry_until > farm.now


def test_a_newcomer_at_a_dead_destination_is_sent_on():
    farm = Farm("a", "b")
    farm.plan(a=1, b=1)
    farm.set("a", "down")
    farm.join(1, "a")
    assert farm.where[1] == "b"


def test_nowhere_to_go_is_no_reason_to_move():
    farm = Farm("a")
    farm.join(1, "a")
    assert farm.set("a", "down") == ()
    farm.run(5)
    assert not farm.moves


# ---------------------------------------------------------------- whole machines and slices


def test_whole_machines_where_they_suffice():
    farm = Farm("a", "b")
    farm.plan(a=75, b=25)
    for session in range(4):
        farm.join(session, "a")
    farm.run(600)
    assert len(farm.at("a")) == 3
    assert not any(machine.is_sliced for machine in farm.group().machines.values())
    assert farm.part("a") == pytest.approx(0.75, abs=0.01)


def test_one_machine_is_sliced_below_its_size():
    farm = Farm("a", "b")
    farm.plan(a=70, b=30)
    farm.join(1, "a")
    farm.run(600)
    assert farm.part("a") == pytest.approx(0.7, abs=0.01)
    machine = farm.group().machines[1]
    assert machine.is_sliced


def test_slices_last_five_seconds_at_least():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    farm.join(1, "a")
    farm.run(30)
    times, before = [], farm.where[1]
    for _ in range(300):
        farm.run(1)
        if farm.where[1] != before:
            times.append(farm.now)
            before = farm.where[1]
    assert len(times) > 10
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 5_000


def test_as_few_as_possible_are_sliced():
    farm = Farm("a", "b", "c")
    farm.plan(a=45, b=35, c=20)
    for session in range(10):
        farm.join(session, "abc"[session % 3])
    farm.run(900)
    assert sum(machine.is_sliced for machine in farm.group().machines.values()) <= 2
    for name, share in (("a", 0.45), ("b", 0.35), ("c", 0.2)):
        assert farm.part(name) == pytest.approx(share, abs=0.01)


def test_machines_that_are_placed_well_stay_where_they_are():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for session in range(200):
        farm.join(session, "ab"[session % 2])
    farm.run(1800)
    assert not [move for move in farm.moves if farm.where[move.session] != "ab"[move.session % 2]]


def test_few_machines_are_asked_for_a_quick_pace():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    farm.join(1, "a")
    farm.join(2, "b")
    farm.run(10)
    assert {move.session for move in farm.moves if move.is_quick} == {1, 2}


def test_a_new_plan_moves_a_tenth_a_tick():
    farm = Farm("a", "b")
    farm.plan(a=1)
    for session in range(100):
        farm.join(session, "a")
    farm.run(60)
    farm.plan(b=1)
    farm.run(1)
    assert len(farm.at("b")) == 10
    farm.run(12)
    assert len(farm.at("b")) == 100


def test_a_machine_that_does_not_arrive_is_left_alone_for_a_while():
    farm = Farm("a", "b", obeys=False)
    farm.plan(b=1)
    farm.join(1, "a")
    farm.run(14)
    assert len(farm.moves) == 1
    farm.run(10)
    assert len(farm.moves) == 2


# ---------------------------------------------------------------- old firmware, pins


def test_old_firmware_is_never_sliced():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    farm.join(1, "a", free=False)
    farm.join(2, "b", free=False)
    farm.run(300)
    assert not [move for move in farm.moves if move.is_sliced]


@pytest.mark.parametrize("newer", [0, 20])
def test_old_firmware_follows_a_new_route_and_then_stays(newer):
    farm = Farm("a", "b")
    farm.plan(a=70, b=30)
    for session in range(100):
        farm.join(session, "a" if session < 70 else "b", free=session >= 100 - newer)
    farm.run(600)
    farm.plan(a=20, b=80)
    farm.run(300)
    assert 18 <= len(farm.at("a")) <= 22
    farm.moves.clear()
    farm.run(3600)
    assert not [move for move in farm.moves if not farm.free[move.session][0]]


def test_old_firmware_that_must_reconnect_comes_near_the_new_route_in_few_tries():
    farm = Farm("a", "b", obeys=False)
    numbers = itertools.count(1)

    def come(worker):
        number = next(numbers)
        farm.join(number, place(farm.state, SHA, number=number), free=False, worker=worker)

    farm.plan(a=70, b=30)
    for machine in range(100):
        come(f"old.{machine}")
    farm.run(300)
    farm.plan(a=20, b=80)
    asked = []
    for _ in range(3 * 3600 // 5):
        before = len(farm.moves)
        farm.run(5)
        for session in {move.session for move in farm.moves[before:]}:
            asked.append(farm.free[session][1])
            farm.leave(session)
            come(asked[-1])
    assert 15 <= len(farm.at("a")) <= 25
    assert max(asked.count(worker) for worker in asked) <= 3 * 3


def test_old_firmware_is_asked_three_times_an_hour_at_most():
    farm = Farm("a", "b", obeys=False)
    farm.plan(b=1)
    for attempt in range(6):
        farm.do(MachineReady(attempt, "old.r1", SHA, "a", False))
        farm.run(40, works=False)
        if any(move.session == attempt for move in farm.moves):
            farm.do(MachineGone(attempt))
    assert len({move.session for move in farm.moves}) == 3
    assert [it.code for it in farm.effects if isinstance(it, Alert)] == ["HW-443"]


@pytest.mark.parametrize(
    ("pattern", "name", "is_fit"),
    [
        ("kai.r1", "kai.r1", True),
        ("kai.r1", "kai.r10", False),
        ("kai.*", "kai.r10", True),
        ("*.r10", "kai.r10", True),
        ("*rack7*", "kai.rack7-03", True),
        ("a*b*c", "a1b2c", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("*", "", True),
    ],
)
def test_patterns(pattern, name, is_fit):
    assert fits(pattern, name) is is_fit


def test_the_most_specific_pin_wins():
    pins = {"*": "a", "kai.*": "b", "kai.rack7-*": "c", "kai.rack7-01": "d"}
    assert [pin_of(pins, name) for name in ("x.y", "kai.r", "kai.rack7-02", "kai.rack7-01")] == ["a", "b", "c", "d"]


def test_a_pinned_machine_goes_home_and_stays():
    farm = Farm("a", "b")
    farm.plan(a=100, b=0)
    farm.join(1, "a", worker="kai.rack7-01")
    farm.join(2, "a", worker="kai.other")
    farm.pin("kai.rack7-*", "b")
    assert farm.at("b") == [1]
    farm.run(120)
    assert farm.at("b") == [1]
    farm.set("b", "down")
    assert farm.at("a") == [1, 2]
    farm.set("b", "ready")
    farm.run(20)
    assert farm.at("b") == [1]
    farm.pin("kai.rack7-*", "")
    farm.run(60)
    assert farm.at("a") == [1, 2]


# ---------------------------------------------------------------- sums


def test_what_is_asked_in_sum_is_what_was_counted():
    farm = Farm("a", "b", "c")
    farm.plan(a=1, b=1, c=1)
    for session in range(7):
        farm.join(session, "abc"[session % 3], rate=1e12 + session)
    farm.run(300)
    accounts = farm.group().accounts.values()
    assert sum(it.asked for it in accounts) == sum(it.counted for it in accounts)
    assert all(type(it.asked) is int and type(it.counted) is int for it in accounts)


def test_asked_work_is_booked_every_ten_seconds_and_adds_up():
    farm = Farm("a", "b")
    farm.plan(a=70, b=30)
    farm.join(1, "a")
    farm.run(100)
    booked = [it for it in farm.effects if isinstance(it, AskWork)]
    total = sum(int.from_bytes(it.work_be, "big") for it in booked)
    left = sum(it.unbooked for it in farm.group().accounts.values())
    assert total + left == sum(it.asked for it in farm.group().accounts.values())
    assert len(booked) <= 22


def test_work_that_was_refused_is_owed_again_and_late_work_never_counted():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    farm.join(1, "a")
    farm.credit(1, 1000)
    counted = farm.account("a").counted
    farm.answer("a", "late", work=1000)
    assert farm.account("a").counted == counted
    farm.answer("a", "stale", work=1000)
    assert farm.account("a").counted == 0
    farm.answer("a", "rejected", work=1000)
    assert farm.account("a").counted == 0, "never below nothing"


def test_a_machine_that_is_about_to_reconnect_still_works_for_its_destination():
    farm = Farm("a", "b")
    farm.join(1, "a", free=False)
    farm.do(MachineGone(1))
    farm.credit(1, 1000, where="a")
    assert farm.account("a").counted > 0


def test_unknown_names_change_nothing():
    farm = Farm("a")
    assert farm.do(CreditWork("w", "nowhere", b"\xff" * 32, "accepted", 1)) == ()
    assert farm.do(CreditWork("w", "a", b"\xff" * 32, "stale", 1)) == ()
    assert farm.do(MachineGone(99)) == ()
    assert farm.answer("nowhere", "rejected") == ()
    assert farm.account("a").counted == 0


# ---------------------------------------------------------------- connecting, restarts


def test_connections_fall_on_the_shares_evenly():
    farm = Farm("a", "b", "c")
    farm.plan(a=50, b=30, c=20)
    for count in (10, 100, 5000):
        found = [place(farm.state, SHA, number=number) for number in range(1, count + 1)]
        for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)):
            assert abs(found.count(name) - share * count) <= 3


def test_where_nothing_is_ready_a_machine_waits_at_what_the_plan_names():
    farm = Farm()
    assert place(farm.state, SHA, number=1) == ""
    farm.set("x", "waiting")
    farm.set("a", "waiting")
    farm.plan(a=1)
    assert place(farm.state, SHA, number=1) == "a"


def test_a_start_forgets_machines_and_keeps_the_plan():
    farm = Farm("a", "b")
    farm.plan(a=1, b=1)
    farm.join(1, "a")
    (wake,) = farm.do(ProcessStarted(2, "t"))
    assert isinstance(wake, WakeAt)
    assert not farm.group().machines
    assert farm.group().plan is not None
    assert {it.state for it in farm.group().accounts.values()} == {"waiting"}


def test_a_snapshot_goes_on_the_same_way():
    farm = Farm("a", "b", "c")
    farm.plan(a=60, b=30, c=10)
    for session in range(9):
        farm.join(session, "abc"[session % 3], rate=1e12 * (session + 1))
    farm.run(100)
    other = Farm()
    other.state = written_and_read(farm.state)
    other.now, other.where, other.rate = farm.now, dict(farm.where), dict(farm.rate)
    other.free, other.effects = dict(farm.free), []
    farm.effects = []
    farm.run(100)
    other.run(100)
    assert other.effects == farm.effects
    assert any(isinstance(effect, MoveMachine) for effect in farm.effects)


def test_a_tick_asks_for_the_next():
    farm = Farm("a")
    assert farm.do(ClockTicked("routing-tick"))[0] == WakeAt(NOW + 1000, "routing-tick")
    assert farm.do(ClockTicked("routing-other")) == ()


def test_a_clock_that_jumps_forward_moves_nobody_for_nothing():
    farm = Farm("a", "b")
    farm.plan(a=50, b=50)
    for session in range(40):
        farm.join(session, "ab"[session % 2])
    farm.run(300)
    farm.moves.clear()
    farm.now += 3 * 3_600_000
    farm.run(60)
    assert len(farm.moves) <= 2
    assert farm.part("a") == pytest.approx(0.5, abs=0.01)


def test_sums_of_years_fit_in_a_snapshot():
    farm = Farm("a", "b")
    farm.plan(a=1, b=1)
    farm.join(1, "a")
    farm.credit(1, 2**120)
    farm.run(1)
    again = written_and_read(farm.state)
    assert again == farm.state
    assert farm.account("a").counted > 2**119
    assert again.groups[SHA].accounts["a"].debt == farm.account("a").debt < -(2**100)


@pytest.mark.parametrize("work", [2**63, 2**70, 2**200])
def test_a_share_of_any_work_fits_in_a_snapshot(work):
    farm = Farm("a")
    farm.join(1, "a")
    farm.credit(1, work)
    assert written_and_read(farm.state) == farm.state


def test_a_snapshot_with_too_few_sums_is_refused():
    farm = Farm("a")
    again = written_and_read(farm.state)
    again.sealed = b"\x00" * 5
    with pytest.raises(ValueError, match="sums"):
        open_sealed(again)
