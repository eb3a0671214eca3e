"""What `hw fleet` and `hw find --add` ask of the running process.

Power goes through the engine, which keeps order (ramp, dwell, heat, read-back). Pools, fans and blinking go straight to
the machines (`fleet_each`).
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.adapters.devices.base import CanBlink, CanRead, CanSetFans, CanSetPools, PoolEntry
from hashwright.errors import EXIT_NOTHING, ConfigError, Finding, OperatorError, Unavailable
from hashwright.fleet import curve, health, limits
from hashwright.fleet import plan as planning
from hashwright.fleet.events import OverrideEnded, OverrideSet
from hashwright.fleet.records import Device, SiteLimit
from hashwright.fleet.wish import left_by, wish_of
from hashwright.runtime import fleet_profile
from hashwright.runtime.control import Command
from hashwright.runtime.device_settings import (
    DEVICES_MAX,
    KIND,
    RULES_KIND,
    RULES_NAME,
    parse_device,
    parse_rules,
)
from hashwright.runtime.fleet import FleetService
from hashwright.runtime.fleet_each import Work, each, shows_fans, shows_pool
from hashwright.store import commands as store_commands
from hashwright.store import fleet as rows
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

PAGE_MAX: Final = 500
FANS_LEAST: Final = 20
FOREVER_MS: Final = 2**60


def commands(app: "Hashwright") -> dict[str, Command]:
    """Return the commands of a running process."""

    async def status(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        names = arguments.get("devices")
        return page_of(app, offset=int(arguments.get("offset", 0)), only=None if names is None else set(names))

    async def set_devices(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await save_devices(app, arguments["devices"])

    async def remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await remove_devices(app, arguments["devices"])

    async def order(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return order_power(app, arguments)

    async def auto(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        names = known_names(app, arguments["devices"])
        app.kernel.handle(OverrideEnded(names))
        return {"devices": len(names)}

    async def rules(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await change_rules(app, arguments.get("changes", {}))

    async def profile(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        names = known_names(app, [arguments["device"]])
        parts = tuple(float(part) for part in arguments["parts"])
        return await fleet_profile.measure(app, names[0], parts, hold_s=float(arguments["hold_s"]))

    return {
        "fleet-status": status,
        "fleet-set": set_devices,
        "fleet-remove": remove,
        "fleet-order": order,
        "fleet-auto": auto,
        "fleet-rules": rules,
        "fleet-profile": profile,
        **each_commands(app),
    }


def each_commands(app: "Hashwright") -> dict[str, Command]:
    """Return the commands that go straight to the machines."""

    async def pools(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        entries = tuple(msgspec.convert(it, PoolEntry) for it in arguments["pools"])
        work: Work = lambda it, name: pools_of(it, name, entries)  # noqa: E731
        names = known_names(app, arguments["devices"])
        return await each(service_of(app), names, work, what="take pools", check=shows_pool(entries), stops=True)

    async def blink(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        is_on = bool(arguments.get("on", True))
        work: Work = lambda it, _: it.blink(is_on) if isinstance(it, CanBlink) else None  # noqa: E731
        return await each(service_of(app), known_names(app, arguments["devices"]), work, what="blink")

    async def fans(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        percent = fan_percent_of(arguments["percent"])
        work: Work = lambda it, _: it.set_fans(percent) if isinstance(it, CanSetFans) else None  # noqa: E731
        names = known_names(app, arguments["devices"])
        return await each(service_of(app), names, work, what="set its fans", check=shows_fans(percent), stops=True)

    return {"fleet-pools": pools, "fleet-blink": blink, "fleet-fans": fans}


def service_of(app: "Hashwright") -> FleetService:
    """Return the running service."""
    assert app.fleet is not None
    return app.fleet


# ---------------------------------------------------------------- looking


def page_of(app: "Hashwright", *, offset: int, only: set[str] | None = None) -> dict[str, Any]:
    """Return some machines with all that is known of them, and the fleet's own state."""
    service, state, now = service_of(app), app.kernel.fleet, app.clock.now()
    names = sorted(name for name in (*state.devices, *service.broken) if only is None or name in only)
    page = names[offset : offset + PAGE_MAX]
    plans = [
        {"plan": it.plan, "valid_until": it.valid_until, "author": it.author, "site": it.site}
        for it in planning.all_plans(state)
    ]
    return {
        "now": now,
        "total": len(names),
        "is_live": state.rules.is_live,
        "fault": app.kernel.engines.fleet_fault,
        "plan": plans[0] if plans else None,
        "plans": plans,
        "polls": service.polls,
        "guard": service.guard.document(),
        "limits": [limit_of(it, now) for it in state.limits.values()],
        "devices": [row_of(app, name, now) for name in page],
    }


