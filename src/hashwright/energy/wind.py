"""What a wind turbine gives: the wind at its hub, looked up in its power curve.

Wind is measured low and turns high: it is carried to the hub by the logarithmic law, `v(h) = v(m) * ln(h/z) / ln(m/z)`
with the ground's roughness z (Hau, "Windkraftanlagen", 2008). The curve holds for air of 1.225 kg/m3 and is read by
straight lines; outside of it a turbine stands still.
"""

from dataclasses import dataclass

import numpy as np

from hashwright.energy.weather import FloatArray, Weather


@dataclass(frozen=True, slots=True, kw_only=True)
class Turbine:
    """A turbine: its hub's height [m] and its power curve, rising wind speeds [m/s] and the power at each [W]."""

    name: str
    hub_m: float
    speeds_ms: tuple[float, ...]
    powers_w: tuple[float, ...]
    count: int = 1
    losses: float = 0.0


def hub_speed_ms(wind_ms: FloatArray, *, height_m: float, hub_m: float, roughness_m: float) -> FloatArray:
    """Return the wind speed at the hub [m/s]."""
    return np.asarray(wind_ms * np.log(hub_m / roughness_m) / np.log(height_m / roughness_m), dtype=np.float64)


def wind_power_w(turbines: tuple[Turbine, ...], weather: Weather) -> FloatArray:
    """Return what all turbines give together in each step of the weather [W]; NaN where the wind is unknown."""
    total = np.zeros(len(weather.wind_ms))
    for turbine in turbines:
        speed = hub_speed_ms(
            weather.wind_ms,
            height_m=weather.wind_height_m,
            hub_m=turbine.hub_m,
            roughness_m=weather.roughness_m,
        )
        power = np.interp(speed, turbine.speeds_ms, turbine.powers_w, left=0.0, right=0.0)
        total = total + power * turbine.count * (1 - turbine.losses)
    return np.where(np.isnan(weather.wind_ms), np.nan, total)
