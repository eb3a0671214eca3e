"""The tables of power plans (migration 0014): each turn as it was thought, and what sun and wind were told to give."""

from sqlalchemy import CheckConstraint, Column, Index, MetaData, Table, Text

from hashwright.store import dialect
from hashwright.store.ledger_schema import PACKED, number, text, whole, within

TRIGGERS = dialect.history(immutable=("power_turn",), kept=())


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
