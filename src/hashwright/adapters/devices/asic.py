"""ASICs by pyasic-rs: Antminer stock, Braiins OS, WhatsMiner, Avalon and what else that library knows.

The library is native code and is loaded when the first machine is asked. It says yes, no, or raises; here each becomes
one of the three answers, every call has its caller's deadline, and what the library cannot do is `unsupported`. What it
swallows (a machine that went away, a password that is wrong) is found out before anything is believed.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from hashwright.adapters.devices._asic import call, chip_heats, heard, library, reading_of
from hashwright.adapters.devices._wire import cgminer
from hashwright.adapters.devices.base import (
    Plugin,
    PoolEntry,
    check_user_names,
    denied,
    refused,
    unreachable,
    unsupported,
)
from hashwright.errors import HashwrightError
from hashwright.fleet.events import Reading

if TYPE_CHECKING:
    from pyasic_rs import Miner

USERS = {"whatsminer": "admin"}
"""Who we are where nothing is set; `root` everywhere else. WhatsMiners since 2024 take the password alone."""
BY_DIGEST = "AntMiner Stock"
"""The one firmware that shows not even its model without the password."""
FAN_TARGET_C = 65.0
API_PORT = 4028


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
        self._can: tuple[str, ...] | None = None

    @property
    def can(self) -> tuple[str, ...] | None:
        """Name what this machine can do; None before it was first reached."""
        return self._can

    async def read(self) -> Reading:
        """Read everything that matters but single chips.

        Raises:
            TimedOut: nobody answers. AuthRejected: it answers and tells nothing.
        """
        miner = await self._found()
        field = library().asic_rs.DataField
        data = await call(self._config.host, miner.get_data(exclude=[field.Chips, field.TuningCapabilities]))
        if not heard(data):
            await self._explain()
        reading = reading_of(data)
        return await self._with_chips(reading) if miner.firmware == BY_DIGEST else reading

    async def pause(self) -> None:
        """Stop hashing."""
        miner = await self._found()
        await self._switch(miner, miner.supports_pause, "pause", miner.pause)

    async def resume(self) -> None:
        """Hash again."""
        miner = await self._found()
        await self._switch(miner, miner.supports_resume, "resume", miner.resume)

    async def limit(self, part: float, power_w: float) -> None:
        """Set the power limit in watts, or where it has only steps the part in percent.

        The library (0.8.6) writes watts to an Avalon as "1.6 kW", which no firmware of it reads: nothing is sent there.
        """
        miner, host = await self._found(), self._config.host
        if "limit" not in capabilities_of_miner(miner):
            raise unsupported(host, "limit its power")
        if not miner.supports_set_power_limit:
            await self._do(True, "limit its power", lambda: miner.set_tuning_percent(round(part * 100)))
        elif power_w > 0:
            await self._do(True, "limit its power", lambda: miner.set_power_limit(float(round(power_w))))
        else:
            raise denied(host, "it takes watts, and its rated_w is not known")

    async def set_pools(self, pools: tuple[PoolEntry, ...]) -> None:
        """Write its pools; names that its firmware would cut are refused."""
        miner = await self._found()
        check_user_names(pools, f"{miner.make} {miner.model}")
        entries = [library().Pool(url=pool.url, username=pool.user, password=pool.password) for pool in pools]
        group = library().PoolGroup(name="hashwright", quota=1, pools=entries)
        await self._do(miner.supports_pools_config, "set its pools", lambda: miner.set_pools_config([group]))

    async def blink(self, is_on: bool) -> None:
        """Switch its fault light."""
        miner = await self._found()
        await self._do(miner.supports_set_fault_light, "blink", lambda: miner.set_fault_light(is_on))

    async def set_fans(self, percent: int | None) -> None:
        """Set the fans [%]; None gives them back, where the firmware then knows its target temperature by itself."""
        miner = await self._found()
        if percent is None and miner.firmware != BY_DIGEST:
            raise unsupported(self._config.host, "take its fans back by a command")
        fans = library().FanConfig
        config = fans.manual(percent) if percent is not None else fans.auto(FAN_TARGET_C)
        await self._do(miner.supports_fan_config, "set its fans", lambda: miner.set_fan_config(config))
        if percent is not None:  # of fans in percent only its settings tell
            kept = await call(self._config.host, miner.get_fan_config())
            if kept is not None and kept.fan_speed not in (None, percent):
                raise denied(self._config.host, f"it took {percent}% for its fans and keeps {kept.fan_speed}%")

    async def aclose(self) -> None:
        """Forget the machine."""
        self._miner = None

    # ---------------------------------------------------------------- finding it, and finding out

    async def _found(self) -> "Miner":
        """Find out what it is, once."""
        if self._miner is None:
            miner = await self._look()
            if miner is None:
                raise unreachable(self._config.host, "nothing that the library knows answers there")
            if self._password:
                miner.set_auth(self._config.user or user_of(miner.make), self._password)
            self._miner, self._can = miner, capabilities_of_miner(miner)
        return self._miner

    async def _look(self) -> "Miner | None":
        factory = library().MinerFactory()
        if self._password:
            factory = factory.with_firmware_discovery_auth(BY_DIGEST, self._config.user or "root", self._password)
        return await call(self._config.host, factory.get_miner(self._config.host))  # type: ignore[no-any-return]

    async def _with_chips(self, reading: Reading) -> Reading:
        """Take the hottest chip: of this firmware the library (0.8.6) tells the boards' mean only."""
        with contextlib.suppress(HashwrightError):
            rows = (await cgminer((self._config.host, API_PORT), "stats")).get("STATS", ())
            heats = [heat for row in rows if isinstance(row, dict) for heat in chip_heats(row)]
            return msgspec.structs.replace(reading, temperature_c=max(heats, default=reading.temperature_c))
        return reading

    async def _explain(self) -> None:
        """Say why a machine told nothing. It is found out anew afterwards: it may have got another firmware.

        Raises:
            AuthRejected: it is there. TimedOut: it is not.
        """
        self._miner = None
        if await self._look() is not None:
            raise refused(self._config.host, "it answers and tells nothing: user or password")
        raise unreachable(self._config.host, "it says nothing any more")

    async def _switch(self, miner: "Miner", is_supported: bool, what: str, work: Callable[[], Any]) -> None:
        """Pause or resume. An Avalon's yes is an "information", which the library (0.8.6) takes for a no.

        There the machine's own state, read back, is the only judge.
        """
        if "avalon" not in miner.make.lower():
            await self._do(is_supported, what, work)
        elif is_supported:
            await call(self._config.host, work())
        else:
            raise unsupported(self._config.host, what)

    async def _do(self, is_supported: bool, what: str, work: Callable[[], Any]) -> None:
        """Command it. A no of the library may be anybody's: a machine that is gone is not one that refused."""
        if not is_supported:
            raise unsupported(self._config.host, what)
        if not await call(self._config.host, work()):
            await self.read()
            raise denied(
                self._config.host, f"it did not {what}: not allowed by its firmware, or to our user and password"
            )


def user_of(make: str) -> str:
    """Return who we are at a make, where the settings do not say."""
    return next((user for word, user in USERS.items() if word in make.lower()), "root")


def capabilities_of_miner(miner: "Miner") -> tuple[str, ...]:
    """Name what a machine can do, by the library's word and by what it is known to do wrong."""
    can_limit = miner.supports_set_power_limit or miner.supports_set_tuning_percent
    found = {
        "pause": miner.supports_pause,
        "resume": miner.supports_resume,
        "limit": can_limit and "avalon" not in miner.make.lower(),
        "pools": miner.supports_pools_config,
        "blink": miner.supports_set_fault_light,
        "fans": miner.supports_fan_config,
    }
    return tuple(name for name, is_there in found.items() if is_there)


def build(config: Config, *, secret: str = "") -> Asic:
    """Build the driver; the secret is the password."""
    return Asic(config, password=secret)


PLUGIN = Plugin(title="ASIC (Antminer, Braiins OS, WhatsMiner, Avalon)", config=Config, build=build)
