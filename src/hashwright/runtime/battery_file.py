"""A site's battery as the running program needs it: its facts and the way to it, read without numpy or the solver.

`site_file.load_site` checks the same tables with all others, in the process that thinks; here a file that does not pass
is a battery that is not commanded, with the reason.
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hashwright import registry
from hashwright.adapters.batteries.base import BatteryDriver, BatteryPlugin, CommonConfig
from hashwright.energy.battery import BatterySettings
from hashwright.energy.battery_control import ControlTerms
from hashwright.energy.settings import read_struct
from hashwright.errors import ConfigError, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandedBattery:
    """A battery that takes orders: its facts, the way to it, and what that way is."""

    terms: ControlTerms
    driver: BatteryDriver
    config: CommonConfig

    @property
    def kind(self) -> str:
        """Return the name of the way to it."""
        return self.config.kind

    def is_same(self, other: "CommandedBattery") -> bool:
        """Tell whether nothing of it was changed in the file."""
        return (self.terms, self.config) == (other.terms, other.config)


def load_battery(path: Path) -> CommandedBattery | None:
    """Return the battery of a site's file; None where the file has no [inverter].

    Raises:
        ConfigError: the file or one of the two tables is not usable (HW-894).
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise _unusable(path, f"it cannot be read: {type(problem).__name__}", ()) from problem
    inverter = table.get("inverter")
    if inverter is None:
        return None
    findings: list[Finding] = []
    battery = read_struct(BatterySettings, table.get("battery"), "battery", findings)
    plugin, config = _inverter(inverter, findings)
    if battery is None or plugin is None or config is None or findings:
        words = "; ".join(f"{it.place}: {it.message}" for it in findings[:5])
        raise _unusable(path, words, tuple(findings))
    return CommandedBattery(
        terms=battery.terms(step_w=config.step_w, least_w=config.least_w),
        driver=plugin.build(config),
        config=config,
    )


def _inverter(table: object, findings: list[Finding]) -> tuple[BatteryPlugin | None, Any]:
    kind = str(table.get("kind", "")) if isinstance(table, dict) else ""
    if kind not in registry.names("batteries"):
        known = ", ".join(registry.names("batteries"))
        findings.append(
            Finding(code="HW-840", place="inverter.kind", message=f"{kind[:40]!r} is no kind; known are {known}")
        )
        return None, None
    plugin: BatteryPlugin = registry.load("batteries", kind).PLUGIN
    return plugin, read_struct(plugin.config, table, "inverter", findings)


def _unusable(path: Path, words: str, findings: tuple[Finding, ...]) -> ConfigError:
    return ConfigError(
        f"The battery of {path.name} is not commanded: {words}.",
        code="HW-894",
        hint="docs/battery.md shows [inverter].",
        findings=findings,
    )
