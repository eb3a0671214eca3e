"""Pins: hours in which a person, not money, says whether a group of machines runs. Each ends by itself.

A pin is a wish within the site's limits, never above them: breaker, import and the machines' own minimum times come
first, then the pin, then money. A later pin takes the hours it names from an earlier one of its group.

Plain records: they are stored with each turn, so that it can be thought again.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from hashwright.errors import OperatorError

SLOT_MS: Final = 900_000
PINS_MAX: Final = 200
AHEAD_MS: Final = 8 * 24 * 3_600_000
"""A pin ends at the latest so long from now: nobody remembers a longer one."""
Want = Literal["run", "rest"]


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From `from_ms` until before `to_ms` [ms, whole quarters of an hour] a group runs, or rests, as `author` says."""

    group: str
    from_ms: int
    to_ms: int
    want: Want
    author: str = ""


def standing(pins: Sequence[Pin], *, now: int) -> tuple[Pin, ...]:
    """Return the pins that are not over, in the order of groups and of time."""
    return tuple(sorted((it for it in pins if it.to_ms > now), key=lambda it: (it.group, it.from_ms)))


def without(pins: Sequence[Pin], group: str, from_ms: int, to_ms: int) -> tuple[Pin, ...]:
    """Take hours of a group out of all pins; what a pin has before and after them stays."""
    left: list[Pin] = []
    for it in pins:
        if it.group != group or it.to_ms <= from_ms or it.from_ms >= to_ms:
            left.append(it)
            continue
        if it.from_ms < from_ms:
            left.append(msgspec.structs.replace(it, to_ms=from_ms))
        if it.to_ms > to_ms:
            left.append(msgspec.structs.replace(it, from_ms=to_ms))
    return tuple(left)


def with_pin(pins: Sequence[Pin], pin: Pin, *, now: int) -> tuple[Pin, ...]:
    """Add a pin; it takes its hours from earlier ones, and what follows on with the same wish becomes one with it.

    Raises:
        OperatorError: its hours are over, too far ahead, empty or no whole quarters (HW-832), or there are too many
            (HW-834).
    """
    require_hours(pin.from_ms, pin.to_ms, now=now)
    found: list[Pin] = []
    for it in standing((*without(pins, pin.group, pin.from_ms, pin.to_ms), pin), now=now):
        last = found[-1] if found else None
        is_same = last is not None and (last.group, last.want, last.author) == (it.group, it.want, it.author)
        if last is not None and is_same and last.to_ms == it.from_ms:
            found[-1] = msgspec.structs.replace(last, to_ms=it.to_ms)
        else:
            found.append(it)
    if len(found) > PINS_MAX:
        raise OperatorError(f"A site has at most {PINS_MAX} pins.", code="HW-834")
    return tuple(found)


def require_hours(from_ms: int, to_ms: int, *, now: int) -> None:
    """Refuse hours that nobody can pin.

    Raises:
        OperatorError: they are over, too far ahead, empty or no whole quarters of an hour (HW-832).
    """
    if from_ms % SLOT_MS or to_ms % SLOT_MS:
        raise OperatorError("A pin begins and ends at a whole quarter of an hour.", code="HW-832")
    if to_ms <= from_ms:
        raise OperatorError("A pin ends after it begins.", code="HW-832")
    if to_ms <= now:
        raise OperatorError("These hours are over.", code="HW-832")
    if to_ms > now + AHEAD_MS:
        raise OperatorError(f"A pin ends within {AHEAD_MS // 86_400_000} days from now.", code="HW-832")
