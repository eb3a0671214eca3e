"""A copy of a server's books as a SQLite file: proven like any other, and able to go on by itself.

A dump of the server's own tools cannot be proven without a server to restore it on. This copy has the same tables by
the same migrations, so the same check in depth runs over it, and `hw admin restore` puts it into a data folder.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from hashwright.errors import InvariantBroken
from hashwright.store.checks import database_findings
from hashwright.store.connection import Connection


def copy_books(source: Connection, target: Path) -> None:
    """Copy every table of one reading into a new file, and prove it.

    Raises:
        InvariantBroken: a table is not whole (HW-654), or the copy does not hold (HW-604).
    """
    from hashwright.store import schema
    from hashwright.store.sqlite import create_empty, refuse_findings

    create_empty(target)
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA foreign_keys = OFF")
        copy.execute("BEGIN IMMEDIATE")
        triggers = copy.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:  # they judge new rows one by one; these were judged, and are proven together below
            copy.execute(f'DROP TRIGGER "{name}"')
        for table in schema.metadata.sorted_tables:
            _copy_table(source, copy, table.name, [column.name for column in table.columns])
        for _, statement in triggers:
            copy.execute(statement)
        copy.execute("COMMIT")
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()
        refuse_findings(database_findings(copy, deep=True))


def _copy_table(source: Connection, copy: sqlite3.Connection, table: str, columns: list[str]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    copy.execute(f'DELETE FROM "{table}"')  # noqa: S608 (a name of our own schema)
    rows = source.execute(f'SELECT {names} FROM "{table}"')  # noqa: S608
    copy.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)  # noqa: S608
    counts = [it.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for it in (source, copy)]  # noqa: S608
    if counts[0] != counts[1]:
        raise InvariantBroken(f"Of {counts[0]} rows of {table} {counts[1]} came over. Nothing was kept.", code="HW-654")
