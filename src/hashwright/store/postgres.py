"""The store on PostgreSQL: the same schema by the same migrations, on a server of the owner's.

One process writes: a session lock on the database holds every other off, and the writer's own connection holds a second
one, so that even after the first is lost two never write. A server whose settings lose acknowledged commits is refused
(reliability.md: `synchronous_commit=off` lost 63 of 1,158, `fsync=off` all of them and the table).

A lost connection ends the process: whether the last commit stands is known only after a new start has read it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from hashwright.errors import ConfigError, NotSupported, OperatorError, Unavailable
from hashwright.store import migrations
from hashwright.store.base import Store, refuse_newer
from hashwright.store.connection import Connection
from hashwright.store.folder import FolderLock

try:
    import psycopg
    from psycopg import conninfo
except ImportError as missing:  # the driver is an extra: SQLite needs nothing
    raise NotSupported(
        "PostgreSQL's driver is not installed. Nothing was started.",
        code="HW-619",
        hint='Install it: pip install "hashwright[postgresql]".',
    ) from missing

OWNER_LOCK: Final = 0x68617368
WRITER_LOCK: Final = 0x68617369
"""Keys of `pg_advisory_lock` in the owner's database: "hash" as a number, and the next."""
VERSION_MIN: Final = 130_000
CONNECT_TIMEOUT_S: Final = 10
LOCK_TIMEOUT_MS: Final = 1_000
TAKE_TIMEOUT_MS: Final = 3_000
"""A server lets go of a dead process's locks when it sees that: at once, or after the statement that it is in."""
ROWS_AT_ONCE: Final = 1_000
SAFE_TLS: Final = ("require", "verify-ca", "verify-full")
_LOOPBACK: Final = ("", "localhost", "127.0.0.1", "::1")
_OWN_WORDS: Final = {"BEGIN IMMEDIATE": "BEGIN"}
_TAKEN: Final = (
    "SELECT coalesce(client_addr::text, 'this computer') || ', process ' || a.pid FROM pg_locks l"
    " JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.objid = %s AND l.granted LIMIT 1"
)


class PostgresConnection:
    """A connection in autocommit mode that speaks as `store.connection.Connection` does, with question marks."""

    is_postgresql = True
    errors = (psycopg.Error,)

    def __init__(self, connection: "psycopg.Connection[Any]", *, streams: bool = False) -> None:
        self._connection = connection
        self._streams = streams
        self._cursors: list[Any] = []

    def execute(self, statement: str, parameters: Sequence[object] = (), /) -> Any:  # noqa: ANN401 (a driver's cursor)
        """Run one statement. Where this connection streams, a SELECT is fetched in pieces, not at once."""
        plain = _OWN_WORDS.get(statement) or translated(statement)
        if self._streams and plain.startswith("SELECT"):
            cursor: Any = self._connection.cursor(name=f"hw{len(self._cursors)}")
            cursor.itersize = ROWS_AT_ONCE
            self._cursors.append(cursor)
            return cursor.execute(plain, _plain(parameters))
        return self._connection.execute(plain, _plain(parameters))

    def executemany(self, statement: str, parameters: Iterable[Sequence[object]], /) -> object:
        """Run one statement for each row of parameters, in one journey to the server."""
        with self._connection.cursor() as cursor:
            cursor.executemany(translated(statement), [_plain(row) for row in parameters])
        return None

    def close(self) -> None:
        """Close it; an open transaction is taken back."""
        for cursor in self._cursors:
            with suppress(psycopg.Error):  # its transaction may have failed
                cursor.close()
        self._connection.close()


@lru_cache(maxsize=256)
def translated(statement: str) -> str:
    """Write a statement with psycopg's place-holders. None of ours has a question mark in a text."""
    return statement.replace("%", "%%").replace("?", "%s")


def _plain(parameters: Sequence[object]) -> list[object]:
    """PostgreSQL's text cannot hold a zero byte; a worker's name may, if a machine sends one."""
    return [it.replace("\x00", "\u2400") if isinstance(it, str) else it for it in parameters]


