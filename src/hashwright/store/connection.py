"""What the store asks of a database connection, and the settings it insists on.

Hot statements go through plain `execute` and `executemany` with question marks: `sqlite3` has them, and so has apsw,
by which the tests run the same code on a simulated disk.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from hashwright.errors import OperatorError

BUSY_TIMEOUT_MS = 1_000
"""How long SQLite itself waits for a lock before the writer reports `busy` and tries again."""

SYNCHRONOUS_FULL = 2


class Connection(Protocol):
    """A connection in autocommit mode, used by one thread at a time."""

    def execute(self, statement: str, parameters: Sequence[object] = ..., /) -> Any:  # noqa: ANN401 (a driver's cursor)
        """Run one statement; the answer can be iterated and has `fetchone`."""

    def executemany(self, statement: str, parameters: Iterable[Sequence[object]], /) -> object:
        """Run one statement for each row of parameters."""

    def close(self) -> None:
        """Release the database."""


def is_postgresql(connection: Connection) -> bool:
    """Tell whether a server stands behind it."""
    return bool(getattr(connection, "is_postgresql", False))


def errors_of(connection: Connection) -> tuple[type[Exception], ...]:
    """Return the errors of its driver beside those of SQLite."""
    return tuple(getattr(connection, "errors", ()))


def checkpoint(connection: Connection) -> None:
    """Move what was committed from the log to its place. A server does that by itself."""
    if not is_postgresql(connection):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def make_durable(connection: Connection) -> None:
    """Set WAL and `synchronous=FULL`, and raise OperatorError unless the database confirms both.

    Checkpoints are left to the writer: SQLite's own swallow their I/O errors.
    """
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}").fetchone()
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: its fsync does not reach the platter
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchone()
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    if mode != "wal" or level != SYNCHRONOUS_FULL:
        raise OperatorError(
            f"The database does not write durably here (journal_mode={mode}, synchronous={level})."
            " Nothing was started.",
            code="HW-606",
            hint="Put the data folder on a local disk: --data-dir.",
        )


def connect_durable(path: Path) -> sqlite3.Connection:
    """Open a database for writing, in autocommit mode, usable from any one thread at a time."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    make_durable(connection)
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open an existing database for reading only."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection
