"""The fourth form: measured prices, for valuations. The table is that of `store.ledger_schema.add_prices`."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, ledger_schema

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table `price`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    ledger_schema.add_prices(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), ledger_schema.PRICE_TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("prices that were used are not thrown away")
