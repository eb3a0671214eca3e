"""The store on SQLite: a file in the data folder.

One process holds the folder (`hashwright.lock`); in it one thread writes (`writer.py`). Each reading is a short
read-only connection of its own.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from hashwright.errors import Finding, InvariantBroken, OperatorError
from hashwright.store import migrations
from hashwright.store.base import Store, refuse_newer
from hashwright.store.checks import database_findings
from hashwright.store.connection import Connection, connect_durable, connect_readonly
from hashwright.store.folder import DATABASE_NAME, FolderLock, refuse_network_drive, sync_folder
from hashwright.store.hashchain import damaged


class SqliteStore(Store):
    """An open data folder. Use `open`, and `close` when done."""

    def __init__(self, folder: Path, lock: FolderLock | None) -> None:
        self.folder = folder
        self.path = folder / DATABASE_NAME
        self._lock = lock

    def __repr__(self) -> str:
        return f"<SqliteStore {self.path} {'readonly' if self._lock is None else 'owner'}>"

    @classmethod
    def open(cls, folder: Path, *, readonly: bool = False) -> Self:
        """Open the database of a data folder; create or upgrade it unless `readonly`.

        Raise OperatorError where another process has it, where the disk cannot hold it durably, where a newer program
        wrote it, and for `readonly` where there is none.
        """
        if readonly:
            _refuse_unreadable(folder / DATABASE_NAME)
            return cls(folder, None)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network_drive(folder)
        lock = FolderLock.take(folder)
        try:
            _prepare(folder / DATABASE_NAME)
            sync_folder(folder)
            return cls(folder, lock)
        except BaseException:
            lock.close()
            raise

    def connect(self) -> Connection:
        """Open the connection for `GroupCommitWriter`."""
        self._refuse_readonly()
        return connect_durable(self.path)

    def close(self) -> None:
        """Give the data folder free."""
        if self._lock is not None:
            self._lock.close()

    # ------------------------------------------------------------ care

    def backup(self, target: Path) -> None:
        """Copy the database to a new file while it is in use, and prove the copy before it gets its name.

        Raise OperatorError where the file exists, InvariantBroken where the copy does not hold.
        """
        with (
            draft_of(target) as draft,
            closing(connect_readonly(self.path)) as source,
            closing(sqlite3.connect(draft)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()
            refuse_findings(database_findings(copy, deep=True))

    # ------------------------------------------------------------ connections

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(connect_readonly(self.path)) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._refuse_readonly()
        with closing(connect_durable(self.path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _refuse_readonly(self) -> None:
        if self._lock is None:
            raise OperatorError(
                "The database was opened for reading only. Nothing was changed.",
                code="HW-611",
                hint="Ask the running Hashwright, or stop it first.",
            )


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """Yield a file to write; durable and in its place at the end, gone where anything is raised.

    Raises:
        OperatorError: the target exists (HW-610).
    """
    if target.exists():
        raise OperatorError(
            f"{target} exists already. Nothing was written.", code="HW-610", hint="Choose another file name."
        )
    draft = target.with_name(target.name + ".part")
    draft.unlink(missing_ok=True)
    try:
        yield draft
        _sync_file(draft)
        draft.rename(target)
        sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def create_empty(path: Path) -> None:
    """Create a database of the newest form without a row of its own; only its owner may read it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    _migrate(path, is_new=False)


def _prepare(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(_opened(path)) as connection:
        revision = _revision(connection, path)
    if revision is not None:
        refuse_newer(revision, str(path))
    if revision != migrations.HEAD_REVISION:
        _migrate(path, is_new=revision is None)


def _migrate(path: Path, *, is_new: bool) -> None:
    from sqlalchemy import NullPool, create_engine, event, insert

    from hashwright.store import schema

    engine = create_engine("sqlite://", creator=lambda: connect_durable(path), poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        migrations.upgrade(connection)
        if is_new:
            connection.execute(insert(schema.meta).values(key="instance", value=os.urandom(16).hex()))
    engine.dispose()


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return connect_durable(path)
    except sqlite3.DatabaseError as problem:
        raise damaged(f"{path} cannot be read: {problem}.") from problem


def _revision(connection: Connection, path: Path) -> str | None:
    """Name the form of the database; None for an empty one. Raise OperatorError where it is somebody else's."""
    try:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not names:
            return None
        if "alembic_version" in names:
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except sqlite3.DatabaseError as problem:
        raise damaged(f"{path} cannot be read: {problem}.") from problem
    raise OperatorError(
        f"{path} is a database of another program. Nothing was changed.",
        code="HW-603",
        hint="Choose another data folder: --data-dir.",
    )


def _refuse_unreadable(path: Path) -> None:
    """Refuse for reading what is not there, or too new. An older form, such as a backup's, is read as it is."""
    revision = None
    if path.exists():
        with closing(connect_readonly(path)) as connection:
            revision = _revision(connection, path)
    if revision is None:
        raise OperatorError(
            f"There is no database in {path.parent} yet.", code="HW-612", hint="Start the program once: hw up."
        )
    refuse_newer(revision, str(path))


def refuse_findings(findings: list[Finding]) -> None:
    """Raise InvariantBroken (HW-604) where a copy does not hold."""
    if findings:
        raise InvariantBroken(
            f"The copy does not hold: {findings[0].message} ({len(findings)} findings). It was thrown away.",
            code="HW-604",
            hint="The database itself is damaged: hw admin restore.",
        )


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
