"""Sun judged by PVWatts (PySAM), wind by windpowerlib, weather by its own sums."""

import pathlib
import sys
from datetime import UTC, datetime

import numpy as np
import pvlib
import pytest

from hashwright.adapters.weather.file import read_file
from hashwright.energy.forecast_error import ForecastError, error_findings, learned_error, scenarios_w
from hashwright.energy.slots import HOUR_MS, SLOT_MS, Grid, ms_of
from hashwright.energy.sun import SolarArray, clear_sky, solar_power_w
from hashwright.energy.weather import Weather, silence_findings, typical_on, weather_on
from hashwright.energy.wind import Turbine, hub_speed_ms, wind_power_w
from hashwright.errors import NotSupported

GREENSBORO = pathlib.Path(pvlib.__file__).parent / "data" / "723170TYA.CSV"
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
REFERENCE_KWH = (337.4, 359.1, 483.1, 535.6, 532.3, 548.5, 551.5, 538.8, 451.7, 426.5, 314.0, 327.2)
"""PVWatts v8 on the same file: 4 kW, tilt 20, south, losses 14.08 %, ratio 1.2 (reference planning.md part 6)."""


@pytest.fixture(scope="module")
def greensboro():
    return read_file(GREENSBORO, now_ms=0)


def monthly_kwh(power_w):
    ends = np.cumsum(MONTHS) * 24
    return [power_w[end - 24 * days : end].sum() / 1000 for end, days in zip(ends, MONTHS, strict=True)]


def steady(count=8, *, start_ms=0, step_ms=HOUR_MS, **series):
    nothing = np.zeros(count)
    columns = dict.fromkeys(("ghi", "dni", "dhi", "air_c", "wind_ms", "pressure_pa"), nothing)
    given = {name: np.asarray(value, dtype=float) for name, value in series.items() if not np.isscalar(value)}
    scalars = {name: value for name, value in series.items() if np.isscalar(value)}
    return Weather(start_ms=start_ms, step_ms=step_ms, **{**columns, **given, **scalars})


def test_monthly_yields_are_those_of_pvwatts_within_two_percent(greensboro):
    array = SolarArray(name="roof", dc_kw=4, tilt=20, azimuth=180)
    power = solar_power_w((array,), greensboro, latitude=greensboro.latitude, longitude=greensboro.longitude)
    assert power.sum() / 1000 == pytest.approx(5405.8, rel=0.005)
    assert monthly_kwh(power) == pytest.approx(REFERENCE_KWH, rel=0.02)


@pytest.mark.parametrize(
    ("tilt", "azimuth", "dc_kw", "ratio"), [(20, 180, 4, 1.2), (35, 250, 10, 1.3), (10, 90, 2, 1.0)]
)
def test_other_directions_are_those_of_pysam_within_two_percent(greensboro, tilt, azimuth, dc_kw, ratio):
    from PySAM import Pvwattsv8

    model = Pvwattsv8.new()
    model.SolarResource.solar_resource_data = {
        "lat": greensboro.latitude, "lon": greensboro.longitude, "tz": -5, "elev": greensboro.altitude_m,
        "year": [2018] * 8760,
        **{name: list(getattr(greensboro, column)) for name, column in
           (("dn", "dni"), ("df", "dhi"), ("gh", "ghi"), ("tdry", "air_c"), ("wspd", "wind_ms"))},
        **stamps(),
    }  # fmt: skip
    design = model.SystemDesign
    design.system_capacity, design.dc_ac_ratio, design.tilt, design.azimuth = dc_kw, ratio, tilt, azimuth
    # One row of panels: no other row shades it.
    design.array_type, design.gcr, design.inv_eff, design.losses, design.module_type = 0, 0.01, 96, 14.08, 0
    model.SystemDesign.bifaciality = 0
    model.execute(0)
    array = SolarArray(name="a", dc_kw=dc_kw, tilt=tilt, azimuth=azimuth, dc_ac_ratio=ratio)
    power = solar_power_w((array,), greensboro, latitude=greensboro.latitude, longitude=greensboro.longitude)
    assert power.sum() / 1000 == pytest.approx(sum(model.Outputs.ac_monthly), rel=0.02)
    assert power.max() <= dc_kw / ratio * 1000 + 1


