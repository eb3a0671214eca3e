"""What became of what decisions expected: one row a decision, written once its time is over. A row never changes."""

from dataclasses import dataclass

from hashwright.store import migrations
from hashwright.store.connection import Connection
from hashwright.store.decisions import KEPT_MAX

COLUMNS = "decision, algorithm, at_ms, until_ms, body"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """The span of one decision, from `at_ms` to the next one at `until_ms`; `body` is JSON."""

    decision: int
    algorithm: str
    at_ms: int
    until_ms: int
    body: str


def write(connection: Connection, row: OutcomeRow) -> None:
    """Write what became of a decision; one that is written already stays, and the oldest beyond what is kept goes."""
    connection.execute(
        "INSERT INTO decision_outcome VALUES (?, ?, ?, ?, ?) ON CONFLICT (decision) DO NOTHING",
        (row.decision, row.algorithm, row.at_ms, row.until_ms, row.body),
    )
    connection.execute("DELETE FROM decision_outcome WHERE decision <= ?", (row.decision - KEPT_MAX,))


def since(connection: Connection, since_ms: int, *, algorithm: str = "") -> list[OutcomeRow]:
    """Read what became of decisions since a moment, oldest first; of all algorithms where none is named."""
    if not migrations.has(connection, "outcomes"):
        return []
    condition = "at_ms >= ? AND (algorithm = ? OR ? = '') ORDER BY at_ms, decision"
    return _read(connection, condition, (since_ms, algorithm, algorithm))


def between(connection: Connection, first: int, last: int) -> dict[int, OutcomeRow]:
    """Read what became of the decisions with numbers from `first` to `last`."""
    if not migrations.has(connection, "outcomes"):
        return {}
    return {it.decision: it for it in _read(connection, "decision BETWEEN ? AND ?", (first, last))}


def _read(connection: Connection, condition: str, values: tuple[object, ...]) -> list[OutcomeRow]:
    query = f"SELECT {COLUMNS} FROM decision_outcome WHERE {condition}"  # noqa: S608 (constants)
    names = COLUMNS.split(", ")
    return [OutcomeRow(**dict(zip(names, row, strict=True))) for row in connection.execute(query, values)]
