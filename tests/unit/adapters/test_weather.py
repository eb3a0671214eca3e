"""Sources of weather: recorded answers, files of both kinds, and what they refuse."""

import asyncio
import json
import pathlib
from datetime import UTC, datetime

import numpy as np
import pvlib
import pytest

from hashwright import registry
from hashwright.adapters.weather import open_meteo, pvgis
from hashwright.adapters.weather.base import Place
from hashwright.adapters.weather.file import read_file
from hashwright.energy.slots import HOUR_MS, MINUTE_MS, ms_of
from hashwright.errors import OperatorError, Unavailable
from unit.adapters.tariff_world import served

BERLIN = Place(latitude=52.5, longitude=13.4)
TMY3 = pathlib.Path(pvlib.__file__).parent / "data" / "723170TYA.CSV"
START = ms_of(datetime(2026, 6, 1, tzinfo=UTC))


def asked(kind, **settings):
    plugin = registry.load("weather", kind).PLUGIN
    source = plugin.build(plugin.config(kind=kind, **settings))
    return asyncio.run(source.weather(BERLIN, START, START + 48 * HOUR_MS, now_ms=START))


def hours(count=4, **changes):
    lists = {name: [10.0] * count for name in open_meteo.FIELDS} | {"surface_pressure": [1000] * count}
    return {"hourly": {"time": [1780272000 + 3600 * it for it in range(count)], **lists, **changes}}


def test_open_meteo_is_asked_for_the_place_and_an_hour_ends_at_its_time():
    body = hours(shortwave_radiation=[0, 100, None, -3])
    with served(json.dumps(body).encode()) as (url, requests):
        weather = asked("open_meteo", url=url)
    path = requests[0][0]
    assert all(part in path for part in ("latitude=52.5000", "wind_speed_unit=ms", "start_date=2026-06-01"))
    assert weather.start_ms == 1780272000_000 - HOUR_MS
    assert weather.ghi[[0, 1, 3]].tolist() == [0, 100, 0]
    assert np.isnan(weather.ghi[2])
    assert weather.pressure_pa[0] == 100_000
    assert not weather.is_typical


@pytest.mark.parametrize("body", [
    {}, [], hours(1), hours(time=[0, 1, 2, 3]), hours(shortwave_radiation=[1]), hours(temperature_2m=[900] * 4),
    hours(direct_normal_irradiance=["sunny"] * 4), hours(wind_speed_10m=[-5] * 4), {"hourly": []},
])  # fmt: skip
def test_nonsense_of_a_weather_service_is_refused(body):
    with pytest.raises(OperatorError) as error:
        open_meteo.read(json.dumps(body).encode(), now_ms=0)
    assert error.value.code == "HW-847"


def test_a_silent_weather_service_is_unavailable():
    with served(status=502) as (url, _), pytest.raises(Unavailable) as error:
        asked("pvgis", url=url)
    assert error.value.code == "HW-846"


@pytest.mark.data
def test_a_recorded_typical_year_of_pvgis(test_data):
    body = (test_data / "api_samples/pvgis/tmy_45_8_first72h.json").read_bytes()
    with served(body) as (url, requests):
        weather = asked("pvgis", url=url)
    assert "lat=52.5000" in requests[0][0]
    assert len(weather.ghi) == 72
    assert weather.is_typical
    assert (weather.ghi[8], weather.dni[9], weather.dhi[9], weather.air_c[0]) == (32, 125.3, 117, 2.04)
    # The instant of the first hour is 0.1761 h after midnight: its step begins half an hour before that.
    assert weather.start_ms == ms_of(datetime(2018, 1, 1, tzinfo=UTC)) - 19 * MINUTE_MS


@pytest.mark.parametrize("body", [{}, {"inputs": 1}, {"inputs": {"location": {}}, "outputs": {"tmy_hourly": [{}]}},
                                  {"inputs": {"location": {}}, "outputs": {"tmy_hourly": [{}, {}]}}])  # fmt: skip
def test_nonsense_of_pvgis_is_refused(body):
    with pytest.raises(OperatorError):
        pvgis.read(json.dumps(body).encode(), now_ms=0)


def test_a_tmy3_file_is_read_as_pvlib_reads_it():
    frame, meta = pvlib.iotools.read_tmy3(TMY3, map_variables=True, coerce_year=2018)
    weather = asked("file", path=str(TMY3))
    assert weather.ghi.tolist() == frame["ghi"].tolist()
    assert weather.dni.tolist() == frame["dni"].tolist()
    assert weather.wind_ms.tolist() == frame["wind_speed"].tolist()
    assert (weather.latitude, weather.longitude) == (meta["latitude"], meta["longitude"])
    # pvlib names an hour by its end.
    assert weather.start_ms + HOUR_MS == round(frame.index[0].timestamp() * 1000)


def test_an_epw_file_is_read_as_pvlib_reads_it(tmp_path):
    path = tmp_path / "made.epw"
    path.write_text(epw_text())
    frame, _ = pvlib.iotools.read_epw(path, coerce_year=2018)
    weather = read_file(path, now_ms=0)
    names = {"ghi": "ghi", "dni": "dni", "dhi": "dhi", "air_c": "temp_air", "wind_ms": "wind_speed"}
    for column, name in names.items():
        assert getattr(weather, column).tolist() == pytest.approx(frame[name].tolist())
    assert weather.pressure_pa[0] == frame["atmospheric_pressure"].iloc[0]
    assert weather.start_ms == round(frame.index[0].timestamp() * 1000)


def epw_text():
    """Write a year in EPW's form: 35 columns, hours by their end, a zone of +1."""
    lines = ["LOCATION,Made,-,DEU,none,0,52.5,13.4,1.0,35.0"] + ["HEADER"] * 7
    times = np.datetime64("2018-01-01") + np.arange(8760) * np.timedelta64(1, "h")
    for number, at in enumerate(times):
        year, month, day = str(at)[:10].split("-")
        cells = [year, month, day, str(number % 24 + 1), "0", "?", *["0"] * 29]
        cells[6], cells[9], cells[13], cells[14], cells[15], cells[21] = (
            f"{number % 30 - 5}.5", "101000", str(number % 900), str(number % 700), str(number % 300),
            f"{number % 9}.1",
        )  # fmt: skip
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("text", ["", "hello\nworld\n", "LOCATION,a\n" * 20, TMY3.read_text(encoding="latin-1")[:5000]])
def test_a_file_of_another_form_is_refused(tmp_path, text):
    path = tmp_path / "weather.csv"
    path.write_text(text)
    with pytest.raises(OperatorError) as error:
        read_file(path, now_ms=0)
    assert error.value.code == "HW-847"
    with pytest.raises(OperatorError, match="cannot be read"):
        read_file(tmp_path / "none.csv", now_ms=0)


def test_a_clear_sky_covers_exactly_the_time_asked_for():
    weather = asked("clear_sky", clearness=0.5)
    assert (weather.start_ms, weather.end_ms) == (START, START + 48 * HOUR_MS)
    assert weather.ghi.max() > 300
