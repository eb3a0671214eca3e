"""Destinations, routes, pins, machines and power autopilots as one TOML file: written, read and checked, compared."""

import contextlib
import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hashwright.cli.terminal import clean
from hashwright.errors import ConfigError, Finding, HashwrightError, reason_of

HEAD = (
    "Destinations, routes, pins, machines and power autopilots. Edit, then: hw admin config apply --dry-run FILE",
    "Secrets stand here by reference only: file:PATH, env:NAME or credential:NAME.",
)
SECTIONS = {
    "destination": ("name",),
    "route": ("algorithm", "author"),
    "pin": ("pattern",),
    "device": ("name",),
    "power": ("name",),
}
"""The kinds of settings that a file holds, and what of each does not stand inside its entry."""
Fleet = dict[str, dict[str, dict[str, Any]]]
"""Section, name, settings."""


def read_fleet(file: Path, *, known: Mapping[str, Mapping[str, Any]] | None = None) -> Fleet:
    """Read and check a file of destinations, routes, pins, machines and power autopilots.

    Args:
        file: the TOML file.
        known: destinations that exist beside those of the file.

    Raises:
        ConfigError: with one finding for every problem.
    """
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        table = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    except (OSError, UnicodeDecodeError, ParseError) as error:
        problem = f"{file} cannot be read: {reason_of(error)}."
        raise ConfigError(problem, code="HW-701", hint="It is TOML; see export.") from error
    fleet: Fleet = {section: _entries(table.pop(section, {})) for section in SECTIONS}
    findings = [Finding(code="HW-701", place=f"{file}, {key}", message="is not known here", hint="") for key in table]
    findings += _problems_of(fleet, known or {}, place=str(file))
    if findings:
        raise ConfigError(
            f"{file} has {len(findings)} problem{'s' * (len(findings) > 1)}. Nothing was changed.",
            code="HW-701", hint="Correct them and try again.", findings=tuple(findings),
        )  # fmt: skip
    return fleet


def _entries(section: object) -> dict[str, Any]:
    """Return a section's entries; what is no table of tables is read as entries without settings, and refused so."""
    if not isinstance(section, dict):
        return {"?": {}}
    return {name: value if isinstance(value, dict) else {} for name, value in section.items()}


def _problems_of(fleet: Fleet, known: Mapping[str, Mapping[str, Any]], *, place: str) -> list[Finding]:
    from hashwright.runtime.device_settings import parse_device
    from hashwright.runtime.power_settings import parse_power
    from hashwright.runtime.route_settings import parse_pin, parse_route
    from hashwright.runtime.setups import parse_setup

    algorithms = algorithms_of(known) | algorithms_of(fleet["destination"])
    readers: dict[str, Callable[[str, Mapping[str, Any]], object]] = {
        "destination": lambda name, value: parse_setup({"name": name, **value}),
        "route": lambda name, value: parse_route({"algorithm": name, **value}, known=algorithms),
        "pin": lambda name, value: parse_pin({"pattern": name, **value}, known=algorithms),
        "device": lambda name, value: parse_device({"name": name, **value}),
        "power": lambda name, value: parse_power({"name": name, **value}),
    }
    findings = []
    for section, read in readers.items():
        for name, value in fleet[section].items():
            try:
                read(name, value)
            except ConfigError as error:
                findings += [
                    Finding(code=item.code, place=f"{place}, {section}.{name}.{item.place}", message=item.message,
                            hint=item.hint)
                    for item in error.findings
                ]  # fmt: skip
    return findings


def algorithms_of(destinations: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the algorithm of each destination that can be read; the others are findings of their own."""
    from hashwright.runtime.destinations import DestinationSettings, coin_of
    from hashwright.runtime.setups import parse_setup

    found = {}
    for name, value in destinations.items():
        with contextlib.suppress(HashwrightError):
            settings = parse_setup({"name": name, **value})
            found[name] = (
                coin_of(settings).algorithm if isinstance(settings, DestinationSettings) else settings.algorithm
            )
    return found


def toml_of(
    destinations: Mapping[str, Mapping[str, Any]],
    *,
    routes: Mapping[str, Mapping[str, Any]] | None = None,
    pins: Mapping[str, Mapping[str, Any]] | None = None,
    devices: Mapping[str, Mapping[str, Any]] | None = None,
    powers: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Write all sections as TOML, sorted, so that the same settings are the same text."""
    import tomlkit

    document = tomlkit.document()
    for line in HEAD:
        document.add(tomlkit.comment(line))
    parts = (destinations, routes, pins, devices, powers)
    for section, entries in zip(SECTIONS, parts, strict=True):
        if entries:
            outer = tomlkit.table(is_super_table=True)
            for name in sorted(entries):
                outer.add(name, _table(entries[name]))
            document.add(section, outer)
    return tomlkit.dumps(document)


def _table(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 (tomlkit's table)
    import tomlkit

    table = tomlkit.table()
    for key in sorted(values, key=lambda key: (_is_table(values[key]), key)):  # behind a table TOML has no plain keys
        value = values[key]
        if not _is_table(value):
            if value is not None:
                table.add(key, value)
        elif isinstance(value, dict):
            if value:
                table.add(key, _table(value))
        else:
            tables = tomlkit.aot()
            for item in value:
                tables.append(_table(item))
            table.add(key, tables)
    return table


def _is_table(value: object) -> bool:
    """Tell whether a value is written as one or several tables of its own."""
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def text_of(fleet: Fleet) -> str:
    """Write all sections of a fleet."""
    return toml_of(
        fleet["destination"],
        routes=fleet["route"],
        pins=fleet["pin"],
        devices=fleet["device"],
        powers=fleet["power"],
    )


def diff_of(old: Fleet, new: Fleet, name: str) -> str:
    """Return the difference of two sets of settings as a person reads it."""
    before, after = (text_of(fleet).splitlines() for fleet in (old, new))
    lines = difflib.unified_diff(before, after, "now", name, lineterm="", n=2)
    return "\n".join(clean(line) for line in lines)
