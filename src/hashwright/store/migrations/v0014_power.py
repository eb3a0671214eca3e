"""The fourteenth form: what power plans saw, thought and did, and what sun and wind were told to give."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, power_schema

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables `power_turn` and `power_told`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    power_schema.add_power(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), power_schema.TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("why machines were switched is not thrown away")
