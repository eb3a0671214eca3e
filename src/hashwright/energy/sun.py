"""What solar panels give: the chain of pvlib (extra `solar`), array by array, at the middle of each slot.

    weather -> sun's place at mid-slot -> irradiance on the panel's plane (Perez 1990) -> loss by reflection (IAM)
            -> cell temperature (SAPM) -> direct current (PVWatts) -> losses -> inverter (PVWatts)

Sources: pvlib (Anderson et al. 2023); Dobos, "PVWatts Version 5 Manual", NREL 2014, for the losses, the inverter and
the temperature coefficient. The sun's place must be that of the middle of the step: with that of its start an array
that looks south loses a percent, and one that looks west gains several.
"""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hashwright.energy.weather import FloatArray, Weather
from hashwright.errors import NotSupported

LOSSES: Final = 0.1408
"""Soiling, shading, snow, mismatch, wiring, connections, ageing, nameplate, availability: PVWatts' default sum."""
MOUNTS: Final = {"roof": "close_mount_glass_glass", "rack": "open_rack_glass_polymer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarArray:
    """Panels of one direction. `dc_kw` is their nameplate, `azimuth` counts from north over east [degrees]."""

    name: str
    dc_kw: float
    tilt: float
    azimuth: float
    losses: float = LOSSES
    temperature_coefficient: float = -0.0047
    """Of the nameplate per kelvin; PVWatts' standard module."""
    dc_ac_ratio: float = 1.2
    inverter_efficiency: float = 0.96
    mount: str = "rack"
    albedo: float = 0.2


def solar_power_w(arrays: tuple[SolarArray, ...], weather: Weather, *, latitude: float, longitude: float) -> FloatArray:
    """Return what all arrays give together in each step of the weather [W of alternating current]; NaN if unknown.

    Raises:
        NotSupported: pvlib is not installed (HW-849).
    """
    pvlib = _pvlib()
    times = _middles(weather)
    total = np.zeros(len(weather.ghi))
    with _without_warnings():
        sun = pvlib.solarposition.get_solarposition(
            times, latitude, longitude, altitude=weather.altitude_m, temperature=_mean(weather.air_c, 12.0)
        )
        for array in arrays:
            total = total + _array_power_w(pvlib, array, weather, sun, times)
    unknown = np.isnan(weather.ghi) | np.isnan(weather.dni) | np.isnan(weather.dhi)
    return np.where(unknown, np.nan, total)


def _array_power_w(pvlib: Any, array: SolarArray, weather: Weather, sun: Any, times: Any) -> FloatArray:  # noqa: ANN401 (pvlib loads late)
    zenith, azimuth = sun["apparent_zenith"].to_numpy(), sun["azimuth"].to_numpy()
    extra = pvlib.irradiance.get_extra_radiation(times).to_numpy()
    airmass = pvlib.atmosphere.get_relative_airmass(np.minimum(zenith, 89.9))
    plane = pvlib.irradiance.get_total_irradiance(
        array.tilt, array.azimuth, zenith, azimuth, weather.dni, weather.ghi, weather.dhi,
        dni_extra=extra, airmass=airmass, albedo=array.albedo, model="perez",
    )  # fmt: skip
    angle = pvlib.irradiance.aoi(array.tilt, array.azimuth, zenith, azimuth)
    beam = np.nan_to_num(plane["poa_direct"]) * pvlib.iam.physical(np.minimum(angle, 90.0))
    effective = beam + np.nan_to_num(plane["poa_diffuse"])
    cell = _cell_temperature(pvlib, array, np.nan_to_num(plane["poa_global"]), weather)
    direct = pvlib.pvsystem.pvwatts_dc(effective, cell, array.dc_kw * 1000, array.temperature_coefficient)
    rated = array.dc_kw * 1000 / array.dc_ac_ratio
    power = pvlib.inverter.pvwatts(
        np.maximum(direct, 0) * (1 - array.losses), rated / array.inverter_efficiency, array.inverter_efficiency
    )
    return np.maximum(np.nan_to_num(np.asarray(power, dtype=np.float64)), 0.0)


def _cell_temperature(pvlib: Any, array: SolarArray, plane: FloatArray, weather: Weather) -> FloatArray:  # noqa: ANN401 (pvlib loads late)
    terms = pvlib.temperature.TEMPERATURE_MODEL_PARAMETERS["sapm"][MOUNTS[array.mount]]
    air, wind = np.nan_to_num(weather.air_c, nan=20.0), np.nan_to_num(weather.wind_ms, nan=1.0)
    return np.asarray(pvlib.temperature.sapm_cell(plane, air, wind, **terms), dtype=np.float64)


def clear_sky(
    times_from: Weather, *, latitude: float, longitude: float, altitude_m: float, clearness: float
) -> Weather:
    """Return the weather of a sky without clouds (Ineichen), dimmed: `clearness` 1 is all of it.

    Raises:
        NotSupported: pvlib is not installed (HW-849).
    """
    pvlib = _pvlib()
    place = pvlib.location.Location(latitude, longitude, altitude=altitude_m)
    with _without_warnings():
        sky = place.get_clearsky(_middles(times_from), model="ineichen")
    direct, whole = sky["dni"].to_numpy() * clearness, sky["ghi"].to_numpy()
    # What a cloud takes from the beam it gives back in part as diffuse light.
    diffuse = sky["dhi"].to_numpy() + 0.3 * (1 - clearness) * (whole - sky["dhi"].to_numpy())
    horizontal = diffuse + clearness * (whole - sky["dhi"].to_numpy())
    rest = {name: getattr(times_from, name) for name in ("start_ms", "step_ms", "air_c", "wind_ms", "pressure_pa")}
    return Weather(
        **rest, ghi=horizontal, dni=direct, dhi=diffuse, altitude_m=altitude_m, known_at_ms=times_from.known_at_ms
    )


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep what pandas says to pvlib about names of the future away from people, who cannot act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _middles(weather: Weather) -> Any:  # noqa: ANN401 (pandas loads late)
    import pandas

    starts = weather.start_ms + (np.arange(len(weather.ghi)) + 0.5) * weather.step_ms
    return pandas.DatetimeIndex(starts.astype("datetime64[ms]"), tz="UTC")


def _mean(values: FloatArray, otherwise: float) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else otherwise


def _pvlib() -> Any:  # noqa: ANN401 (pvlib loads late)
    try:
        import pvlib
    except ImportError as problem:
        raise NotSupported(
            "Forecasts of the sun need the library pvlib.",
            code="HW-849",
            hint='pip install "hashwright[solar]", or leave [[sun]] out.',
        ) from problem
    return pvlib
