"""What `hw autopilot` and the web may ask of the running process about the autopilot, over the control socket.

Those that only read (`-decisions`, `-explain`, `-learned`) answer the same as `runtime.autopilot_views` does from the
database while nothing runs. docs/autopilot.md states their arguments and answers.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.errors import OperatorError
from hashwright.fleet.events import MachinesWoken
from hashwright.fleet.wish import left_asleep
from hashwright.planner.autopilot import Seen
from hashwright.runtime import autopilot, autopilot_views
from hashwright.runtime.autopilot import AutopilotService, state_of
from hashwright.runtime.autopilot_acts import end_rest
from hashwright.runtime.autopilot_claims import claims_of
from hashwright.runtime.autopilot_learning import document_of, machines_of
from hashwright.runtime.autopilot_settings import KIND, parse_autopilot
from hashwright.runtime.autopilot_sight import destinations_of
from hashwright.runtime.payouts import LiveBooks
from hashwright.runtime.rent_commands import kept
from hashwright.store.rates import read_done

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

MACHINES_MINUTES: Final = 60


def table(app: "Hashwright") -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the commands of the autopilot for the control socket."""
    return _acting(app) | _reading(app)


def _acting(app: "Hashwright") -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    async def setup(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await _setup(app, arguments["settings"])

    async def pause(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        is_paused = bool(arguments["is_paused"])
        for name, service in list(app.autopilots.items()):
            document = msgspec.to_builtins(service.settings) | {"is_paused": is_paused}
            if is_paused:
                service.let_go()
                end_rest(app, service.settings)
            service.settings = parse_autopilot(document)
            await _store(app, name, document)
        power = await app.power.pause(is_paused=is_paused)
        rentals: dict[str, str] = {}
        services = list(app.autopilots.values()) if is_paused else []
        for ended in await asyncio.gather(*(it.buyer.sweep("the autopilot is paused") for it in services)):
            rentals |= ended
        woken = wake_all(app) if arguments.get("is_waking") else []
        names = {"algorithms": sorted(app.autopilots), "power": power}
        return {"is_paused": is_paused, **names, "rentals": rentals, "resting": resting(app), "woken": woken}

    async def wake(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return {"woken": wake_all(app)}

    async def remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name = str(arguments["algorithm"])
        service = _service(app, name)
        service.let_go()
        end_rest(app, service.settings)
        app.supervisor.stop_service(f"autopilot {name}")
        del app.autopilots[name]
        await asyncio.wrap_future(app.writer.delete_setting(KIND, name))
        rentals = await service.buyer.end("the autopilot was removed", service.settings.buy)
        return {"removed": name, "rentals": rentals, "resting": resting(app)}

    async def turn(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        service = _service(app, str(arguments["algorithm"]))
        await service.turn()
        return state_of(service)

    async def apply(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        number = int(arguments["number"])
        row = await LiveBooks(app).read(lambda connection: autopilot_views.found_row(connection, number, algorithm=""))
        words = await _service(app, row.algorithm).apply(row)
        return {"applied": number, "algorithm": row.algorithm, "rentals": words}

    return {
        "autopilot-set": setup,
        "autopilot-pause": pause,
        "autopilot-wake": wake,
        "autopilot-remove": remove,
        "autopilot-turn": turn,
        "autopilot-apply": apply,
    }


def resting(app: "Hashwright") -> dict[str, str]:
    """Return the machines that an autopilot left asleep, with whose plan it was."""
    return left_asleep(app.kernel.fleet, now=app.clock.now())


def wake_all(app: "Hashwright") -> list[str]:
    """Wake every machine that an autopilot left asleep, in the order of the ramp; return which."""
    names = tuple(resting(app))
    if names:
        app.kernel.handle(MachinesWoken(names, "hw autopilot"))
    return list(names)


def _reading(app: "Hashwright") -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    async def status(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return [state_of(service) for _, service in sorted(app.autopilots.items())]

    async def listed(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        before = arguments.get("before")
        return await LiveBooks(app).read(
            lambda connection: autopilot_views.listed(
                connection,
                algorithm=str(arguments.get("algorithm") or ""),
                before=None if before is None else int(before),
                limit=int(arguments.get("limit") or 100),
            )
        )

    async def explain(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await _explain(app, arguments)

    async def learned(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        wanted = str(arguments.get("algorithm") or "")
        services = {name: it for name, it in sorted(app.autopilots.items()) if wanted in ("", name)}
        is_fresh = bool(arguments.get("is_fresh"))
        return {"autopilots": [await _learned(app, it, is_fresh=is_fresh) for it in services.values()]}

    return {
        "autopilot-status": status,
        "autopilot-decisions": listed,
        "autopilot-explain": explain,
        "autopilot-learned": learned,
    }


async def _explain(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decision by `number`, or the last of `algorithm` before `at_ms`, thought again in the other process."""
    number = arguments.get("number")
    which = None if number is None else int(number)
    algorithm, at_ms = str(arguments.get("algorithm") or "sha256d"), int(arguments.get("at_ms") or app.clock.now())
    books = LiveBooks(app)
    row = await books.read(
        lambda connection: autopilot_views.found_row(connection, which, algorithm=algorithm, at_ms=at_ms)
    )
    found = await books.read(lambda connection: autopilot_views.outcomes_of(connection, [row]))
    seen = msgspec.json.decode(row.seen, type=Seen)
    again = None if row.thought == "null" else await app.thinker.think(seen)
    return autopilot_views.repeated(row, again, found.get(row.id))


async def _learned(app: "Hashwright", service: AutopilotService, *, is_fresh: bool) -> dict[str, Any]:
    """Return what the service learned at its last look, or learn it anew: half a second of work after a month."""
    now, settings = app.clock.now(), service.settings
    names, minute = destinations_of(app, settings.algorithm), now // 60_000
    books = LiveBooks(app)
    known = None if service.memory is None else service.memory.learning
    if known is None or not known.at_ms or is_fresh:
        document = await books.read(lambda connection: autopilot_views.learned(connection, settings, names, now=now))
    else:
        document = document_of(settings.algorithm, known, hold_days=settings.hold_days)
    claims = claims_of(app, settings.algorithm)
    if claims:
        begin = minute - MACHINES_MINUTES
        done = await books.read(
            lambda connection: read_done(connection, begin=begin, end=minute, span=MACHINES_MINUTES)
        )
        document["machines"]["of_the_last_hour"] = machines_of(claims, done, seconds=MACHINES_MINUTES * 60.0, now=now)
    return document


async def _setup(app: "Hashwright", raw: Mapping[str, Any]) -> dict[str, Any]:
    """Set what is named; the rest stays as it was."""
    before = app.store.settings(KIND).get(str(raw.get("algorithm")), {})
    document = {**before, **raw}
    settings = parse_autopilot(document)
    for name in settings.buy:
        kept(app, name)
    await _store(app, settings.algorithm, document)
    service = autopilot.start(app, settings)
    return state_of(service) | {"rentals": await service.buyer.sweep("it is not bought by any more")}


async def _store(app: "Hashwright", name: str, document: Mapping[str, Any]) -> None:
    await asyncio.wrap_future(app.writer.put_setting(KIND, name, dict(document), now=app.clock.now()))


def _service(app: "Hashwright", name: str) -> AutopilotService:
    if name not in app.autopilots:
        raise OperatorError(
            f"There is no autopilot for {name!r}.", code="HW-771", hint=f"hw autopilot set {name or 'sha256d'}"
        )
    return app.autopilots[name]
