"""What `hw route` asks of the running process: what was asked and delivered, other targets, pins, a look at a pool.

A change is checked, made durable, and only then told to the engine: a crash in between is mended at the next start,
which reads the stored routes again.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hashwright.adapters.secret import read_secret
from hashwright.errors import EXIT_NOTHING, LimitRefused, OperatorError, Unavailable
from hashwright.routing.events import PinSet, RouteSet
from hashwright.runtime import route_status
from hashwright.runtime.control import Command
from hashwright.runtime.route_probe import ProbeOptions
from hashwright.runtime.route_settings import (
    AUTO,
    PIN_KIND,
    ROUTE_KIND,
    check_pattern,
    document_of,
    event_of_pin,
    event_of_route,
    keep_unnamed,
    parse_pin,
    parse_route,
    refuse_pin,
)
from hashwright.runtime.route_test import parse_options, probe, solo_problem
from hashwright.runtime.upstream_settings import SECRET_KINDS

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright


def table(app: "Hashwright") -> dict[str, Command]:
    """Return the commands of a running process."""

    async def status(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await route_status.read_status(app)

    async def set_route(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        is_dry_run = bool(arguments.get("dry_run"))
        return await change_route(app, arguments["route"], keep=arguments.get("keep", ()), is_dry_run=is_dry_run)

    async def remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await remove_route(app, str(arguments["algorithm"]))

    async def move(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await move_workers(app, str(arguments["worker"]), str(arguments["destination"]))

    async def test(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await look_at_pool(arguments["options"])

    return {
        "route-status": status,
        "route-set": set_route,
        "route-remove": remove,
        "route-move": move,
        "route-test": test,
    }


async def change_route(
    app: "Hashwright", raw: Mapping[str, Any], *, keep: Iterable[str] = (), is_dry_run: bool = False
) -> dict[str, Any]:
    """Let the machines of an algorithm follow another route; no session is dropped for it.

    Args:
        app: the running process.
        raw: the settings of the route.
        keep: settings that stay as they are unless `raw` names them.
        is_dry_run: only check.

    Raises:
        ConfigError: with one finding a problem.
    """
    before = app.store.settings(ROUTE_KIND).get(str(raw.get("algorithm")))
    settings = parse_route(keep_unnamed(raw, before, keep), known=algorithms_of(app))
    document = document_of(settings)
    answer = {"route": document, "before": before, "saved": not is_dry_run}
    if not is_dry_run:
        _require_writable(app)
        saved = app.writer.put_setting(ROUTE_KIND, settings.algorithm, document, now=app.clock.now())
        await asyncio.wrap_future(saved)
        app.kernel.handle(event_of_route(settings))
    return answer


async def remove_route(app: "Hashwright", algorithm: str) -> dict[str, Any]:
    """Take a route away: machines go to the first destination that is ready again.

    Raises:
        OperatorError: there is none.
    """
    if algorithm not in app.store.settings(ROUTE_KIND):
        raise _nothing(f"There is no route for {algorithm}.", "hw route status shows what there is.")
    _require_writable(app)
    await asyncio.wrap_future(app.writer.delete_setting(ROUTE_KIND, algorithm))
    app.kernel.handle(RouteSet(algorithm, (), (), "", 0, ""))
    return {"removed": algorithm}


async def move_workers(app: "Hashwright", pattern: str, destination: str) -> dict[str, Any]:
    """Pin workers to a destination, or with `auto` let the route place them again.

    Raises:
        ConfigError: the pattern or the destination is not usable.
        OperatorError: there is no such pin to take away.
    """
    if destination == AUTO:
        await _unpin(app, pattern)
    else:
        settings = parse_pin({"pattern": pattern, "destination": destination}, known=algorithms_of(app))
        document = msgspec.to_builtins(settings)
        _require_writable(app)
        await asyncio.wrap_future(app.writer.put_setting(PIN_KIND, pattern, document, now=app.clock.now()))
        app.kernel.handle(event_of_pin(settings))
    return {"pattern": pattern, "destination": destination, "workers": route_status.matching_workers(app, pattern)}


async def _unpin(app: "Hashwright", pattern: str) -> None:
    findings = check_pattern(pattern)
    if findings:
        raise refuse_pin(findings)
    pins = app.store.settings(PIN_KIND)
    if pattern not in pins:
        listed = ", ".join(pins) or "none"
        raise _nothing(f"There is no pin for {pattern!r}.", f"There are: {listed}.")
    _require_writable(app)
    await asyncio.wrap_future(app.writer.delete_setting(PIN_KIND, pattern))
    app.kernel.handle(PinSet(pattern, ""))


async def look_at_pool(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Look at a pool for `hw route test`.

    Raises:
        HashwrightError: it cannot be reached, is not let through, or refuses us.
    """
    options = with_password(parse_options(dict(raw)))
    found = await probe(options)
    return {"found": msgspec.to_builtins(found), "solo_problem": solo_problem(found, options)}


def with_password(options: ProbeOptions) -> ProbeOptions:
    """Return options with the secret itself where a reference stands.

    Raises:
        LimitRefused: on behalf of others no secret of ours is read, or they would have us send it to them.
        ConfigError: there is no such secret.
    """
    if not options.password.startswith(SECRET_KINDS):
        return options
    if options.for_others:
        raise LimitRefused(
            "A secret of this computer is not sent on behalf of others.",
            code="HW-501",
            hint="Leave --password-from out.",
        )
    return msgspec.structs.replace(options, password=read_secret(options.password))


def algorithms_of(app: "Hashwright") -> dict[str, str]:
    """Return each destination's algorithm."""
    return {name: item.settings.algorithm for name, item in app.kernel.pool.destinations.items()}


def _require_writable(app: "Hashwright") -> None:
    """Refuse a change that could not be kept now: it would be told when the disk is back, long after who asked left."""
    if app.write_state != "ok":
        raise Unavailable(
            "The journal cannot be written, so nothing was changed.", code="HW-605", hint="Make room, then try again."
        )


def _nothing(message: str, hint: str) -> OperatorError:
    error = OperatorError(message, code="HW-708", hint=hint)
    error.exit_code = EXIT_NOTHING
    return error
