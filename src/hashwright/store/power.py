"""Power plans in the database: each turn with what it saw, thought and did (a row never changes), and what was told.

To be read when nothing runs, by the web and by who asks why a machine slept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hashwright.store import migrations
from hashwright.store.connection import Connection

KEPT_MAX = 5_000
"""Some seven weeks of turns every quarter of an hour; one is about 20 kB."""
TOLD_DAYS = 40
DAY_MS = 86_400_000
COLUMNS = "id, at_ms, name, mode, state, seen, thought, note"
ADD_TOLD = "INSERT INTO power_told VALUES (?, ?, ?) ON CONFLICT (name, slot_ms) DO NOTHING"
"""What was told first counts: that is what the plan of the day went by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTurnRow:
    """One turn. `state` is rehearsed, asked, applied, kept or failed; `seen` and `thought` are JSON, null for none."""

    id: int
    at_ms: int
    name: str
    mode: str
    state: str
    seen: str
    thought: str
    note: str


def write(connection: Connection, row: PowerTurnRow) -> int:
    """Write a turn and return its number; the oldest beyond what is kept goes."""
    newest_id = connection.execute("SELECT coalesce(max(id), 0) FROM power_turn", ()).fetchone()[0]
    number = int(newest_id) + 1
    connection.execute(
        "INSERT INTO power_turn VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, row.at_ms, row.name, row.mode, row.state, row.seen, row.thought, row.note),
    )
    connection.execute("DELETE FROM power_turn WHERE id <= ?", (number - KEPT_MAX,))
    return number


def numbered(connection: Connection, number: int) -> PowerTurnRow | None:
    """Read a turn by its number."""
    return _one(connection, "id = ?", (number,))


def at(connection: Connection, name: str, at_ms: int) -> PowerTurnRow | None:
    """Read the last turn of a site at or before a moment."""
    return _one(connection, "name = ? AND at_ms <= ? ORDER BY id DESC LIMIT 1", (name, at_ms))


def last_thought(connection: Connection, name: str) -> PowerTurnRow | None:
    """Read the last turn of a site that made a plan."""
    return _one(connection, "name = ? AND thought <> 'null' ORDER BY id DESC LIMIT 1", (name,))


def newest(connection: Connection, *, since_ms: int = 0, limit: int = 500) -> list[PowerTurnRow]:
    """Read turns since a moment, newest first."""
    return _read(connection, "at_ms >= ? ORDER BY id DESC LIMIT ?", (since_ms, limit))


def briefs(connection: Connection, name: str, *, limit: int) -> list[dict[str, Any]]:
    """Read a site's newest turns without what they saw and thought, newest first."""
    if not migrations.has(connection, "power"):
        return []
    query = "SELECT id, at_ms, name, mode, state, note FROM power_turn WHERE name = ? ORDER BY id DESC LIMIT ?"
    heads = ("number", "at_ms", "name", "mode", "state", "note")
    return [dict(zip(heads, row, strict=True)) for row in connection.execute(query, (name, limit))]


def names(connection: Connection) -> list[str]:
    """List the sites that ever took a turn."""
    if not migrations.has(connection, "power"):
        return []
    return [str(row[0]) for row in connection.execute("SELECT DISTINCT name FROM power_turn ORDER BY name")]


def write_told(connection: Connection, name: str, told: Iterable[tuple[int, int]], *, now_ms: int) -> None:
    """Keep what sun and wind are told to give [slot's start ms, W]; what was told of a slot before stays."""
    connection.executemany(ADD_TOLD, [(name, slot_ms, watts) for slot_ms, watts in told])
    connection.execute("DELETE FROM power_told WHERE name = ? AND slot_ms < ?", (name, now_ms - TOLD_DAYS * DAY_MS))


def read_told(connection: Connection, name: str) -> dict[int, int]:
    """Read what was told of each slot [W]."""
    if not migrations.has(connection, "power"):
        return {}
    query = "SELECT slot_ms, told_w FROM power_told WHERE name = ? ORDER BY slot_ms"
    return {int(slot_ms): int(watts) for slot_ms, watts in connection.execute(query, (name,))}


def _one(connection: Connection, condition: str, values: tuple[object, ...]) -> PowerTurnRow | None:
    found = _read(connection, condition, values)
    return found[0] if found else None


def _read(connection: Connection, condition: str, values: tuple[object, ...]) -> list[PowerTurnRow]:
    if not migrations.has(connection, "power"):
        return []
    query = f"SELECT {COLUMNS} FROM power_turn WHERE {condition}"  # noqa: S608 (constants)
    heads = COLUMNS.split(", ")
    return [PowerTurnRow(**dict(zip(heads, row, strict=True))) for row in connection.execute(query, values)]
