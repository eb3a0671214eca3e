"""Steps from one database form to the next, applied at open; one file a step, never changed once released."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep
    from sqlalchemy import Connection

    from hashwright.store.connection import Connection as PlainConnection

FOLDER = Path(__file__).parent
REVISIONS = (
    "0001", "0002", "0003", "0004", "0005", "0010", "0011", "0013", "0014", "0016",
    "0017", "0019", "0021", "0023", "0024",
)  # fmt: skip
"""Every step in order, so that a database that is up to date opens without loading Alembic."""

HEAD_REVISION = REVISIONS[-1]


SINCE = {
    "delivery": "0002",
    "ledger": "0003",
    "prices": "0004",
    "readings": "0005",
    "fleet": "0010",
    "market": "0011",
    "decisions": "0013",
    "power": "0014",
    "outcomes": "0016",
    "hold_rules": "0017",
    "battery": "0019",
    "market_memory": "0021",
    "machine_history": "0023",
}
"""Which step brought the tables of what."""


def has(connection: "PlainConnection", what: str) -> bool:
    """Tell whether the database has the tables of this part. One of before, such as a backup, is read as it is."""
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return bool(row[0] >= SINCE[what])


def upgrade(connection: "Connection") -> None:
    """Bring the database to `HEAD_REVISION` within the transaction of this connection."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(FOLDER), version_locations=[str(FOLDER)])

    def steps(revision: str, _context: MigrationContext) -> "list[RevisionStep]":
        return script._upgrade_revs(HEAD_REVISION, revision)  # what alembic's own `command.upgrade` passes

    context = MigrationContext.configure(connection, opts={"fn": steps, "script": script})
    with Operations.context(context):
        context.run_migrations()
