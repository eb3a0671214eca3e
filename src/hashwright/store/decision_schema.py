"""The tables of the autopilot: its decisions (migration 0013), and what became of what they expected (0016)."""

from sqlalchemy import CheckConstraint, Column, MetaData, Table, Text

from hashwright.store import dialect
from hashwright.store.ledger_schema import number, within

DECISION_TRIGGERS = dialect.history(immutable=("decision",), kept=())
OUTCOME_TRIGGERS = dialect.history(immutable=("decision_outcome",), kept=())
TRIGGERS = (*DECISION_TRIGGERS, *OUTCOME_TRIGGERS)


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


def add_outcomes(metadata: MetaData) -> None:
    """Describe the table of what became of decisions; migration 0016 creates it."""
    Table(
        "decision_outcome",
        metadata,
        Column("decision", number, primary_key=True, autoincrement=False),
        Column("algorithm", Text, nullable=False),
        Column("at_ms", number, nullable=False),
        Column("until_ms", number, nullable=False),
        Column("body", Text, nullable=False),
        within("at_ms"),
        within("until_ms"),
        *dialect.is_json("body"),
        sqlite_strict=True,
    )
