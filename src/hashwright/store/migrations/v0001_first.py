"""The first form of the database: journal, snapshots, readable tables, outbox, settings."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect
from hashwright.store.dialect import Trigger

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LARGEST = 2**62


def upgrade() -> None:
    """Create every table and trigger."""
    create_journal()
    create_projections()
    create_outside()
    dialect.create_triggers(op.get_bind(), TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("the first form has none before it")


def within(name: str, lowest: int = 0) -> sa.CheckConstraint:
    """Bound an integer column."""
    return sa.CheckConstraint(f"{name} BETWEEN {lowest} AND {LARGEST}", name=f"{name}_range")


def create_journal() -> None:
    """Create the tables of recovery."""
    op.create_table(
        "journal",
        sa.Column("first_seq", number, primary_key=True, autoincrement=False),
        sa.Column("last_seq", number, nullable=False, unique=True),
        sa.Column("at_ms", number, nullable=False),
        sa.Column("schema_version", number, nullable=False),
        sa.Column("effects_crc", number, nullable=False),
        sa.Column("previous_digest", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        within("first_seq", 1),
        sa.CheckConstraint("last_seq >= first_seq", name="seq_order"),
        within("at_ms"),
        within("schema_version", 1),
        sa.CheckConstraint("effects_crc BETWEEN 0 AND 4294967295", name="effects_crc_range"),
        sa.CheckConstraint("length(previous_digest) = 32 AND length(digest) = 32", name="digest_size"),
        sqlite_strict=True,
    )
    op.create_table(
        "snapshot",
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("at_ms", number, nullable=False),
        sa.Column("schema_version", number, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        within("seq"),
        within("at_ms"),
        within("schema_version", 1),
        sa.CheckConstraint("length(digest) = 32", name="digest_size"),
        sqlite_strict=True,
    )


def create_projections() -> None:
    """Create the tables that people read."""
    op.create_table(
        "work",
        sa.Column("minute", number, primary_key=True, autoincrement=False),
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("shares", number, nullable=False),
        sa.Column("work", sa.Text, nullable=False),
        within("minute"),
        *dialect.form("target_form", "length(target) = 64", "target", "0-9a-f"),
        within("shares", 1),
        *dialect.form("work_form", "length(work) = 39", "work", "0-9"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "block",
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("block_hash", sa.Text, primary_key=True),
        sa.Column("height", number),
        sa.Column("worker", sa.Text),
        sa.Column("reward", sa.Text),
        sa.Column("found_ms", number, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("confirmations", number, nullable=False),
        within("height"),
        *dialect.form("reward_form", "", "reward", "0-9"),
        within("found_ms"),
        sa.CheckConstraint("state IN ('found', 'submitted', 'refused', 'confirmed', 'orphaned')", name="state_known"),
        within("confirmations", -1),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("block_found_ms", "block", ["found_ms"])
    op.create_table(
        "alert",
        sa.Column("id", number, primary_key=True),
        sa.Column("at_ms", number, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        within("at_ms"),
        sa.CheckConstraint("level IN ('info', 'warning', 'critical')", name="level_known"),
        sqlite_strict=True,
    )


def create_outside() -> None:
    """Create the tables of outside effects, of settings, and of the store itself."""
    op.create_table(
        "outbox",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_ms", number, nullable=False),
        sa.Column("done_ms", number),
        sa.Column("answer", sa.Text),
        sa.CheckConstraint("state IN ('open', 'done')", name="state_known"),
        sa.CheckConstraint("(state = 'done') = (done_ms IS NOT NULL AND answer IS NOT NULL)", name="done_is_answered"),
        within("created_ms"),
        within("done_ms"),
        sqlite_strict=True,
    )
    op.create_table(
        "setting",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("updated_ms", number, nullable=False),
        *dialect.is_json("value"),
        within("updated_ms"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
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
