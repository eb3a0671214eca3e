"""The fleet engine: who is commanded, when, and what is told."""

import pytest

from hashwright.fleet import health
from hashwright.fleet.effects import ProtectDevice
from hashwright.fleet.events import DeviceRemoved, OverrideEnded, RulesSet
from unit.fleet.fleet_story import LIVE, Story


def state_of(story, name="m000"):
    return health.state_of(story.state.devices[name], silent_ms=story.state.rules.silent_ms, now=story.now)


def test_nothing_is_commanded_that_nobody_wished_for():
    story = Story()
    story.say()
    story.tick(60)
    assert story.commands == []


def test_nobody_is_commanded_before_it_was_heard():
    story = Story()
    story.override("sleep")
    story.tick(5)
    assert story.commands == []


def test_a_person_puts_machines_to_sleep_and_that_is_a_normal_state():
    story = Story()
    story.say()
    story.override("sleep")
    story.tick()
    assert [(it.device, it.action) for it in story.commands] == [(name, "pause") for name in story.names]
    assert state_of(story) == "stopping"
    story.obey()
    story.tick()
    assert state_of(story) == "asleep"
    assert story.alerts == []
    story.tick(30)
    assert story.commands == []


def test_each_command_has_a_key_of_its_own():
    story = Story(machines=1)
    for mode in ("sleep", "run", "sleep"):
        story.say(activity="hashing" if mode == "sleep" else "asleep")
        story.override(mode)
        story.tick()
        story.answer(story.commands[-1])
        story.say(activity="asleep" if mode == "sleep" else "hashing")
        story.tick()
    assert [it.key for it in story.commands] == ["m000:1", "m000:2", "m000:3"]


def test_a_sleep_for_a_time_ends_by_itself():
    story = Story(machines=1)
    story.say()
    story.override("sleep", for_ms=60_000)
    story.tick()
    story.obey()
    story.tick(58)
    assert story.commands == []
    story.say(activity="asleep")
    story.tick(3)
    assert [it.action for it in story.commands] == ["resume"]


def test_a_plan_is_only_rehearsed_until_the_owner_says_live():
    story = Story(rules=RulesSet(is_live=False, start_part=1.0, stop_part=1.0))
    story.say()
    story.plan(0.0)
    story.tick(10)
    assert story.commands == []
    assert [(it.device, it.action) for it in story.rehearsed] == [(name, "pause") for name in story.names]
    story.tell(LIVE)
    story.tick()
    assert len(story.commands) == 3


def test_a_person_stands_above_a_plan_and_gives_back():
    story = Story(machines=1)
    story.say()
    story.override("run")
    story.plan(0.0, 0.0)
    story.tick(5)
    assert story.commands == []
    story.tell(OverrideEnded(story.names))
    story.tick()
    assert [it.action for it in story.commands] == ["pause"]


def test_machines_are_switched_in_stages():
    story = Story(machines=40, rules=RulesSet(is_live=True, start_part=0.1, stop_part=0.25, ramp_ms=10_000))
    story.say()
    story.override("sleep")
    story.tick(9)
    assert len(story.commands) == 10
    story.obey()
    story.tick(2)
    assert len(story.take()) == 10


def test_a_plan_waits_for_the_dwell_and_a_person_does_not():
    rules = RulesSet(is_live=True, start_part=1, stop_part=1, dwell_ms=600_000)
    story = Story(machines=1, rules=rules)
    story.say()
    story.plan(0.0, 1000.0, 0.0, 0.0, 0.0)
    story.tick()
    story.obey()
    story.tick(61)
    story.say(activity="asleep")
    story.tick(5)
    assert story.commands == []
    assert "least time" in story.state.devices["m000"].waits
    story.override("run")
    story.tick()
    assert [it.action for it in story.commands] == ["resume"]


def test_the_starts_of_a_day_are_counted_and_told_once():
    story = Story(machines=1, starts_a_day=2)
    for _ in range(3):
        story.say(activity="asleep")
        story.override("run")
        story.tick()
        story.obey()
        story.tick()
    story.say(activity="asleep")
    story.tick(5)
    assert len(story.state.devices["m000"].starts) == 2
    assert story.codes() == ["HW-507"]


