"""What a driver of a machine is: small promises of one method each, and three answers that are never mixed up.

*Unsupported*: this machine has no such command. *Unreachable*: nobody heard it. *Refused*: it heard it and said no. A
driver says so by what it raises, and `attempt` makes the answer of it; `ok` means that the machine took the command,
and only reading it back tells whether it obeyed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from hashwright.errors import AuthRejected, HashwrightError, NotSupported, OperatorError, TimedOut, Unavailable
from hashwright.fleet.events import Answer, Reading

DETAIL_MAX = 160
USER_MAX = {"avalon": 63, "whatsminer": 127}
"""Longer user names are cut by the firmware (the share is credited to nobody), or may harm the machine: DATUM's notes
on user names. They are refused before anything is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEntry:
    """A pool as a machine takes it."""

    url: str
    user: str
    password: str = "x"  # noqa: S105 (what machines send where none is needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a command."""

    answer: Answer
    detail: str = ""


@runtime_checkable
class CanRead(Protocol):
    """Any machine: it can be asked how it is."""

    async def read(self) -> Reading:
        """Return what it says; `device` and `at` are filled in by the caller."""
        ...

    async def aclose(self) -> None:
        """Let go of what is held."""
        ...


@runtime_checkable
class CanPause(Protocol):
    """It can stop hashing and stay reachable."""

    async def pause(self) -> None:
        """Stop hashing."""
        ...


@runtime_checkable
class CanResume(Protocol):
    """It can hash again."""

    async def resume(self) -> None:
        """Hash again."""
        ...


@runtime_checkable
class CanLimit(Protocol):
    """It can draw less."""

    async def limit(self, part: float, power_w: float) -> None:
        """Draw at most `part` of its full power: `power_w` [W], 0 where that is unknown."""
        ...


@runtime_checkable
class CanSetPools(Protocol):
    """It can be told where to mine."""

    async def set_pools(self, pools: tuple[PoolEntry, ...]) -> None:
        """Mine there, in this order of preference."""
        ...


@runtime_checkable
class CanBlink(Protocol):
    """It can show a person which one it is."""

    async def blink(self, is_on: bool) -> None:
        """Blink, or stop it."""
        ...


@runtime_checkable
class CanSetFans(Protocol):
    """Its fans can be set."""

    async def set_fans(self, percent: int | None) -> None:
        """Set the fans [%]; None gives them back to the firmware."""
        ...


CAPABILITIES: dict[str, type] = {
    "pause": CanPause, "resume": CanResume, "limit": CanLimit, "pools": CanSetPools, "blink": CanBlink,
    "fans": CanSetFans,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A kind of machine: its name for people, its settings, how it is built, and the port where it answers (0: none).

    `host` is the name of the setting that holds the address.
    """

    title: str
    config: type[msgspec.Struct]
    build: Callable[..., CanRead]
    port: int = 0


def capabilities_of(driver: object) -> tuple[str, ...]:
    """Name what a machine can do; a driver that learns it from the machine says so itself by `can`."""
    named = [name for name, promise in CAPABILITIES.items() if isinstance(driver, promise)]
    can = getattr(driver, "can", None)
    return tuple(named) if can is None else tuple(name for name in named if name in can)


async def attempt(work: Awaitable[None], *, deadline_s: float) -> Outcome:
    """Do one thing to a machine within a time [s] and sort what happened into the four answers."""
    try:
        async with asyncio.timeout(deadline_s):
            await work
    except TimeoutError:
        return Outcome(answer="unreachable", detail=f"No answer within {deadline_s:g} s.")
    except (HashwrightError, OSError) as error:
        return outcome_of(error)
    return Outcome(answer="ok")


def outcome_of(error: Exception) -> Outcome:
    """Sort an error into unsupported, unreachable and refused."""
    detail = str(error)[:DETAIL_MAX]
    match error:
        case NotSupported():
            return Outcome(answer="unsupported", detail=detail)
        case Unavailable() | OSError():
            return Outcome(answer="unreachable", detail=detail)
        case _:
            return Outcome(answer="refused", detail=detail)


async def read_device(driver: CanRead, name: str, *, at: int, deadline_s: float) -> Reading:
    """Read a machine within a time [s]; trouble is an answer too, and nothing is raised."""
    try:
        async with asyncio.timeout(deadline_s):
            reading = await driver.read()
    except TimeoutError:
        return Reading(device=name, at=at, answer="unreachable", detail=f"No answer within {deadline_s:g} s.")
    except (HashwrightError, OSError) as error:
        found = outcome_of(error)
        return Reading(device=name, at=at, answer=found.answer, detail=found.detail)
    return msgspec.structs.replace(reading, device=name, at=at)


def check_user_names(pools: tuple[PoolEntry, ...], make: str) -> None:
    """Refuse user names that a make would cut or choke on.

    Raises:
        OperatorError: one is too long (HW-203).
    """
    for word, most in USER_MAX.items():
        for pool in pools:
            size = len(pool.user.encode())
            if word in make.lower() and size > most:
                raise OperatorError(
                    f"The user name {pool.user[:24]}... has {size} characters, and {make} takes {most}.",
                    code="HW-203",
                    hint="Use a short account such as kai.rack-12.",
                )


def unreachable(host: str, problem: str) -> Unavailable:
    """Make the error of a machine that nobody heard."""
    return TimedOut(f"{host} does not answer: {problem}.", code="HW-107")


def refused(host: str, problem: str) -> AuthRejected:
    """Make the error of a machine that said no to who we are."""
    return AuthRejected(f"{host} refuses: {problem}.", code="HW-102")


def denied(host: str, problem: str) -> OperatorError:
    """Make the error of a machine that said no to what was asked."""
    return OperatorError(f"{host} refused: {problem}.", code="HW-108")


def misread(host: str, problem: str) -> OperatorError:
    """Make the error of an answer in another form."""
    return OperatorError(f"The answer of {host} is not understood: {problem}.", code="HW-110")


def unsupported(host: str, what: str) -> NotSupported:
    """Make the error of a machine that has no such command."""
    return NotSupported(f"{host} cannot {what}.", code="HW-109")


def number(value: object) -> float | None:
    """Read a number, or the text of one, as machines write them; None for anything else. NaN is unknown too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < 1e30 else None


def whole(value: object) -> int | None:
    """Read a count."""
    found = number(value)
    return None if found is None or found < 0 else int(found)


def text(value: object, *, longest: int = 64) -> str:
    """Read a short text; screens clean what it holds."""
    return value[:longest] if isinstance(value, str) else ""
