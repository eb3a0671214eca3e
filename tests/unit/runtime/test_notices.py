"""Who is told of what, and when: once, not at night, and of the end only where it holds."""

import pytest

from hashwright.errors import ConfigError
from hashwright.runtime.notices import Heard, Machines, Target, Told, step, subject_of, watch_machines
from hashwright.runtime.notifier import parse_notify

HOUR = 3_600_000
MINUTE = 60_000
NOON = 12 * 60


def told(code="HW-414", level="warning", text="The node of home is silent.", *, at=0, subject="home"):
    return Told(at_ms=at, level=level, code=code, text=text, subject=subject)


def texts(notices):
    return [(it.level, it.body) for it in notices]


def test_an_alert_is_told_once_within_the_time_that_was_set_and_counted():
    target, heard = Target(name="phone"), Heard()
    assert len(step(target, heard, [told()], now=0, minute=NOON)) == 1
    for at in range(1, 4):
        assert step(target, heard, [told(at=at * MINUTE)], now=at * MINUTE, minute=NOON) == ()
    again = step(target, heard, [told(at=HOUR)], now=HOUR, minute=NOON)
    assert again[0].body.endswith("(3 more of these since the last notice)")


def test_another_destination_is_another_alert():
    target, heard = Target(name="phone"), Heard()
    found = step(target, heard, [told(), told(subject="other")], now=0, minute=NOON)
    assert len(found) == 2


def test_numbers_do_not_make_an_alert_another_one():
    target, heard = Target(name="phone"), Heard()
    first = told("HW-642", text="It owes 1.25 BTC", subject="")
    second = told("HW-642", text="It owes 1.26 BTC", subject="")
    assert len(step(target, heard, [first, second], now=0, minute=NOON)) == 1


@pytest.mark.parametrize(
    ("target", "count"),
    [
        (Target(name="a", level="info"), 1),
        (Target(name="a", level="critical"), 0),
        (Target(name="a", muted=frozenset({"HW-414"})), 0),
        (Target(name="a", level="critical", also=frozenset({"HW-414"})), 1),
    ],
)
def test_levels_and_codes_decide(target, count):
    assert len(step(target, Heard(), [told()], now=0, minute=NOON)) == count


def test_the_end_is_told_when_it_held_for_a_minute():
    target, heard = Target(name="phone"), Heard()
    step(target, heard, [told()], now=0, minute=NOON)
    over = told("HW-407", "info", "The node of home is ready.", at=2 * MINUTE)
    assert step(target, heard, [over], now=2 * MINUTE, minute=NOON) == ()
    found = step(target, heard, [], now=3 * MINUTE, minute=NOON)
    assert texts(found) == [("recovered", "The node of home is ready.")]
    assert step(target, heard, [], now=9 * MINUTE, minute=NOON) == ()


def test_what_flaps_is_told_once():
    target, heard = Target(name="phone"), Heard()
    said = list(step(target, heard, [told()], now=0, minute=NOON))
    for at in range(1, 20):
        now = at * 20_000
        code = "HW-407" if at % 2 else "HW-414"
        said += step(target, heard, [told(code, "info" if at % 2 else "warning", at=now)], now=now, minute=NOON)
    assert len(said) == 1


def test_an_end_without_a_beginning_is_not_told():
    target, heard = Target(name="phone", level="info"), Heard()
    step(target, heard, [told("HW-407", "info")], now=0, minute=NOON)
    assert step(target, heard, [], now=HOUR, minute=NOON) == ()


def test_at_night_only_what_is_critical_is_told_and_the_rest_in_the_morning():
    target, heard = Target(name="phone", quiet_from=22 * 60, quiet_to=7 * 60), Heard()
    critical = told("HW-616", "critical", "The disk failed.", subject="")
    found = step(target, heard, [told(), critical], now=0, minute=23 * 60)
    assert texts(found) == [("critical", "The disk failed.")]
    assert step(target, heard, [], now=HOUR, minute=6 * 60 + 59) == ()
    morning = step(target, heard, [], now=2 * HOUR, minute=7 * 60)
    assert texts(morning) == [("warning", "The node of home is silent.")]


def test_forty_alerts_are_one_notice():
    news = [told(subject=f"pool{number}") for number in range(40)]
    found = step(Target(name="phone"), Heard(), news, now=0, minute=NOON)
    assert len(found) == 1
    assert found[0].title == "40 alerts, worst: warning"
    assert found[0].body.endswith("and 20 more")


def test_what_a_target_remembers_is_bounded():
    target, heard = Target(name="phone", quiet_from=1, quiet_to=0), Heard()
    for number in range(2_000):
        step(target, heard, [told(subject=f"p{number}")], now=number * HOUR, minute=NOON)
    assert len(heard.waiting) <= 500
    assert len(heard.last) <= 170


# ---------------------------------------------------------------- machines


def test_a_machine_is_missed_after_five_minutes_once_and_its_return_is_told():
    state = Machines()
    assert watch_machines(state, frozenset({"kai.1", "kai.2"}), now=0) == ()
    assert watch_machines(state, frozenset({"kai.2"}), now=MINUTE) == ()
    gone = watch_machines(state, frozenset({"kai.2"}), now=6 * MINUTE)
    assert [(it.code, it.subject) for it in gone] == [("HW-764", "kai.1")]
    assert watch_machines(state, frozenset({"kai.2"}), now=60 * MINUTE) == ()
    back = watch_machines(state, frozenset({"kai.1", "kai.2"}), now=61 * MINUTE)
    assert [(it.code, it.subject) for it in back] == [("HW-765", "kai.1")]


def test_a_machine_that_reconnects_in_time_is_not_missed():
    state = Machines()
    watch_machines(state, frozenset({"kai.1"}), now=0)
    watch_machines(state, frozenset(), now=MINUTE)
    watch_machines(state, frozenset({"kai.1"}), now=3 * MINUTE)
    assert watch_machines(state, frozenset({"kai.1"}), now=9 * MINUTE) == ()


def test_a_power_cut_of_a_thousand_machines_is_one_alert():
    state = Machines()
    watch_machines(state, frozenset(f"farm.{number}" for number in range(1000)), now=0)
    watch_machines(state, frozenset(), now=1)
    found = watch_machines(state, frozenset(), now=6 * MINUTE)
    assert len(found) == 1
    assert found[0].text.startswith("1000 machines")
    assert len(found[0].text) < 600


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "change",
    [
        {"quiet": "22-7"},
        {"quiet": "25:00-07:00"},
        {"zone": "Mars/Olympus"},
        {"zone": "../etc/passwd"},
        {"level": "loud"},
        {"repeat_minutes": 0},
        {"name": ""},
        {"name": "a\nb"},
        {"address": "tgram://token"},
    ],
)
def test_what_cannot_be_used_is_refused(change):
    with pytest.raises(ConfigError) as refused:
        parse_notify({"name": "phone", "address_from": "env:X"} | change)
    assert refused.value.code == "HW-762"


def test_the_subject_is_a_whole_name():
    assert subject_of("The node of home is silent.", ["hom", "home"]) == "home"
    assert subject_of("Block 3 of practice: taken", ["practice"]) == "practice"
    assert subject_of("Nothing is named.", ["name"]) == ""