def test_a_machine_that_is_too_hot_sleeps_at_once_and_wakes_when_it_is_cool():
    story = Story(machines=2, temperature_max_c=80.0)
    story.override("run")
    story.say(temperature_c=81.0)
    story.tick()
    assert all(isinstance(it, ProtectDevice) for it in story.commands)
    assert len(story.commands) == 2
    assert story.codes() == ["HW-504", "HW-504"]
    assert state_of(story) == "hot"
    story.obey(temperature_c=75.0)
    story.tick(5)
    assert story.commands == []
    story.say(activity="asleep", temperature_c=69.0)
    story.tick()
    assert [it.action for it in story.commands] == ["resume", "resume"]


def test_heat_in_a_rehearsal_is_told_and_not_acted_upon():
    story = Story(machines=1, rules=RulesSet())
    story.say(temperature_c=99.0)
    story.tick(3)
    assert story.commands == []
    assert story.codes() == ["HW-504"]
    assert "not live" in story.alerts[0].text


def test_a_machine_that_does_not_obey_is_told_once_and_tried_again_later():
    story = Story(machines=1)
    story.say()
    story.override("sleep")
    story.tick()
    story.answer(story.take()[0])
    for _ in range(15):
        story.tick()
        story.say()
    assert story.codes() == ["HW-503"]
    assert story.commands == []
    story.tick(28)
    assert [it.action for it in story.commands] == ["pause"]
    story.obey()
    story.tick()
    assert story.codes() == ["HW-503", "HW-115"]


def test_the_three_bad_answers_are_three():
    story = Story(machines=3)
    story.say()
    story.override("sleep")
    story.tick()
    first, second, third = story.take()
    story.answer(first, "unsupported")
    story.answer(second, "unreachable")
    story.answer(third, "refused", "it is locked")
    assert story.codes() == ["HW-109", "HW-107", "HW-108"]
    story.tick(29)
    assert story.commands == []
    story.say()
    story.tick(3)
    assert [it.device for it in story.commands] == ["m001", "m002"]


def test_a_plug_that_takes_its_machine_off_the_network_is_obedience():
    story = Story(machines=1)
    story.say()
    story.override("sleep")
    story.tick()
    story.answer(story.take()[0])
    for _ in range(5):
        story.tick()
        story.say(answer="unreachable")
    story.tick()
    assert state_of(story) == "asleep"
    assert story.alerts == []
    story.override("run")
    story.tick()
    assert [it.action for it in story.commands] == ["resume"]


def test_a_machine_that_is_silent_is_told_after_three_misses_and_when_it_is_back():
    story = Story(machines=1)
    story.say()
    for _ in range(3):
        story.say(answer="unreachable")
    assert state_of(story) == "unreachable"
    assert story.codes() == ["HW-107"]
    story.say()
    assert story.codes() == ["HW-107", "HW-115"]


def test_values_expire():
    story = Story(machines=1)
    story.say(power_w=900.0)
    device = story.state.devices["m000"]
    assert health.draw_w(device, silent_ms=120_000, now=story.now) == 900.0
    assert health.draw_w(device, silent_ms=120_000, now=story.now + 120_001) is None


def test_a_third_of_the_fleet_silent_is_one_trouble():
    story = Story(machines=10)
    story.say()
    for _ in range(3):
        story.say("m000", "m001", "m002", answer="unreachable")
    story.tick(3)
    assert story.codes().count("HW-506") == 1


def test_a_power_figure_that_does_not_fit_is_not_believed():
    story = Story(machines=1)
    story.say(power_w=1000.0)
    story.say(power_w=100.0)
    device = story.state.devices["m000"]
    assert story.codes() == ["HW-505"]
    assert health.draw_w(device, silent_ms=120_000, now=story.now) == 1000.0
    story.say(power_w=990.0)
    assert health.draw_w(device, silent_ms=120_000, now=story.now) == 990.0


