"""The nineteenth form: what batteries were told and answered, and what power turns earned beside what was expected."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, power_schema

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables `battery_event` and `power_outcome`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    power_schema.add_battery(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), power_schema.BATTERY_TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("what batteries were told is not thrown away")
