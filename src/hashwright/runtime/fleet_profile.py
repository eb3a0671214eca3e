"""Measure what a machine does with its watts: power and hash rate at some levels, each held for a while.

The machine is brought to each level by the engine, as a person's override, so that heat, read-back and ramp hold here
too. The numbers are its own; a level that it did not reach, or reports nothing at, is no point of the curve.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from hashwright.errors import OperatorError
from hashwright.fleet.curve import is_rising
from hashwright.fleet.events import OverrideEnded, OverrideSet, Reading
from hashwright.runtime.device_settings import event_of_device
from hashwright.store import fleet as rows
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

LOOK_S: Final = 0.5
SAMPLES_MIN: Final = 2
LEVELS_MAX: Final = 10
AUTHOR: Final = "profile"


async def measure(app: "Hashwright", name: str, parts: tuple[float, ...], *, hold_s: float) -> dict[str, Any]:
    """Measure a machine at parts of its rated power [0 to 1] and keep the curve; it is given back to the plan then.

    Raises:
        OperatorError: too few levels could be measured (HW-117), or it is at work for a person.
    """
    assert app.fleet is not None
    device = app.kernel.fleet.devices.get(name)
    if device is None or name not in app.fleet.drivers:
        raise OperatorError(f"{name} is disabled.", code="HW-116")
    if device.override is not None:
        raise OperatorError(
            f"{name} is under a person's order.", code="HW-117", hint=f"hw fleet auto {name}, then again."
        )
    if not 1 <= len(parts) <= LEVELS_MAX or not all(0.05 <= part <= 1 for part in parts):
        raise OperatorError(f"Name 1 to {LEVELS_MAX} levels from 5% to 100%.", code="HW-117")
    points, problems = [], []
    try:
        for part in sorted(parts, reverse=True):
            found = await _level(app, name, part, hold_s=hold_s)
            points.append(found) if isinstance(found, tuple) else problems.append(f"{part:.0%}: {found}")
    finally:
        app.kernel.handle(OverrideSet((name,), "run", 1.0, app.clock.now() + 1000, AUTHOR))
        await _reach(app, name, 1.0)
        app.kernel.handle(OverrideEnded((name,)))
    return await _keep(app, name, tuple(sorted(points)), problems)


async def _level(app: "Hashwright", name: str, part: float, *, hold_s: float) -> tuple[float, float] | str:
    rules = app.kernel.fleet.rules
    until = app.clock.now() + rules.settle_ms + round(hold_s * 1000) + 60_000
    app.kernel.handle(OverrideSet((name,), "run", part, until, AUTHOR))
    if not await _reach(app, name, part):
        return "it did not get there"
    loop = asyncio.get_running_loop()
    samples: list[Reading] = []
    end = loop.time() + hold_s
    while loop.time() < end or len(samples) < SAMPLES_MIN:
        assert app.fleet is not None
        reading = await app.fleet.read(name)
        if reading.answer != "ok":
            return "it stopped answering"
        samples.append(reading)
        await asyncio.sleep(min(max(hold_s / 5, 0.05), 10.0))
    return mean_of(samples[len(samples) // 2 :])


def mean_of(samples: list[Reading]) -> tuple[float, float] | str:
    """Return mean power [W] and hash rate [H/s] of readings, or why there is none."""
    powers = [it.power_w for it in samples if it.power_w is not None]
    rates = [it.hashrate_hs for it in samples if it.hashrate_hs is not None]
    if not powers or not rates:
        return "it does not say its power" if rates else "it does not say its hash rate"
    return sum(powers) / len(powers), sum(rates) / len(rates)


async def _reach(app: "Hashwright", name: str, part: float) -> bool:
    """Wait until a machine is where it should be, as long as it has time to obey."""
    loop = asyncio.get_running_loop()
    end = loop.time() + app.kernel.fleet.rules.settle_ms / 1000 + 15
    while loop.time() < end:
        device = app.kernel.fleet.devices.get(name)
        if device is None or "limit" in device.unsupported:
            return part >= 1 and device is not None
        is_awake = device.reading is not None and device.reading.activity == "hashing"
        if is_awake and device.pending is None and abs(device.part - part) <= 0.02:
            return True
        await asyncio.sleep(LOOK_S)
    return False


async def _keep(
    app: "Hashwright", name: str, points: tuple[tuple[float, float], ...], problems: list[str]
) -> dict[str, Any]:
    assert app.fleet is not None
    if not points or not is_rising(points):
        why = "; ".join(problems) or "more power did not give more hashes"
        raise OperatorError(f"{name} could not be measured: {why}.", code="HW-117")
    now = app.clock.now()

    def write(connection: Connection) -> None:
        rows.write_curve(connection, name, points, measured_ms=now)

    await asyncio.wrap_future(app.writer.transact(write))
    settings = app.fleet.settings.get(name)
    if settings is not None:
        app.kernel.handle(event_of_device(settings, points))
    return {"device": name, "curve": [list(point) for point in points], "problems": problems}
