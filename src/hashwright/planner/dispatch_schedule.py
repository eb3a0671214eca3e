"""The best schedule of each machine at given prices of power: exact, by dynamic programming, for all machines at once.

A machine is on or off, since a number of slots. It must stay on `up_min` slots once started and off `down_min` slots
once stopped, so only ages up to these matter. Which level it runs at costs nothing to change: in each slot the best
counts. Backward over the slots, on arrays (items, ages): a few numpy calls a slot, whatever the number of machines.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hashwright.planner.dispatch_problem import FloatArray, IntArray, MachineGroup

NEVER = -1e30


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`count` machines of one group that are all on, or all off, now. They may be given different schedules."""

    group: int
    count: int
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the programme needs of each item: `up_min`, `down_min`, `age` [slots], and whether it may stop at once."""

    up_min: IntArray
    down_min: IntArray
    age: IntArray
    is_on: NDArray[np.bool_]
    may_stop: NDArray[np.bool_]


def items_of(groups: tuple[MachineGroup, ...]) -> tuple[Item, ...]:
    """Return the parts of groups that are in one state now."""
    parts = (
        (Item(group=number, count=it.running, is_on=True), Item(group=number, count=it.count - it.running, is_on=False))
        for number, it in enumerate(groups)
    )
    return tuple(item for pair in parts for item in pair if item.count)


def terms_of(groups: tuple[MachineGroup, ...], items: tuple[Item, ...]) -> Terms:
    """Return the terms of items, as arrays."""
    owners = [groups[it.group] for it in items]
    return Terms(
        up_min=np.array([max(it.up_min, 1) for it in owners]),
        down_min=np.array([max(it.down_min, 1) for it in owners]),
        age=np.array([it.age for it in owners]),
        is_on=np.array([it.is_on for it in items]),
        may_stop=np.array([it.may_stop for it in owners]),
    )


def best_schedules(gain: FloatArray, start_cost: FloatArray, terms: Terms) -> tuple[NDArray[np.bool_], FloatArray]:
    """Return when each item is on [(items, slots)], and what one machine of it gains by that.

    `gain` is what being on in a slot is worth [(items, slots)], `start_cost` what a start costs [(items,)].
    """
    slots = gain.shape[1]
    ups, downs = int(terms.up_min.max()), int(terms.down_min.max())
    older_on, older_off = np.minimum(np.arange(ups) + 1, ups - 1), np.minimum(np.arange(downs) + 1, downs - 1)
    may_stop = np.arange(1, ups + 1)[None, :] >= terms.up_min[:, None]
    may_start = np.arange(1, downs + 1)[None, :] >= terms.down_min[:, None]
    on, off = np.zeros((len(gain), ups)), np.zeros((len(gain), downs))
    stops = np.zeros((slots, *on.shape), dtype=bool)
    begins = np.zeros((slots, *off.shape), dtype=bool)
    for slot in range(slots - 1, 0, -1):
        on, off, stops[slot], begins[slot] = _back(
            (on, off), gain[:, slot], start_cost, (older_on, older_off, may_stop, may_start)
        )
    on = on + gain[:, :1]
    stay = np.where(terms.is_on, _at(on, terms.age, ups), NEVER)
    free = terms.is_on & ((terms.age >= terms.up_min) | terms.may_stop)
    leave = np.where(free, off[:, 0], NEVER)
    rest = np.where(terms.is_on, NEVER, _at(off, terms.age, downs))
    ready = ~terms.is_on & (terms.age >= terms.down_min)
    begin = np.where(ready, on[:, 0] - start_cost, NEVER)
    choice = np.argmax(np.stack([leave, rest, stay, begin]), axis=0)
    values = np.max(np.stack([leave, rest, stay, begin]), axis=0)
    first_age = np.select(
        [choice == 1, choice == 2], [np.minimum(terms.age, downs - 1), np.minimum(terms.age, ups - 1)]
    )
    return _forward(choice >= 2, first_age, stops, begins), values


def _at(values: FloatArray, age: IntArray, ages: int) -> FloatArray:
    """Return the value of being one slot older than `age`."""
    place = np.minimum(age, ages - 1)[:, None]
    return np.asarray(np.take_along_axis(values, place, axis=1)[:, 0])


def _back(
    after: tuple[FloatArray, FloatArray],
    gain: FloatArray,
    start_cost: FloatArray,
    moves: "tuple[IntArray, IntArray, NDArray[np.bool_], NDArray[np.bool_]]",
) -> "tuple[FloatArray, FloatArray, NDArray[np.bool_], NDArray[np.bool_]]":
    """Return the values before a slot, by the age in the slot before it, and which moves are made into the slot."""
    older_on, older_off, may_stop, may_start = moves
    on, off = after[0] + gain[:, None], after[1]
    stay, leave = on[:, older_on], np.where(may_stop, off[:, :1], NEVER)
    rest, begin = off[:, older_off], np.where(may_start, on[:, :1] - start_cost[:, None], NEVER)
    return np.maximum(stay, leave), np.maximum(rest, begin), leave > stay, begin > rest


def _forward(
    is_on: NDArray[np.bool_], age: IntArray, stops: NDArray[np.bool_], begins: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    slots, items, ups = stops.shape
    downs = begins.shape[2]
    schedule = np.zeros((items, slots), dtype=bool)
    rows = np.arange(items)
    for slot in range(slots):
        if slot:
            switch = np.where(
                is_on, stops[slot, rows, np.minimum(age, ups - 1)], begins[slot, rows, np.minimum(age, downs - 1)]
            )
            age = np.where(switch, 0, np.minimum(age + 1, np.where(is_on, ups - 1, downs - 1)))
            is_on = is_on ^ switch
        schedule[:, slot] = is_on
    return schedule
