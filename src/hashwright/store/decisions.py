"""Decisions of the autopilot: what it saw, what it thought, and what became of it. A row never changes."""

from dataclasses import dataclass

from hashwright.store import migrations
from hashwright.store.connection import Connection

KEPT_MAX = 100_000
"""A year of decisions every five minutes."""
COLUMNS = "id, at_ms, algorithm, mode, state, seen, thought, note"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One turn. `state` is rehearsed, asked, applied, kept or failed; `seen` and `thought` are JSON."""

    id: int
    at_ms: int
    algorithm: str
    mode: str
    state: str
    seen: str
    thought: str
    note: str


def write(connection: Connection, row: DecisionRow) -> int:
    """Write a turn and return its number; the oldest beyond what is kept goes."""
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM decision", ()).fetchone()[0]
    number_ = int(newest) + 1
    connection.execute(
        "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number_, row.at_ms, row.algorithm, row.mode, row.state, row.seen, row.thought, row.note),
    )
    connection.execute("DELETE FROM decision WHERE id <= ?", (number_ - KEPT_MAX,))
    return number_


def at(connection: Connection, algorithm: str, at_ms: int) -> DecisionRow | None:
    """Read the last turn at or before a moment."""
    return _one(connection, "algorithm = ? AND at_ms <= ? ORDER BY at_ms DESC, id DESC LIMIT 1", (algorithm, at_ms))


def numbered(connection: Connection, number_: int) -> DecisionRow | None:
    """Read a turn by its number."""
    return _one(connection, "id = ?", (number_,))


def newest(connection: Connection, *, since_ms: int = 0, limit: int = 1000) -> list[DecisionRow]:
    """Read turns since a moment, newest first."""
    return _read(connection, "at_ms >= ? ORDER BY at_ms DESC, id DESC LIMIT ?", (since_ms, limit))


def page(
    connection: Connection, *, algorithm: str = "", before: int | None = None, limit: int = 100
) -> list[DecisionRow]:
    """Read turns, newest first, older than the one with number `before`; of all algorithms where none is named."""
    condition = "(algorithm = ? OR ? = '') AND id < ? ORDER BY id DESC LIMIT ?"
    return _read(connection, condition, (algorithm, algorithm, 2**62 if before is None else before, limit))


def algorithms(connection: Connection) -> list[str]:
    """List the algorithms that decisions are kept of."""
    if not migrations.has(connection, "decisions"):
        return []
    return [row[0] for row in connection.execute("SELECT DISTINCT algorithm FROM decision ORDER BY algorithm")]


def acted(connection: Connection, algorithm: str, mode: str, since_ms: int) -> list[DecisionRow]:
    """Read the turns of a mode since a moment that changed something, or would have, oldest first."""
    condition = "algorithm = ? AND mode = ? AND at_ms >= ? AND state IN ('applied', 'rehearsed') ORDER BY id"
    return _read(connection, condition, (algorithm, mode, since_ms))


def _one(connection: Connection, condition: str, values: tuple[object, ...]) -> DecisionRow | None:
    found = _read(connection, condition, values)
    return found[0] if found else None


def _read(connection: Connection, condition: str, values: tuple[object, ...]) -> list[DecisionRow]:
    if not migrations.has(connection, "decisions"):
        return []
    query = f"SELECT {COLUMNS} FROM decision WHERE {condition}"  # noqa: S608 (constants)
    names = COLUMNS.split(", ")
    return [DecisionRow(**dict(zip(names, row, strict=True))) for row in connection.execute(query, values)]


def thinned(connection: Connection, algorithm: str, *, since_ms: int, most: int) -> list[DecisionRow]:
    """Read turns of an algorithm since a moment, oldest first: at most so many, evenly spread, with the newest."""
    if not migrations.has(connection, "decisions"):
        return []
    query = "SELECT id FROM decision WHERE algorithm = ? AND at_ms >= ? ORDER BY id DESC"
    numbers = [int(row[0]) for row in connection.execute(query, (algorithm, since_ms))]
    chosen = numbers[:: max(-(-len(numbers) // most), 1)]
    if not chosen:
        return []
    places = ", ".join("?" * len(chosen))
    return _read(connection, f"id IN ({places}) ORDER BY id", tuple(chosen))
