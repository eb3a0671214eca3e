"""What a way to a battery is: small promises of one method each, and a battery that cannot be given back is not taken.

Read it, command it, give it back to itself. As with machines, *unsupported*, *unreachable* and *refused* are three
answers: a driver says which by what it raises (`adapters.devices.base`), and only reading back tells whether it obeyed.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, runtime_checkable

import msgspec

from hashwright.adapters.devices.base import Outcome, attempt, misread, number, outcome_of
from hashwright.energy.battery_control import EXPIRE_MS, BatteryReading, Order
from hashwright.errors import HashwrightError

DEADLINE_S: Final = 10.0
MODES: Final = {"automatic": "automatic", "commanded": "commanded"}


@runtime_checkable
class CanReadBattery(Protocol):
    """It can be asked how full it is, and what it does."""

    async def read(self) -> BatteryReading:
        """Return what it says; `at_ms` is filled in by the caller."""
        ...


@runtime_checkable
class CanCommandBattery(Protocol):
    """It takes orders."""

    async def command(self, order: Order) -> None:
        """Take or give so many watts, or rest; for `seconds_of` an order at most, where it can count."""
        ...


@runtime_checkable
class CanBeAutomatic(Protocol):
    """It can be its own master again: the safe state."""

    async def automatic(self) -> None:
        """Do what it does by itself."""
        ...


class BatteryDriver(CanReadBattery, CanCommandBattery, CanBeAutomatic, Protocol):
    """All three: no battery is commanded without them."""


class CommonConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every way to a battery may set: orders are whole steps of `step_w`, none is below `least_w`."""

    kind: str
    step_w: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10
    least_w: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryPlugin:
    """A way to a battery: its name for people, its settings, how it is built."""

    title: str
    config: type[CommonConfig]
    build: Callable[[Any], BatteryDriver]


def seconds_of() -> int:
    """Return how long an order is to hold without being repeated [s]."""
    return EXPIRE_MS // 1000


def words_for(order: Order) -> dict[str, str]:
    """Return what the words {watts}, {signed_watts} and {seconds} of a setting stand for."""
    return {"watts": str(order.watts), "signed_watts": str(order.signed_w), "seconds": str(seconds_of())}


def filled(text: str, order: Order) -> str:
    """Return a setting with its words filled in."""
    for name, value in words_for(order).items():
        text = text.replace("{" + name + "}", value)
    return text


def reading_of(level: object, power_w: object, mode: object, place: str) -> BatteryReading:
    """Return what a battery said.

    Raises:
        OperatorError: its level or its power is no number (HW-110).
    """
    level_percent, watts = number(level), number(power_w)
    if level_percent is None:
        raise misread(place, f"its level is {str(level)[:20]!r}")
    if power_w is not None and watts is None:
        raise misread(place, f"its power is {str(power_w)[:20]!r}")
    known = MODES.get(str(mode).lower(), "")
    return msgspec.convert({"level": level_percent, "power_w": watts, "mode": known}, BatteryReading)


async def read_battery(driver: CanReadBattery, *, now_ms: int, deadline_s: float = DEADLINE_S) -> BatteryReading:
    """Read a battery within a time [s]; trouble is an answer too, and nothing is raised."""
    try:
        async with asyncio.timeout(deadline_s):
            found = await driver.read()
    except TimeoutError:
        return BatteryReading(at_ms=now_ms, answer="unreachable", detail=f"No answer within {deadline_s:g} s.")
    except (HashwrightError, OSError) as error:
        outcome = outcome_of(error)
        return BatteryReading(at_ms=now_ms, answer=outcome.answer, detail=outcome.detail)
    return msgspec.structs.replace(found, at_ms=now_ms)


async def tell_battery(driver: BatteryDriver, order: Order, *, deadline_s: float = DEADLINE_S) -> Outcome:
    """Send an order within a time [s]."""
    work = driver.automatic() if order.action == "automatic" else driver.command(order)
    return await attempt(work, deadline_s=deadline_s)
