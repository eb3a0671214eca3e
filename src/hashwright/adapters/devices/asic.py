"""ASICs by pyasic-rs: Antminer stock, Braiins OS, WhatsMiner, Avalon and what else that library knows.

The library is native code and is loaded when the first machine is asked. It says yes, no, or raises; here each becomes
one of the three answers, every call has its caller's deadline, and what the library cannot do is `unsupported`.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from hashwright.adapters.devices.base import (
    Plugin,
    PoolEntry,
    check_user_names,
    denied,
    misread,
    refused,
    unreachable,
    unsupported,
)
from hashwright.errors import HashwrightError
from hashwright.fleet.events import Activity, Reading

if TYPE_CHECKING:
    from pyasic_rs import Miner

UNITS = {"H/s": 1.0, "KH/s": 1e3, "MH/s": 1e6, "GH/s": 1e9, "TH/s": 1e12, "PH/s": 1e15, "EH/s": 1e18}
FAULTS_MAX = 8


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the machine is; the library knows its ports. `user` goes with the password, where it has one."""

    host: str
    user: str = ""


class Asic:
    """One machine. What it can do is known when it was first reached."""

    def __init__(self, config: Config, *, password: str = "") -> None:
        self._config = config
        self._password = password
        self._miner: Miner | None = None

    @property
    def can(self) -> tuple[str, ...] | None:
        """Name what this machine can do; None before it was first reached."""
        miner = self._miner
        if miner is None:
            return None
        found = {
            "pause": miner.supports_pause,
            "resume": miner.supports_resume,
            "limit": miner.supports_set_power_limit or miner.supports_set_tuning_percent,
            "pools": miner.supports_pools_config,
            "blink": miner.supports_set_fault_light,
            "fans": miner.supports_fan_config,
        }
        return tuple(name for name, is_there in found.items() if is_there)

    async def read(self) -> Reading:
        """Read everything that matters but single chips."""
        from pyasic_rs import asic_rs

        miner = await self._found()
        field = asic_rs.DataField
        data = await _call(self._config.host, miner.get_data(exclude=[field.Chips, field.TuningCapabilities]))
        return reading_of(data)

    async def pause(self) -> None:
        """Stop hashing."""
        miner = await self._found()
        await self._switch(miner, miner.supports_pause, "pause", miner.pause)

    async def resume(self) -> None:
        """Hash again."""
        miner = await self._found()
        await self._switch(miner, miner.supports_resume, "resume", miner.resume)

    async def limit(self, part: float, power_w: float) -> None:
        """Set the power limit in watts, or where it has only steps the part in percent."""
        miner = await self._found()
        if miner.supports_set_power_limit and power_w > 0:
            await self._do(True, "limit its power", lambda: miner.set_power_limit(power_w))
        elif miner.supports_set_tuning_percent:
            await self._do(True, "limit its power", lambda: miner.set_tuning_percent(round(part * 100)))
        else:
            raise unsupported(self._config.host, "limit its power")

    async def set_pools(self, pools: tuple[PoolEntry, ...]) -> None:
        """Write its pools; names that its firmware would cut are refused."""
        from pyasic_rs import Pool, PoolGroup

        miner = await self._found()
        check_user_names(pools, f"{miner.make} {miner.model}")
        entries = [Pool(url=pool.url, username=pool.user, password=pool.password) for pool in pools]
        group = PoolGroup(name="hashwright", quota=1, pools=entries)
        await self._do(miner.supports_pools_config, "set its pools", lambda: miner.set_pools_config([group]))

    async def blink(self, is_on: bool) -> None:
        """Switch its fault light."""
        miner = await self._found()
        await self._do(miner.supports_set_fault_light, "blink", lambda: miner.set_fault_light(is_on))

    async def set_fans(self, percent: int | None) -> None:
        """Set the fans [%]; giving them back needs a target temperature, which is its own page's business."""
        from pyasic_rs import FanConfig

        miner = await self._found()
        if percent is None:
            raise unsupported(self._config.host, "take its fans back by a command")
        await self._do(
            miner.supports_fan_config, "set its fans", lambda: miner.set_fan_config(FanConfig.manual(percent))
        )

    async def aclose(self) -> None:
        """Forget the machine."""
        self._miner = None

    async def _found(self) -> "Miner":
        """Find out what it is, once."""
        if self._miner is None:
            from pyasic_rs import MinerFactory

            miner = await _call(self._config.host, MinerFactory().get_miner(self._config.host))
            if miner is None:
                raise unreachable(self._config.host, "nothing that the library knows answers there")
            if self._password:
                miner.set_auth(self._config.user or "root", self._password)
            self._miner = miner
        return self._miner

    async def _switch(self, miner: "Miner", is_supported: bool, what: str, work: Any) -> None:  # noqa: ANN401
        """Pause or resume. An Avalon's yes is an "information", which the library (0.8.6) takes for a no.

        There the machine's own state, read back, is the only judge.
        """
        if not is_supported:
            raise unsupported(self._config.host, what)
        if not await _call(self._config.host, work()) and "avalon" not in miner.make.lower():
            raise denied(self._config.host, f"it did not {what}")

    async def _do(self, is_supported: bool, what: str, work: Any) -> None:  # noqa: ANN401 (a call that gives an awaitable)
        if not is_supported:
            raise unsupported(self._config.host, what)
        if not await _call(self._config.host, work()):
            raise denied(self._config.host, f"it did not {what}")


