"""Machines and the rules of power control as a person sets them: read from the database, checked, and made events.

A password stands in the settings as a reference only (`file:`, `env:`, `credential:`); it is read when the driver is
built and is nowhere else. A broken machine disables itself with a finding; the others go on.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from hashwright import registry
from hashwright.adapters.devices.base import CanRead, Plugin
from hashwright.adapters.secret import read_secret
from hashwright.errors import ConfigError, Finding, HashwrightError
from hashwright.fleet.events import DeviceSet, FailSafe, RulesSet
from hashwright.runtime.upstream_settings import SECRET_KINDS

KIND: Final = "device"
RULES_KIND: Final = "fleet"
RULES_NAME: Final = "rules"
DEVICES_MAX: Final = 20_000
TAGS_MAX: Final = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
HINT: Final = "docs/fleet.md shows each setting."


class DeviceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A machine as it is stored and exported. `settings` is what its driver takes; 0 or nothing stands for not set."""

    name: str
    kind: str
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    password_from: str = ""
    group: str = ""
    site: str = ""
    tags: tuple[str, ...] = ()
    rated_w: float = 0.0
    rated_hs: float = 0.0
    min_part: float = 1.0
    temperature_max_c: float = 0.0
    starts_a_day: int = 0
    fail_safe: Literal["", "keep", "sleep"] = ""


class RulesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rules of power control. `live`: plans act; otherwise they are rehearsed. 100 percent switches a ramp off.

    `fail_safe` is for machines that say nothing of their own. After `guard_s` without a word from us the guard acts.
    """

    live: bool = False
    start_percent: float = 10.0
    stop_percent: float = 25.0
    ramp_s: float = 10.0
    starts_a_day: int = 12
    dwell_s: float = 600.0
    temperature_max_c: float = 90.0
    settle_s: float = 120.0
    silent_s: float = 120.0
    poll_s: float = 10.0
    deadline_s: float = 5.0
    fail_safe: FailSafe = "keep"
    guard_s: float = 60.0


BOUNDS: Final = {
    "start_percent": (0.01, 100), "stop_percent": (0.01, 100), "ramp_s": (1, 3600), "starts_a_day": (1, 1000),
    "dwell_s": (0, 86400), "temperature_max_c": (30, 120), "settle_s": (5, 3600), "silent_s": (10, 3600),
    "poll_s": (1, 600), "deadline_s": (0.1, 60), "guard_s": (5, 3600),
}  # fmt: skip
DEVICE_BOUNDS: Final = {
    "rated_w": (0, 1e6), "rated_hs": (0, 1e18), "min_part": (0.05, 1), "temperature_max_c": (0, 120),
    "starts_a_day": (0, 1000),
}  # fmt: skip


def parse_device(raw: Mapping[str, Any]) -> DeviceSettings:
    """Read and check a machine, every problem at once.

    Raises:
        ConfigError: with one finding a problem.
    """
    place = f"device {str(raw.get('name', '?'))[:64]}"
    try:
        settings = msgspec.convert(dict(raw), DeviceSettings)
    except msgspec.ValidationError as error:
        raise _refusal([_finding(place, str(error))]) from error
    findings = [_finding(f"{place}, {key}", problem) for key, problem in _problems_of(settings)]
    if findings:
        raise _refusal(findings)
    return settings


def _problems_of(settings: DeviceSettings) -> list[tuple[str, str]]:
    found = [
        (key, "is not 1 to 32 of letters, digits, dot, dash and underscore")
        for key in ("group", "site")
        if getattr(settings, key) and not _WORD.fullmatch(getattr(settings, key))
    ]
    if not _NAME.fullmatch(settings.name):
        found.append(("name", "is not 1 to 63 of letters, digits, dot, dash and underscore"))
    if len(settings.tags) > TAGS_MAX or not all(_WORD.fullmatch(tag) for tag in settings.tags):
        found.append(("tags", f"are not up to {TAGS_MAX} words of letters, digits, dot, dash and underscore"))
    for key, (low, high) in DEVICE_BOUNDS.items():
        if not low <= getattr(settings, key) <= high:
            found.append((key, f"{getattr(settings, key)} is not between {low:g} and {high:g}"))
    if settings.password_from and not settings.password_from.startswith(SECRET_KINDS):
        found.append(("password_from", "names no secret: write file:PATH, env:NAME or credential:NAME"))
    return found + _driver_problems(settings)


def _driver_problems(settings: DeviceSettings) -> list[tuple[str, str]]:
    try:
        _config_of(settings)
    except HashwrightError as error:
        return [("kind", str(error))]
    except msgspec.ValidationError as error:
        return [("settings", str(error))]
    return []


def _config_of(settings: DeviceSettings) -> tuple[Plugin, msgspec.Struct]:
    plugin: Plugin = registry.load("devices", settings.kind).PLUGIN
    return plugin, msgspec.convert(settings.settings, plugin.config)


def build_driver(settings: DeviceSettings) -> CanRead:
    """Build the driver of a machine.

    Raises:
        ConfigError: its password cannot be read.
    """
    plugin, config = _config_of(settings)
    secret = read_secret(settings.password_from) if settings.password_from else ""
    return plugin.build(config, secret=secret)


def event_of_device(
    settings: DeviceSettings, curve: tuple[tuple[float, float], ...] = (), *, fail_safe: FailSafe = "keep"
) -> DeviceSet:
    """Return what the engine is told of a machine: nothing of where it is or how it is spoken to."""
    return DeviceSet(
        device=settings.name,
        kind=settings.kind,
        group=settings.group,
        site=settings.site,
        tags=settings.tags,
        rated_w=settings.rated_w,
        rated_hs=settings.rated_hs,
        min_part=settings.min_part,
        temperature_max_c=settings.temperature_max_c,
        starts_a_day=settings.starts_a_day,
        fail_safe=settings.fail_safe or fail_safe,
        curve=curve,
    )


def parse_rules(raw: Mapping[str, Any]) -> RulesSettings:
    """Read and check the rules.

    Raises:
        ConfigError: with one finding a problem.
    """
    try:
        rules = msgspec.convert(dict(raw), RulesSettings)
    except msgspec.ValidationError as error:
        raise _refusal([_finding("fleet rules", str(error))]) from error
    findings = [
        _finding(f"fleet rules, {key}", f"{getattr(rules, key)} is not between {low:g} and {high:g}")
        for key, (low, high) in BOUNDS.items()
        if not low <= getattr(rules, key) <= high
    ]
    if findings:
        raise _refusal(findings)
    return rules


def event_of_rules(rules: RulesSettings) -> RulesSet:
    """Return what the engine is told of the rules."""
    return RulesSet(
        is_live=rules.live,
        start_part=rules.start_percent / 100,
        stop_part=rules.stop_percent / 100,
        ramp_ms=round(rules.ramp_s * 1000),
        starts_a_day=rules.starts_a_day,
        dwell_ms=round(rules.dwell_s * 1000),
        temperature_max_c=rules.temperature_max_c,
        settle_ms=round(rules.settle_s * 1000),
        silent_ms=round(rules.silent_s * 1000),
    )


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-701", place=place, message=message, hint=HINT)


def _refusal(findings: list[Finding]) -> ConfigError:
    text = "; ".join(f"{finding.place}: {finding.message}" for finding in findings[:3])
    return ConfigError(f"Nothing was saved. {text}", code="HW-701", hint=HINT, findings=tuple(findings))
