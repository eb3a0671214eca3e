"""What an upstream owes by our count, by its own, and what it paid: how much of the promise becomes real.

Users of automatic switchers have learned it the hard way: estimates were up to 100 times too high, payments near half
of them (planning.md part 4, "Estimate vs paid"). So each upstream has a realisation factor, learned from what it
credited beside what our accepted work was worth.

A factor near 1 is honest. A pool that pays by luck (PPLNS) swings around it, which is why little evidence moves it
little: it is (credited + k * prior) / (expected + k * prior), older days counting less by half every `HALF_LIFE_DAYS`,
with a prior of `PRIOR_DAYS` average days at 1. An average day is one of 24 hours of evidence: a first hour without a
credit moves the factor by two percent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

HALF_LIFE_DAYS: Final = 14
PRIOR_DAYS: Final = 2
FACTOR_MAX: Final = 1.5
"""Luck can pay more than the work was worth; a plan must not count on it."""
SHORT_BELOW: Final = 0.9
DAYS_MIN: Final = 3
"""Before so many days nobody is called short."""
Exposure = Literal["none", "within", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfUpstream:
    """One day at an upstream [minor units]: what our accepted work was worth, and what the upstream credited.

    `hours` is the time between the readings that it is made of.
    """

    age_days: int
    expected: int
    credited: int
    hours: float = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Realisation:
    """What part of the expected an upstream makes real. `days` have evidence; 1.0 where there is none."""

    factor: float
    days: int
    expected: int
    credited: int

    @property
    def is_short(self) -> bool:
        """Tell whether it gives clearly less than work was worth, after enough days to say so."""
        return self.days >= DAYS_MIN and self.factor < SHORT_BELOW


def realisation(days: Sequence[DayOfUpstream]) -> Realisation:
    """Learn the factor of an upstream from its days, in any order."""
    known = [it for it in days if it.expected > 0 or it.credited > 0]
    expected, credited = sum(it.expected for it in known), sum(it.credited for it in known)
    if not expected:
        return Realisation(factor=1.0, days=0, expected=expected, credited=credited)
    prior = Fraction(expected * PRIOR_DAYS) * 24 / max(Fraction(sum(it.hours for it in known)), Fraction(1, 60))
    weights = [Fraction(1 / 2 ** (it.age_days / HALF_LIFE_DAYS)) for it in known]
    top = sum((it.credited * weight for it, weight in zip(known, weights, strict=True)), prior)
    bottom = sum((it.expected * weight for it, weight in zip(known, weights, strict=True)), prior)
    factor = min(max(float(top / bottom), 0.0), FACTOR_MAX)
    return Realisation(factor=factor, days=len(known), expected=expected, credited=credited)


def exposure(unpaid: int, cap: int | None) -> Exposure:
    """Sort what an upstream owes and could keep: a cap is what its owner is ready to lose there [minor units]."""
    if unpaid <= 0:
        return "none"
    return "over" if cap is not None and unpaid > cap else "within"
