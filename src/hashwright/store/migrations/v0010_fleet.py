"""The form of the fleet: what machines said last, and the measured power to hash rate of each."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import fleet

revision = "0010"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables `device_reading` and `device_curve`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    fleet.add_tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    """Refuse: what was measured is not thrown away."""
    raise NotImplementedError("what was measured of machines is not thrown away")
