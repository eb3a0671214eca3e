"""The tables, as SQLAlchemy Core metadata: the one description that migrations are compared with.

Every table is STRICT in SQLite, so a column holds its type or the statement fails. Work exceeds 64 bits and is text of
39 digits, a target is 64 hex digits, a reward is decimal text of minor units; there is no float.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
    text,
)

from hashwright.store import (
    decision_schema,
    dialect,
    fleet,
    hold,
    ledger_schema,
    machine_schema,
    market_schema,
    power_schema,
)
from hashwright.store.dialect import Trigger
from hashwright.store.reasons import REASON_CHARACTERS

WORK_DIGITS = 39
TARGET_DIGITS = 64
LARGEST = 2**62
"""Checked bound of integers, as of money (design.md, law 1): sums of two still fit 64 bits."""

metadata = MetaData()
number = BigInteger().with_variant(Integer(), "sqlite")


def _within(name: str, lowest: int = 0) -> CheckConstraint:
    return CheckConstraint(f"{name} BETWEEN {lowest} AND {LARGEST}", name=f"{name}_range")


def _form(name: str, length: int, letters: str) -> tuple[CheckConstraint, ...]:
    """Bound a text column to so many letters of a set; each dialect has its own words for it."""
    return dialect.form(f"{name}_form", f"length({name}) = {length}", name, letters)


def _one_of(name: str, *words: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{name} IN ({listed})", name=f"{name}_known")


journal = Table(
    "journal",
    metadata,
    Column("first_seq", number, primary_key=True, autoincrement=False),
    Column("last_seq", number, nullable=False, unique=True),
    Column("at_ms", number, nullable=False),
    Column("schema_version", number, nullable=False),
    Column("effects_crc", number, nullable=False),
    Column("previous_digest", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    _within("first_seq", 1),
    CheckConstraint("last_seq >= first_seq", name="seq_order"),
    _within("at_ms"),
    _within("schema_version", 1),
    CheckConstraint("effects_crc BETWEEN 0 AND 4294967295", name="effects_crc_range"),
    CheckConstraint("length(previous_digest) = 32 AND length(digest) = 32", name="digest_size"),
    sqlite_strict=True,
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("seq", number, primary_key=True, autoincrement=False),
    Column("at_ms", number, nullable=False),
    Column("schema_version", number, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    _within("seq"),
    _within("at_ms"),
    _within("schema_version", 1),
    CheckConstraint("length(digest) = 32", name="digest_size"),
    sqlite_strict=True,
)

work = Table(
    "work",
    metadata,
    Column("minute", number, primary_key=True, autoincrement=False),
    Column("destination", Text, primary_key=True),
    Column("worker", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("shares", number, nullable=False),
    Column("work", Text, nullable=False),
    _within("minute"),
    *_form("target", TARGET_DIGITS, "0-9a-f"),
    _within("shares", 1),
    *_form("work", WORK_DIGITS, "0-9"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

delivery = Table(
    "delivery",
    metadata,
    Column("minute", number, primary_key=True, autoincrement=False),
    Column("destination", Text, primary_key=True),
    Column("worker", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("shares", number, nullable=False),
    Column("work", Text, nullable=False),
    _within("minute"),
    *_form("target", TARGET_DIGITS, "0-9a-f"),
    _one_of("state", "submitted", "accepted", "rejected", "stale", "lost", "late"),
    CheckConstraint(f"length(reason) <= {REASON_CHARACTERS}", name="reason_size"),
    _within("shares", 1),
    *_form("work", WORK_DIGITS, "0-9"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

asked = Table(
    "asked",
    metadata,
    Column("minute", number, primary_key=True, autoincrement=False),
    Column("destination", Text, primary_key=True),
    Column("work", Text, nullable=False),
    _within("minute"),
    *_form("work", WORK_DIGITS, "0-9"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

WORK_REFUSED = "outcome NOT IN ('accepted', 'block')"
DELIVERY_REFUSED = "state IN ('rejected', 'stale', 'lost')"
for _name, _table, _part in (("work_refused", work, WORK_REFUSED), ("delivery_refused", delivery, DELIVERY_REFUSED)):
    Index(
        _name,
        *(_table.c[it] for it in ("minute", "destination", "worker")),
        sqlite_where=text(_part),
        postgresql_where=text(_part),
    )
    """Of shares that were refused alone: they are few, and are asked for among millions of good ones."""

block = Table(
    "block",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("block_hash", Text, primary_key=True),
    Column("height", number),
    Column("worker", Text),
    Column("reward", Text),
    Column("found_ms", number, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("confirmations", number, nullable=False),
    _within("height"),
    *dialect.form("reward_form", "", "reward", "0-9"),
    _within("found_ms"),
    _one_of("state", "found", "submitted", "refused", "confirmed", "orphaned"),
    _within("confirmations", -1),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
Index("block_found_ms", block.c.found_ms)

outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_ms", number, nullable=False),
    Column("done_ms", number),
    Column("answer", Text),
    _one_of("state", "open", "done"),
    CheckConstraint("(state = 'done') = (done_ms IS NOT NULL AND answer IS NOT NULL)", name="done_is_answered"),
    _within("created_ms"),
    _within("done_ms"),
    sqlite_strict=True,
)

alert = Table(
    "alert",
    metadata,
    Column("id", number, primary_key=True),
    Column("at_ms", number, nullable=False),
    Column("level", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("text", Text, nullable=False),
    _within("at_ms"),
    _one_of("level", "info", "warning", "critical"),
    sqlite_strict=True,
)

setting = Table(
    "setting",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_ms", number, nullable=False),
    *dialect.is_json("value"),
    _within("updated_ms"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

TRIGGERS = (
    Trigger(name="journal_is_immutable", when="BEFORE UPDATE ON journal", words="a journal row never changes"),
    Trigger(
        name="journal_is_kept",
        when="BEFORE DELETE ON journal",
        condition="OLD.last_seq > (SELECT coalesce(max(seq), -1) FROM snapshot)",
        words="a journal row is kept until a snapshot covers it",
    ),
    Trigger(name="alert_is_immutable", when="BEFORE UPDATE ON alert", words="an alert never changes"),
    Trigger(
        name="outbox_answer_is_final",
        when="BEFORE UPDATE ON outbox",
        condition="OLD.state = 'done' OR NEW.key <> OLD.key OR NEW.kind <> OLD.kind OR NEW.payload <> OLD.payload",
        words="what was sent and answered never changes",
    ),
)
"""History defends itself (design.md, law 8)."""


def _create_triggers(_target: MetaData, connection: Connection, **_options: object) -> None:
    books = (*ledger_schema.TRIGGERS, *ledger_schema.PRICE_TRIGGERS, *ledger_schema.READING_TRIGGERS, *hold.TRIGGERS)
    dialect.create_triggers(connection, (*TRIGGERS, *books, *market_schema.TRIGGERS, *decision_schema.TRIGGERS))
    dialect.create_triggers(connection, (*power_schema.TRIGGERS, *market_schema.MEMORY_TRIGGERS))
    dialect.create_triggers(connection, power_schema.BATTERY_TRIGGERS)


ledger_schema.add_tables(metadata)
ledger_schema.add_prices(metadata)
ledger_schema.add_readings(metadata)
fleet.add_tables(metadata)
market_schema.add_market(metadata)
decision_schema.add_decisions(metadata)
power_schema.add_power(metadata)
hold.add_hold_rules(metadata)
power_schema.add_battery(metadata)
decision_schema.add_outcomes(metadata)
market_schema.add_memory(metadata)
market_schema.add_memory_index(metadata)
machine_schema.add_tables(metadata)
event.listen(metadata, "after_create", _create_triggers)
