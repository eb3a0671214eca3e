"""Time slices: a machine that fits nowhere whole works for one destination after the other.

A slice lasts at least five seconds and three shares' worth of work, because each change costs the time of one way to
the machine and back. Then the machine goes to the destination that is owed most, counted in work and not in time, so
that no error adds up. The longer a plan has run, the longer slices may be for the same relative error: four
thousandths of its age, up to two minutes.
"""

from hashwright.routing.records import Group, Machine

SLICE_MIN_MS = 5_000
SLICE_MAX_MS = 120_000
SLICE_PART = 0.004
SLICE_SHARES = 3
SILENT_MAX_MS = 60_000
"""A machine that finds nothing in a minute is not held for it."""


def slice_ms(group: Group, *, now: int) -> int:
    """Return how long a slice should last [ms]."""
    return int(min(max((now - group.planned_at) * SLICE_PART, SLICE_MIN_MS), SLICE_MAX_MS))


def is_over(group: Group, machine: Machine, *, now: int) -> bool:
    """Tell whether a machine may leave its slice."""
    age = now - machine.since
    if age < slice_ms(group, now=now):
        return False
    return machine.slice_work >= SLICE_SHARES * machine.share_work > 0 or age >= SILENT_MAX_MS


def next_place(machine: Machine, debts: dict[str, float]) -> str:
    """Return the destination that is owed most; the present one where none is owed more."""
    best = max(debts, key=lambda name: debts[name], default="")
    if machine.destination in debts and debts[best] <= debts[machine.destination]:
        return machine.destination
    return best
