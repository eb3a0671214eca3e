"""Power autopilots as a whole: start, set, pause, and what they are asked over the control socket.

`power-status` is what pages and `hw autopilot power status` show; `power_state.stored_states` reads the same from the
database when nothing runs. Both give each site's settings, the rule that holds, and the last turn that made a plan.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from hashwright.errors import ConfigError, HashwrightError, OperatorError
from hashwright.fleet.events import PowerPlanEnded
from hashwright.fleet.wish import left_asleep
from hashwright.planner.power import PowerThought
from hashwright.runtime import power_limits, power_observe, power_pins
from hashwright.runtime.autopilot_power import OBSERVE_S, PowerService, PowerTurn
from hashwright.runtime.payouts import LiveBooks
from hashwright.runtime.power_observe import Failure, Looked
from hashwright.runtime.power_settings import KIND, PowerSettings, overlap, parse_power, word_of
from hashwright.runtime.power_state import document_of, history_of, settings_document, summary_of
from hashwright.runtime.worker import Worker
from hashwright.signals import Alert
from hashwright.store import power as rows

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()


class PowerDesk:
    """Every site's power autopilot, and the process that thinks for them."""

    def __init__(self, app: "Hashwright") -> None:
        self.services: dict[str, PowerService] = {}
        self.worker = Worker()
        self.pins = power_pins.PinDesk(self, app)
        self._app = app

    def start_all(self) -> None:
        """Start what is stored; plans of an earlier run that nobody stands behind are ended."""
        for name, raw in self._app.store.settings(KIND).items():
            try:
                self.start(parse_power(raw))
            except HashwrightError as error:
                text = f"The power autopilot of {name} is off: {error}"[:500]
                self._app.warn(Alert(level="warning", code="HW-950", text=text))
        for key in [key for key in self._app.kernel.fleet.limits if key not in self.services]:
            power_limits.withdraw(self._app, key)
        for key in list(self._app.kernel.fleet.plans):
            service = self.services.get(key)
            if service is None or not _drives(service.settings):
                self._app.kernel.handle(PowerPlanEnded(key))

    def start(self, settings: PowerSettings) -> PowerService:
        """Start, or start anew, the autopilot of a site."""
        before = self.services.get(settings.name)
        if before is not None and not _drives(settings):
            before.let_go()
        service = self.services[settings.name] = PowerService(self._app, settings)
        self._app.supervisor.start(f"power {settings.name}", service.run)
        return service

    async def release(self, why: str) -> None:
        """Give every battery back to itself, all at once, and wait a little for their answers."""
        batteries = (service.battery.release(why, is_final=True) for service in self.services.values())
        await asyncio.gather(*batteries, return_exceptions=True)

    def close(self) -> None:
        """End the process that thinks."""
        self.worker.close()

    async def pause(self, *, is_paused: bool) -> list[str]:
        """Stop all, or let all go on: the kill switch. Paused, machines stay as they are, and nobody drives them."""
        for name, service in list(self.services.items()):
            document = msgspec.to_builtins(service.settings) | {"is_paused": is_paused}
            service.settings = parse_power(document)
            if is_paused:
                service.let_go()
                await service.battery.release("autopilots are paused")
            else:
                service.wake()
            await self._store(name, document)
        return sorted(self.services)

    async def setup(self, raw: Mapping[str, Any], *, is_whole: bool = False) -> dict[str, Any]:
        """Set what is named; the rest stays as it was, or `is_whole`: has its defaults. The site's file is read first.

        Raises:
            ConfigError: a value or the site's file is not usable, or another autopilot has its machines (HW-950).
        """
        looked = await self._look(raw)
        name = str(raw.get("name") or word_of(looked.title))
        before_it = {} if is_whole else self._app.store.settings(KIND).get(name, {})
        document = {**before_it, **raw, "name": name}
        settings = parse_power(document)
        await self._require_alone(settings, looked)
        await self._store(name, document)
        before = self.services.get(name)
        if before is not None and before.settings.site_file != settings.site_file:
            await before.battery.release("its site has another file")
        return await self.whole_state(self.start(settings))

    async def _look(self, raw: Mapping[str, Any]) -> Looked:
        known = self._app.store.settings(KIND).get(str(raw.get("name", "")), {})
        path, data = (str(raw.get(key) or known.get(key, "")) for key in ("site_file", "data"))
        if not path:
            raise ConfigError("No site's file is named.", code="HW-950")
        looked = await self.worker.call(power_observe.look_at_file, path, data, limit_s=OBSERVE_S, code="HW-950")
        if isinstance(looked, Failure):
            raise ConfigError(looked.message, code=looked.code)
        return looked

    async def _require_alone(self, settings: PowerSettings, looked: Looked) -> None:
        for other in self.services.values():
            if not overlap(settings, other.settings):
                continue
            theirs = await self._look(msgspec.to_builtins(other.settings))
            shared = sorted(set(looked.groups) & set(theirs.groups))
            if shared:
                raise ConfigError(
                    f"{other.settings.name} plans for the group {shared[0]} already.",
                    code="HW-950",
                    hint="Give each its own place: --at, and hw fleet tag site=NAME.",
                )

    async def _store(self, name: str, document: Mapping[str, Any]) -> None:
        app = self._app
        await asyncio.wrap_future(app.writer.put_setting(KIND, name, dict(document), now=app.clock.now()))

    async def remove(self, name: str) -> dict[str, Any]:
        """Take a site's autopilot away; its turns are kept, machines stay as they are."""
        if name not in self._app.store.settings(KIND) or name in self.services:
            service = self.service(name)
            self._app.supervisor.stop_service(f"power {name}")
            service.let_go()
            power_limits.withdraw(self._app, name)
            await service.battery.release("its power autopilot is taken away")
            del self.services[name]
        await power_pins.forget(self._app, name)
        await asyncio.wrap_future(self._app.writer.delete_setting(KIND, name))
        return {"removed": name, "resting": left_asleep(self._app.kernel.fleet, now=self._app.clock.now())}

    async def apply(self, number: int) -> dict[str, Any]:
        """Drive the fleet by a kept turn, as a person who was asked says.

        Raises:
            OperatorError: there is none of that number, or its plan is over (HW-957).
        """
        row = await LiveBooks(self._app).read(lambda connection: rows.numbered(connection, number))
        if row is None:
            raise OperatorError(f"There is no power turn {number}.", code="HW-957")
        thought = msgspec.json.decode(row.thought, type=PowerThought | None)
        service = self.service(row.name)
        if service.settings.is_paused:
            raise OperatorError("Autopilots are paused.", code="HW-957", hint="hw autopilot go")
        service.drive(PowerTurn(row=row, thought=thought))
        return {"applied": number, "name": row.name}

    def service(self, name: str) -> PowerService:
        """Return a site's autopilot.

        Raises:
            OperatorError: there is none of that name.
        """
        if name not in self.services:
            raise OperatorError(
                f"There is no power autopilot {name!r}.", code="HW-950", hint="hw autopilot power set SITE.toml"
            )
        return self.services[name]

    async def whole_state(self, service: PowerService) -> dict[str, Any]:
        """Return a site's autopilot as pages and commands show it, with what is kept of its past."""
        name, now = service.settings.name, self._app.clock.now()
        past = await LiveBooks(self._app).read(lambda connection: history_of(connection, name, now=now))
        return self.state_of(service) | past

    def state_of(self, service: PowerService) -> dict[str, Any]:
        """Return a site's autopilot as it is now."""
        state = self._app.kernel.fleet
        driven = state.plans.get(service.settings.name)
        planned, last = service.planned, service.last
        return {
            "name": service.settings.name,
            "settings": settings_document(service.settings),
            "banner": service.banner,
            "next_at_ms": service.next_at,
            "fleet_is_live": state.rules.is_live,
            "driven_by": None
            if driven is None
            else {"plan": driven.plan, "author": driven.author, "valid_until_ms": driven.valid_until},
            "last": None if last is None else summary_of(last.row),
            "plan": None if planned is None else document_of(planned.row),
            "pins": power_pins.document_of(self._app, service.settings.name),
            "battery": service.battery.document(),
            "is_stored": False,
            "stored_ms": None,
        }


def _drives(settings: PowerSettings) -> bool:
    return settings.mode != "dry-run" and not settings.is_paused


def commands(desk: PowerDesk) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the commands of power autopilots for the control socket."""

    async def setup(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await desk.setup(arguments["settings"], is_whole=bool(arguments.get("is_whole")))

    async def remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await desk.remove(str(arguments["name"]))

    async def turn(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        service = desk.service(str(arguments["name"]))
        await service.turn()
        return await desk.whole_state(service)

    async def apply(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await desk.apply(int(arguments["number"]))

    async def status(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return [await desk.whole_state(service) for _, service in sorted(desk.services.items())]

    return {
        "power-set": setup,
        "power-remove": remove,
        "power-turn": turn,
        "power-apply": apply,
        "power-status": status,
        **power_pins.commands(desk.pins),
    }
