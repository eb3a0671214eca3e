"""Hours that a person pins: cut and joined, kept by every rule within limits, told where a limit stands above them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.errors import OperatorError
from hashwright.planner.power import PowerSeen, SeenMachines
from hashwright.planner.power_cells import cells_of, course_of
from hashwright.planner.power_pins import AHEAD_MS, PINS_MAX, SLOT_MS, Pin, standing, with_pin, without
from hashwright.planner.power_think import think_power

HOUR = 4 * SLOT_MS
NOW = 1_774_137_600_000
SITE = {
    "site": {"name": "x"},
    "limits": {"import_kw": 20.0},
    "revenue": {"per_th_day": 0.048},
    "groups": [
        {
            "name": name, "up_minutes": 0, "down_minutes": 0,
            "levels": [{"power_w": 3000, "hashrate_ths": 150.0}, {"power_w": 2000, "hashrate_ths": 110.0}],
        }
        for name in ("a", "b")
    ],
}  # fmt: skip


def pin(group, first, last, want="rest", author="kai"):
    return Pin(group=group, from_ms=NOW + first * HOUR, to_ms=NOW + last * HOUR, want=want, author=author)


def hours(pins):
    return [(it.group, (it.from_ms - NOW) / HOUR, (it.to_ms - NOW) / HOUR, it.want) for it in pins]


def seen(*pins, price=0.05, dear=(), sites=SITE, **changes):
    values = tuple(0.5 if hour in dear else price for hour in range(12) for _ in range(4))
    machines = tuple(
        SeenMachines(group=name, count=3, rated_w=3000.0, min_part=0.5, running=3, age=20) for name in "ab"
    )
    base = PowerSeen(
        at_ms=NOW, name="x", currency="EUR", site=sites, start_ms=NOW, price=values, export=None,
        sun_w=(0.0,) * 48, wind_w=(0.0,) * 48, per_th_day=(0.048,) * 48, earns_source="test", machines=machines,
        pins=pins, solver_s=10,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def running(thought, group):
    """How many machines of a group run at the middle of each hour."""
    changes = [it for it in thought.groups if it.group == group]
    middles = [NOW + hour * HOUR + HOUR // 2 for hour in range(12)]
    return [next((it.machines for it in reversed(changes) if it.from_ms <= at), 0) for at in middles]


def test_a_later_pin_takes_its_hours_and_equal_ones_become_one():
    pins = with_pin((), pin("a", 0, 4), now=NOW)
    pins = with_pin(pins, pin("a", 1, 2, "run"), now=NOW)
    assert hours(pins) == [("a", 0, 1, "rest"), ("a", 1, 2, "run"), ("a", 2, 4, "rest")]
    assert hours(with_pin(pins, pin("a", 1, 2), now=NOW)) == [("a", 0, 4, "rest")]
    assert hours(without(pins, "a", NOW, NOW + 2 * HOUR)) == [("a", 2, 4, "rest")]
    assert hours(without(pins, "b", NOW, NOW + 9 * HOUR)) == hours(pins)
    assert hours(standing(pins, now=NOW + HOUR)) == hours(pins)[1:], "what is over is gone"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (pin("a", 2, 2), "ends after it begins"),
        (pin("a", -3, -1), "are over"),
        (pin("a", 0, AHEAD_MS / HOUR + 1), "within 8 days"),
        (msgspec.structs.replace(pin("a", 0, 1), from_ms=NOW + 1), "quarter"),
    ],
)
def test_hours_that_nobody_can_pin_are_refused(bad, words):
    bad = msgspec.structs.replace(bad, to_ms=int(bad.to_ms))
    with pytest.raises(OperatorError, match=words) as told:
        with_pin((), bad, now=NOW)
    assert told.value.code == "HW-832"


def test_there_is_an_end_to_pins():
    many = tuple(pin("a", 0, 1, author=str(it)) for it in range(1))
    many += tuple(msgspec.structs.replace(pin(f"g{it}", 0, 1)) for it in range(PINS_MAX - 1))
    with pytest.raises(OperatorError, match="at most"):
        with_pin(many, pin("z", 0, 1), now=NOW)


WISHES = st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(1, 8), st.sampled_from(("run", "rest", None)))


@given(st.lists(WISHES, max_size=12))
def test_each_quarter_of_an_hour_has_what_was_said_of_it_last(wishes):
    pins, said = (), {}
    for group, first, length, want in wishes:
        first_ms, last_ms = NOW + first * SLOT_MS, NOW + (first + length) * SLOT_MS
        said |= {(group, slot): want for slot in range(first, first + length)}
        new = Pin(group=group, from_ms=first_ms, to_ms=last_ms, want=want or "run")
        pins = with_pin(pins, new, now=NOW) if want else without(pins, group, first_ms, last_ms)
    found = {
        (it.group, slot): it.want
        for it in pins
        for slot in range((it.from_ms - NOW) // SLOT_MS, (it.to_ms - NOW) // SLOT_MS)
    }
    assert found == {place: want for place, want in said.items() if want}
    assert sum((it.to_ms - it.from_ms) // SLOT_MS for it in pins) == len(found), "no two pins share a slot"


@pytest.mark.parametrize("has_solver", [True, False])
def test_a_plan_keeps_what_is_pinned_and_says_what_it_is_really_worth(has_solver):
    free = think_power(seen(dear=(6, 7), has_solver=has_solver))
    assert running(free, "a") == [3] * 6 + [0, 0] + [3] * 4
    pins = (pin("a", 2, 4), pin("b", 6, 7, "run"))
    held = think_power(seen(*pins, dear=(6, 7), has_solver=has_solver))
    assert running(held, "a") == [3, 3, 0, 0, 3, 3, 0, 0, 3, 3, 3, 3]
    assert running(held, "b")[5:8] == [3, 3, 0], "it runs where power is dear, as was said"
    # Two hours of three machines not run, and one run at ten times the price: by hand, at full speed.
    earns = 3 * (150 * 0.048 / 24 - 3 * 0.05)
    assert free.value - held.value == pytest.approx(2 * earns + 3 * (3 * 0.5 - 150 * 0.048 / 24), abs=0.02)
    assert held.bound is None
    assert [it.code for it in held.told if it.code == "HW-836"] == []
    assert {it.reason for it in held.blocks if NOW + 2 * HOUR <= it.from_ms < NOW + 4 * HOUR} == {"pinned by a person"}


def test_a_limit_stands_above_a_pin_and_that_is_told():
    small = SITE | {"limits": {"import_kw": 6.1}}
    pins = (pin("a", 3, 5, "run"),)
    thought = think_power(seen(*pins, sites=small, price=0.4))
    assert max(thought.import_w) <= 6100
    assert running(thought, "a")[3:5] == [3, 3], "at part load all of them fit"
    tight = think_power(
        seen(*pins, sites=SITE | {"limits": {"import_kw": 5.0}}, price=0.4, machines=seen().machines[:1])
    )
    (told,) = [it for it in tight.told if it.code == "HW-836"]
    assert "1 of 3 machines rest" in told.message


def test_the_last_plan_counts_only_where_it_keeps_the_pins():
    before = think_power(seen(dear=(6,)))
    blind = seen(dear=(6,), has_solver=False, last=before.plan)
    assert think_power(blind).rule == "last plan"
    pinned = think_power(msgspec.structs.replace(blind, pins=(pin("a", 1, 2),)))
    assert pinned.rule == "threshold"
    assert running(pinned, "a")[1] == 0


def test_a_pinned_turn_is_the_same_when_it_is_thought_again():
    asked = seen(pin("a", 1, 2), dear=(3,))
    kept = msgspec.json.decode(msgspec.json.encode(asked), type=PowerSeen)
    assert think_power(kept) == think_power(asked)


# ---------------------------------------------------------------- cells


def cell(asked, group, hour, thought=None):
    thought = think_power(asked) if thought is None else thought
    at = NOW + hour * HOUR
    return next(it for it in cells_of(asked, thought) if it.group == group and it.from_ms == at)


def test_a_cell_says_what_it_does_what_that_is_worth_and_what_the_second_best_loses():
    asked = seen(dear=(6,))
    thought = think_power(asked)
    cells = cells_of(asked, thought)
    assert len(cells) == 24
    it = cell(asked, "a", 0, thought)
    full, part = 3 * (150 * 0.048 / 24 - 3 * 0.05), 3 * (110 * 0.048 / 24 - 2 * 0.05)
    assert (it.does, it.machines, it.power_w, it.second) == ("run", 3.0, 9000.0, "run at 67%")
    assert it.second_loss == pytest.approx(full - part)
    assert it.value == pytest.approx(full), "what is lost if it rested"
    dear = cell(asked, "a", 6, thought)
    assert (dear.does, dear.value, dear.second, dear.why) == ("rest", 0.0, "run at 67%", "too dear")
    assert dear.second_loss == pytest.approx(3 * (2 * 0.5 - 110 * 0.048 / 24))


def test_a_pinned_cell_says_who_is_the_reason_and_what_that_costs():
    it = cell(seen(pin("a", 2, 3)), "a", 2)
    assert (it.does, it.pinned, it.why, it.second) == ("rest", "rest", "pinned by a person", "run")
    assert it.second_loss == pytest.approx(-3 * (150 * 0.048 / 24 - 3 * 0.05))


def test_what_a_limit_forbids_is_no_alternative():
    asked = seen(sites=SITE | {"limits": {"import_kw": 9.0}})
    thought = think_power(asked)
    rested = [it for it in cells_of(asked, thought) if it.does == "rest"]
    assert all(
        it.second_loss is None
        for it in rested
        if sum(other.power_w for other in cells_of(asked, thought) if other.from_ms == it.from_ms) > 3000
    ), rested[:2]


def test_the_loss_of_a_cell_is_that_of_the_changed_plan():
    """The whole value of the plan with one hour changed, by the planner's own sums."""
    import numpy as np

    from hashwright.planner.dispatch import finished
    from hashwright.planner.power_think import plan_of, planned_site, seen_problem

    site = msgspec.convert(SITE, dict) | {"demand": {"per_kw": 3.0}, "groups": [
        it | {"start_cost": 0.01} for it in SITE["groups"]
    ]}  # fmt: skip
    sun = tuple(4000.0 * (hour > 4) for hour in range(12) for _ in range(4))
    asked = seen(sites=site, dear=(6, 7), sun_w=sun)
    thought = think_power(asked)
    problem, _ = seen_problem(asked, planned_site(asked)[0])
    kept = plan_of(thought.plan, problem)
    for it in cells_of(asked, thought):
        number = "ab".index(it.group)
        counts = [chosen.copy() for chosen in kept.counts]
        at = slice((it.from_ms - NOW) // SLOT_MS, (it.to_ms - NOW) // SLOT_MS)
        level = {"rest": None, "run": 1}.get(it.second, 0)
        if it.second_loss is None:
            continue
        counts[number][:, at] = 0
        if level is not None:
            counts[number][level, at] = 3
        before = finished(problem, kept.counts, method="exact").value
        after = finished(problem, tuple(counts), method="exact").value
        assert np.isclose(before - after, it.second_loss, atol=1e-6), it


def test_the_course_of_money_ends_at_what_the_plan_is_worth_and_has_a_band_where_there_is_sun():
    dark = seen(dear=(6,))
    thought = think_power(dark)
    course = course_of(dark, thought)
    assert course.mean[-1] == pytest.approx(thought.value)
    assert course.low == pytest.approx(course.mean)
    assert len(course.times_s) == 12
    assert course.times_s[0] == (NOW + HOUR) // 1000
    bright = seen(sun_w=(4000.0,) * 48, sites=SITE | {"sun": [{"dc_kw": 8.0, "tilt": 30, "azimuth": 180}]})
    band = course_of(bright, think_power(bright))
    assert band.low[-1] < band.mean[-1] < band.high[-1]
