"""How near to the target is the split? Virtual machines on the real routing engine: python bench/route_split.py.

Machines of mixed size (a factor of ten) find shares by chance (Poisson): six a minute, or sixty where the engine asks
for a quick pace (sliced machines, and all of a small fleet).
A machine that is moved does nothing for half a second. The error is the largest difference, over the destinations,
between its part of all counted work and its target, in percent of all work.
"""

import argparse
import json
import random

from hashwright.routing.events import RouteSet, Target
from hashwright.routing.records import RoutingState
from hashwright.routing.step import TICK_KEY, place, step
from hashwright.signals import (
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineReady,
    MoveMachine,
    ProcessStarted,
)

NOW = 1_800_000_000_000
SWITCH_MS = 500
USUAL_PER_MINUTE, QUICK_PER_MINUTE = 6.0, 60.0
TARGETS = {
    2: (70, 30),
    3: (50, 30, 20),
    4: (40, 30, 20, 10),
    5: (35, 25, 20, 15, 5),
    6: (30, 25, 20, 10, 10, 5),
}


class Fleet:
    """Machines in virtual time."""

    def __init__(self, sizes, parts, *, seed):
        self.rng = random.Random(seed)
        self.state = RoutingState()
        self.now = NOW
        self.work = {}
        self.moves = {}
        self.rate = dict(enumerate(sizes, start=1))
        self.where = {}
        self.sliced = set()
        self.quick = set()
        self.idle_until = dict.fromkeys(self.rate, 0)
        self.parts = {f"d{index}": part for index, part in enumerate(parts)}
        self.do(ProcessStarted(1, "bench"))
        for name in self.parts:
            self.do(DestinationChanged(name, "sha256d", "ready", ""))
        targets = tuple(Target(name, "share", float(part)) for name, part in self.parts.items())
        self.do(RouteSet("sha256d", targets, (), "", 0, "bench"))
        for machine in self.rate:
            self.where[machine] = place(self.state, "sha256d", number=machine)
            self.ready(machine)

    def ready(self, machine):
        self.do(MachineReady(machine, f"m.{machine}", "sha256d", self.where[machine], True))

    def do(self, event):
        for effect in step(self.state, event, now=self.now):
            if type(effect) is MoveMachine:
                self.move(effect)

    def move(self, effect):
        machine = effect.session
        (self.sliced.add if effect.is_sliced else self.sliced.discard)(machine)
        (self.quick.add if effect.is_quick else self.quick.discard)(machine)
        if self.where[machine] == effect.destination:
            return
        if not effect.is_sliced:
            self.moves[machine] = self.moves.get(machine, 0) + 1
        self.where[machine] = effect.destination
        self.idle_until[machine] = self.now + SWITCH_MS
        self.ready(machine)

    def second(self):
        self.now += 1000
        for machine, rate in self.rate.items():
            per_minute = QUICK_PER_MINUTE if machine in self.quick else USUAL_PER_MINUTE
            share = rate * 60 / per_minute
            awake = min(max((self.now - self.idle_until[machine]) / 1000, 0.0), 1.0)
            for _ in range(poisson(self.rng, per_minute / 60 * awake)):
                self.credit(machine, share)
        self.do(ClockTicked(TICK_KEY))

    def credit(self, machine, share):
        name = self.where[machine]
        target = int(2**256 / share)
        work = 2**256 // (target + 1)
        self.work[name] = self.work.get(name, 0) + work
        self.do(CreditWork(f"m.{machine}", name, target.to_bytes(32, "big"), "accepted", machine))

    def error(self):
        """The largest error [percent of all work]."""
        total, parts = sum(self.work.values()), sum(self.parts.values())
        return max(abs(self.work.get(name, 0) / total - part / parts) for name, part in self.parts.items()) * 100


def poisson(rng, mean):
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count


def measure(machines, destinations, *, minutes, seed):
    rng = random.Random(seed)
    sizes = [rng.uniform(1e13, 1e14) for _ in range(machines)]
    fleet = Fleet(sizes, TARGETS[destinations], seed=seed)
    errors = []
    for second in range(minutes * 60):
        fleet.second()
        if second >= (minutes - 1) * 60 and second % 10 == 0:
            errors.append(fleet.error())
    whole = [count for machine, count in fleet.moves.items() if machine not in fleet.sliced]
    return {
        "machines": machines,
        "destinations": destinations,
        "minutes": minutes,
        "error_percent": round(fleet.error(), 3),
        "worst_of_last_minute": round(max(errors), 3),
        "sliced": len(fleet.sliced),
        "moves_per_machine_and_hour": round(sum(fleet.moves.values()) / machines * 60 / minutes, 2),
        "most_moves_of_one": max(whole, default=0),
    }


def rows(*, quick=False, seeds=(1,)):
    for machines in (1, 3, 50, 1000):
        for destinations in (2, 6) if quick else (2, 3, 4, 5, 6):
            for seed in seeds:
                yield measure(machines, destinations, minutes=10, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    for row in rows(quick=options.quick, seeds=range(1, options.seeds + 1)):
        print(json.dumps(row), flush=True)
