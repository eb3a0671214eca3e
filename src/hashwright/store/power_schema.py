"""The tables of power plans: each turn as it was thought, and what sun and wind were told to give (migration 0014).

Migration 0019 adds what batteries were told and answered, and what turns earned; their rows are in `power_battery`.
"""

from sqlalchemy import CheckConstraint, Column, Index, MetaData, Table, Text

from hashwright.store import dialect
from hashwright.store.ledger_schema import PACKED, number, text, whole, within

TRIGGERS = dialect.history(immutable=("power_turn",), kept=())
BATTERY_TRIGGERS = dialect.history(immutable=("battery_event", "power_outcome"), kept=())


def add_power(metadata: MetaData) -> None:
    """Describe the tables; migration 0014 creates them."""
    Table(
        "power_turn",
        metadata,
        Column("id", number, primary_key=True, autoincrement=False),
        Column("at_ms", number, nullable=False),
        Column("name", Text, nullable=False),
        Column("mode", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("seen", Text, nullable=False),
        Column("thought", Text, nullable=False),
        Column("note", Text, nullable=False),
        Index("power_turn_by_name", "name", "id"),
        within("at_ms"),
        *dialect.is_json("seen"),
        *dialect.is_json("thought"),
        CheckConstraint("state IN ('rehearsed', 'asked', 'applied', 'kept', 'failed')", name="state_known"),
        sqlite_strict=True,
    )
    Table(
        "power_told",
        metadata,
        text("name", key=True),
        whole("slot_ms", key=True),
        whole("told_w"),
        within("slot_ms"),
        within("told_w"),
        **PACKED,
    )


def add_battery(metadata: MetaData) -> None:
    """Describe the tables; migration 0019 creates them."""
    Table(
        "battery_event",
        metadata,
        Column("id", number, primary_key=True, autoincrement=False),
        Column("at_ms", number, nullable=False),
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("turn", number, nullable=False),
        Column("body", Text, nullable=False),
        Index("battery_event_by_name", "name", "id"),
        Index("battery_event_by_turn", "turn"),
        within("at_ms"),
        *dialect.is_json("body"),
        CheckConstraint("kind IN ('order', 'answer', 'trouble')", name="kind_known"),
        sqlite_strict=True,
    )
    Table(
        "power_outcome",
        metadata,
        Column("turn", number, primary_key=True, autoincrement=False),
        Column("name", Text, nullable=False),
        Column("at_ms", number, nullable=False),
        Column("until_ms", number, nullable=False),
        Column("body", Text, nullable=False),
        Index("power_outcome_by_name", "name", "at_ms"),
        within("at_ms"),
        within("until_ms"),
        *dialect.is_json("body"),
        sqlite_strict=True,
    )
