"""How a power autopilot is set, as it is stored: whose machines, by which site's file, and how far it may go."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from hashwright.errors import ConfigError, Finding

KIND: Final = "power"
Mode = Literal["dry-run", "advise", "live"]
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)


class PowerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The power autopilot of one site. Dry run unless its owner says otherwise.

    `site_file` is the site's file, `data` a folder of recorded prices, `meter` the table that the meter writes. `at` is
    the fleet's word for the site: only its machines are planned for, all where it is empty. `blind` says what machines
    do when nothing is known to plan by and the last plan is over: stay as they are, or sleep.
    """

    name: str
    site_file: str
    data: str = ""
    meter: str = ""
    at: str = ""
    mode: Mode = "dry-run"
    is_paused: bool = False
    every_s: int = 900
    hours: float = 48.0
    solver_s: float = 20.0
    price_age_max_s: int = 7200
    blind: Literal["keep", "sleep"] = "keep"
    start_percent: float = 0.0
    stop_percent: float = 0.0


BOUNDS: Final = {
    "every_s": (30, 86_400), "hours": (1, 168), "solver_s": (0, 300), "price_age_max_s": (60, 30 * 86_400),
    "start_percent": (0, 100), "stop_percent": (0, 100),
}  # fmt: skip


def parse_power(raw: Mapping[str, Any]) -> PowerSettings:
    """Read and check settings, every problem at once. Whether the site's file is good is seen when it is read.

    Raises:
        ConfigError: with one finding a problem (HW-950).
    """
    try:
        settings = msgspec.convert(dict(raw), PowerSettings)
    except msgspec.ValidationError as error:
        raise _refusal([_finding("power", str(error))]) from error
    findings = [
        _finding(key, f"{getattr(settings, key)} is not between {low:g} and {high:g}")
        for key, (low, high) in BOUNDS.items()
        if not low <= getattr(settings, key) <= high
    ]
    if not _NAME.fullmatch(settings.name):
        findings.append(_finding("name", f"{settings.name[:40]!r} is not 1 to 32 of small letters, digits, dashes"))
    findings += [
        _finding(key, f"{getattr(settings, key)!r} is not an absolute path")
        for key in ("site_file", "data", "meter")
        if getattr(settings, key) and not Path(getattr(settings, key)).is_absolute()
    ]
    if findings:
        raise _refusal(findings)
    return settings


def word_of(title: str) -> str:
    """Return a site's title as a name: small letters, digits and dashes."""
    letters = "".join(it if it.isascii() and it.isalnum() else "-" for it in title.lower())
    return "-".join(part for part in letters.split("-") if part)[:32] or "site"


def overlap(one: PowerSettings, other: PowerSettings) -> bool:
    """Tell whether two autopilots may reach the same machines: of one place, or one of them of every place."""
    return one.name != other.name and (not one.at or not other.at or one.at == other.at)


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-950", place=place, message=message, hint="hw autopilot power set --help")


def _refusal(findings: list[Finding]) -> ConfigError:
    words = "; ".join(f"{it.place}: {it.message}" for it in findings)
    return ConfigError(f"The power autopilot cannot be set so: {words}.", code="HW-950", findings=tuple(findings))
