"""How much of what was expected became real, and what may be learned from it: bounded, and slowly.

    factor = (realised + prior) / (expected + prior)        prior: what `PRIOR_DAYS` average days were expected to give

The prior stands for days that gave exactly what was expected. It is counted in days of evidence, not in rows: an hour
in which nothing came weighs one hour against two days and moves the factor by 2 %, whatever it lost. Older days count
less by half every `HALF_LIFE_DAYS`, and no factor leaves `LOW` to `HIGH`: what is learned may tip a close choice, never
make one (users of automatic switchers were paid half of what was promised: planning.md part 4).

A forecast says that tomorrow is as today. Its error is the change of the logarithm from day to day: `bias` is its mean,
drawn towards none by `PRIOR_PAIRS` days without a change; `spread` its root mean square.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PRIOR_DAYS: Final = 2.0
HALF_LIFE_DAYS: Final = 14.0
LOW: Final = 0.5
HIGH: Final = 1.25
PRIOR_PAIRS: Final = 14
DRIFT_MAX: Final = 0.1
"""A learned drift changes what is expected by a tenth at the most."""
SHARES_PRIOR: Final = 200
"""A machine's claim counts as much as so many shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One stretch of time: how long it was and how long ago it ended [days], what was expected of it and what came."""

    age_days: float
    days: float
    expected: float
    realised: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A factor, and what it rests on. Without evidence it is 1."""

    factor: float
    days: float
    expected: float
    realised: float

    @property
    def plain(self) -> float | None:
        """Return realised by expected, as it was; None where nothing was expected."""
        return self.realised / self.expected if self.expected > 0 else None


def learned(found: Sequence[Evidence]) -> Learned:
    """Learn a factor from stretches of time, in any order."""
    known = [it for it in found if it.expected > 0 and it.days > 0]
    expected, realised = sum(it.expected for it in known), sum(it.realised for it in known)
    days = sum(it.days for it in known)
    if not known:
        return Learned(factor=1.0, days=0.0, expected=0.0, realised=0.0)
    prior = expected / days * PRIOR_DAYS
    weights = [0.5 ** (max(it.age_days, 0.0) / HALF_LIFE_DAYS) for it in known]
    top = sum((it.realised * weight for it, weight in zip(known, weights, strict=True)), prior)
    bottom = sum((it.expected * weight for it, weight in zip(known, weights, strict=True)), prior)
    return Learned(factor=min(max(top / bottom, LOW), HIGH), days=days, expected=expected, realised=realised)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastError:
    """How a forecast of "as today" did: pairs of days, bias and spread of the logarithm a day."""

    pairs: int
    bias: float
    spread: float

    def factor(self, days: float) -> float:
        """Return what to multiply today's value with for its mean over the next days."""
        return math.exp(min(max(self.bias * days / 2, -DRIFT_MAX), DRIFT_MAX))


def forecast_error(values: Sequence[float | None]) -> ForecastError:
    """Judge the forecast "tomorrow is as today" on daily values, oldest first; unknown days make no pair."""
    steps = [
        math.log(after / before)
        for before, after in itertools.pairwise(values)
        if before is not None and after is not None and before > 0 and after > 0
    ]
    if not steps:
        return ForecastError(pairs=0, bias=0.0, spread=0.0)
    return ForecastError(
        pairs=len(steps),
        bias=sum(steps) / (len(steps) + PRIOR_PAIRS),
        spread=math.sqrt(sum(it * it for it in steps) / len(steps)),
    )


def machine_factor(claimed_hs: float, proven_hs: float, shares: int) -> float:
    """Return what part of its claim a machine is believed to hash: few shares leave it at its word."""
    if claimed_hs <= 0:
        return 1.0
    factor = (proven_hs / claimed_hs * shares + SHARES_PRIOR) / (shares + SHARES_PRIOR)
    return min(max(factor, LOW), HIGH)
