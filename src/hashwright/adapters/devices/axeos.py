"""Bitaxe and its family: AxeOS over HTTP, without a password. Pause and resume since firmware 2.14.

Power is not set in watts there: it follows the clock of the chip, so a part of the power is asked for as that part of
its default frequency. The machine says by `power` [W] what came of it.
"""

import math
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hashwright.adapters.devices._wire import http_json
from hashwright.adapters.devices.base import Plugin, PoolEntry, misread, number, text, unsupported, whole
from hashwright.fleet.events import Activity, Reading

GIGA = 1e9


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the machine is."""

    host: str
    port: int = 80


class AxeOs:
    """One machine."""

    def __init__(self, config: Config) -> None:
        self._place = (config.host, config.port)

    async def read(self) -> Reading:
        """Ask `/api/system/info`."""
        info = await http_json("GET", self._place, "/api/system/info")
        if not isinstance(info, dict) or "ASICModel" not in info:
            raise misread(self._place[0], "no ASICModel: it is no AxeOS")
        return reading_of(info)

    async def pause(self) -> None:
        """Stop hashing; the chip sleeps, the network stays."""
        await http_json("POST", self._place, "/api/system/pause")

    async def resume(self) -> None:
        """Hash again."""
        await http_json("POST", self._place, "/api/system/resume")

    async def limit(self, part: float, power_w: float) -> None:
        """Set the clock to a part of the default one; `power_w` has no place in this firmware."""
        asic = await http_json("GET", self._place, "/api/system/asic")
        default = number(asic.get("defaultFrequency")) if isinstance(asic, dict) else None
        if not default:
            raise unsupported(self._place[0], "say its default frequency, so it cannot be slowed by a part")
        await http_json("PATCH", self._place, "/api/system", body={"frequency": math.floor(default * part)})

    async def set_pools(self, pools: tuple[PoolEntry, ...]) -> None:
        """Set the pool and its fall-back, then start the firmware again: it reads them at a start only."""
        fields: dict[str, Any] = {}
        for pool, head in zip(pools[:2], ("stratum", "fallbackStratum"), strict=False):
            parts = urlsplit(pool.url)
            fields |= {f"{head}URL": parts.hostname, f"{head}Port": parts.port, f"{head}User": pool.user,
                       f"{head}Password": pool.password}  # fmt: skip
        await http_json("PATCH", self._place, "/api/system", body=fields)
        await http_json("POST", self._place, "/api/system/restart")

    async def blink(self, is_on: bool) -> None:
        """Show which one it is; the firmware ends it by itself."""
        if is_on:
            await http_json("POST", self._place, "/api/system/identify")

    async def set_fans(self, percent: int | None) -> None:
        """Set the fan [%], or give it back to the firmware."""
        body = {"autofanspeed": 1} if percent is None else {"autofanspeed": 0, "fanspeed": percent}
        await http_json("PATCH", self._place, "/api/system", body=body)

    async def aclose(self) -> None:
        """Nothing is held."""


def reading_of(info: dict[str, Any]) -> Reading:
    """Read `/api/system/info`: GH/s, W, degrees Celsius."""
    rate = number(info.get("hashRate"))
    is_paused = bool(info.get("miningPaused"))
    is_hot = bool(info.get("overheat_mode")) or bool(info.get("overheatMode"))
    activity: Activity = "asleep" if is_paused else "fault" if is_hot else "hashing"
    url, port = text(info.get("stratumURL")), whole(info.get("stratumPort"))
    return Reading(
        device="",
        at=0,
        answer="ok",
        activity=activity,
        hashrate_hs=0.0 if is_paused else None if rate is None else rate * GIGA,
        power_w=number(info.get("power")),
        temperature_c=number(info.get("temp")),
        accepted=whole(info.get("sharesAccepted")),
        rejected=whole(info.get("sharesRejected")),
        pool=f"{url}:{port}" if url and port else url,
        model=f"Bitaxe {text(info.get('ASICModel'))}".strip(),
        firmware=text(info.get("version")),
        faults=("overheat mode",) if is_hot else (),
        fan_percent=number(info.get("fanspeed")),
        fan_rpm=number(info.get("fanrpm")),
    )


def build(config: Config, *, secret: str = "") -> AxeOs:
    """Build the driver; AxeOS has no password."""
    return AxeOs(config)


PLUGIN = Plugin(title="Bitaxe (AxeOS)", config=Config, build=build, port=80)