class PostgresStore(Store):
    """A database on a server, and the folder with lock and control socket. Use `open`, and `close` when done."""

    def __init__(self, folder: Path, url: str, locks: "tuple[FolderLock, psycopg.Connection[Any]] | None") -> None:
        self.folder = folder
        self._url = url
        self._locks = locks

    def __repr__(self) -> str:
        return f"<PostgresStore {where(self._url)} {'readonly' if self._locks is None else 'owner'}>"

    @classmethod
    def open(cls, folder: Path, url: str, *, readonly: bool = False) -> Self:
        """Open the database that `url` names; create or upgrade its tables unless `readonly`.

        Raises:
            OperatorError: another process has it (HW-602), its form is not ours (HW-603), the server loses commits
                (HW-606), for `readonly` there is nothing in it (HW-612).
            ConfigError: its address cannot be read, or would be reached in the clear (HW-701).
            Unavailable: the server does not answer (HW-617).
        """
        refuse_clear_text(url)
        if readonly:
            with closing(_connect(url)) as connection:
                revision = _revision(connection, url)
            if revision is None:
                raise OperatorError(
                    f"There are no books in {where(url)} yet.", code="HW-612", hint="Start the program once: hw up."
                )
            refuse_newer(revision, where(url))
            return cls(folder, url, None)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock.take(folder)
        try:
            owner = _connect(url)
            try:
                _refuse_unsafe(owner, url)
                _take(owner, OWNER_LOCK, url)
                _prepare(owner, url)
            except BaseException:
                owner.close()
                raise
        except BaseException:
            lock.close()
            raise
        return cls(folder, url, (lock, owner))

    def connect(self) -> Connection:
        """Open the connection for `GroupCommitWriter`; it alone may write while the program runs."""
        self._refuse_readonly()
        connection = _connect(self._url, lock_timeout_ms=LOCK_TIMEOUT_MS)
        try:
            _refuse_unsafe(connection, self._url)
            _take(connection, WRITER_LOCK, self._url)
        except BaseException:
            connection.close()
            raise
        return PostgresConnection(connection)

    def close(self) -> None:
        """Give database and folder free."""
        if self._locks is not None:
            lock, owner = self._locks
            owner.close()
            lock.close()

    def backup(self, target: Path) -> None:
        """Copy the books to a SQLite file while they are in use, and prove the copy before it gets its name.

        Raises:
            OperatorError: the file exists (HW-610).
            InvariantBroken: the copy does not hold (HW-604), or is not whole (HW-654).
        """
        from hashwright.store.copying import copy_books
        from hashwright.store.sqlite import draft_of

        with draft_of(target) as draft, self._reading() as source:
            copy_books(source, draft)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with closing(PostgresConnection(_connect(self._url), streams=True)) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._refuse_readonly()
        with closing(PostgresConnection(_connect(self._url, lock_timeout_ms=LOCK_TIMEOUT_MS))) as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    def _refuse_readonly(self) -> None:
        if self._locks is None:
            raise OperatorError(
                "The database was opened for reading only. Nothing was changed.",
                code="HW-611",
                hint="Ask the running Hashwright, or stop it first.",
            )


def where(url: str) -> str:
    """Name a database without its password."""
    known = conninfo.conninfo_to_dict(url)
    host = known.get("host") or "this computer"
    return f"PostgreSQL database {known.get('dbname') or known.get('user') or 'default'} on {host}"


def refuse_clear_text(url: str) -> None:
    """Raise ConfigError for an address that cannot be read, or that leaves this computer without TLS."""
    try:
        known = conninfo.conninfo_to_dict(url)
    except psycopg.Error as problem:
        raise ConfigError(
            "The address of the database cannot be read. Nothing was started.",
            code="HW-701",
            hint="It looks like postgresql://user:password@host:5432/database",
        ) from problem
    host = str(known.get("host") or known.get("hostaddr") or "")
    if host in _LOOPBACK or host.startswith("/") or known.get("sslmode") in SAFE_TLS:
        return
    raise ConfigError(
        f"{where(url)} would be reached without TLS for certain. Nothing was started.",
        code="HW-701",
        hint="Add ?sslmode=verify-full to the address (or require, which does not prove the server).",
    )


