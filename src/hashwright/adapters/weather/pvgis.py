"""A typical year of PVGIS (European Commission, v5.3), hour by hour: no token; Europe, Africa, Asia, America.

Months come from different years; the year is that of no month. Irradiance is that of an instant a little after the
hour (`irradiance_time_offset`, in hours), so an hour's step lies around it.
"""

from typing import Any

import msgspec
import numpy as np

from hashwright.adapters.fetch import Question, get, json_of, misread, number_of
from hashwright.adapters.weather.base import CODES, Place, WeatherPlugin, irradiance, numbers
from hashwright.energy.slots import HOUR_MS, MINUTE_MS
from hashwright.energy.weather import Weather

URL = "https://re.jrc.ec.europa.eu/api/v5_3/tmy"
HOURS = 8760


class PvgisConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` takes the place of the public service."""

    kind: str
    url: str = URL


class Pvgis:
    """The source."""

    def __init__(self, config: PvgisConfig) -> None:
        self.config = config

    async def weather(self, place: Place, start_ms: int, end_ms: int, *, now_ms: int) -> Weather:
        """Ask for the typical year of a place."""
        params = {"lat": f"{place.latitude:.4f}", "lon": f"{place.longitude:.4f}", "outputformat": "json"}
        return read(await get(Question(url=self.config.url, params=params), CODES), now_ms=now_ms)


def read(answer: bytes, *, now_ms: int) -> Weather:
    """Read an answer; one that was cut holds the first hours of the year."""
    found = json_of(answer, CODES)
    rows = _walk(found, "outputs", "tmy_hourly")
    if not isinstance(rows, list) or not 2 <= len(rows) <= HOURS or not all(isinstance(it, dict) for it in rows):
        misread("outputs.tmy_hourly is no list of a year's hours", CODES)
    offset_h = float(number_of(_walk(found, "inputs", "location").get("irradiance_time_offset", 0), CODES))
    # 2018 has 365 days and stands for all years.
    first = int(np.datetime64("2018-01-01", "ms").astype(np.int64))
    minutes = round((offset_h - 0.5) * 60)
    if not str(rows[0].get("time(UTC)", "")).endswith("0101:0000"):
        misread("the year does not begin with its first hour", CODES)

    def column(name: str) -> list[object]:
        return [row.get(name) for row in rows]

    return Weather(
        start_ms=first + minutes * MINUTE_MS,
        step_ms=HOUR_MS,
        ghi=irradiance(column("G(h)"), "G(h)"),
        dni=irradiance(column("Gb(n)"), "Gb(n)"),
        dhi=irradiance(column("Gd(h)"), "Gd(h)"),
        air_c=numbers(column("T2m"), low=-80, high=70, what="T2m"),
        wind_ms=numbers(column("WS10m"), low=0, high=120, what="WS10m"),
        pressure_pa=numbers(column("SP"), low=40_000, high=110_000, what="SP"),
        known_at_ms=now_ms,
        is_typical=True,
    )


def _walk(found: Any, *names: str) -> Any:  # noqa: ANN401 (a stranger's document)
    for name in names:
        if not isinstance(found, dict) or name not in found:
            misread(f"{name} is missing", CODES)
        found = found[name]
    return found


PLUGIN = WeatherPlugin(title="PVGIS' typical year", seen="recorded", config=PvgisConfig, build=Pvgis)