def test_a_plan_takes_the_best_machines_and_the_last_at_part_load():
    story = Story(machines=3, min_part=0.5)
    device = story.state.devices["m002"]
    story.tell(
        type(device.settings)(
            **{f: getattr(device.settings, f) for f in device.settings.__struct_fields__} | {"rated_hs": 2e14}
        )
    )
    story.say()
    story.plan(1700.0)
    story.tick()
    assert [(it.device, it.action) for it in story.commands] == [("m000", "limit"), ("m001", "pause")]
    assert 0.69 < story.commands[0].part <= 0.7
    assert story.commands[0].power_w <= 700.0


def test_what_does_not_answer_counts_with_all_it_may_draw():
    story = Story(machines=3)
    story.say()
    for _ in range(3):
        story.say("m000", answer="unreachable")
    story.plan(2000.0)
    story.tick()
    assert [(it.device, it.action) for it in story.commands] == [("m002", "pause")]


def test_a_plan_that_ran_out_leaves_machines_as_they_are_and_tells():
    story = Story(machines=1)
    story.say()
    story.plan(0.0, slot_ms=20_000)
    story.tick()
    story.obey()
    story.tick(60)
    assert story.commands == []
    assert story.codes() == ["HW-508"]


def test_a_machine_lies_about_its_limit_and_is_not_taken_to_obey():
    story = Story(machines=1, min_part=0.2)
    story.say(power_w=1000.0)
    story.override("run", part=0.5)
    story.tick()
    command = story.take()[0]
    assert (command.action, command.part, command.power_w) == ("limit", 0.5, 500.0)
    story.answer(command)
    for _ in range(12):
        story.tick()
        story.say(power_w=1000.0)
    assert story.codes() == ["HW-503"]


def test_after_a_start_nothing_is_sent_again_before_the_machine_was_read():
    from hashwright.signals import ProcessStarted

    story = Story(machines=1)
    story.say()
    story.override("sleep")
    story.tick()
    story.take()
    story.tell(ProcessStarted(2, "test"))
    story.say(activity="asleep")
    story.tick(5)
    assert story.commands == []


def test_unknown_names_change_nothing():
    story = Story(machines=1)
    story.say("nobody")
    story.tell(DeviceRemoved("nobody"))
    story.override("sleep", "nobody")
    story.tick(3)
    assert story.commands == []


@pytest.mark.parametrize("fields", [{"power_w": 1000.0}, {"power_w": 1000.0, "limit_w": 1000.0}])
def test_a_machine_that_lost_its_limit_is_told_again(fields):
    story = Story(machines=1, min_part=0.2)
    story.say(power_w=1000.0)
    story.override("run", part=0.5)
    story.tick()
    story.obey(power_w=500.0)
    story.tick(2)
    assert story.take() == []
    story.say(power_w=520.0)  # within what firmware steps allow
    story.tick(2)
    assert story.take() == []
    story.say(**fields)  # somebody started it again
    story.tick()
    assert [(it.action, it.part) for it in story.take()] == [("limit", 0.5)]
    assert "HW-503" not in story.codes()


def test_300_machines_are_curtailed_with_90_of_them_silent():
    """What does not answer counts with all it may draw; nobody waits for it; when it is back it is told at once."""
    story = Story(machines=300)
    story.say()
    lost, there = story.names[::3][:90], []
    for _ in range(3):
        story.say(*lost, answer="unreachable")
    story.plan(150_000.0, slot_ms=600_000)
    story.tick()
    told = {it.device for it in story.commands}
    assert told.isdisjoint(lost)
    there = [name for name in story.names if name not in lost and name not in told]
    assert len(there) == 60  # kW, beside the 90 of the silent ones
    story.obey()
    story.tick(2)
    assert story.commands == []
    assert story.codes().count("HW-506") == 1
    story.say(*lost)
    story.tick(12)
    running = {name for name in story.names if story.state.devices[name].plan_wish.mode == "run"}
    assert len(running) == 150
    assert {it.device for it in story.commands if it.action == "pause"} <= set(lost) | set(there)
    story.obey()
    story.tick(3)
    awake = [it for it in story.state.devices.values() if it.reading.activity == "hashing"]
    assert len(awake) == 150
    assert story.codes().count("HW-115") >= 1
