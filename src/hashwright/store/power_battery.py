"""What became of power plans, in the database: what batteries were told and answered, and what turns earned.

Rows never change. A battery's order is written before it is sent, its answer after; `body` is JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hashwright.store import migrations
from hashwright.store.connection import Connection

EVENTS_KEPT_MAX = 20_000
"""A week of an order a minute and its answer; one is some 300 bytes."""
OUTCOMES_KEPT_MAX = 5_000
EVENT_COLUMNS = "id, at_ms, name, kind, turn, body"
OUTCOME_COLUMNS = "turn, name, at_ms, until_ms, body"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryEventRow:
    """An order as it was given (`order`), what became of it (`answer`), or trouble and its end (`trouble`)."""

    id: int
    at_ms: int
    name: str
    kind: str
    turn: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOutcomeRow:
    """What the time from a turn to the next was expected to bring, and what was measured."""

    turn: int
    name: str
    at_ms: int
    until_ms: int
    body: str


def write_events(connection: Connection, rows: Iterable[BatteryEventRow]) -> None:
    """Write events with the next numbers; the oldest beyond what is kept go."""
    newest = int(connection.execute("SELECT coalesce(max(id), 0) FROM battery_event", ()).fetchone()[0])
    for row in rows:
        newest += 1
        connection.execute(
            "INSERT INTO battery_event VALUES (?, ?, ?, ?, ?, ?)",
            (newest, row.at_ms, row.name, row.kind, row.turn, row.body),
        )
    connection.execute("DELETE FROM battery_event WHERE id <= ?", (newest - EVENTS_KEPT_MAX,))


def events_of(connection: Connection, name: str, *, limit: int = 50) -> list[BatteryEventRow]:
    """Read a battery's newest events, newest first."""
    return _events(connection, "name = ? ORDER BY id DESC LIMIT ?", (name, limit))


def events_of_turn(connection: Connection, turn: int) -> list[BatteryEventRow]:
    """Read what a turn's plan told its battery, oldest first."""
    return _events(connection, "turn = ? ORDER BY id LIMIT 500", (turn,))


def last_order(connection: Connection, name: str) -> BatteryEventRow | None:
    """Read what a battery was told last."""
    found = _events(connection, "name = ? AND kind = 'order' ORDER BY id DESC LIMIT 1", (name,))
    return found[0] if found else None


def write_outcome(connection: Connection, row: PowerOutcomeRow) -> None:
    """Write what became of a turn; one that is written already stays."""
    connection.execute(
        "INSERT INTO power_outcome VALUES (?, ?, ?, ?, ?) ON CONFLICT (turn) DO NOTHING",
        (row.turn, row.name, row.at_ms, row.until_ms, row.body),
    )
    connection.execute("DELETE FROM power_outcome WHERE turn <= ?", (row.turn - OUTCOMES_KEPT_MAX,))


def outcomes_since(connection: Connection, since_ms: int, *, name: str = "") -> list[PowerOutcomeRow]:
    """Read what became of turns since a moment, oldest first; of all sites where none is named."""
    if not migrations.has(connection, "battery"):
        return []
    query = (
        f"SELECT {OUTCOME_COLUMNS} FROM power_outcome"  # noqa: S608 (constants)
        " WHERE at_ms >= ? AND (name = ? OR ? = '') ORDER BY at_ms, turn"
    )
    heads = OUTCOME_COLUMNS.split(", ")
    rows = connection.execute(query, (since_ms, name, name))
    return [PowerOutcomeRow(**dict(zip(heads, row, strict=True))) for row in rows]


def _events(connection: Connection, condition: str, values: tuple[object, ...]) -> list[BatteryEventRow]:
    if not migrations.has(connection, "battery"):
        return []
    query = f"SELECT {EVENT_COLUMNS} FROM battery_event WHERE {condition}"  # noqa: S608 (constants)
    heads = EVENT_COLUMNS.split(", ")
    return [BatteryEventRow(**dict(zip(heads, row, strict=True))) for row in connection.execute(query, values)]
