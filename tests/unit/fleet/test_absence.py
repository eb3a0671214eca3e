"""What a guard did while nobody looked: taken once, told, and undone in the order of the ramp."""

import pytest

from hashwright.fleet.events import GuardActed, RulesSet
from hashwright.signals import ProcessStarted
from unit.fleet.fleet_story import Story

AT = 1_795_867_162_000


def acted(*outcomes, report="1", cause="gone"):
    return GuardActed(report, cause, AT - 60_000, AT, outcomes)


def after_a_death(*outcomes, **options):
    """A fleet that was running, a new start, and the guard's report."""
    story = Story(**options)
    story.say()
    story.tell(ProcessStarted(2, "test"))
    story.alerts.clear()
    story.tell(acted(*outcomes))
    return story


def test_who_was_put_to_sleep_wakes_and_who_slept_before_stays_asleep():
    story = after_a_death(("m000", "slept"), ("m001", "asleep"), ("m002", "unreachable"), ("gone", "slept"))
    story.say("m000", "m001", activity="asleep")
    story.tick()
    assert [(it.device, it.action, it.reason[:8]) for it in story.commands] == [("m000", "resume", "it slept")]
    (alert,) = story.alerts
    assert (alert.code, alert.level) == ("HW-885", "critical")
    assert "2 of 4 machines to sleep at 2026-11-28 11:59:22 UTC; 1 slept before; not asleep: m002 unr" in alert.text


def test_a_fleet_that_is_not_live_wakes_them_too_for_nobody_planned_their_sleep():
    story = after_a_death(("m000", "slept"), machines=1, rules=RulesSet(start_part=1.0, dwell_ms=0))
    story.say("m000", activity="asleep")
    story.tick()
    assert [it.action for it in story.commands] == ["resume"]
    assert story.alerts[0].level == "warning"


def test_a_live_plan_decides_whether_they_wake():
    story = Story(machines=1)
    story.say()
    story.plan(0.0)
    story.tell(acted(("m000", "slept")))
    story.say(activity="asleep")
    story.tick(3)
    assert (story.take(), story.state.devices["m000"].is_safe) == ([], False)


def test_the_same_report_counts_once_and_old_ones_are_forgotten():
    story = after_a_death(("m000", "slept"))
    story.tell(acted(("m000", "slept")))
    assert story.codes() == ["HW-885"]
    for number in range(2, 40):
        story.tell(acted(report=str(number), cause="silent"))
    assert len(story.state.guards) == 16
    assert story.alerts[-1].text.startswith("Hashwright hung (last heard of at 2026-11-28 11:58:22 UTC)")


@pytest.mark.parametrize("count", [5, 9])
def test_many_that_were_not_heard_are_named_in_part(count):
    story = after_a_death(*((f"m{number}", "refused") for number in range(count)))
    assert ("and 4 more" in story.alerts[0].text) == (count == 9)