def stamps():
    times = np.datetime64("2018-01-01T00:30") + np.arange(8760) * np.timedelta64(1, "h")
    days = times.astype("datetime64[D]")
    months = times.astype("datetime64[M]")
    return {
        "month": list(months.astype(int) % 12 + 1),
        "day": list((days - months.astype("datetime64[D]")).astype(int) + 1),
        "hour": list((times - days).astype("timedelta64[h]").astype(int)),
        "minute": [30] * 8760,
    }


def test_the_sun_of_the_middle_of_a_step_is_meant_and_several_arrays_add_up(greensboro):
    parts = (SolarArray(name="e", dc_kw=3, tilt=30, azimuth=90), SolarArray(name="w", dc_kw=5, tilt=30, azimuth=270))
    place = {"latitude": greensboro.latitude, "longitude": greensboro.longitude}
    whole = solar_power_w(parts, greensboro, **place)
    assert whole == pytest.approx(sum(solar_power_w((it,), greensboro, **place) for it in parts))
    late = Weather(
        **{it: getattr(greensboro, it) for it in Weather.__slots__} | {"start_ms": greensboro.start_ms + HOUR_MS}
    )
    west = (parts[1],)
    assert solar_power_w(west, late, **place).sum() > 1.03 * solar_power_w(west, greensboro, **place).sum()


def test_on_quarters_of_an_hour_a_typical_day_gives_what_it_gave_by_the_hour(greensboro):
    array = (SolarArray(name="roof", dc_kw=4, tilt=20, azimuth=180),)
    place = {"latitude": greensboro.latitude, "longitude": greensboro.longitude}
    by_hour = solar_power_w(array, greensboro, **place)[150 * 24 : 180 * 24].sum()
    start = greensboro.start_ms + 150 * 24 * HOUR_MS
    for year_ms in (0, ms_of(datetime(2023, 1, 1, tzinfo=UTC)) - ms_of(datetime(2018, 1, 1, tzinfo=UTC))):
        grid = Grid(start_ms=start + year_ms, count=30 * 96)
        by_slot = solar_power_w(array, typical_on(greensboro, grid), **place).sum() / 4
        assert by_slot == pytest.approx(by_hour, rel=0.02)


def test_unknown_irradiance_is_unknown_power():
    weather = steady(4, ghi=[100, np.nan, 100, 100], dni=[0] * 4, dhi=[100] * 4)
    power = solar_power_w((SolarArray(name="a", dc_kw=1, tilt=0, azimuth=180),), weather, latitude=0, longitude=0)
    assert np.isnan(power).tolist() == [False, True, False, False]


def test_a_clear_sky_gives_a_day_with_a_night():
    frame = steady(24, start_ms=ms_of(datetime(2026, 6, 21, tzinfo=UTC)), air_c=[20] * 24)
    full, half = (clear_sky(frame, latitude=45, longitude=0, altitude_m=0, clearness=it) for it in (1.0, 0.5))
    assert full.ghi.max() > 850
    assert full.ghi[:3].max() == 0
    assert 0.45 < half.ghi.sum() / full.ghi.sum() < 0.75
    assert (half.dhi >= full.dhi - 1e-9).all()


def test_without_the_extra_it_says_what_to_install(monkeypatch, greensboro):
    monkeypatch.setitem(sys.modules, "pvlib", None)
    with pytest.raises(NotSupported) as error:
        solar_power_w((), greensboro, latitude=0, longitude=0)
    assert error.value.code == "HW-849"
    assert "hashwright[solar]" in error.value.hint


# ---------------------------------------------------------------- wind


