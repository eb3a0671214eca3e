"""The checks of `hw doctor` about routes and pins: does each name destinations that are there?"""

from collections.abc import Mapping
from typing import Any

from hashwright.errors import ConfigError, HashwrightError
from hashwright.runtime import destinations
from hashwright.runtime.checks import Check, failed, ok
from hashwright.runtime.destinations import DestinationSettings
from hashwright.runtime.route_settings import parse_pin, parse_route
from hashwright.runtime.setups import parse_setup

Rows = Mapping[str, Mapping[str, Any]]
"""Stored settings of one kind, by name."""


def check_routes(stored: Rows, routes: Rows, pins: Rows) -> list[Check]:
    """Check stored routes and pins against the stored destinations; empty where there are none."""
    known = {name: _algorithm_of(raw) for name, raw in stored.items()}
    return [check for raw in routes.values() for check in _route(raw, known)] + _pins(pins, known)


def _algorithm_of(raw: Mapping[str, Any]) -> str:
    """Return a destination's algorithm; an empty string where it is broken, which its own check says."""
    try:
        settings = parse_setup(raw)
        if isinstance(settings, DestinationSettings):
            return destinations.coin_of(settings).algorithm
    except HashwrightError:
        return ""
    return settings.algorithm


def _route(raw: Mapping[str, Any], known: Mapping[str, str]) -> list[Check]:
    algorithm = str(raw.get("algorithm", ""))
    try:
        settings = parse_route(raw, known={name: own or algorithm for name, own in known.items()})
    except ConfigError as error:
        fix = f"Set it again: hw route set --algo {algorithm} DEST=SHARE ..."
        return [failed(f"route of {algorithm}: {it.place}: {it.message}", it.code, fix) for it in error.findings]
    safe = f"; the safe one is {settings.safe}" if settings.safe else ""
    return [ok(f"route of {algorithm}: {', '.join(settings.targets)}{safe}")]


def _pins(pins: Rows, known: Mapping[str, str]) -> list[Check]:
    checks: list[Check] = []
    for pattern, raw in pins.items():
        try:
            parse_pin(raw, known=known)
        except ConfigError as error:
            fix = f"Take it away: hw route move '{pattern}' auto"
            checks += [failed(f"pin of {pattern}: {it.message}", it.code, fix) for it in error.findings]
    good = len(pins) - len(checks)
    return checks + ([ok(f"{good} pins name destinations that are there")] if good > 0 else [])