def limit_of(limit: SiteLimit, now: int) -> dict[str, Any]:
    """Return a site's import limit: what its meter says, None where it is silent, and who sleeps for it."""
    measured = limits.is_measured(limit, now=now)
    return {
        "key": limit.settings.key,
        "import_w": limit.settings.import_w,
        "measured_w": limit.meter_w if measured else None,
        "asleep": len(limit.shed),
    }


def row_of(app: "Hashwright", name: str, now: int) -> dict[str, Any]:
    """Return one machine. Numbers that expired are None."""
    service = service_of(app)
    device = app.kernel.fleet.devices.get(name)
    if device is None:
        return {"device": name, "state": "disabled", "detail": service.broken.get(name, "")}
    settings = service.settings.get(name)
    silent_ms = app.kernel.fleet.rules.silent_ms
    reading = service.latest.get(name, device.reading)
    if reading is not None and (now - reading.at > silent_ms or device.misses >= health.MISSES_MAX):
        reading = None
    wish = wish_of(device, now=now)
    return {
        "device": name,
        "kind": device.settings.kind,
        "group": device.settings.group,
        "site": device.settings.site,
        "tags": list(device.settings.tags),
        "host": "" if settings is None else str(settings.settings.get("host", "")),
        "state": health.state_of(device, silent_ms=silent_ms, now=now),
        "model": "" if device.reading is None else device.reading.model,
        "hashrate_hs": None if reading is None else reading.hashrate_hs,
        "power_w": health.draw_w(device, silent_ms=silent_ms, now=now)
        if reading is None or "HW-505" in device.told
        else reading.power_w,
        "limit_w": None if reading is None else reading.limit_w,
        "temperature_c": None if reading is None else reading.temperature_c,
        "accepted": None if reading is None else reading.accepted,
        "rejected": None if reading is None else reading.rejected,
        "pool": "" if reading is None else reading.pool,
        "fan_percent": None if reading is None else reading.fan_percent,
        "fan_rpm": None if reading is None else reading.fan_rpm,
        "faults": [] if reading is None else list(reading.faults),
        "age_ms": None if reading is None else now - reading.at,
        "rated_w": curve.rated_w(device) or None,
        "rated_hs": curve.rated_hs(device) or None,
        "part": device.part,
        "wish": None if wish is None else {"mode": wish.mode, "part": wish.part, "author": wish.author},
        "until": None if device.override is None or device.override.until >= FOREVER_MS else device.override.until,
        "is_settled": is_settled(device, silent_ms=silent_ms, now=now),
        "waits": device.waits or left_text(app, device, now),
        "would": device.would,
        "troubles": list(device.told),
        "unsupported": list(device.unsupported),
        "detail": device.detail,
        "fail_safe": device.settings.fail_safe,
        "curve": [list(point) for point in device.settings.curve],
        "can": list(service.can(name)),
    }


def left_text(app: "Hashwright", device: Device, now: int) -> str:
    """Say who left a machine asleep, and how it wakes; nothing where nobody did."""
    by = left_by(app.kernel.fleet, device, now=now)
    return f"left asleep by {by}; to wake it: hw autopilot wake" if by else ""


def is_settled(device: Device, *, silent_ms: int, now: int) -> bool:
    """Tell whether a machine does what it should, as far as anybody knows."""
    wish = wish_of(device, now=now)
    if wish is None:
        return device.pending is None
    asleep = health.is_asleep(device, silent_ms=silent_ms, now=now)
    if device.pending is not None or asleep is None:
        return False
    return asleep if wish.mode == "sleep" else not asleep and abs(wish.part - device.part) <= 0.02


# ---------------------------------------------------------------- settings


