"""How wrong forecasts of sun and wind were, learned from the meter: a correction, and scenarios of the same spread.

Pairs of what was told and what the meter saw give, over daylight slots, a factor (the sum seen by the sum told, pulled
toward 1 while there is little evidence) and the spread of whole days around it. Days are the unit, because clouds last:
a wrong morning is mostly followed by a wrong afternoon. Scenarios are the corrected forecast times quantiles of that
spread, each as likely as the other.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from hashwright.energy.weather import FloatArray
from hashwright.errors import Finding

PRIOR_DAYS: Final = 5.0
"""So many days at a factor of 1 and the usual spread count as evidence before there is any."""
PRIOR_SPREAD: Final = 0.25
"""Standard deviation of a day's sun around its forecast [share], before there is evidence."""
FACTOR_BOUNDS: Final = (0.2, 2.0)
FAR_OFF: Final = 0.7
NORMAL_SCORES: Final = {1: (0.0,), 3: (0.0, -1.091, 1.091), 5: (0.0, -1.4, -0.532, 0.532, 1.4)}
"""Means of equal parts of the normal distribution, the middle one first: scenario 0 is what is expected most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastError:
    """The factor that a forecast is multiplied by, the spread of days around it [share], and the days of evidence."""

    factor: float = 1.0
    spread: float = PRIOR_SPREAD
    days: int = 0


def learned_error(told_w: FloatArray, seen_w: FloatArray, *, slots_a_day: int = 96) -> ForecastError:
    """Learn from slots of whole days: what was told and what the meter saw [W]; NaN where either is not known."""
    days = len(told_w) // slots_a_day
    if not days:
        return ForecastError()
    shape = (days, slots_a_day)
    told, seen = (it[: days * slots_a_day].reshape(shape) for it in (told_w, seen_w))
    known = np.isfinite(told) & np.isfinite(seen)
    told_day, seen_day = np.where(known, told, 0.0).sum(axis=1), np.where(known, seen, 0.0).sum(axis=1)
    with_sun = told_day > 0
    if not with_sun.any():
        return ForecastError()
    mean = told_day[with_sun].mean()
    factor = (seen_day[with_sun].sum() + PRIOR_DAYS * mean) / (told_day[with_sun].sum() + PRIOR_DAYS * mean)
    ratios = seen_day[with_sun] / told_day[with_sun] / factor - 1
    evidence = int(with_sun.sum())
    spread = np.sqrt((float((ratios**2).sum()) + PRIOR_DAYS * PRIOR_SPREAD**2) / (evidence + PRIOR_DAYS))
    return ForecastError(factor=float(np.clip(factor, *FACTOR_BOUNDS)), spread=float(spread), days=evidence)


def scenarios_w(forecast_w: FloatArray, error: ForecastError, *, count: int, limit_w: float) -> FloatArray:
    """Return `count` (1, 3 or 5) equally likely series [W, (count, slots)] around a forecast; at most `limit_w`."""
    scores = np.array(NORMAL_SCORES[count])
    factors = np.maximum(error.factor * (1 + error.spread * scores), 0.0)
    return np.minimum(factors[:, None] * forecast_w[None, :], limit_w)


def error_findings(error: ForecastError) -> tuple[Finding, ...]:
    """Find a forecast that the meter clearly contradicts (HW-856)."""
    if error.days < PRIOR_DAYS or FAR_OFF <= error.factor <= 1 / FAR_OFF:
        return ()
    return (
        Finding(
            code="HW-856",
            place="sun",
            message=f"Over {error.days} days the meter saw {error.factor:.0%} of what was told",
            hint="Shade, snow, dirt or a broken string? The plan counts on what the meter saw.",
        ),
    )