def test_wind_at_the_hub_and_the_power_curve_are_windpowerlibs():
    from windpowerlib.power_output import power_curve
    from windpowerlib.wind_speed import logarithmic_profile

    wind = np.array([0.0, 2.0, 4.4, 6.0, 8.1, 11.0, 16.0, 30.0])
    hub = hub_speed_ms(wind, height_m=10, hub_m=95, roughness_m=0.15)
    assert hub == pytest.approx(logarithmic_profile(wind, 10, 95, 0.15))
    speeds, powers = (3.0, 5.0, 8.0, 12.0, 25.0), (0.0, 300e3, 1200e3, 3000e3, 3000e3)
    ours = wind_power_w(
        (Turbine(name="t", hub_m=95, speeds_ms=speeds, powers_w=powers),),
        steady(8, wind_ms=wind, wind_height_m=10.0, roughness_m=0.15),
    )
    assert ours == pytest.approx(np.asarray(power_curve(hub, np.array(speeds), np.array(powers))), rel=1e-9)
    assert ours[0] == ours[-1] == 0


@pytest.mark.data
def test_a_year_of_recorded_wind_gives_what_windpowerlib_gives(test_data):
    import csv
    import gzip

    import pandas
    import windpowerlib

    with gzip.open(test_data / "weather_de_2010.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    wind, roughness = (np.array([float(it[name]) for it in rows]) for name in ("wind_10m_ms", "roughness_m"))
    speeds, powers = (3.0, 6.0, 10.0, 13.0, 25.0), (20e3, 500e3, 2200e3, 3000e3, 3000e3)
    turbine = windpowerlib.WindTurbine(
        hub_height=100, power_curve=pandas.DataFrame({"wind_speed": speeds, "value": powers})
    )
    frame = pandas.DataFrame({("wind_speed", 10): wind, ("roughness_length", 0): roughness})
    chain = windpowerlib.ModelChain(turbine, wind_speed_model="logarithmic", power_output_model="power_curve")
    chain.density_correction = False
    theirs = chain.calculate_power_output(chain.wind_speed_hub(frame), None)
    weather = steady(len(wind), wind_ms=wind, roughness_m=float(roughness[0]))
    ours = wind_power_w((Turbine(name="t", hub_m=100, speeds_ms=speeds, powers_w=powers),), weather)
    assert len(wind) == 8760
    assert ours.sum() == pytest.approx(np.asarray(theirs).sum(), rel=1e-6)


# ---------------------------------------------------------------- weather and its errors


def test_weather_is_brought_between_the_middles_and_is_unknown_outside():
    weather = steady(3, ghi=[0, 400, 800])
    on = weather_on(weather, Grid(start_ms=-SLOT_MS, count=14))
    assert np.isnan(on.ghi[[0, 13]]).all()
    assert on.ghi[1:13].sum() / 4 == pytest.approx(1200, rel=0.01)
    assert on.step_ms == SLOT_MS


def test_a_silent_or_old_forecast_is_found():
    assert [it.code for it in silence_findings(None, now_ms=0)] == ["HW-846"]
    old = silence_findings(steady(2, known_at_ms=0), now_ms=25 * HOUR_MS)
    assert "25 hours ago" in old[0].message
    assert silence_findings(steady(2, known_at_ms=0), now_ms=23 * HOUR_MS) == ()


def test_the_error_of_forecasts_is_learned_from_the_meter_and_little_evidence_moves_it_little():
    told = np.tile(np.concatenate([np.zeros(48), np.full(48, 1000.0)]), 40)
    assert learned_error(told[:0], told[:0]) == ForecastError()
    many, few = learned_error(told, told * 0.6), learned_error(told[:96], told[:96] * 0.6)
    assert many.days == 40
    assert 0.6 < many.factor < 0.65 < few.factor < 1
    assert many.spread < 0.12 < few.spread < 0.3
    assert [it.code for it in error_findings(many)] == ["HW-856"]
    assert error_findings(few) == ()
    holes = told * 0.6
    holes[::7] = np.nan
    assert learned_error(told, holes).factor == pytest.approx(many.factor, rel=0.01)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_scenarios_have_the_mean_of_the_corrected_forecast_and_a_limit(count):
    forecast = np.array([0.0, 100.0, 200.0])
    series = scenarios_w(forecast, ForecastError(factor=0.8, spread=0.2), count=count, limit_w=1e9)
    assert series.shape == (count, 3)
    assert series.mean(axis=0) == pytest.approx(forecast * 0.8)
    assert series[0] == pytest.approx(forecast * 0.8)
    assert scenarios_w(forecast, ForecastError(), count=count, limit_w=50.0).max() == 50
