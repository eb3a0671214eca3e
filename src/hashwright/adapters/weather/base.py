"""What a file in this folder defines: `PLUGIN`, with its settings and how a source of weather is built from them.

A source answers with one `Weather` for a place: a forecast, or a typical year (`is_typical`). Whether it is too old to
be used is not its business. It never fills in what it does not know: that is NaN.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, Protocol

import msgspec
import numpy as np

from hashwright.adapters.fetch import Codes, misread, number_of
from hashwright.energy.weather import FloatArray, Weather

CODES: Final = Codes(silent="HW-846", misread="HW-847")
STANDARD_PA: Final = 101_325.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a site is [degrees north and east, metres above the sea]."""

    latitude: float
    longitude: float
    altitude_m: float = 0.0


class WeatherSource(Protocol):
    """A built source of weather."""

    async def weather(self, place: Place, start_ms: int, end_ms: int, *, now_ms: int) -> Weather:
        """Answer with the weather of a place that covers as much of a time [ms since 1970 UTC] as is known.

        Raises:
            Unavailable: a service does not answer (HW-846).
            OperatorError: an answer or a file is not understood (HW-847).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherPlugin:
    """A kind of source. `seen` says what stands behind it."""

    title: str
    seen: Literal["own rules", "recorded", "documented"]
    config: type[msgspec.Struct]
    build: Callable[[Any], WeatherSource]


def numbers(values: Sequence[object], *, low: float, high: float, what: str) -> FloatArray:
    """Return a column of numbers; None is NaN, a number out of bounds is refused.

    Raises:
        OperatorError: it is no column of believable numbers (HW-847).
    """
    found = np.array([np.nan if it is None else float(_number(it)) for it in values])
    known = found[np.isfinite(found)]
    if len(known) and not (low <= known.min() and known.max() <= high):
        misread(f"{what} from {known.min():g} to {known.max():g}, expected {low:g} to {high:g}", CODES)
    return found


def _number(value: object) -> Decimal:
    return number_of(value, CODES)


def irradiance(values: Sequence[object], what: str) -> FloatArray:
    """Return a column of irradiance [W/m2]; small negative values of a sensor at night are none."""
    return np.maximum(numbers(values, low=-20, high=1600, what=what), 0.0)
