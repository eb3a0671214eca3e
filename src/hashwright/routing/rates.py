"""How fast a machine is, from the work that was counted for it: weighed by age, and fair to young machines."""

import math

from hashwright.routing.records import RATE_SPAN_MS, Group, Machine

SHARES_MIN = 4
"""Fewer shares say nothing: with four the rate is known within a factor of two."""


def count(machine: Machine, work: int, *, now: int) -> None:
    """Add one share's work [hashes]."""
    age = now - machine.decayed_at
    machine.decayed = machine.decayed * math.exp(-age / RATE_SPAN_MS) + work
    machine.decayed_at = now
    machine.shares += 1
    machine.slice_work += work
    machine.share_work = float(work)  # a whole one may outgrow the 64 bits of a snapshot


def rate_of(machine: Machine, *, now: int) -> float | None:
    """Return the hash rate [H/s], or None while it is not known.

    The weights of a machine that is `age` old sum up to `span * (1 - exp(-age / span))`: divided by that, a young
    machine is not taken for a slow one.
    """
    age = now - machine.joined_at
    if machine.shares < SHARES_MIN or age <= 0:
        return None
    weighed = machine.decayed * math.exp(-(now - machine.decayed_at) / RATE_SPAN_MS)
    span_s = RATE_SPAN_MS / 1000 * -math.expm1(-age / RATE_SPAN_MS)
    return weighed / span_s


def rates(group: Group, *, now: int) -> dict[int, float]:
    """Return every machine's rate; for those that are not known, the mean of the others (1 where none is)."""
    known = {id_: rate_of(machine, now=now) for id_, machine in group.machines.items()}
    measured = [rate for rate in known.values() if rate is not None]
    mean = sum(measured) / len(measured) if measured else 1.0
    return {id_: mean if rate is None else rate for id_, rate in known.items()}


def total_of(group: Group, known: dict[int, float], *, now: int) -> float:
    """Return the rate of all machines [H/s], or 0 while none is known."""
    is_measured = any(rate_of(machine, now=now) is not None for machine in group.machines.values())
    return sum(known.values()) if is_measured else 0.0
