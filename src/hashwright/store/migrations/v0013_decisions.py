"""The thirteenth form: what the autopilot saw, thought and did."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import decision_schema, dialect

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table `decision`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    decision_schema.add_decisions(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), decision_schema.DECISION_TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("why something was done is not thrown away")
