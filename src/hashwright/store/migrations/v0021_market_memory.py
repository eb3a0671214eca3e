"""The twenty-first form: the market's long memory, and how orders changed. Tables of `market_schema.add_memory`."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, market_schema

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create three tables and an index; earlier tables stay as they are."""
    metadata = sa.MetaData()
    market_schema.add_memory(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    op.create_index("market_trade_seller_at", "market_trade", ["seller", "at_ms"])
    dialect.create_triggers(op.get_bind(), market_schema.MEMORY_TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("answers that were given are not thrown away")
