"""A routing engine with destinations and machines, and the moves that came out of it."""

import msgspec

from hashwright.routing.events import PinSet, RouteSet, Target
from hashwright.routing.records import RoutingState
from hashwright.routing.snapshot import open_sealed, sealed
from hashwright.routing.step import TICK_KEY, step
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


class Farm:
    """`obeys`: machines go where they are told, in the same step, as the pool engine lets them."""

    def __init__(self, *destinations, obeys=True):
        self.state = RoutingState()
        self.now = NOW
        self.obeys = obeys
        self.where = {}
        self.rate = {}
        self.free = {}
        self.moves = []
        self.effects = []
        self.do(ProcessStarted(1, "t"))
        for name in destinations:
            self.set(name, "ready")

    def do(self, event):
        effects = step(self.state, event, now=self.now)
        self.effects.extend(effects)
        for effect in effects:
            if type(effect) is MoveMachine:
                self.moves.append(effect)
                if self.obeys and self.where.get(effect.session) not in (None, effect.destination):
                    self.where[effect.session] = effect.destination
                    self.say(effect.session)
        return effects

    def set(self, name, state, reason=""):
        return self.do(DestinationChanged(name, SHA, state, reason))

    def plan(self, fallbacks=(), safe="", valid_until=0, **shares):
        targets = tuple(Target(name, "share", float(part)) for name, part in shares.items())
        return self.do(RouteSet(SHA, targets, fallbacks, safe, valid_until, "test"))

    def targets(self, *targets):
        return self.do(RouteSet(SHA, targets, (), "", 0, "test"))

    def join(self, session, where, *, rate=1e12, free=True, worker=None):
        self.where[session], self.rate[session], self.free[session] = where, rate, (free, worker or f"kai.m{session}")
        return self.say(session)

    def say(self, session):
        free, worker = self.free[session]
        return self.do(MachineReady(session, worker, SHA, self.where[session], free))

    def leave(self, session):
        self.where.pop(session, None)
        self.rate.pop(session, None)
        return self.do(MachineGone(session))

    def pin(self, pattern, name):
        return self.do(PinSet(pattern, name))

    def credit(self, session, work, where=None):
        target = max(int(2**256 / work) - 1, 1)
        return self.do(CreditWork("w", where or self.where[session], target.to_bytes(32, "big"), "accepted", session))

    def answer(self, name, state, *, work=1e12, reason=""):
        target = max(int(2**256 / work) - 1, 1)
        return self.do(ReturnWork(name, "w", target.to_bytes(32, "big"), state, reason, 10))

    def run(self, seconds, *, works=True):
        for _ in range(seconds):
            self.now += 1000
            if works:
                for session in tuple(self.where):
                    self.credit(session, self.rate[session])
            self.do(ClockTicked(TICK_KEY))

    def group(self):
        return self.state.groups[SHA]

    def account(self, name):
        return self.group().accounts[name]

    def part(self, name):
        accounts = self.group().accounts.values()
        return self.account(name).counted / max(sum(account.counted for account in accounts), 1)

    def at(self, name):
        return sorted(session for session, where in self.where.items() if where == name)


def written_and_read(state):
    """A state as it comes back from a snapshot."""
    with sealed(state):
        blob = msgspec.msgpack.encode(state)
    again = msgspec.msgpack.decode(blob, type=RoutingState)
    open_sealed(again)
    return again
