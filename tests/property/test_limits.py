"""Whatever a site draws beside its machines, the engine keeps the import limit, by a meter or by counting, calmly."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.fleet import limits
from hashwright.fleet.events import (
    DeviceSet,
    OverrideEnded,
    PlanSlot,
    PowerPlan,
    RulesSet,
    SiteLimitEnded,
    SiteLimitSet,
    SiteMetered,
)
from unit.fleet.fleet_story import Story

RULES = RulesSet(is_live=True, start_part=0.5, stop_part=0.1, dwell_ms=0, settle_ms=10_000, starts_a_day=1000)
LIMIT_W = 10_000.0
COOLING = 0.1
EVERY_S = 10
"""The meter says something so often."""
OBEY_S = 3
REACTION_S = EVERY_S + limits.OBEY_MS // 1000 + OBEY_S + 2
"""A reading that is of after the last command, a tick, and the time of machines to stop."""


class House:
    """Machines that run where nobody says otherwise, and a base load; the meter adds them up, and the sun takes off."""

    def __init__(self, ratings, *, has_meter, limit_w=LIMIT_W):
        self.story = Story(machines=0, rules=RULES)
        self.ratings, self.base_w, self.has_meter = {}, 0.0, has_meter
        for number, rated in enumerate(ratings):
            name = f"m{number:03d}"
            self.ratings[name] = float(rated)
            self.story.tell(
                DeviceSet(device=name, kind="axeos", group="all", site="home", rated_w=rated, rated_hs=1e14)
            )
        self.names = tuple(self.ratings)
        self.awake = dict.fromkeys(self.names, False)
        self.obeys_at, self.resumes, self.above_s = {}, Counter(), 0
        self.limit_w, self.wake_s = limit_w, OBEY_S
        self.tell_limit()
        self.speak()
        self.story.override("run", *self.names)

    def tell_limit(self):
        base_w = 0.0 if self.has_meter else self.base_w
        self.story.tell(SiteLimitSet("home", "home", self.limit_w, base_w, COOLING))

    @property
    def drawn_w(self):
        machines = sum(self.ratings[name] for name in self.names if self.awake[name])
        return machines * (1 + COOLING) + self.base_w

    def speak(self):
        for name in self.names:
            activity, power = ("hashing", self.ratings[name]) if self.awake[name] else ("asleep", 0.0)
            self.story.say(name, activity=activity, power_w=power)

    def second(self, number):
        story = self.story
        story.tick()
        for command in story.take():
            story.answer(command)
            is_pause = getattr(command, "action", "pause") == "pause"
            self.obeys_at[command.device] = (number + (OBEY_S if is_pause else self.wake_s), not is_pause)
            self.resumes[command.device] += not is_pause
        for name, (at, is_awake) in list(self.obeys_at.items()):
            if number >= at:
                self.awake[name] = is_awake
                del self.obeys_at[name]
        self.speak()
        if self.has_meter and number % EVERY_S == 0:
            story.tell(SiteMetered("home", story.now, self.drawn_w))
        self.above_s = self.above_s + 1 if self.drawn_w > self.limit_w * (1 + 1e-6) else 0


RATINGS = st.lists(st.integers(200, 4_000), min_size=1, max_size=8)
BASES = st.lists(st.integers(0, 11_000), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(RATINGS, BASES)
def test_a_measured_import_is_never_above_the_limit_for_longer_than_a_reaction(ratings, bases):
    house = House(ratings, has_meter=True)
    second = 0
    for base_w in bases:
        house.base_w = float(base_w)
        house.above_s = 0
        for _ in range(200):
            second += 1
            house.second(second)
            assert house.above_s <= REACTION_S or not any(house.awake.values()), house.drawn_w
    assert max(house.resumes.values(), default=0) <= 1 + second // (limits.HOLD_MS // 1000)


@settings(max_examples=25, deadline=None)
@given(RATINGS, BASES)
def test_what_is_counted_is_never_above_the_limit_but_for_machines_that_are_told_to_stop(ratings, bases):
    house = House(ratings, has_meter=False)
    second = 0
    for base_w in bases:
        house.base_w = float(base_w)
        house.tell_limit()
        house.above_s = 0
        for _ in range(150):
            second += 1
            house.second(second)
            assert house.above_s <= OBEY_S + 1 or not any(house.awake.values()), house.drawn_w


def running(house):
    return [name for name in house.names if house.awake[name]]


def run(house, seconds, start=0):
    for second in range(start + 1, start + seconds + 1):
        house.second(second)
    return start + seconds


def test_the_worst_goes_first_and_one_that_a_person_runs_is_spared():
    house = House([3000, 1000, 2000], has_meter=True)
    now = run(house, 400)
    assert running(house) == ["m000", "m001", "m002"]
    house.base_w = 5_400.0
    now = run(house, 30, now)
    assert running(house) == ["m001", "m002"]
    assert house.story.codes() == ["HW-887"]
    house.base_w = 0.0
    now = run(house, 200, now)
    assert running(house) == ["m000", "m001", "m002"]
    assert house.story.codes() == ["HW-887", "HW-115"]
    house.story.plan(6000.0, slot_ms=3_600_000)
    house.story.tell(OverrideEnded(("m001", "m002")))
    house.base_w = 5_400.0
    run(house, 30, now)
    assert running(house) == ["m000", "m001"]


def test_who_does_not_obey_is_replaced_and_nobody_left_is_told():
    story = Story(machines=3)
    story.say(power_w=1000.0)
    story.override("run")
    story.tell(SiteLimitSet("home", "", 2500.0))
    story.tick()
    assert [(it.device, it.action) for it in story.commands] == [("m000", "pause")]
    story.answer(story.take()[0], "refused", "locked")
    story.say(power_w=1000.0)
    story.tick()
    assert [(it.device, it.action) for it in story.commands] == [("m001", "pause")]
    story.answer(story.take()[0], "unsupported")
    story.tick(2)
    assert [(it.device, it.action) for it in story.take()] == [("m002", "pause")]
    story.tell(SiteLimitSet("home", "", 900.0))
    story.tick()
    assert [(it.level, it.code) for it in story.alerts if it.code == "HW-887"] == [
        ("warning", "HW-887"), ("critical", "HW-887"),
    ]  # fmt: skip


def test_in_a_fleet_that_is_not_live_it_is_told_and_nothing_is_done():
    story = Story(machines=2, rules=RulesSet())
    story.say(power_w=1000.0)
    story.tell(SiteLimitSet("home", "", 1500.0))
    story.tick(3)
    assert (story.commands, story.codes()) == ([], ["HW-887", "HW-887"])
    assert "counted, for no meter speaks): nothing is done" in story.alerts[0].text


def test_a_person_cannot_wake_or_raise_what_does_not_fit():
    story = Story(machines=3, min_part=0.5)
    story.tell(SiteLimitSet("home", "home", 2000.0, 400.0))
    story.say("m000", activity="hashing", power_w=1000.0)
    story.say("m001", "m002", activity="asleep")
    story.override("run", "m001", "m002")
    story.tick(2)
    assert story.take() == []
    assert "import limit" in story.state.devices["m001"].waits
    story.tell(SiteLimitSet("home", "home", 2400.0, 400.0))
    story.tick()
    assert [(it.device, it.action) for it in story.take()] == [("m001", "resume")], "one fits, not both"


def test_what_the_plan_counts_on_beyond_the_limit_is_believed_where_nobody_measures():
    story = Story(machines=3)
    story.say(power_w=1000.0)
    story.tell(SiteLimitSet("home", "home", 1000.0))
    slots = (PlanSlot(story.now, "all", 3000.0),)
    story.tell(PowerPlan("sunny", slots, story.now + 3_600_000, "autopilot home", "home", "home"))
    story.tick(2)
    assert story.take() == [], "the sun gives the rest, says the plan"
    story.tell(SiteMetered("home", story.now, 2_500.0))
    story.tick()
    assert [it.device for it in story.take()] == ["m000", "m001"], "the meter says that it does not"


def test_a_reading_that_is_old_or_out_of_order_counts_no_more():
    story = Story(machines=1)
    story.tell(SiteLimitSet("home", "home", 1000.0, 0.0, 0.0, 500.0))
    story.tell(SiteMetered("home", story.now, 5_000.0, 600.0))
    story.tell(SiteMetered("home", story.now - 1, 0.0, 0.0))
    limit = story.state.limits["home"]
    assert (limit.meter_w, story.codes()) == (5_000.0, ["HW-888"])
    assert limits.is_measured(limit, now=story.now + limits.METER_MS)
    assert not limits.is_measured(limit, now=story.now + limits.METER_MS + 1)
    story.tell(SiteMetered("other", story.now, 1.0))


def test_a_load_that_comes_and_goes_does_not_make_machines_flap():
    house = House([3000, 3000], has_meter=True)
    now = run(house, 400)
    house.resumes.clear()
    for number in range(20):
        house.base_w = 5_000.0 if number % 2 == 0 else 0.0
        now = run(house, 25, now)
    assert len(running(house)) == 1, "it comes back when there was room for a minute, not before"
    assert sum(house.resumes.values()) == 0


@pytest.mark.parametrize("has_meter", [True, False])
def test_machines_that_start_slowly_are_counted_before_the_meter_sees_them(has_meter):
    house = House([4000] * 4, has_meter=has_meter)
    house.wake_s = 25
    most, now = 0.0, 0
    for _ in range(300):
        now = run(house, 1, now)
        most = max(most, house.drawn_w)
    assert (most, len(running(house))) == (2 * 4000 * (1 + COOLING), 2)


@pytest.mark.parametrize("has_meter", [True, False])
def test_a_limit_that_goes_lets_everybody_run(has_meter):
    house = House([3000, 3000], has_meter=has_meter)
    house.base_w = 20_000.0
    house.tell_limit()
    now = run(house, 60)
    assert running(house) == []
    house.story.tell(SiteLimitEnded("home"))
    run(house, 30, now)
    assert running(house) == ["m000", "m001"]


def test_a_large_fleet_is_counted_less_often():
    story = Story(machines=3000, rules=RULES)
    story.say(power_w=1000.0)
    story.tell(SiteLimitSet("home", "home", 4e6))
    story.tick()
    assert story.state.limits["home"].counted_at == story.now
    story.tell(SiteLimitSet("home", "home", 2.9999e6))
    story.tick(2)
    assert story.state.limits["home"].shed == []
    story.tick()
    assert story.state.limits["home"].shed == ["m000"]
