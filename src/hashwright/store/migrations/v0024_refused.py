"""The twenty-fourth form: refused shares are found without reading the good ones."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the two indexes; what they are of stays as it is."""
    for name, table, part in (
        ("work_refused", "work", "outcome NOT IN ('accepted', 'block')"),
        ("delivery_refused", "delivery", "state IN ('rejected', 'stale', 'lost')"),
    ):
        where = sa.text(part)
        op.create_index(name, table, ["minute", "destination", "worker"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Let go of them."""
    op.drop_index("delivery_refused", "delivery")
    op.drop_index("work_refused", "work")
