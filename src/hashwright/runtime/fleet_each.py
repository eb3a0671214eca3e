"""One thing done to many machines: pools, fans, blinking. Power goes through the engine instead, which keeps order.

Some machines at once, never all of them blindly: with `stops` it ends when too many fail. After a command each machine
is read back, and only what it says then counts; one that took a command and does otherwise is told of by name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from hashwright.adapters.devices.base import CanRead, Outcome, PoolEntry, attempt, unsupported
from hashwright.fleet.events import Reading
from hashwright.runtime import fleet

AT_ONCE: Final = 64
FAILED_PART: Final = 0.02
FAILED_LEAST: Final = 3
"""With `stops` a change goes on while no more than 2 % of the machines, or three, failed."""
BACK_MAX_S: Final = 60.0
"""A machine that starts again for a new pool is waited for as long as this, at most."""
FAN_SLACK: Final = 5
NOT_OBEYED: Final = "not obeyed"
Work = Callable[[CanRead, str], Awaitable[None] | None]
Check = Callable[[Reading], bool | None]
"""Tells whether a reading shows obedience; None where it does not say."""


async def each(
    service: "fleet.FleetService", chosen: Sequence[str], work: Work, *,
    what: str, check: Check | None = None, stops: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Do `what` to machines and return what became of it, machine by machine, in their order (HW-509: left out)."""
    most = max(FAILED_LEAST, FAILED_PART * len(chosen))
    places, failed = asyncio.Semaphore(AT_ONCE), 0

    async def one(name: str) -> dict[str, Any]:
        nonlocal failed
        async with places:
            if stops and failed > most:
                return {"device": name, "answer": "left out", "detail": "HW-509 Too many refused before."}
            answer, detail = await _one(service, name, work, check, what)
            failed += answer in ("refused", "unreachable", NOT_OBEYED)
        return {"device": name, "answer": answer, "detail": detail}

    outcomes = await asyncio.gather(*(one(name) for name in chosen))
    service.tell_not_obeyed([it["device"] for it in outcomes if it["answer"] == NOT_OBEYED], what)
    return {"outcomes": list(outcomes)}


async def _one(service: "fleet.FleetService", name: str, work: Work, check: Check | None, what: str) -> tuple[str, str]:
    driver = service.drivers.get(name)
    if driver is None:
        return "unreachable", "Its settings are not usable."
    begun = work(driver, name)
    if begun is None:
        return "unsupported", str(unsupported(name, what))
    outcome: Outcome = await attempt(begun, deadline_s=fleet.COMMAND_DEADLINE_S)
    if outcome.answer != "ok" or check is None:
        return outcome.answer, outcome.detail
    return await _read_back(service, name, check)


async def _read_back(service: "fleet.FleetService", name: str, check: Check) -> tuple[str, str]:
    """Read a machine until it obeys, or had the time to; what does not say is believed, and that is said."""
    loop = asyncio.get_running_loop()
    end = loop.time() + min(service.rules.settle_s, BACK_MAX_S)
    while True:
        await asyncio.sleep(fleet.READ_BACK_S)
        if name not in service.drivers:
            return "unreachable", "It was removed meanwhile."
        reading = await service.read(name)
        verdict = check(reading) if reading.answer == "ok" else False
        if verdict is None:
            return "ok", "Not read back: it does not say."
        if verdict:
            return "ok", ""
        if loop.time() >= end:
            said = "does otherwise" if reading.answer == "ok" else f"does not answer since. {reading.detail}"
            return NOT_OBEYED, f"It took the command and {said}"


def shows_pool(entries: Sequence[PoolEntry]) -> Check:
    """Return the check of pools: a machine that mines says where, and it is one of these."""
    wanted = {place_of(entry.url) for entry in entries}

    def check(reading: Reading) -> bool | None:
        return place_of(reading.pool) in wanted if reading.pool else None

    return check


def shows_fans(percent: int | None) -> Check:
    """Return the check of fans; what an automatic does is its own business."""

    def check(reading: Reading) -> bool | None:
        if percent is None or reading.fan_percent is None:
            return None
        return abs(reading.fan_percent - percent) <= FAN_SLACK

    return check


def place_of(url: str) -> str:
    """Return host and port of a pool's address, however a machine writes it."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    return parts.netloc.rpartition("@")[2].lower()
