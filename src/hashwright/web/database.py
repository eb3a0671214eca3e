"""The web's own small database: accounts, sessions, keys, links, stored answers, the trail, choices of how pages look.

It is a file beside the books (`web.sqlite`, 0600), not a part of them: a flood of wrong passwords must not stand in the
queue of the shares. Every function here is one short transaction; any thread may call it, and so may another process,
for SQLite keeps them apart. Only hashes of secrets are stored.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hashwright.errors import OperatorError
from hashwright.runtime.web_backup import WEB_DATABASE

NAME: Final = WEB_DATABASE
FORM: Final = 2
"""`user_version` of the file."""
BUSY_MS: Final = 2_000

TABLES: Final = """
CREATE TABLE account (
    name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    role TEXT NOT NULL CHECK (role IN ('owner', 'operator', 'member', 'buyer')),
    password TEXT NOT NULL,
    totp TEXT NOT NULL,
    totp_step INTEGER NOT NULL,
    pool TEXT NOT NULL,
    member TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    disabled_ms INTEGER,
    CHECK ((role = 'member') = (pool <> '' AND member <> ''))
) STRICT, WITHOUT ROWID;
CREATE TABLE session (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    account TEXT NOT NULL,
    link INTEGER NOT NULL,
    csrf TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE setup (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    digest BLOB NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE access_key (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    note TEXT NOT NULL,
    scopes TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    used_ms INTEGER,
    revoked_ms INTEGER
) STRICT;
CREATE TABLE link (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    note TEXT NOT NULL,
    shows_money INTEGER NOT NULL CHECK (shows_money IN (0, 1)),
    made_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER,
    revoked_ms INTEGER
) STRICT;
CREATE TABLE answer (
    who TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    status INTEGER,
    body BLOB,
    PRIMARY KEY (who, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    peer TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_immutable BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'a row of audit never changes'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'a row of audit is never deleted'); END;
"""

PREFERENCES: Final = """
CREATE TABLE preference (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
STEPS: Final = (TABLES, PREFERENCES)
"""What each form added to the one before."""


class AccessDatabase:
    """The open file. Use `open`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = threading.RLock()

    @classmethod
    def open(cls, folder: Path) -> "AccessDatabase":
        """Open or create it in a data folder.

        Raises:
            OperatorError: it is no database of ours, or of a newer program (HW-768).
        """
        path = folder / NAME
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection)
        except sqlite3.DatabaseError as problem:
            connection.close()
            raise _unusable(f"{path} cannot be read: {problem}") from problem
        return cls(connection)

    def close(self) -> None:
        """Give it free."""
        with self._turn:
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction; all of it stands, durably, or nothing where an error is raised."""
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one query."""
        with self._turn:
            return self._connection.execute(query, values).fetchall()

    def change(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run one change durably; return how many rows it touched."""
        with self.writing() as connection:
            return connection.execute(statement, values).rowcount

    def within(self, work: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401 (what the work returns)
        """Run a function in one transaction."""
        with self.writing() as connection:
            return work(connection)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    form = connection.execute("PRAGMA user_version").fetchone()[0]
    if form > FORM:
        connection.execute("ROLLBACK")
        raise _unusable(f"{NAME} was written by a newer program (form {form}, this one knows {FORM})")
    for step in STEPS[form:]:
        for statement in _statements(step):
            connection.execute(statement)
    if form < FORM:
        connection.execute(f"PRAGMA user_version = {FORM}")
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """Split a script; `executescript` would commit the transaction that it should stand in."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _unusable(problem: str) -> OperatorError:
    return OperatorError(
        f"{problem}. Nothing was changed.",
        code="HW-768",
        hint="Move it away; accounts are then made anew, and the books are not touched.",
    )
