"""Steps from one database form to the next, applied at open; one file a step, never changed once released."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep
    from sqlalchemy import Connection

    from hashwright.store.connection import Connection as PlainConnection

FOLDER = Path(__file__).parent
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0010", "0011", "0013", "0014", "0016", "0017")
"""Every step in order, so that a database that is up to date opens without loading Alembic."""

HEAD_REVISION = REVISIONS[-1]


def has_delivery(connection: "PlainConnection") -> bool:
    """Tell whether the database has the tables of 0002. One of before, such as a backup, is read as it is."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0002")


def has_ledger(connection: "PlainConnection") -> bool:
    """Tell whether the database has the tables of 0003."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0003")


def has_prices(connection: "PlainConnection") -> bool:
    """Tell whether the database has the table of 0004."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0004")


def has_readings(connection: "PlainConnection") -> bool:
    """Tell whether the database has the table of 0005."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0005")


def has_fleet(connection: "PlainConnection") -> bool:
    """Tell whether the database has the tables of 0010."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0010")


def has_market(connection: "PlainConnection") -> bool:
    """Tell whether the database has the tables of 0011."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0011")


def has_decisions(connection: "PlainConnection") -> bool:
    """Tell whether the database has the table of 0013."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0013")


def has_power(connection: "PlainConnection") -> bool:
    """Tell whether the database has the tables of 0014."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0014")


def has_hold_rules(connection: "PlainConnection") -> bool:
    """Tell whether the database has the table of 0017."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0017")


def has_outcomes(connection: "PlainConnection") -> bool:
    """Tell whether the database has the table of 0016."""
    return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] >= "0016")


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
