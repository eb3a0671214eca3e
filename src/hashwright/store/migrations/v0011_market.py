"""The eleventh form: orders of the market, and what sellers got of them."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, market_schema

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables `market_order` and `market_trade`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    market_schema.add_market(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), market_schema.TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("what was bought and sold is not thrown away")
