"""The twenty-third form: what each machine did over time. The table is that of `store.machine_schema.add_tables`."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import machine_schema

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table `machine_history`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    machine_schema.add_tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("what machines did is not thrown away")