def _connect(url: str, *, lock_timeout_ms: int = 0, autocommit: bool = True) -> "psycopg.Connection[Any]":
    try:
        connection = psycopg.connect(
            url, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S, application_name="hashwright"
        )
    except psycopg.OperationalError as problem:
        raise Unavailable(
            f"{where(url)} does not answer: {str(problem).strip().splitlines()[-1][:200]}.",
            code="HW-617",
            hint="Is the server up, and may this user connect? Try psql with the same address.",
        ) from problem
    if lock_timeout_ms:
        connection.execute(f"SET lock_timeout = {lock_timeout_ms}")
    return connection


def _refuse_unsafe(connection: "psycopg.Connection[Any]", url: str) -> None:
    """Refuse a server that would lose what it acknowledged, or keep text in another form."""
    wanted: dict[str, Callable[[str], bool]] = {
        "fsync": lambda it: it == "on",
        "full_page_writes": lambda it: it == "on",
        "synchronous_commit": lambda it: it != "off",
        "server_encoding": lambda it: it == "UTF8",
        "server_version_num": lambda it: int(it) >= VERSION_MIN,
        "transaction_read_only": lambda it: it == "off",
    }
    wrong = []
    for name, is_safe in wanted.items():
        row = connection.execute(f"SHOW {name}").fetchone()
        value = "" if row is None else _text(row[0])
        if not is_safe(value):
            wrong.append(f"{name}={value}")
    if wrong:
        raise OperatorError(
            f"{where(url)} does not keep money safe: {', '.join(wrong)}. Nothing was started.",
            code="HW-606",
            hint="Set fsync, full_page_writes and synchronous_commit on; use version 13 or newer, UTF8, a primary.",
        )


def _text(value: object) -> str:
    """Read a setting; where the database's encoding is none the driver gives bytes."""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _take(connection: "psycopg.Connection[Any]", key: int, url: str) -> None:
    """Hold a lock for as long as the connection lives; wait a little for a process that died just now."""
    with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{TAKE_TIMEOUT_MS}ms",))
        connection.execute("SELECT pg_advisory_lock(%s)", (key,))
        return
    owner = connection.execute(_TAKEN, (key,)).fetchone()
    raise OperatorError(
        f"Another Hashwright ({owner[0] if owner else 'unknown'}) already uses {where(url)}. Nothing was started.",
        code="HW-602",
        hint="Talk to the running one with hw status, or give this one a database of its own.",
    )


def _prepare(owner: "psycopg.Connection[Any]", url: str) -> None:
    revision = _revision(owner, url)
    if revision is not None:
        refuse_newer(revision, where(url))
    if revision == migrations.HEAD_REVISION:
        return
    from sqlalchemy import NullPool, create_engine, insert

    from hashwright.store import schema

    # Not in autocommit: a migration that fails, or is killed, leaves nothing behind.
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connect(url, autocommit=False), poolclass=NullPool)
    with engine.begin() as connection:
        migrations.upgrade(connection)
        if revision is None:
            connection.execute(insert(schema.meta).values(key="instance", value=os.urandom(16).hex()))
    engine.dispose()


def _revision(connection: "psycopg.Connection[Any]", url: str) -> str | None:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    names = {row[0] for row in rows}
    if not names:
        return None
    if "alembic_version" in names:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])
    raise OperatorError(
        f"{where(url)} holds tables of another program ({', '.join(sorted(names)[:3])}). Nothing was changed.",
        code="HW-603",
        hint="Give Hashwright a database of its own: createdb hashwright.",
    )
