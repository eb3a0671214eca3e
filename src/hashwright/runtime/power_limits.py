"""A site's limits on their way to the fleet engine: from the site's file at each turn, and from the meter as it writes.

The limit belongs to the site, not to a plan: it holds while the autopilot of the site is set and may act, also paused,
and also where its plan has run out. A dry run limits nothing.
"""

import asyncio
import csv
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import structlog

from hashwright.fleet.events import SiteLimitEnded, SiteLimitSet, SiteMetered
from hashwright.fleet.limits import METER_MS
from hashwright.planner.power import PowerSeen
from hashwright.runtime.power_settings import PowerSettings

if TYPE_CHECKING:
    from hashwright.runtime.autopilot_power import PowerService
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()
LOOK_S: Final = 5.0
HEAD_BYTES: Final = 1024
TAIL_BYTES: Final = 4096
STEADY_MS: Final = 20_000
STEADY_PART: Final = 0.02
NEAR_PART: Final = 0.9
"""A steady reading is told this seldom, one that moved by so much of the limit or is near it at once."""
KW: Final = 1000.0


def publish(app: "Hashwright", settings: PowerSettings, seen: PowerSeen) -> None:
    """Tell the engine what a site may draw, where it is not known so already."""
    if settings.mode == "dry-run":
        withdraw(app, settings.name)
        return
    event = limit_of(settings, seen.site, now=seen.at_ms)
    known = app.kernel.fleet.limits.get(settings.name)
    if known is None or known.settings != event:
        app.kernel.handle(event)


def withdraw(app: "Hashwright", name: str) -> None:
    """Take a site's limit away, where it has one."""
    if name in app.kernel.fleet.limits:
        app.kernel.handle(SiteLimitEnded(name))


def limit_of(settings: PowerSettings, site: dict[str, Any], *, now: int) -> SiteLimitSet:
    """Return the limit of a site's file, as it was read."""
    limits, load = site["limits"], site.get("load", {})
    hours = load.get("hours_kw") or ()
    zone = ZoneInfo(site["site"].get("zone", "UTC"))
    hour = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).hour
    base_kw = float(hours[hour]) if hours else float(load.get("base_kw", 0.0))
    return SiteLimitSet(
        key=settings.name,
        site=settings.at,
        import_w=float(limits["import_kw"]) * KW,
        base_w=base_kw * KW,
        cooling=float(site.get("cooling", 0.0)),
        export_w=float(limits.get("export_kw", 0.0)) * KW,
    )


def leave_room(site: dict[str, Any], watts: Iterable[tuple[str, float]], reserved: Mapping[str, float]) -> bool:
    """Tell whether the site's limits carry the most that each group is to draw [W], all at once and without any sun.

    Then a group may draw what its machines are rated, also where these are the large ones of it.
    """
    most = dict(reserved)
    for group, power_w in watts:
        most[group] = max(most.get(group, 0.0), power_w + reserved.get(group, 0.0))
    limits, load = site["limits"], site.get("load", {})
    gross_kw = sum(most.values()) / KW * (1 + float(site.get("cooling", 0.0)))
    base_kw = max((float(load.get("base_kw", 0.0)), *(load.get("hours_kw") or ())))
    breaker_kw = limits.get("machines_kw")
    return gross_kw + base_kw <= limits["import_kw"] and (breaker_kw is None or gross_kw <= breaker_kw)


async def watch_meter(app: "Hashwright", service: "PowerService") -> None:
    """Tell the engine what the site's meter writes, for ever; at once where it matters."""
    told = SiteMetered(service.settings.name, 0, -1.0)
    while True:
        await asyncio.sleep(LOOK_S)
        settings = service.settings
        limit = app.kernel.fleet.limits.get(settings.name)
        if not settings.meter or limit is None:
            continue
        try:
            found = await asyncio.to_thread(last_reading, Path(settings.meter), settings.name)
        except (OSError, ValueError) as problem:
            log.debug("the meter's table says nothing now", site=settings.name, problem=str(problem)[:100])
            continue
        now = app.clock.now()
        if found is None or found.at <= told.at or not -METER_MS <= now - found.at <= METER_MS:
            continue
        if says_more(told, found, most_w=limit.settings.import_w):
            told = found
            app.kernel.handle(SiteMetered(found.key, min(found.at, now), found.import_w, found.export_w))


def says_more(told: SiteMetered, found: SiteMetered, *, most_w: float) -> bool:
    """Tell whether a reading is worth a line in the journal."""
    moved = abs(found.import_w - told.import_w) > STEADY_PART * most_w
    return moved or found.import_w > NEAR_PART * most_w or found.at - told.at >= STEADY_MS


def last_reading(path: Path, key: str) -> SiteMetered | None:
    """Return the last whole line of a meter's table that says what is bought; None where none of the last does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES).partition(b"\n")[0].decode("utf-8", "replace")
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - TAIL_BYTES, 0))
        lines = file.read(TAIL_BYTES).decode("utf-8", "replace").rpartition("\n")[0].splitlines()
    names = next(csv.reader([head]))
    for line in reversed(lines):
        row = dict(zip(names, next(csv.reader([line]), []), strict=False))
        reading = _reading_of(row, key)
        if reading is not None:
            return reading
    return None


def _reading_of(row: dict[str, str], key: str) -> SiteMetered | None:
    try:
        when = datetime.fromisoformat(row["time_utc"])
        bought = float(row["import_w"])
        sold = float(row["export_w"]) if row.get("export_w", "").strip() else None
    except (KeyError, ValueError):
        return None
    if not (0 <= bought < 1e9 and (sold is None or 0 <= sold < 1e9)):
        return None
    at = round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    return SiteMetered(key, at, bought, sold)
