"""The table of what machines did over time (migration 0023); its rows are in `machine_history`."""

from sqlalchemy import Column, LargeBinary, MetaData, Table

from hashwright.store.ledger_schema import PACKED, text, whole, within


def add_tables(metadata: MetaData) -> None:
    """Describe the table; migration 0023 creates it."""
    Table(
        "machine_history",
        metadata,
        whole("span_s", key=True),
        whole("begin_s", key=True),
        text("machine", key=True),
        Column("body", LargeBinary, nullable=False),
        within("span_s", lowest=1),
        within("begin_s"),
        **PACKED,
    )
