"""The table of the autopilot's decisions (migration 0013)."""

from sqlalchemy import CheckConstraint, Column, MetaData, Table, Text

from hashwright.store import dialect
from hashwright.store.ledger_schema import number, within

TRIGGERS = dialect.history(immutable=("decision",), kept=())


def add_decisions(metadata: MetaData) -> None:
    """Describe the table; migration 0013 creates it."""
    Table(
        "decision",
        metadata,
        Column("id", number, primary_key=True, autoincrement=False),
        Column("at_ms", number, nullable=False),
        Column("algorithm", Text, nullable=False),
        Column("mode", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("seen", Text, nullable=False),
        Column("thought", Text, nullable=False),
        Column("note", Text, nullable=False),
        within("at_ms"),
        *dialect.is_json("seen"),
        *dialect.is_json("thought"),
        CheckConstraint("state IN ('rehearsed', 'asked', 'applied', 'kept', 'failed')", name="state_known"),
        sqlite_strict=True,
    )
