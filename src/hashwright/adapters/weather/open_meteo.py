"""Forecasts of Open-Meteo, hour by hour: no token for private use, documented form.

Irradiance is the mean of the hour *before* its time; temperature and wind hold at the time. We ask for m/s and for
times in seconds since 1970.
"""

import msgspec
import numpy as np

from hashwright.adapters.fetch import Question, day_utc, get, json_of, misread, number_of
from hashwright.adapters.weather.base import CODES, Place, WeatherPlugin, irradiance, numbers
from hashwright.energy.slots import HOUR_MS
from hashwright.energy.weather import Weather

URL = "https://api.open-meteo.com/v1/forecast"
FIELDS = (
    "shortwave_radiation", "direct_normal_irradiance", "diffuse_radiation", "temperature_2m", "wind_speed_10m",
    "surface_pressure",
)  # fmt: skip
HOURS_MAX = 24 * 20


class OpenMeteoConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` takes the place of the public service, for one's own server."""

    kind: str
    url: str = URL


class OpenMeteo:
    """The source."""

    def __init__(self, config: OpenMeteoConfig) -> None:
        self.config = config

    async def weather(self, place: Place, start_ms: int, end_ms: int, *, now_ms: int) -> Weather:
        """Ask for the days of a time."""
        params = {
            "latitude": f"{place.latitude:.4f}",
            "longitude": f"{place.longitude:.4f}",
            "hourly": ",".join(FIELDS),
            "wind_speed_unit": "ms",
            "timeformat": "unixtime",
            "timezone": "UTC",
            "start_date": day_utc(start_ms),
            "end_date": day_utc(end_ms + HOUR_MS),
        }
        return read(await get(Question(url=self.config.url, params=params), CODES), now_ms=now_ms)


def read(answer: bytes, *, now_ms: int) -> Weather:
    """Read an answer."""
    found = json_of(answer, CODES)
    hourly = found.get("hourly", {}) if isinstance(found, dict) else {}
    times = hourly.get("time") if isinstance(hourly, dict) else None
    if not isinstance(times, list) or not 2 <= len(times) <= HOURS_MAX:
        misread("hourly.time is no list of hours", CODES)
    starts = [int(number_of(it, CODES)) * 1000 for it in times]
    if (np.diff(starts) != HOUR_MS).any():
        misread("the hours are not in order", CODES)
    columns: list[list[object]] = [it for it in map(hourly.get, FIELDS) if isinstance(it, list)]
    if [len(it) for it in columns] != [len(times)] * len(FIELDS):
        misread(f"the lists of {', '.join(FIELDS)} are not as long as that of times", CODES)
    ghi, dni, dhi, air, wind, pressure = columns
    return Weather(
        start_ms=starts[0] - HOUR_MS,
        step_ms=HOUR_MS,
        ghi=irradiance(ghi, FIELDS[0]),
        dni=irradiance(dni, FIELDS[1]),
        dhi=irradiance(dhi, FIELDS[2]),
        air_c=numbers(air, low=-80, high=70, what=FIELDS[3]),
        wind_ms=numbers(wind, low=0, high=120, what=FIELDS[4]),
        pressure_pa=numbers(pressure, low=400, high=1100, what=FIELDS[5]) * 100,
        known_at_ms=now_ms,
    )


PLUGIN = WeatherPlugin(title="Open-Meteo's forecast", seen="documented", config=OpenMeteoConfig, build=OpenMeteo)
