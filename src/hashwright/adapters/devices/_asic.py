"""What pyasic-rs says, made into a reading, and its errors made into the three answers.

The library says None for unknown, and so do we. Of a machine that answers nothing at all it gives a record as well, one
in which nothing is known and which may say that it mines: `heard` tells such a record from a real one.
"""

import atexit
import functools
import time
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from hashwright.adapters.devices.base import denied, misread, number, refused, unreachable, unsupported
from hashwright.errors import HashwrightError
from hashwright.fleet.events import Activity, Reading

UNITS = {"H/s": 1.0, "KH/s": 1e3, "MH/s": 1e6, "GH/s": 1e9, "TH/s": 1e12, "PH/s": 1e15, "EH/s": 1e18}
FAULTS_MAX = 8
HEAT_MAX_C = 200.0
SIGNS = ("hashrate", "wattage", "uptime", "firmware_version", "hostname", "mac")
"""A machine that answers us tells at least one of these; the version of its API it may tell everybody."""
STATES: dict[str, Activity] = {
    "Paused": "asleep", "Suspended": "asleep", "Stopped": "asleep", "Stopping": "asleep", "Idling": "asleep",
    "Error": "fault", "Unknown": "unknown",
}  # fmt: skip
"""What the library's state of a machine stands for; in all others it hashes, or is about to."""
NOT_THERE = ("not supported", "unsupported", "error: 404", "error: 405", "invalid command", "unknown command")
NOT_FOR_US = ("unauthorized", "401", "403", "authentication", "permission", "access denied")
NOT_HEARD = ("timed out", "timeout", "connect", "unreachable", "refused", "sending", "no data received")


LAST_S = 0.1


@functools.cache
def library() -> ModuleType:
    """Load the library; a process that did takes a tenth of a second longer to end.

    Its threads (0.8.6) let go of Python's objects a moment after they gave their result. A process that is gone by then
    is aborted: one in two that asked a single address and ended.
    """
    import pyasic_rs

    atexit.register(time.sleep, LAST_S)
    return pyasic_rs


async def call(host: str, work: Any) -> Any:  # noqa: ANN401 (the library's awaitables)
    """Wait for the library and sort its errors by their words: it has no types for them."""
    try:
        return await work
    except HashwrightError:
        raise
    except Exception as error:
        words = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise sorted_error(host, words) from None


def sorted_error(host: str, words: str) -> HashwrightError:
    """Return the error that stands for the library's words."""
    lower = words.lower()
    if any(word in lower for word in NOT_THERE):
        return unsupported(host, f"do that: {words}")
    if any(word in lower for word in NOT_FOR_US):
        return refused(host, "user or password")
    if any(word in lower for word in NOT_HEARD):
        return unreachable(host, words)
    return denied(host, words) if "error status" in lower else misread(host, words)


def heard(data: Any) -> bool:  # noqa: ANN401 (the library's record)
    """Tell whether a machine said anything at all."""
    return any(getattr(data, sign) is not None for sign in SIGNS)


def reading_of(data: Any) -> Reading:  # noqa: ANN401 (the library's record)
    """Make one reading of the library's record."""
    info = data.device_info
    heats = [board.outlet_chip_temperature or board.board_temperature for board in data.hashboards]
    known = [heat for heat in [data.average_temperature, *heats] if heat is not None and heat > 0]
    faults = tuple(f"{item.code} {item.message}"[:80] for item in data.messages[:FAULTS_MAX])
    active = [pool for group in data.pools for pool in group.pools if pool.active]
    rate = rate_of(data.hashrate)
    activity = activity_of(data, rate)
    return Reading(
        device="",
        at=0,
        answer="ok",
        activity=activity,
        hashrate_hs=0.0 if activity == "asleep" else rate,
        power_w=data.wattage,
        limit_w=limit_of(data),
        temperature_c=max(known, default=None),
        accepted=_sum(pool.accepted_shares for pool in active),
        rejected=_sum(pool.rejected_shares for pool in active),
        pool=_pool_of(active[0]) if active else "",
        model=f"{info.make} {info.model}".strip()[:64],
        firmware=f"{info.firmware} {data.firmware_version or ''}".strip()[:64],
        faults=faults,
        fan_rpm=min((fan.rpm for fan in data.fans if fan.rpm is not None), default=None),
    )


def activity_of(data: Any, rate: float | None) -> Activity:  # noqa: ANN401 (the library's record)
    """Return what a machine does. The library (0.8.6) says three things of it that are not so.

    A sleeping Avalon mines, at nothing. A Braiins OS that told nothing of its state does not mine. An Antminer whose
    miner is gone while its web pages answer mines, at an unknown rate.
    """
    if data.operating_state is not None:
        return STATES.get(type(data.operating_state).__name__, "hashing")
    info = data.device_info
    if not data.is_mining:
        return "unknown" if rate is None and "braiins" in info.firmware.lower() else "asleep"
    if rate is None:
        return "unknown"
    return "asleep" if rate == 0 and "avalon" in info.make.lower() else "hashing"


def limit_of(data: Any) -> float | None:  # noqa: ANN401 (the library's record)
    """Return the power limit [W], where the machine has one in watts; Braiins OS says it in the second place."""
    for target in (data.tuning_target, data.scaled_tuning_target):
        watts = getattr(target, "watts", None)
        if isinstance(watts, float | int):
            return float(watts)
    return None


def rate_of(rate: Any) -> float | None:  # noqa: ANN401 (the library's record)
    """Return a hash rate [H/s] of the library's value and unit."""
    if rate is None:
        return None
    unit = UNITS.get(str(rate.unit))
    return None if unit is None else float(rate.value) * unit


def chip_heats(row: dict[str, Any]) -> list[float]:
    """Return the temperatures of chips [degrees Celsius] in an Antminer's `stats`: `temp_chip1` is "78-50-69-70"."""
    texts = [str(value) for key, value in row.items() if key.startswith("temp_chip")]
    found = [number(part) for text in texts for part in text.split("-")]
    return [heat for heat in found if heat is not None and 0 < heat < HEAT_MAX_C]


def _sum(counts: Any) -> int | None:  # noqa: ANN401 (an iterable of the library's numbers)
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _pool_of(pool: Any) -> str:  # noqa: ANN401 (the library's record)
    url = str(pool.url or "")
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.hostname else url[:128]
