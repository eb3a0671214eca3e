"""Plans of several sites: whose machines follow which, at which part, within which breaker; and an orderly end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.fleet import curve
from hashwright.fleet.events import (
    DeviceSet,
    OverrideEnded,
    PlanSlot,
    PowerPlan,
    PowerPlanEnded,
    RulesSet,
    ShutdownBegun,
)
from hashwright.fleet.step import step
from hashwright.signals import ProcessStarted
from unit.fleet.fleet_story import LIVE, Story

HOUR = 3_600_000


def power_plan(story, *slots, key="north", site="", **fields):
    """Send a plan of one hour: slots are (group, watts, parts) from now on."""
    made = tuple(PlanSlot(story.now, group, watts, tuple(parts)) for group, watts, parts in slots)
    story.tell(PowerPlan(f"{key} 1", made, story.now + HOUR, f"autopilot {key}", key, site, **fields))


def wishes(story):
    """Return what each machine should do: its part, or None for sleep."""
    found = {name: it.plan_wish for name, it in story.state.devices.items()}
    return {name: None if it is None or it.mode == "sleep" else it.part for name, it in found.items() if it}


def add(story, name, *, site="south", group="all", rated_w=1000.0):
    story.tell(
        DeviceSet(device=name, kind="axeos", group=group, site=site, rated_w=rated_w, rated_hs=1e14, min_part=0.5)
    )
    story.names += (name,)


def test_two_sites_with_one_group_name_follow_their_own_plans():
    story = Story(machines=2, min_part=0.5)
    add(story, "s000")
    power_plan(story, ("all", 0.0, ()), key="home", site="home")
    power_plan(story, ("all", 1000.0, ()), key="south", site="south")
    assert wishes(story) == {"m000": None, "m001": None, "s000": 1.0}
    story.tell(PowerPlanEnded("home"))
    assert wishes(story) == {"s000": 1.0}, "the machines of an ended plan stay as they are, the others follow theirs"
    assert list(story.state.plans) == ["south"]


def test_a_new_plan_of_the_same_key_takes_the_place_of_the_old_one_and_leaves_the_other():
    story = Story(machines=2)
    add(story, "s000")
    power_plan(story, ("all", 2000.0, ()), key="home", site="home")
    power_plan(story, ("all", 0.0, ()), key="south", site="south")
    power_plan(story, ("other", 0.0, ()), key="home", site="home")
    assert wishes(story) == {"s000": None}


def test_parts_say_how_many_machines_run_at_which_part():
    story = Story(machines=4, min_part=0.5)
    power_plan(story, ("all", 2400.0, [(1.0, 1), (0.7, 2)]))
    assert list(wishes(story).values()) == [1.0, pytest.approx(0.7, abs=1e-3), pytest.approx(0.7, abs=1e-3), None]


def test_a_machine_that_cannot_take_a_part_gives_its_watts_to_the_next():
    story = Story(machines=3, min_part=0.5)
    story.state.devices["m000"].unsupported.append("limit")
    power_plan(story, ("all", 1400.0, [(0.7, 2)]))
    found = wishes(story)
    assert found["m000"] is None
    assert sum(part for part in found.values() if part) <= 1.4


def test_what_a_person_runs_keeps_its_watts_and_gives_them_back():
    story = Story(machines=3)
    story.say()
    story.override("run", "m002")
    power_plan(story, ("all", 2000.0, [(1.0, 2)]))
    assert wishes(story) == {"m000": 1.0, "m001": None}, "two may run, and one of them is a person's"
    story.tell(OverrideEnded(("m002",)))
    story.tick()
    assert wishes(story) == {"m000": 1.0, "m001": 1.0, "m002": None}


def test_an_override_that_ends_by_itself_does_not_act_on_an_old_wish():
    story = Story(machines=2)
    story.say()
    power_plan(story, ("all", 1000.0, ()))
    story.override("run", "m001", for_ms=3_000)
    story.tick(1)
    story.obey()
    story.say()
    story.tick(5)
    assert wishes(story) == {"m000": 1.0, "m001": None}
    assert [(it.device, it.action) for it in story.take()] == [("m001", "pause")]


def test_a_breaker_is_never_exceeded_while_one_group_stops_and_another_starts():
    story = Story(machines=2)
    add(story, "s000", site="home", group="other")
    add(story, "s001", site="home", group="other")
    story.say("m000", "m001")
    story.say("s000", "s001", activity="asleep")
    power_plan(story, ("all", 0.0, ()), ("other", 2000.0, ()), site="home", limit_w=2000.0)
    story.tick()
    assert [(it.device, it.action) for it in story.commands] == [("m000", "pause"), ("m001", "pause")]
    assert "breaker" in story.state.devices["s000"].waits
    for command in story.take():
        story.answer(command)
    story.say("m000", activity="asleep")
    story.say("m001", "s000", "s001", activity="hashing")
    story.say("s000", "s001", activity="asleep")
    story.tick()
    assert [(it.device, it.action) for it in story.take()] == [("s000", "resume")]


def test_the_ramp_counts_the_machines_of_its_own_site():
    rules = RulesSet(is_live=True, start_part=0.5, stop_part=0.5, ramp_ms=600_000, dwell_ms=0)
    story = Story(machines=4, rules=rules)
    for number in range(10):
        add(story, f"s{number:03d}")
    story.say()
    story.override("sleep")
    story.tick(3)
    sites = [story.state.devices[it.device].settings.site for it in story.take()]
    assert (sites.count("home"), sites.count("south")) == (2, 5)


def test_a_plan_may_have_a_ramp_of_its_own():
    story = Story(machines=10)
    story.say()
    power_plan(story, ("all", 0.0, ()), stop_part=0.2)
    story.tick(3)
    assert len(story.commands) == 2
    assert {it.would for it in story.state.devices.values()} == {""}, "a live fleet rehearses nothing"


def test_each_plan_that_runs_out_is_told_once():
    story = Story(machines=1)
    add(story, "s000")
    power_plan(story, ("all", 1000.0, ()), key="home", site="home")
    power_plan(story, ("all", 1000.0, ()), key="south", site="south")
    story.now += HOUR
    story.tick(3)
    assert story.codes() == ["HW-508", "HW-508"]


# ---------------------------------------------------------------- an orderly end


def test_an_orderly_end_puts_those_to_sleep_that_are_marked_and_the_next_start_wakes_them():
    story = Story(machines=3, rules=RulesSet(is_live=False, start_part=0.01, stop_part=0.01))
    story.tell(DeviceSet(device="m000", kind="axeos", group="all", site="home", rated_w=1000.0, fail_safe="sleep"))
    story.tell(DeviceSet(device="m001", kind="axeos", group="all", site="home", rated_w=1000.0, fail_safe="sleep"))
    story.say()
    story.tell(ShutdownBegun())
    assert [(it.device, it.action) for it in story.commands] == [("m000", "pause"), ("m001", "pause")]
    for command in story.take():
        story.answer(command)
    story.say("m000", "m001")  # not asleep yet: the word of a moment ago does not wake it
    story.tick(5)
    assert story.commands == []

    story.tell(ProcessStarted(2, "test"))
    story.say("m000", "m001", activity="asleep")
    story.tick(30)
    assert [(it.device, it.action) for it in story.take()] == [("m000", "resume"), ("m001", "resume")]
    for name in ("m000", "m001"):
        story.say(name)
    story.tick(30)
    assert not any(it.is_safe for it in story.state.devices.values())
    assert story.commands == []


def test_a_person_s_word_stands_above_waking_after_an_end():
    story = Story(machines=1, fail_safe="sleep")
    story.say()
    story.tell(ShutdownBegun())
    story.obey()
    story.tell(ProcessStarted(2, "test"))
    story.override("sleep")
    story.say(activity="asleep")
    story.tick(30)
    assert story.commands == []


def test_a_live_plan_decides_after_an_orderly_end():
    story = Story(machines=1, fail_safe="sleep")
    story.say()
    power_plan(story, ("all", 0.0, ()))
    story.say()
    story.tell(ShutdownBegun())
    story.obey()
    story.tell(ProcessStarted(2, "test"))
    story.say(activity="asleep")
    story.tick(30)
    assert story.commands == [], "the plan wants it asleep: it is not woken first"


def test_after_a_kill_machines_are_compared_with_the_plan_at_once():
    story = Story(machines=2)
    story.say()
    power_plan(story, ("all", 0.0, ()))
    story.tick()
    story.commands.clear()  # the process is killed before anything went out
    story.tell(ProcessStarted(2, "test"))
    story.say()
    story.tick()
    assert {(it.device, it.action) for it in story.take()} == {("m000", "pause"), ("m001", "pause")}


# ---------------------------------------------------------------- properties


@settings(max_examples=60, deadline=None)
@given(
    ratings=st.lists(st.integers(min_value=100, max_value=5000), min_size=1, max_size=8),
    watts=st.integers(min_value=0, max_value=20_000),
    parts=st.lists(st.tuples(st.sampled_from((1.0, 0.85, 0.7, 0.5)), st.integers(1, 4)), max_size=3),
    lost=st.integers(min_value=0, max_value=3),
)
def test_a_group_never_gets_more_watts_than_its_slot(ratings, watts, parts, lost):
    story = Story(machines=0)
    for number, rated in enumerate(ratings):
        add(story, f"d{number}", rated_w=float(rated))
    story.say()
    for _ in range(3):
        story.say(*story.names[:lost], answer="unreachable")
    power_plan(story, ("all", float(watts), sorted(parts, reverse=True)))
    devices = list(story.state.devices.values())
    silent = sum(curve.rated_w(it) for it in devices if it.misses >= 3)
    drawn = sum(it.plan_wish.part * curve.rated_w(it) for it in devices if it.plan_wish and it.plan_wish.mode == "run")
    assert drawn == 0 or drawn + silent <= watts * (1 + 1e-6)


def test_an_event_of_an_unknown_key_changes_nothing():
    story = Story(machines=1)
    before = wishes(story)
    assert step(story.state, PowerPlanEnded("nobody"), now=story.now) == ()
    assert wishes(story) == before
    assert LIVE.is_live


def test_a_machine_that_hashes_against_its_order_takes_its_watts_from_the_others():
    story = Story(machines=3)
    story.say()
    story.plan(1000.0, 3000.0)
    story.tick()
    story.obey(power_w=0.0)
    story.say("m002")  # it took the command and goes on
    for _ in range(15):
        story.tick()
        story.say("m000", "m002")
    assert "HW-503" in story.codes()
    assert wishes(story) == {"m000": None, "m001": None, "m002": None}, "its kilowatt is all that there is"
    story.tick(60)
    assert wishes(story) == {"m000": 1.0, "m001": 1.0, "m002": 1.0}, "there is room for it now"


def running_by_day(ratings, watts, parts, *, costs=None, days=6):
    """Return who runs on each day, by a plan that is the same each day."""
    story = Story(machines=0)
    for number, rated in enumerate(ratings):
        hashes = rated / (30e-12 * (costs or {}).get(number, 1.0))
        name = f"m{number}"
        story.tell(DeviceSet(device=name, kind="axeos", group="all", site="home", rated_w=rated, rated_hs=hashes))
    found = []
    for day in range(days):
        story.now = day * 24 * HOUR + HOUR
        power_plan(story, ("all", watts, parts))
        found.append({name for name, part in wishes(story).items() if part})
    return found


def test_machines_that_are_alike_take_turns_and_none_rests_for_ever():
    days = running_by_day([1000.0] * 3, 2000.0, [(1.0, 2)])
    assert all(len(day) == 2 for day in days)
    assert [sum(name in day for day in days) for name in ("m0", "m1", "m2")] == [4, 4, 4]


@given(st.lists(st.integers(1000, 1300), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_ratings_that_differ_leave_none_asleep_for_ever(ratings):
    """The watts are those of the day's first machines, as they are handed over where the site's limits carry them."""
    count = len(ratings) - 1
    watts = float(sum(sorted(ratings)[1:]))
    days = running_by_day([float(it) for it in ratings], watts, [(1.0, count)], days=len(ratings))
    assert set().union(*days) == {f"m{number}" for number in range(len(ratings))}


def test_a_worse_machine_takes_no_turn():
    days = running_by_day([1000.0] * 3, 2000.0, [(1.0, 2)], costs={0: 1.05})
    assert days == [{"m1", "m2"}] * 6