async def _call(host: str, work: Any) -> Any:  # noqa: ANN401 (the library's awaitables)
    """Wait for the library and sort its errors by their words: it has no types for them."""
    try:
        return await work
    except HashwrightError:
        raise
    except Exception as error:
        words = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        lower = words.lower()
        if "not supported" in lower or "unsupported" in lower:
            raise unsupported(host, words) from None
        if any(word in lower for word in ("unauthorized", "401", "403", "authentication", "permission")):
            raise refused(host, "user or password") from None
        if any(word in lower for word in ("timed out", "timeout", "connect", "unreachable", "refused", "sending")):
            raise unreachable(host, words) from None
        raise misread(host, words) from None


def reading_of(data: Any) -> Reading:  # noqa: ANN401 (the library's record)
    """Make one reading of the library's record. It says None for unknown, and so do we."""
    info = data.device_info
    heats = [board.outlet_chip_temperature or board.board_temperature for board in data.hashboards]
    known = [heat for heat in [data.average_temperature, *heats] if heat is not None and heat > 0]
    faults = tuple(f"{item.code} {item.message}"[:80] for item in data.messages[:FAULTS_MAX])
    active = [pool for group in data.pools for pool in group.pools if pool.active]
    rate = rate_of(data.hashrate)
    # the library (0.8.6) says of a sleeping Avalon that it mines, at nothing
    is_asleep = not data.is_mining or (rate == 0 and "avalon" in info.make.lower())
    activity: Activity = "asleep" if is_asleep else "hashing"
    target = data.tuning_target
    watts = getattr(target, "watts", None) if target is not None else None
    return Reading(
        device="",
        at=0,
        answer="ok",
        activity=activity,
        hashrate_hs=0.0 if is_asleep else rate,
        power_w=data.wattage,
        limit_w=watts if isinstance(watts, float | int) else None,
        temperature_c=max(known, default=None),
        accepted=sum(pool.accepted_shares or 0 for pool in active) if active else None,
        rejected=sum(pool.rejected_shares or 0 for pool in active) if active else None,
        pool=_pool_of(active[0]) if active else "",
        model=f"{info.make} {info.model}"[:64],
        firmware=f"{info.firmware} {data.firmware_version or ''}".strip()[:64],
        faults=faults,
    )


def rate_of(rate: Any) -> float | None:  # noqa: ANN401 (the library's record)
    """Return a hash rate [H/s] of the library's value and unit."""
    if rate is None:
        return None
    unit = UNITS.get(str(rate.unit))
    return None if unit is None else float(rate.value) * unit


def _pool_of(pool: Any) -> str:  # noqa: ANN401 (the library's record)
    url = str(pool.url or "")
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.hostname else url[:128]


def build(config: Config, *, secret: str = "") -> Asic:
    """Build the driver; the secret is the password."""
    return Asic(config, password=secret)


PLUGIN = Plugin(title="ASIC (Antminer, Braiins OS, WhatsMiner, Avalon)", config=Config, build=build)
