"""A sky that is always as clear as the settings say: no network, no clouds, for a first look (extra `solar`)."""

from typing import Annotated

import msgspec
import numpy as np

from hashwright.adapters.weather.base import STANDARD_PA, Place, WeatherPlugin
from hashwright.energy.slots import SLOT_MS, Grid
from hashwright.energy.sun import clear_sky
from hashwright.energy.weather import Weather


class ClearSkyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`clearness` 0 to 1, the air's temperature [Celsius] and the wind [m/s at 10 m]."""

    kind: str
    clearness: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.7
    air_c: Annotated[float, msgspec.Meta(ge=-60, le=60)] = 15.0
    wind_ms: Annotated[float, msgspec.Meta(ge=0, le=60)] = 3.0


class ClearSky:
    """The source."""

    def __init__(self, config: ClearSkyConfig) -> None:
        self.config = config

    async def weather(self, place: Place, start_ms: int, end_ms: int, *, now_ms: int) -> Weather:
        """Answer for exactly the time that was asked for."""
        first = start_ms - start_ms % SLOT_MS
        grid = Grid(start_ms=first, count=-(-(end_ms - first) // SLOT_MS))
        steady = np.ones(grid.count)
        nothing = np.zeros(grid.count)
        frame = Weather(
            start_ms=first,
            step_ms=SLOT_MS,
            ghi=nothing,
            dni=nothing,
            dhi=nothing,
            air_c=steady * self.config.air_c,
            wind_ms=steady * self.config.wind_ms,
            pressure_pa=steady * STANDARD_PA,
            known_at_ms=now_ms,
        )
        return clear_sky(
            frame,
            latitude=place.latitude,
            longitude=place.longitude,
            altitude_m=place.altitude_m,
            clearness=self.config.clearness,
        )


PLUGIN = WeatherPlugin(title="A clear sky, dimmed", seen="own rules", config=ClearSkyConfig, build=ClearSky)
