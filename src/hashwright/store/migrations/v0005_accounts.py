"""The fifth form: what upstreams said of our accounts, beside what our work there was worth."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, ledger_schema

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table `account_reading`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    ledger_schema.add_readings(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), ledger_schema.READING_TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("what upstreams said is not thrown away")
