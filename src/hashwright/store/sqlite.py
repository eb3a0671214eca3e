"""The store on SQLite: opens the data folder, gives recovery what it needs, and answers people's questions.

One process holds the folder (`hashwright.lock`); in it one thread writes (`writer.py`). Each reading here is its own
short read-only connection, so it may come from any thread and from another process. The few writings here are for
start and for offline commands: while a writer runs, its queue takes them.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Engine, NullPool, Select, create_engine, event, insert, select

from hashwright.clock import Instant
from hashwright.errors import Finding, InvariantBroken, OperatorError
from hashwright.store import commands, migrations, schema
from hashwright.store.checks import database_findings
from hashwright.store.connection import Connection, connect_durable, connect_readonly
from hashwright.store.folder import DATABASE_NAME, FolderLock, refuse_network_drive, sync_folder
from hashwright.store.hashchain import ANCHOR, damaged, read_chain, read_link
from hashwright.store.journal import SCHEMA_VERSION, Snapshot, StoredBatch
from hashwright.store.projections import MINUTE_MS

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """An outside effect without an answer yet."""

    key: str
    kind: str
    payload: bytes
    created_ms: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTotal:
    """Shares of one worker with one outcome, and their work [hashes]."""

    destination: str
    worker: str
    outcome: str
    shares: int
    work: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTotal:
    """Shares for an upstream that came to one end for one reason, and their work [hashes]. `submitted` counts all."""

    destination: str
    state: str
    reason: str
    shares: int
    work: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTotal:
    """The work [hashes] that a destination was to get by the plan."""

    destination: str
    work: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRecord:
    """A block of ours. Height, worker and reward [minor units] are None where only its hash was ever seen."""

    destination: str
    block_hash: str
    height: int | None
    worker: str | None
    reward: int | None
    found_ms: Instant
    state: str
    detail: str
    confirmations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """Something that a person should know, as it was journaled."""

    number: int
    at_ms: Instant
    level: str
    code: str
    text: str


class SqliteStore:
    """An open data folder. Use `open`, and `close` when done."""

    def __init__(self, folder: Path, lock: FolderLock | None) -> None:
        self.folder = folder
        self.path = folder / DATABASE_NAME
        self._lock = lock
        self._engine: Engine = create_engine(
            "sqlite://", creator=lambda: connect_readonly(self.path), poolclass=NullPool
        )

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
        self._engine.dispose()
        if self._lock is not None:
            self._lock.close()

    # ------------------------------------------------------------ recovery

    @property
    def instance(self) -> str:
        """The name of this database, drawn once when it was created."""
        return str(self._read(select(schema.meta.c.value).where(schema.meta.c.key == "instance"))[0][0])

    def next_boot(self) -> int:
        """Count one more start of this data folder, durably, and return the number; the first is 1."""
        with self._writing() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'boot'").fetchone()
            boot = 1 if row is None else int(row[0]) + 1
            connection.execute(commands.UPSERT_META, ("boot", str(boot)))
            return boot

    def load_snapshot(self) -> Snapshot | None:
        """Load the newest snapshot that is whole; None where recovery begins at event 1.

        Raise OperatorError for one of a newer program, InvariantBroken where none is whole and the journal before is
        pruned.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT seq, at_ms, schema_version, blob, digest FROM snapshot ORDER BY seq DESC"
            ).fetchall()
            anchor = read_link(connection, ANCHOR)
        for seq, at_ms, version, blob, digest in rows:
            if digest == commands.snapshot_digest(seq, at_ms, version, blob):
                _refuse_newer_snapshot(version)
                return Snapshot(seq=seq, at_ms=Instant(at_ms), schema_version=version, blob=blob)
        if anchor.seq > 0:
            raise damaged(f"No snapshot is readable, and the journal before event {anchor.seq} is pruned.")
        return None

    def pruned_seq(self) -> int:
        """Return the last event whose journal row is gone; 0 while the journal is whole."""
        with self._reading() as connection:
            return read_link(connection, ANCHOR).seq

    def read_batches(self, after_seq: int) -> Iterator[StoredBatch]:
        """Read the journal after `after_seq`, as it stood when the reading began.

        `after_seq` is the last event of a batch; 0 begins with the oldest row that is kept.

        Raise InvariantBroken naming the row where the hash chain or the numbers do not hold.
        """
        with self._reading() as connection:
            yield from read_chain(connection, after_seq or read_link(connection, ANCHOR).seq)

    def pending_outbox(self) -> list[OutboxItem]:
        """List outside effects without an answer, oldest first."""
        table = schema.outbox.c
        query = (
            select(table.key, table.kind, table.payload, table.created_ms)
            .where(table.state == "open")
            .order_by(table.created_ms, table.key)
        )
        return [OutboxItem(**row._mapping) for row in self._read(query)]

    # ------------------------------------------------------------ settings

    def settings(self, kind: str) -> dict[str, Any]:
        """Read the settings of a kind, by name."""
        table = schema.setting.c
        query = select(table.name, table.value).where(table.kind == kind).order_by(table.name)
        return {name: json.loads(value) for name, value in self._read(query)}

    def put_setting(self, kind: str, name: str, value: object, *, now: Instant) -> None:
        """Write a person's choice durably; `value` is anything JSON can say."""
        text = commands.setting_text(value)
        with self._writing() as connection:
            commands.write_setting(connection, kind, name, text, updated_ms=now)

    def delete_setting(self, kind: str, name: str) -> None:
        """Remove a setting durably."""
        with self._writing() as connection:
            commands.erase_setting(connection, kind, name)

    # ------------------------------------------------------------ what people ask

    def work_totals(self, since_ms: Instant) -> list[WorkTotal]:
        """Sum shares and work by destination, worker and outcome, from the minute that holds `since_ms`."""
        table = schema.work.c
        query = select(table.destination, table.worker, table.outcome, table.shares, table.work).where(
            table.minute >= since_ms // MINUTE_MS
        )
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}
        for destination, worker, outcome, shares, work in self._read(query):
            key = (destination, worker, outcome)
            before = sums.get(key, (0, 0))
            sums[key] = (before[0] + shares, before[1] + int(work))
        return [
            WorkTotal(destination=key[0], worker=key[1], outcome=key[2], shares=total[0], work=total[1])
            for key, total in sorted(sums.items())
        ]

    def delivery_totals(self, since_ms: Instant) -> list[DeliveryTotal]:
        """Sum what became of work for upstreams by destination, state and reason, from the minute of `since_ms`."""
        if not self._has_delivery():
            return []
        table = schema.delivery.c
        query = select(table.destination, table.state, table.reason, table.shares, table.work).where(
            table.minute >= since_ms // MINUTE_MS
        )
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}
        for destination, state, reason, shares, work in self._read(query):
            key = (destination, state, reason)
            before = sums.get(key, (0, 0))
            sums[key] = (before[0] + shares, before[1] + int(work))
        return [
            DeliveryTotal(destination=key[0], state=key[1], reason=key[2], shares=total[0], work=total[1])
            for key, total in sorted(sums.items())
        ]

    def asked_totals(self, since_ms: Instant) -> list[AskedTotal]:
        """Sum the work that destinations were to get by the plan, from the minute that holds `since_ms`."""
        if not self._has_delivery():
            return []
        table = schema.asked.c
        query = select(table.destination, table.work).where(table.minute >= since_ms // MINUTE_MS)
        sums: dict[str, int] = {}
        for destination, work in self._read(query):
            sums[destination] = sums.get(destination, 0) + int(work)
        return [AskedTotal(destination=destination, work=work) for destination, work in sorted(sums.items())]

    def blocks(self, limit: int) -> list[BlockRecord]:
        """List our blocks, newest first."""
        query = select(schema.block).order_by(schema.block.c.found_ms.desc(), schema.block.c.block_hash).limit(limit)
        return [
            BlockRecord(**{**row._mapping, "reward": None if row.reward is None else int(row.reward)})
            for row in self._read(query)
        ]

    def alerts(self, limit: int) -> list[AlertRecord]:
        """List alerts, newest first."""
        query = select(schema.alert).order_by(schema.alert.c.id.desc()).limit(limit)
        return [
            AlertRecord(number=row.id, at_ms=row.at_ms, level=row.level, code=row.code, text=row.text)
            for row in self._read(query)
        ]

    def read_books(self, query: Callable[[Connection], T]) -> T:
        """Ask the books; every answer of one query is of the same moment.

        Raise OperatorError where the database is of a form that has no books yet.
        """
        with self._reading() as connection:
            if not migrations.has_ledger(connection):
                raise OperatorError(
                    "This database is of an older program and has no books yet. Nothing was changed.",
                    code="HW-603",
                    hint="Start the program once on it: hw up.",
                )
            return query(connection)

    def change_books(self, apply: Callable[[Connection], T]) -> T:
        """Run a function that writes into the books while no writer runs; durable, or nothing where it raises."""
        with self._writing() as connection:
            return apply(connection)

    # ------------------------------------------------------------ care

    def check(self, deep: bool = False) -> list[Finding]:
        """List what is wrong with the database; an empty list is a good one."""
        with self._reading() as connection:
            return database_findings(connection, deep=deep)

    def backup(self, target: Path) -> None:
        """Copy the database to a new file while it is in use, and prove the copy before it gets its name.

        Raise OperatorError where the file exists, InvariantBroken where the copy does not hold.
        """
        if target.exists():
            raise OperatorError(
                f"{target} exists already. Nothing was written.", code="HW-610", hint="Choose another file name."
            )
        draft = target.with_name(target.name + ".part")
        draft.unlink(missing_ok=True)
        try:
            with closing(connect_readonly(self.path)) as source, closing(sqlite3.connect(draft)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE").fetchone()
                _refuse_findings(database_findings(copy, deep=True))
            _sync_file(draft)
            draft.rename(target)
            sync_folder(target.parent)
        finally:
            draft.unlink(missing_ok=True)

    def prune(self, keep_after_ms: Instant) -> int:
        """Delete journal rows older than that instant which snapshots cover; return how many."""
        total = 0
        while True:
            with self._writing() as connection:
                count = commands.prune_journal(connection, keep_after_ms)
            if count == 0:
                return total
            total += count

    # ------------------------------------------------------------ connections

    def _read(self, query: Select[Any]) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query))

    def _has_delivery(self) -> bool:
        with self._reading() as connection:
            return migrations.has_delivery(connection)

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


def _prepare(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(_opened(path)) as connection:
        revision = _revision(connection, path)
    if revision is not None:
        _refuse_newer(revision, path)
    if revision != migrations.HEAD_REVISION:
        _migrate(path, is_new=revision is None)


def _migrate(path: Path, *, is_new: bool) -> None:
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


def _refuse_newer(revision: str, path: Path) -> None:
    if revision not in migrations.REVISIONS:
        raise OperatorError(
            f"{path} was written by a newer program (form {revision}, this one knows {migrations.HEAD_REVISION})."
            " Nothing was changed.",
            code="HW-603",
            hint="Start the newest version of Hashwright on this data folder, or restore a backup of before.",
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
    _refuse_newer(revision, path)


def _refuse_newer_snapshot(version: int) -> None:
    if version > SCHEMA_VERSION:
        raise OperatorError(
            f"The last snapshot was written by a newer program (version {version}, this one reads {SCHEMA_VERSION}).",
            code="HW-603",
            hint="Start the newest version of Hashwright on this data folder.",
        )


def _refuse_findings(findings: list[Finding]) -> None:
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
