"""What a site's meter saw: a table of readings as home automation writes it, and what a plan learns from it.

    time_utc,own_w,import_w,export_w,battery_percent
    2026-06-01T10:00,3120,0,1480,55

Only `time_utc` is needed (UTC unless it says a zone, rising); every other column may be missing, and a field may be
empty. `own_w` is what sun and wind really gave. A slot's value is the mean of its readings; a slot without one is not
known, and nothing is filled in.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np

from hashwright.energy.calendar import zone_of
from hashwright.energy.forecast_error import ForecastError, learned_error
from hashwright.energy.slots import DAY_MS, SLOT_H, SLOT_MS
from hashwright.errors import Finding

COLUMNS: Final = ("own_w", "import_w", "export_w", "battery_percent")
WATTS: Final = COLUMNS[:3]
LEARN_DAYS: Final = 30
LEVEL_AGE_MS: Final = 3_600_000
"""A battery's level that is older than an hour says nothing of now."""
LARGEST: Final = 1e9
FINDINGS_MAX: Final = 10
KW: Final = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Means of slots [W] by the slots' start [ms], and the battery's last report: its time [ms] and level [percent]."""

    slots: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    level: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSoFar:
    """What a meter saw of the local month: bought and sold [kWh], the highest quarter of an hour [kW]."""

    bought_kwh: float = 0.0
    sold_kwh: float = 0.0
    peak_kw: float | None = None


def read_meter(text: str, place: str) -> tuple[Meter, tuple[Finding, ...]]:
    """Read a meter's table; a line that is not understood is left out and is a finding (HW-956)."""
    rows = csv.DictReader(io.StringIO(text))
    if rows.fieldnames is None or "time_utc" not in rows.fieldnames:
        return Meter(), (_finding(place, "its first line names no column time_utc"),)
    sums: dict[str, dict[int, list[float]]] = {name: {} for name in WATTS}
    findings: list[Finding] = []
    level = None
    for row in rows:
        try:
            at_ms, values = _read_row(row)
        except ValueError as problem:
            findings.append(_finding(f"{place}:{rows.line_num}", str(problem)))
            continue
        slot = at_ms - at_ms % SLOT_MS
        for name in WATTS:
            if name in values:
                sums[name].setdefault(slot, []).append(values[name])
        if "battery_percent" in values and (level is None or at_ms >= level[0]):
            level = at_ms, values["battery_percent"]
    slots = {name: {at: sum(seen) / len(seen) for at, seen in table.items()} for name, table in sums.items() if table}
    return Meter(slots=slots, level=level), _few(findings, place)


def _read_row(row: Mapping[str, str | None]) -> tuple[int, dict[str, float]]:
    when = datetime.fromisoformat(str(row["time_utc"]))
    at_ms = round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    values = {}
    for name in COLUMNS:
        text = row.get(name)
        if text is None or not text.strip():
            continue
        values[name] = float(text)
        if not -LARGEST <= values[name] <= LARGEST or (name in WATTS and values[name] < 0):
            raise ValueError(f"{name} is {text.strip()[:20]!r}")
    return at_ms, values


def _few(findings: list[Finding], place: str) -> tuple[Finding, ...]:
    more = len(findings) - FINDINGS_MAX
    shown = tuple(findings[:FINDINGS_MAX])
    return shown if more <= 0 else (*shown, _finding(place, f"{more} more lines are not understood"))


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-956", place=place, message=message, hint="docs/energy.md shows a meter's table.")


def level_of(meter: Meter, *, now_ms: int) -> float | None:
    """Return what the battery reports [percent]; None where it said nothing for an hour."""
    if meter.level is None or not -SLOT_MS <= now_ms - meter.level[0] <= LEVEL_AGE_MS:
        return None
    return meter.level[1]


def error_of(told: Mapping[int, float], meter: Meter, *, now_ms: int) -> ForecastError:
    """Learn how wrong forecasts were from the last whole days (UTC): what was told [W by slot], what the meter saw."""
    seen = meter.slots.get("own_w", {})
    today = now_ms // DAY_MS
    known = {at // DAY_MS for at in told} & {at // DAY_MS for at in seen}
    days = sorted(day for day in known if today - LEARN_DAYS <= day < today)
    if not days:
        return ForecastError()
    return learned_error(_series(told, days), _series(seen, days))


def _series(values: Mapping[int, float], days: Iterable[int]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    slots = [day * DAY_MS + number * SLOT_MS for day in days for number in range(DAY_MS // SLOT_MS)]
    return np.array([values.get(at, np.nan) for at in slots], dtype=np.float64)


def month_so_far(meter: Meter, *, now_ms: int, zone: str) -> MonthSoFar:
    """Return what the meter saw of the local month before now."""
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone_of(zone))
    begin_ms = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000

    def mine(name: str) -> list[float]:
        return [watts for at, watts in meter.slots.get(name, {}).items() if begin_ms <= at < now_ms]

    bought, sold = mine("import_w"), mine("export_w")
    return MonthSoFar(
        bought_kwh=sum(bought) * SLOT_H / KW,
        sold_kwh=sum(sold) * SLOT_H / KW,
        peak_kw=max(bought) / KW if bought else None,
    )
