"""The sixteenth form: what became of what the autopilot expected."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import decision_schema, dialect

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table `decision_outcome`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    decision_schema.add_outcomes(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), decision_schema.OUTCOME_TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("what became of a decision is not thrown away")
