"""A day of 1,000 machines in virtual time: they come and go, destinations fail, refuse and return, the plan changes."""

import random

import pytest

from hashwright.routing.events import RouteSet, Target
from hashwright.routing.records import RoutingState
from hashwright.routing.step import TICK_KEY, place, step
from hashwright.signals import (
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineGone,
    MachineReady,
    MoveMachine,
    ProcessStarted,
    ReturnWork,
)

NOW = 1_800_000_000_000
SHA = "sha256d"
TICK_S = 20
HOUR = 3600 // TICK_S
MORNING = {"a": 40.0, "b": 30.0, "c": 20.0, "d": 10.0}
EVENING = {"a": 10.0, "b": 20.0, "c": 30.0, "d": 40.0}


class Day:
    """The engine with a farm around it; a machine's shares of one tick are one credit with the chance of many."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.state = RoutingState()
        self.now = NOW
        self.where, self.rate, self.moves = {}, {}, []
        self.work = dict.fromkeys(MORNING, 0)
        self.down = set()
        self.stranded_ticks = 0
        self.numbers = 0
        self.do(ProcessStarted(1, "day"))
        for name in MORNING:
            self.do(DestinationChanged(name, SHA, "ready", ""))
        self.plan(MORNING)
        for _ in range(1000):
            self.come()

    def do(self, event):
        for effect in step(self.state, event, now=self.now):
            if type(effect) is MoveMachine and self.where[effect.session] != effect.destination:
                self.moves.append((self.now, effect.session, effect.is_sliced))
                self.where[effect.session] = effect.destination
                self.say(effect.session)

    def say(self, session):
        self.do(MachineReady(session, f"farm.m{session}", SHA, self.where[session], True))

    def plan(self, parts):
        self.do(RouteSet(SHA, tuple(Target(name, "share", part) for name, part in parts.items()), (), "", 0, "day"))

    def come(self):
        self.numbers += 1
        self.rate[self.numbers] = self.rng.uniform(2e13, 2e14)
        self.where[self.numbers] = place(self.state, SHA, number=self.numbers)
        self.say(self.numbers)

    def go(self, session):
        del self.where[session], self.rate[session]
        self.do(MachineGone(session))

    def churn(self):
        """About a machine in 200 an hour leaves, and another comes."""
        if self.rng.random() < 5 / HOUR:
            self.go(self.rng.choice(sorted(self.where)))
            self.come()

    def set(self, name, state):
        (self.down.discard if state == "ready" else self.down.add)(name)
        self.do(DestinationChanged(name, SHA, state, "as the story goes"))

    def tick(self):
        self.now += TICK_S * 1000
        for session, rate in self.rate.items():
            name = self.where[session]
            if name in self.down:
                self.stranded_ticks += 1
                continue
            self.credit(session, name, rate * TICK_S * self.rng.gammavariate(2.0, 0.5))
        self.churn()
        self.do(ClockTicked(TICK_KEY))

    def credit(self, session, name, work):
        target = int(2**256 / work)
        self.work[name] += 2**256 // (target + 1)
        self.do(CreditWork("w", name, target.to_bytes(32, "big"), "accepted", session))

    def hours(self, count, *, each=lambda: None):
        for _ in range(int(count * HOUR)):
            each()
            self.tick()

    def split_of(self, hours):
        """Run some hours and return each destination's part of the work in them [percent]."""
        before = dict(self.work)
        self.hours(hours)
        done = {name: self.work[name] - before[name] for name in self.work}
        return {name: 100 * part / sum(done.values()) for name, part in done.items()}


@pytest.mark.timeout(600)
def test_a_day_of_a_thousand_machines():
    day = Day(seed=7)
    day.hours(0.5)
    assert_near(day.split_of(5.5), MORNING)

    day.set("b", "down")  # an outage of an hour: nobody waits, the others keep their proportions
    day.hours(0.25)
    outage = day.split_of(0.75)
    assert_near(outage, {"a": 400 / 7, "c": 200 / 7, "d": 100 / 7, "b": 0.0})
    day.set("b", "ready")
    day.hours(0.25)
    assert_near(day.split_of(3), MORNING)

    refuses = ReturnWork("c", "w", (2**200).to_bytes(32, "big"), "rejected", "no", 10)
    for _ in range(60):
        day.do(refuses)
    day.hours(0.02)
    assert not [session for session, name in day.where.items() if name == "c"], "it is emptied"
    day.hours(1)
    assert_near(day.split_of(2), MORNING)

    day.plan(EVENING)
    day.hours(0.5)
    day.set("a", "down")
    day.hours(0.1)
    day.set("a", "ready")
    day.hours(0.5)
    assert_near(day.split_of(8), EVENING)

    assert day.stranded_ticks == 0, "no machine worked for a destination that was away"
    assert_calm(day)


def assert_near(split, parts):
    total = sum(parts.values())
    for name, part in parts.items():
        assert abs(split[name] - 100 * part / total) < 1.0, (name, split)


def assert_calm(day):
    """In the calm hours, whole machines move twice an hour at most, and hardly any does."""
    begin, end = NOW + 1 * 3_600_000, NOW + 6 * 3_600_000
    whole = [session for at, session, is_sliced in day.moves if begin <= at < end and not is_sliced]
    assert max((whole.count(session) for session in set(whole)), default=0) <= 2 * 5
    assert len(whole) <= 2 * 1000 * 5 / 10
