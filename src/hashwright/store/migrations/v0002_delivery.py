"""The second form: what was asked for each destination, and what became of the work that was sent there."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LARGEST = 2**62


def upgrade() -> None:
    """Create tables `delivery` and `asked`; earlier tables stay as they are."""
    op.create_table(
        "delivery",
        sa.Column("minute", number, primary_key=True, autoincrement=False),
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("shares", number, nullable=False),
        sa.Column("work", sa.Text, nullable=False),
        within("minute"),
        *dialect.form("target_form", "length(target) = 64", "target", "0-9a-f"),
        sa.CheckConstraint(
            "state IN ('submitted', 'accepted', 'rejected', 'stale', 'lost', 'late')", name="state_known"
        ),
        sa.CheckConstraint("length(reason) <= 64", name="reason_size"),
        within("shares", 1),
        *dialect.form("work_form", "length(work) = 39", "work", "0-9"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "asked",
        sa.Column("minute", number, primary_key=True, autoincrement=False),
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("work", sa.Text, nullable=False),
        within("minute"),
        *dialect.form("work_form", "length(work) = 39", "work", "0-9"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("the proof of delivery is not thrown away")


def within(name: str, lowest: int = 0) -> sa.CheckConstraint:
    """Bound an integer column."""
    return sa.CheckConstraint(f"{name} BETWEEN {lowest} AND {LARGEST}", name=f"{name}_range")
