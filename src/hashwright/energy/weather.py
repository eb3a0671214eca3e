"""Weather as sun and wind need it: a series of any even step, and how it comes onto the grid of slots.

A value of irradiance is the mean of its step, a temperature or a wind speed holds at the step's middle. Between middles
both are interpolated in a straight line. The sum of irradiance over a day stays what it was, within what a straight
line changes at the ends.
"""

from dataclasses import dataclass, fields
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashwright.energy.slots import HOUR_MS, SLOT_MS, Grid
from hashwright.errors import Finding

FloatArray: TypeAlias = NDArray[np.float64]
STALE_H: Final = 24
"""A forecast that is older than that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """A series of equal steps from `start_ms` on.

    `ghi`, `dni`, `dhi` [W/m2]: global horizontal, direct normal, diffuse horizontal irradiance. `air_c` [Celsius],
    `wind_ms` [m/s] at `wind_height_m`, `pressure_pa`, `roughness_m`. NaN: not known.
    """

    start_ms: int
    step_ms: int
    ghi: FloatArray
    dni: FloatArray
    dhi: FloatArray
    air_c: FloatArray
    wind_ms: FloatArray
    pressure_pa: FloatArray
    wind_height_m: float = 10.0
    roughness_m: float = 0.15
    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float = 0.0
    known_at_ms: int = 0
    is_typical: bool = False
    """A year that stands for any year, not a forecast."""

    @property
    def end_ms(self) -> int:
        """Return the end of the last step [ms]."""
        return self.start_ms + len(self.ghi) * self.step_ms


def weather_on(weather: Weather, grid: Grid) -> Weather:
    """Return the weather of each slot, by straight lines between the middles of its steps; NaN outside of them."""
    middles = weather.start_ms + (np.arange(len(weather.ghi)) + 0.5) * weather.step_ms
    wanted = grid.start_ms + (np.arange(grid.count) + 0.5) * SLOT_MS
    covered = (wanted >= weather.start_ms) & (wanted < weather.end_ms)
    series = {
        it.name: np.where(covered, np.interp(wanted, middles, getattr(weather, it.name)), np.nan)
        for it in fields(weather)
        if isinstance(getattr(weather, it.name), np.ndarray)
    }
    rest = {it.name: getattr(weather, it.name) for it in fields(weather) if it.name not in series}
    return Weather(**{**rest, **series, "start_ms": grid.start_ms, "step_ms": SLOT_MS})


def typical_on(weather: Weather, grid: Grid) -> Weather:
    """Return a typical year's weather on a grid of any year: the same hour of the year, leap days after each other."""
    year_ms = len(weather.ghi) * weather.step_ms
    starts = np.array(grid.starts_ms(), dtype=np.int64)
    years = starts.astype("datetime64[ms]").astype("datetime64[Y]").astype("datetime64[ms]").astype(np.int64)
    first = np.datetime64(weather.start_ms, "ms").astype("datetime64[Y]").astype("datetime64[ms]").astype(np.int64)
    place = (starts + SLOT_MS // 2 - years - (weather.start_ms - int(first))) % year_ms / weather.step_ms - 0.5
    low = np.floor(place).astype(np.int64)
    share, count = place - low, len(weather.ghi)
    series = {
        it.name: (1 - share) * getattr(weather, it.name)[low % count]
        + share * getattr(weather, it.name)[(low + 1) % count]
        for it in fields(weather)
        if isinstance(getattr(weather, it.name), np.ndarray)
    }
    rest = {it.name: getattr(weather, it.name) for it in fields(weather) if it.name not in series}
    return Weather(**{**rest, **series, "start_ms": grid.start_ms, "step_ms": SLOT_MS})


def silence_findings(weather: Weather | None, *, now_ms: int) -> tuple[Finding, ...]:
    """Find weather that nobody told, or so long ago that it counts as untold (HW-846)."""
    if weather is not None and now_ms - weather.known_at_ms <= STALE_H * HOUR_MS:
        return ()
    message = "Nobody told the weather"
    if weather is not None:
        message = f"The weather was told {(now_ms - weather.known_at_ms) // HOUR_MS} hours ago"
    return (Finding(code="HW-846", place="weather", message=message, hint="No sun and no wind are counted on."),)
