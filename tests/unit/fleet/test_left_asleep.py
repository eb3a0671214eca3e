"""A plan that ends leaves machines as they are: who sleeps by it is named, and wakes by a person's word."""

from hashwright.fleet.events import MachinesWoken, PowerPlanEnded, RulesSet
from hashwright.fleet.wish import left_asleep
from unit.fleet.fleet_story import Story
from unit.fleet.test_power_plans import power_plan

SLOW = RulesSet(is_live=True, start_part=0.5, stop_part=1.0, ramp_ms=10_000, dwell_ms=3_600_000, settle_ms=10_000)


def rested(**options):
    """Four machines of which a plan put three to sleep."""
    story = Story(machines=4, **options)
    story.say()
    power_plan(story, ("all", 1000.0, ()), key="home", site="home")
    story.tick()
    story.obey()
    story.tick()
    return story


def test_who_rests_is_named_when_the_plan_ends_and_nobody_before():
    story = rested()
    assert left_asleep(story.state, now=story.now) == {}
    story.tell(PowerPlanEnded("home"))
    assert left_asleep(story.state, now=story.now) == dict.fromkeys(("m001", "m002", "m003"), "autopilot home")
    story.tick(30)
    assert story.take() == [], "hands off: they stay as they are"


def test_a_plan_that_ran_out_leaves_them_asleep_as_well():
    story = rested()
    story.now += 3_600_000
    assert len(left_asleep(story.state, now=story.now)) == 3


def test_they_wake_in_stages_by_a_persons_word_whatever_the_dwell():
    story = rested(rules=SLOW)
    story.tell(PowerPlanEnded("home"))
    story.tell(MachinesWoken((*left_asleep(story.state, now=story.now), "nobody"), "eva"))
    story.tick()
    assert [(it.device, it.action) for it in story.commands] == [("m001", "resume"), ("m002", "resume")]
    story.obey()
    story.say("m001", "m002")
    story.tick(11)
    story.obey()
    story.say("m003")
    story.tick()
    assert left_asleep(story.state, now=story.now) == {}


def test_a_new_plan_decides_about_them_and_a_person_stands_above():
    story = rested()
    story.tell(PowerPlanEnded("home"))
    story.override("sleep", "m001")
    power_plan(story, ("all", 0.0, ()), key="home", site="home")
    assert left_asleep(story.state, now=story.now) == {}
    story.tell(PowerPlanEnded("home"))
    assert sorted(left_asleep(story.state, now=story.now)) == ["m000", "m002", "m003"], "m001 sleeps by a person"


def test_a_plan_without_a_key_that_ends_does_not_take_back_a_persons_wake():
    story = Story(machines=2)
    story.say()
    story.plan(0.0)
    story.tick()
    story.obey()
    story.tell(PowerPlanEnded(""))
    story.tell(MachinesWoken(("m000",), "eva"))
    story.tell(PowerPlanEnded(""))
    story.tick(2)
    assert [(it.device, it.action) for it in story.take()] == [("m000", "resume")]
