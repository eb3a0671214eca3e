"""Whatever happens in whatever order: routing does not raise, sums hold, nobody is left where nothing is."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.routing.events import PinSet, PlanFailed, PlanRestored, RouteSet, Target
from hashwright.routing.plan import available
from hashwright.signals import MachineGone, ProcessStarted
from unit.routing.routing_world import SHA, Farm, written_and_read

NAMES = ("a", "b", "c")
names = st.sampled_from(NAMES)
numbers = st.integers(1, 6)
states = st.sampled_from(("ready", "ready", "waiting", "down", "removed"))
values = st.sampled_from((0.0, 1.0, 70.0, 1e12, 5e12, 1e300, 1e-300, -1.0, math.nan, math.inf))
kinds = st.sampled_from(("share", "share", "rate", "floor", "cap"))
targets = st.lists(st.builds(Target, names, kinds, values), max_size=5).map(tuple)

steps = st.one_of(
    st.tuples(st.just("join"), numbers, names, st.booleans()),
    st.tuples(st.just("gone"), numbers),
    st.tuples(st.just("set"), names, states),
    st.tuples(st.just("plan"), targets, st.lists(names, max_size=2).map(tuple), names),
    st.tuples(st.just("pin"), st.sampled_from(("*", "kai.m1", "kai.m*", "x*y")), st.sampled_from(("", *NAMES))),
    st.tuples(st.just("credit"), numbers, st.integers(1, 2**80), names),
    st.tuples(
        st.just("answer"), names, st.sampled_from(("submitted", "accepted", "rejected", "stale", "lost", "late"))
    ),
    st.tuples(st.just("fail"), st.sampled_from(("", SHA, "scrypt"))),
    st.tuples(st.just("restore"), st.sampled_from(("", SHA))),
    st.tuples(st.just("run"), st.integers(1, 40)),
    st.tuples(
        st.just("start"),
    ),
)


def leave(farm, session):
    farm.where.pop(session, None)
    farm.do(MachineGone(session))


def start(farm):
    farm.where.clear()
    farm.do(ProcessStarted(2, "p"))


PLAYS = {
    "join": lambda farm, session, where, free: farm.join(session, where, free=free),
    "gone": leave,
    "set": lambda farm, name, state: farm.set(name, state),
    "plan": lambda farm, wanted, fallbacks, safe: farm.do(RouteSet(SHA, wanted, fallbacks, safe, 0, "p")),
    "pin": lambda farm, pattern, name: farm.do(PinSet(pattern, name)),
    "credit": lambda farm, session, work, where: farm.credit(session, work, where=where),
    "answer": lambda farm, name, state: farm.answer(name, state),
    "fail": lambda farm, algorithm: farm.do(PlanFailed(algorithm, "p")),
    "restore": lambda farm, algorithm: farm.do(PlanRestored(algorithm)),
    "run": lambda farm, seconds: farm.run(seconds),
    "start": start,
}


def play(farm, step):
    PLAYS[step[0]](farm, *step[1:])


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=40))
def test_no_order_of_events_breaks_routing(story):
    farm = Farm("a", "b")
    for step in story:
        play(farm, step)
        group = farm.group()
        assert all(account.counted >= 0 and account.asked >= 0 for account in group.accounts.values())
    farm.run(30)
    ready = available(farm.group())
    for session, machine in farm.group().machines.items():
        if machine.moves_freely and ready:
            assert machine.destination in ready, f"machine {session} is at {machine.destination}, ready is {ready}"


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=25), st.lists(steps, max_size=10))
def test_a_snapshot_goes_on_the_same_way(before, after):
    farm = Farm("a", "b")
    for step in before:
        play(farm, step)
    other = Farm()
    other.state = written_and_read(farm.state)
    other.now, other.where, other.rate, other.free = farm.now, dict(farm.where), dict(farm.rate), dict(farm.free)
    farm.effects, other.effects = [], []
    for step in after:
        play(farm, step)
        play(other, step)
    assert farm.effects == other.effects


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1e9, 1e14), min_size=1, max_size=12), st.lists(st.integers(1, 100), min_size=2, max_size=3))
def test_asked_is_counted_and_the_split_is_met(rates, parts):
    farm = Farm(*NAMES[: len(parts)])
    farm.plan(**dict(zip(NAMES, map(float, parts), strict=False)))
    for session, rate in enumerate(rates):
        farm.join(session, NAMES[session % len(parts)], rate=rate)
    farm.run(900)
    accounts = farm.group().accounts
    assert sum(it.asked for it in accounts.values()) == sum(it.counted for it in accounts.values())
    for name, part in zip(NAMES, parts, strict=False):
        assert abs(farm.part(name) - part / sum(parts)) < 0.02
