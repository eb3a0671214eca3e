"""A typical year out of a file: TMY3 (NREL's CSV) or EPW (EnergyPlus). No network.

Both count hours by their end, in local standard time without summer: the row `01:00` is the hour that begins at
midnight. Months come from different years, so the year is taken as one of 365 days.
"""

import csv
from pathlib import Path

import msgspec
import numpy as np

from hashwright.adapters.fetch import misread, number_of
from hashwright.adapters.weather.base import CODES, Place, WeatherPlugin, irradiance, numbers
from hashwright.energy.slots import HOUR_MS
from hashwright.energy.weather import Weather
from hashwright.errors import OperatorError

HOURS = 8760
BYTES_MAX = 16 * 1024 * 1024
TMY3 = {
    "GHI (W/m^2)": "ghi", "DNI (W/m^2)": "dni", "DHI (W/m^2)": "dhi", "Dry-bulb (C)": "air", "Wspd (m/s)": "wind",
    "Pressure (mbar)": "pressure",
}  # fmt: skip
EPW = {13: "ghi", 14: "dni", 15: "dhi", 6: "air", 21: "wind", 9: "pressure"}


class FileConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The path of a TMY3 or EPW file; a relative one is looked for beside the site's file."""

    kind: str
    path: str
    folder: str = ""


class WeatherFile:
    """The source."""

    def __init__(self, config: FileConfig) -> None:
        self.config = config

    async def weather(self, place: Place, start_ms: int, end_ms: int, *, now_ms: int) -> Weather:
        """Answer with the file's year."""
        return read_file(Path(self.config.folder) / self.config.path, now_ms=now_ms)


def read_file(path: Path, *, now_ms: int) -> Weather:
    """Read a file by its form.

    Raises:
        OperatorError: it cannot be read, or is of another form (HW-847).
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise OperatorError(
            f"{path} cannot be read: {problem.strerror}.", code="HW-847", hint="Check the path in [weather]."
        ) from problem
    if len(data) > BYTES_MAX:
        misread(f"{path.name} has {len(data)} bytes", CODES)
    rows = list(csv.reader(data.decode("latin-1").splitlines()))
    if rows and rows[0] and rows[0][0] == "LOCATION":
        return read_epw(rows, now_ms=now_ms)
    if len(rows) < 2 or "GHI (W/m^2)" not in rows[1]:
        misread(f"{path.name} is neither EPW nor TMY3", CODES)
    return read_tmy3(rows, now_ms=now_ms)


def read_tmy3(rows: list[list[str]], *, now_ms: int) -> Weather:
    """Read the rows of a TMY3 file."""
    head = rows[1]
    places = {name: head.index(column) for column, name in TMY3.items() if column in head}
    if len(places) != len(TMY3) or len(rows[0]) < 7:
        misread("columns of TMY3 are missing", CODES)
    # zone [h], latitude, longitude, altitude
    return _weather(rows[2:], places, rows[0][3:7], pressure_unit_pa=100.0, now_ms=now_ms)


def read_epw(rows: list[list[str]], *, now_ms: int) -> Weather:
    """Read the rows of an EPW file."""
    data = [row for row in rows[8:] if row]
    site = rows[0]
    if len(site) < 10:
        misread("the first line of the EPW file is too short", CODES)
    zone = [site[8], site[6], site[7], site[9]]
    return _weather(data, {name: place for place, name in EPW.items()}, zone, pressure_unit_pa=1.0, now_ms=now_ms)


def _weather(
    rows: list[list[str]], places: dict[str, int], site: list[str], *, pressure_unit_pa: float, now_ms: int
) -> Weather:
    if len(rows) != HOURS or min(len(row) for row in rows) <= max(places.values()):
        misread(f"{len(rows)} hours with too few columns; a year has {HOURS}", CODES)
    zone_h, latitude, longitude, altitude = (float(number_of(it.strip(), CODES)) for it in site)

    def column(name: str) -> list[object]:
        return [row[places[name]].strip() for row in rows]

    # 2018 has 365 days and stands for all years.
    first = int(np.datetime64("2018-01-01", "ms").astype(np.int64)) - round(zone_h * HOUR_MS)
    return Weather(
        start_ms=first,
        step_ms=HOUR_MS,
        ghi=irradiance(column("ghi"), "global irradiance"),
        dni=irradiance(column("dni"), "direct irradiance"),
        dhi=irradiance(column("dhi"), "diffuse irradiance"),
        air_c=numbers(column("air"), low=-80, high=70, what="temperature"),
        wind_ms=numbers(column("wind"), low=0, high=120, what="wind"),
        pressure_pa=numbers(column("pressure"), low=0, high=120_000, what="pressure") * pressure_unit_pa,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        known_at_ms=now_ms,
        is_typical=True,
    )


PLUGIN = WeatherPlugin(title="A typical year's file (TMY3, EPW)", seen="recorded", config=FileConfig, build=WeatherFile)
