"""The third form: the books. Entries and postings, balances, payouts, addresses of members.

The tables are those of `store.ledger_schema`, which from now on only a later step may change: such a step has to freeze
today's form here first.
"""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, ledger_schema

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the books; earlier tables stay as they are."""
    metadata = sa.MetaData()
    ledger_schema.add_tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), ledger_schema.TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("books are not thrown away")
