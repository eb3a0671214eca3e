"""The seventeenth form: what the owner does with mined coins. The table is that of `store.hold.add_hold_rules`."""

import sqlalchemy as sa
from alembic import op

from hashwright.store import dialect, hold

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table `hold_rule`; earlier tables stay as they are."""
    metadata = sa.MetaData()
    hold.add_hold_rules(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    dialect.create_triggers(op.get_bind(), hold.TRIGGERS)


def downgrade() -> None:
    """Refuse: history is not thrown away."""
    raise NotImplementedError("rules that counted are not thrown away")
