"""Pins of a site's hours in the running program: kept as a setting, heard by the next turn, taken back by a number.

Every change has a number and keeps what stood before it, so the newest one can be undone by whoever sees it; one that
somebody else has followed cannot, or his would be lost unseen.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.errors import OperatorError
from hashwright.planner.power_pins import Pin, Want, require_hours, standing, with_pin, without

if TYPE_CHECKING:
    from hashwright.runtime.power_commands import PowerDesk
    from hashwright.runtime.wiring import Hashwright

KIND: Final = "power-pins"
AUTHOR_MAX: Final = 64


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The pins of a site after change number `change`, and those before it."""

    change: int = 0
    pins: tuple[Pin, ...] = ()
    before: tuple[Pin, ...] = ()


class PinAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked: in these hours [ms] a group runs, rests, or follows the plan again."""

    group: str
    from_ms: int
    to_ms: int
    want: Want | None = None
    author: str = ""


def pins_of(app: "Hashwright", name: str, *, now: int) -> tuple[Pin, ...]:
    """Return the pins of a site that are not over."""
    return standing(_kept(app, name).pins, now=now)


def document_of(app: "Hashwright", name: str) -> dict[str, Any]:
    """Return the pins of a site as pages and commands show them."""
    kept = _kept(app, name)
    return {
        "change": kept.change,
        "pins": [msgspec.to_builtins(it) for it in standing(kept.pins, now=app.clock.now())],
    }


def _kept(app: "Hashwright", name: str) -> Kept:
    return msgspec.convert(app.store.settings(KIND).get(name, {}), Kept)


async def forget(app: "Hashwright", name: str) -> None:
    """Forget the pins of a site whose autopilot is gone."""
    if name in app.store.settings(KIND):
        await asyncio.wrap_future(app.writer.delete_setting(KIND, name))


class PinDesk:
    """Changes of pins, one after the other."""

    def __init__(self, desk: "PowerDesk", app: "Hashwright") -> None:
        self._desk = desk
        self._app = app
        self._lock = asyncio.Lock()

    async def pin(self, name: str, ask: PinAsk) -> dict[str, Any]:
        """Pin hours of a group, or let the plan have them again.

        Raises:
            OperatorError: the hours cannot be pinned (HW-832), there is no such group (HW-833), or too many (HW-834).
        """
        self._desk.service(name)
        now = self._app.clock.now()
        self._require_group(name, ask.group)
        async with self._lock:
            kept = _kept(self._app, name)
            pins = standing(kept.pins, now=now)
            if ask.want is None:
                require_hours(ask.from_ms, ask.to_ms, now=now)
                pins = without(pins, ask.group, ask.from_ms, ask.to_ms)
            else:
                fields = {key: getattr(ask, key) for key in ("group", "from_ms", "to_ms")}
                pin = Pin(want=ask.want, author=ask.author[:AUTHOR_MAX], **fields)
                pins = with_pin(pins, pin, now=now)
            return await self._store(name, Kept(change=kept.change + 1, pins=pins, before=kept.pins))

    async def undo(self, name: str, change: int) -> dict[str, Any]:
        """Take the newest change of a site's pins back.

        Raises:
            OperatorError: it is not the newest any more, or there is none (HW-835).
        """
        self._desk.service(name)
        async with self._lock:
            kept = _kept(self._app, name)
            if not change or change != kept.change:
                raise OperatorError(f"Change {change} of the pins of {name} is not the newest one.", code="HW-835")
            return await self._store(name, Kept(change=kept.change + 1, pins=kept.before, before=kept.pins))

    def _require_group(self, name: str, group: str) -> None:
        planned = self._desk.services[name].planned
        plan = None if planned is None or planned.thought is None else planned.thought.plan
        known = sorted(it.settings.group for it in self._app.kernel.fleet.devices.values() if it.settings.group)
        names = sorted({*known, *(() if plan is None else plan.groups)})
        if group not in names:
            raise OperatorError(
                f"No group {group[:40]!r} is planned for. Groups: {', '.join(names[:20]) or 'none'}.", code="HW-833"
            )

    async def _store(self, name: str, kept: Kept) -> dict[str, Any]:
        document = msgspec.to_builtins(kept)
        await asyncio.wrap_future(self._app.writer.put_setting(KIND, name, document, now=self._app.clock.now()))
        self._desk.service(name).wake()
        return document_of(self._app, name)


def commands(pins: PinDesk) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the commands of pins for the control socket."""

    async def pin(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        try:
            ask = msgspec.convert(dict(arguments["pin"]), PinAsk)
        except msgspec.ValidationError as error:
            raise OperatorError(f"These hours cannot be pinned: {error}.", code="HW-832") from error
        return await pins.pin(str(arguments["name"]), ask)

    async def undo(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await pins.undo(str(arguments["name"]), int(arguments["change"]))

    return {"power-pin": pin, "power-pin-undo": undo}