async def save_devices(app: "Hashwright", raws: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add machines or change them: all are checked before the first is saved, and all are saved in one transaction.

    Raises:
        ConfigError: with the findings of all of them; nothing was saved.
    """
    findings: list[Finding] = []
    settings = []
    for raw in raws:
        try:
            settings.append(parse_device(raw))
        except ConfigError as error:
            findings.extend(error.findings)
    total = len({*app.kernel.fleet.devices, *(it.name for it in settings)})
    if total > DEVICES_MAX:
        findings.append(
            Finding(code="HW-112", place="devices", message=f"{total} are more than {DEVICES_MAX}", hint="")
        )
    if findings:
        raise ConfigError(
            f"{len(findings)} problem(s) with machines. Nothing was saved. {findings[0].place}: {findings[0].message}",
            code="HW-701", hint=findings[0].hint, findings=tuple(findings),
        )  # fmt: skip
    require_writable(app)
    now = app.clock.now()
    texts = {it.name: store_commands.setting_text(msgspec.to_builtins(it)) for it in settings}

    def write(connection: Connection) -> None:
        for name, text in texts.items():
            store_commands.write_setting(connection, KIND, name, text, updated_ms=now)

    await asyncio.wrap_future(app.writer.transact(write, size=sum(map(len, texts.values()))))
    curves = app.store.read_books(rows.read_curves)
    for it in settings:
        service_of(app).set_device(it, curve=curves.get(it.name, ()))
    return {"saved": [it.name for it in settings]}


async def remove_devices(app: "Hashwright", names: Iterable[str]) -> dict[str, Any]:
    """Look after machines no longer; they stay as they are."""
    chosen = known_names(app, names)
    require_writable(app)

    def write(connection: Connection) -> None:
        for name in chosen:
            store_commands.erase_setting(connection, KIND, name)
            rows.forget(connection, name)

    await asyncio.wrap_future(app.writer.transact(write))
    for name in chosen:
        service_of(app).remove(name)
    return {"removed": list(chosen)}


async def change_rules(app: "Hashwright", changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change some of the rules; without changes only say them.

    Raises:
        ConfigError: with one finding a problem.
    """
    service = service_of(app)
    before = msgspec.to_builtins(service.rules)
    if changes:
        rules = parse_rules({**before, **changes})
        require_writable(app)
        document = msgspec.to_builtins(rules)
        await asyncio.wrap_future(app.writer.put_setting(RULES_KIND, RULES_NAME, document, now=app.clock.now()))
        service.set_rules(rules)
    return {"rules": msgspec.to_builtins(service.rules), "before": before}


# ---------------------------------------------------------------- acting


def order_power(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Decide for machines as a person, for a time or until further notice."""
    names = known_names(app, arguments["devices"])
    mode = "sleep" if arguments["mode"] == "sleep" else "run"
    part = float(arguments.get("part", 1.0))
    if not 0.05 <= part <= 1:
        raise OperatorError(f"{part:.0%} is not between 5% and 100%.", code="HW-701", hint="hw fleet power 70%")
    for_s = float(arguments.get("for_s", 0))
    require_writable(app)
    until = app.clock.now() + round(for_s * 1000) if for_s > 0 else FOREVER_MS
    author = str(arguments.get("author", "hw fleet"))[:64]
    app.kernel.handle(OverrideSet(names, mode, part, until, author))  # type: ignore[arg-type]
    return {"devices": len(names), "until": until if for_s > 0 else None}


def pools_of(driver: CanRead, name: str, entries: tuple[PoolEntry, ...]) -> Awaitable[None] | None:
    """Begin to set a machine's pools, `{name}` in a user being its own; None where it has no such command."""
    own = tuple(replace(entry, user=entry.user.replace("{name}", name)) for entry in entries)
    return driver.set_pools(own) if isinstance(driver, CanSetPools) else None


def fan_percent_of(value: Any) -> int | None:  # noqa: ANN401 (as it came over the socket)
    """Read a speed of fans [%]; None gives them back to the firmware.

    Raises:
        OperatorError: it is below 20, where no machine stays cool, or above 100.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not FANS_LEAST <= value <= 100:
        raise OperatorError(f"{value}% is not between {FANS_LEAST}% and 100%.", code="HW-701", hint="hw fleet fans 60%")
    return round(value)


def known_names(app: "Hashwright", names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that there are.

    Raises:
        OperatorError: one is not known.
    """
    chosen = tuple(dict.fromkeys(str(name) for name in names))
    service = service_of(app)
    missing = [it for it in chosen if it not in app.kernel.fleet.devices and it not in service.broken]
    if missing or not chosen:
        error = OperatorError(
            f"There is no machine {missing[0]!r}." if missing else "No machine is named.", code="HW-116"
        )
        error.exit_code = EXIT_NOTHING
        raise error
    return chosen


def require_writable(app: "Hashwright") -> None:
    """Refuse a change that could not be kept now."""
    if app.write_state != "ok":
        raise Unavailable(
            "The journal cannot be written, so nothing was changed.", code="HW-605", hint="Make room, then try again."
        )
