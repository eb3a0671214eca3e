"""What a power plan may count on: machines that answer and are known, and no word of one that lies."""

import asyncio

import pytest

from hashwright.errors import ConfigError
from hashwright.fleet.events import DeviceSet
from hashwright.runtime.power_settings import overlap, parse_power, word_of
from hashwright.runtime.power_sight import machines_of
from unit.fleet.fleet_story import Story

FILE = {"name": "home", "site_file": "/srv/home.toml"}


def seen(story, at=""):
    return {it.group: it for it in asyncio.run(machines_of(story.state, at=at, now=story.now))}


def test_a_group_is_what_answers_and_is_known():
    story = Story(machines=4, min_part=0.5)
    story.tell(DeviceSet(device="x", kind="axeos", group="all", site="home"))
    story.tell(DeviceSet(device="y", kind="axeos", group="", site="home", rated_w=9.0))
    story.say(power_w=900.0)
    story.say("m003", activity="asleep")
    found = seen(story)["all"]
    assert (found.count, found.running, found.unrated, found.rated_w, found.min_part) == (4, 3, 1, 1000.0, 0.5)
    assert set(seen(story)) == {"all"}, "a machine of no group is nobody's to plan for"
    assert (seen(story, at="south"), seen(story, at="home")["all"].count) == ({}, 4)


def test_a_machine_that_hangs_is_not_counted_on_and_its_watts_are_kept_free():
    story = Story(machines=3)
    story.say()
    for _ in range(3):
        story.say("m001", answer="unreachable")
    found = seen(story)["all"]
    assert (found.count, found.lost, found.lost_w) == (2, 1, 1000.0)


def test_a_machine_that_lies_about_its_power_counts_with_its_rating():
    story = Story(machines=1, rated_w=3000.0)
    story.say(power_w=30.0)
    assert seen(story)["all"].rated_w == 3000.0
    assert story.codes() == ["HW-505"]


def test_hash_rates_are_measured_where_all_of_a_group_were():
    points = ((1400.0, 80e12), (2000.0, 100e12))
    story = Story(machines=2, rated_w=2000.0, curve=points)
    measured = dict(seen(story)["all"].curve)
    assert (measured[0.7], measured[1.0]) == (pytest.approx(80e12), 100e12)
    assert 0.6 not in measured, "below what was measured nothing is known"
    story.tell(DeviceSet(device="z", kind="axeos", group="all", site="home", rated_w=2000.0))
    assert seen(story)["all"].curve == ()


def test_a_machine_that_cannot_take_a_limit_makes_its_group_one_of_on_and_off():
    story = Story(machines=2, min_part=0.5)
    story.state.devices["m000"].unsupported.append("limit")
    assert seen(story)["all"].min_part == 1.0


def test_every_problem_of_settings_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_power(FILE | {"name": "No Word", "every_s": 1, "site_file": "home.toml"})
    assert {it.place for it in caught.value.findings} == {"name", "every_s", "site_file"}
    with pytest.raises(ConfigError, match="unknown field"):
        parse_power(FILE | {"colour": 1})


def test_autopilots_overlap_where_they_may_reach_one_machine():
    everywhere, north, south = (parse_power(FILE | {"name": it or "all", "at": it}) for it in ("", "north", "south"))
    assert overlap(everywhere, north)
    assert not overlap(north, south)
    assert not overlap(north, north)


def test_a_site_s_title_becomes_a_word():
    assert [word_of(it) for it in ("Home", "Farm, south (2)", "Über", "!!")] == ["home", "farm-south-2", "ber", "site"]
