"""The rule without a solver: run what earns more than its power costs now, and nothing else. Also the baselines.

Slot by slot, groups in the order of what a kW earns them. A machine that runs goes on until it earns clearly less than
its power costs, one that rests starts when it earns clearly more (`HYSTERESIS`), and both keep their times. Own sun
that is left over costs what selling it would bring; the battery takes what is left and gives what is missing. The rule
sees no later slot, so its plan is hardly ever better than the solver's; it needs no library and never fails.

Limits come first: a machine is started only if the grid, with the least sun of all scenarios, can carry it, and if what
runs exceeds a limit, machines stop, before their time if need be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from hashwright.energy.slots import SLOT_H
from hashwright.planner.dispatch_problem import KW, IntArray, Level, MachineGroup, Problem

HYSTERESIS: Final = 0.05
Rule = Callable[["Moment"], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a rule may look at: what a machine at a level earns [currency/h], its draw [kW], power's price there."""

    earns: float
    kw: float
    price: float
    is_running: bool


def by_break_even(it: Moment) -> float:
    """Value a machine by what it earns less what its power costs, with hysteresis."""
    edge = 1 - HYSTERESIS if it.is_running else 1 + HYSTERESIS
    return it.earns - it.kw * (it.price * edge if it.price > 0 else it.price)


def always(it: Moment) -> float:
    """Value a machine by what it earns: it always runs, at its highest level."""
    return it.earns + 1e-9 * it.kw


@dataclass(slots=True)
class _State:
    """Machines of a group by the slots that they have run (`on`) and rested (`off`); the last place holds all older."""

    on: list[int]
    off: list[int]

    @property
    def running(self) -> int:
        return sum(self.on)

    def free_to_stop(self) -> int:
        return self.on[-1]

    def free_to_start(self) -> int:
        return self.off[-1]

    def change(self, target: int) -> None:
        """Let a slot pass with `target` machines on; the oldest move first."""
        _move(self.off, self.on, target - self.running) if target > self.running else _move(
            self.on, self.off, self.running - target
        )

    def age(self) -> None:
        """Let a slot pass."""
        for places in (self.on, self.off):
            places[-1] += places.pop(-2)
            places.insert(0, 0)


def _move(source: list[int], target: list[int], number: int) -> None:
    target[0] += number
    for place in range(len(source) - 1, -1, -1):
        taken = min(source[place], number)
        source[place] -= taken
        number -= taken


def _state_of(group: MachineGroup) -> _State:
    on, off = [0] * (group.up_min + 1), [0] * (group.down_min + 1)
    on[min(group.age, group.up_min)] += group.running
    off[min(group.age, group.down_min)] += group.count - group.running
    return _State(on=on, off=off)


def by_rule(problem: Problem, rule: Rule = by_break_even, *, own_only: bool = False) -> tuple[IntArray, ...]:
    """Return how many machines run at each level, by a rule. With `own_only` they never draw from the grid."""
    counts = tuple(np.zeros((len(it.levels), problem.grid.count), dtype=np.int64) for it in problem.groups)
    states = [_state_of(it) for it in problem.groups]
    before = problem.power_before_w
    order = _by_earning(problem)
    for slot in range(problem.grid.count):
        before = _decide(problem, slot, states, (counts, order, before), (rule, own_only))
        for state in states:
            state.age()
    return counts


def _by_earning(problem: Problem) -> list[int]:
    """Return the groups, those that earn most a kW first."""

    def negative_worth(number: int) -> float:
        group = problem.groups[number]
        best = max(it.hashrate / max(it.power_w, 1) for it in group.levels)
        return -float(best * np.dot(problem.probability, group.earn.mean(axis=1)))

    return sorted(range(len(problem.groups)), key=negative_worth)


def _decide(
    problem: Problem,
    slot: int,
    states: list[_State],
    so_far: tuple[tuple[IntArray, ...], list[int], int],
    how: tuple[Rule, bool],
) -> int:
    """Decide one slot; return what the machines draw in it [W]."""
    counts, order, before = so_far
    rule, own_only = how
    rooms = _rooms(problem, own_only=own_only)[slot:]
    room = min(int(rooms[0]), before + problem.site.ramp_w)
    surplus = float(problem.probability @ (problem.own_w - problem.load_w)[:, slot])
    left, drawn = max(surplus, 0.0), 0
    # What may not stop yet keeps its room before anything is started.
    kept = [state.running - state.free_to_stop() for state in states]
    reserved = sum(number * min(it.power_w()) for number, it in zip(kept, problem.groups, strict=True))
    for number in order:
        group, state = problem.groups[number], states[number]
        reserved -= kept[number] * int(min(group.power_w()))
        limit = room - drawn - max(int(reserved), 0)
        # What is started must find room until it may stop again.
        later = min(limit, int(rooms[: group.up_min].min()) - drawn - max(int(reserved), 0))
        level, machines = _choose(problem, (group, state, kept[number]), slot, (limit, later, left), rule)
        state.change(machines)
        counts[number][level, slot] = machines
        power = machines * group.levels[level].power_w
        drawn, left = drawn + power, max(left - power, 0.0)
    return drawn


def _rooms(problem: Problem, *, own_only: bool) -> IntArray:
    """Return what machines may draw in each slot [W], in the scenario with the least sun."""
    spare = (problem.own_w - problem.load_w).min(axis=0)
    grid = 0 if own_only else problem.site.import_w
    return np.asarray(np.minimum(np.maximum(grid + spare, 0), problem.site.machines_w), dtype=np.int64)


def _choose(
    problem: Problem,
    who: tuple[MachineGroup, _State, int],
    slot: int,
    room: tuple[int, int, float],
    rule: Rule,
) -> tuple[int, int]:
    """Return the level and the number of machines of one group that are worth most by the rule."""
    group, state, kept = who
    limit, later, left = room
    price = float(problem.probability @ problem.price[:, slot])
    sold = max(float(problem.probability @ problem.export_price[:, slot]), 0.0)
    earn = float(problem.probability @ group.earn[:, slot])
    most = state.running + state.free_to_start()
    best, found = 0.0, (0, 0)
    for number, level in enumerate(group.levels):
        fits = max(min(state.running, limit // level.power_w), min(most, later // level.power_w), 0)
        for machines in {fits, min(fits, int(left // level.power_w)), min(fits, state.running), min(fits, kept)}:
            if machines < min(kept, fits) or not machines:
                continue
            value = _value(rule, group, machines, level, (earn, price, sold, left, state.running))
            if value > best or (machines <= kept and found == (0, 0)):
                best, found = max(value, best), (number, machines)
    return found


def _value(
    rule: Rule, group: MachineGroup, machines: int, level: Level, terms: tuple[float, float, float, float, int]
) -> float:
    earn, price, sold, left, running = terms
    power_w, hashrate = level.power_w, level.hashrate
    own = min(left, machines * power_w)
    mixed = (own * sold + (machines * power_w - own) * price) / max(machines * power_w, 1)
    going_on, new = min(machines, running), max(machines - running, 0)
    value = sum(
        part * rule(Moment(earns=hashrate * earn, kw=power_w / KW, price=mixed, is_running=is_running))
        for part, is_running in ((going_on, True), (new, False))
    )
    return value - new * group.start_cost / max(group.up_min * SLOT_H, SLOT_H)
