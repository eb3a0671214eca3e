"""Destinations of both kinds, as they are stored: an own node, or somebody else's pool."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from hashwright.errors import ConfigError, HashwrightError
from hashwright.routing.events import PinSet, RouteSet
from hashwright.routing.records import RoutingState
from hashwright.runtime import destinations
from hashwright.runtime.destinations import DestinationSettings
from hashwright.runtime.route_settings import (
    PIN_KIND,
    ROUTE_KIND,
    event_of_pin,
    event_of_route,
    parse_pin,
    parse_route,
)
from hashwright.runtime.upstream_settings import UpstreamSettings, parse_upstream
from hashwright.signals import ORDER_PREFIX, is_order

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()
Setup = DestinationSettings | UpstreamSettings


def parse_setup(raw: Mapping[str, Any]) -> Setup:
    """Read and check a destination of either kind; an upstream has `urls`.

    Raises:
        ConfigError: with one finding a problem.
    """
    name = str(raw.get("name", ""))
    if is_order(name):
        raise ConfigError(
            f"A destination cannot be called {name[:40]!r}: names that begin with {ORDER_PREFIX} are those of orders of"
            " the market. Nothing was saved.",
            code="HW-701",
            hint="Choose another name.",
        )
    return parse_upstream(raw) if "urls" in raw else destinations.parse_destination(raw)


def reload(app: "Hashwright") -> None:
    """Read destinations and routes from the database again; what is as it was is left alone.

    A broken destination is disabled and named; the others go on.

    Raises:
        HashwrightError: a route cannot be read.
    """
    stored = app.store.settings(destinations.KIND)
    for name in [name for name in app.kernel.pool.destinations if name not in stored and not is_order(name)]:
        app.remove_destination(name)
    for name, raw in stored.items():
        try:
            settings = parse_setup(raw)
            if app.setups.get(name) != settings:
                app.set_destination(settings)
        except HashwrightError as error:
            app.disable(name, error)
    restore_routes(app)


def restore_routes(app: "Hashwright") -> None:
    """Tell the engine the stored routes and pins that it does not know; a route that it follows goes on.

    Raises:
        HashwrightError: one cannot be read.
    """
    routing = app.kernel.routing
    routes = {raw["algorithm"]: event_of_route(parse_route(raw)) for raw in app.store.settings(ROUTE_KIND).values()}
    for algorithm in [name for name, group in routing.groups.items() if group.plan is not None and name not in routes]:
        app.kernel.handle(RouteSet(algorithm, (), (), "", 0, ""))
    for route in routes.values():
        if plan_of(routing, route.algorithm) != route:
            app.kernel.handle(route)
    stored = {raw["pattern"]: event_of_pin(parse_pin(raw)) for raw in app.store.settings(PIN_KIND).values()}
    known = dict(routing.pins)
    for pattern in [pattern for pattern in known if pattern not in stored]:
        app.kernel.handle(PinSet(pattern, ""))
    for pattern, pin in stored.items():
        if known.get(pattern) != pin.destination:
            app.kernel.handle(pin)


def plan_of(routing: RoutingState, algorithm: str) -> RouteSet | None:
    """Return the route that the engine follows, or None."""
    group = routing.groups.get(algorithm)
    return None if group is None or group.failed else group.plan
