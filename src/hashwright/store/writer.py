"""The one thread that writes: everything queued while the last commit ran becomes one transaction.

Rules of this file:

- Commands are applied in the order they were given. A batch is wholly inside of one transaction.
- `on_commit` is called only after COMMIT returned, so after the fsync (WAL, `synchronous=FULL`). A commit that failed
  is never reported as committed.
- A full disk or a lock passes: the same commands are tried again, in the same order, until it works. It is reported
  once, and `on_commit` follows later.
- Any other error, an I/O error above all, is final: after a failed fsync the kernel may call the lost pages clean, and
  the next fsync would succeed. The thread reports `fatal` and never writes again; the caller must end the process.

Callbacks come on the writer's thread. What an event means this file does not know.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from hashwright.clock import Instant
from hashwright.errors import HashwrightError, InvariantBroken, Unavailable
from hashwright.ledger.entries import Entry, Posting
from hashwright.money import Amount, Currency
from hashwright.signals import Alert, PostEntry
from hashwright.store import commands, ledger, market
from hashwright.store.connection import Connection, checkpoint
from hashwright.store.hashchain import HEAD, read_link
from hashwright.store.journal import Batch
from hashwright.store.sums import ProjectionSums

MAX_PENDING_COMMANDS = 1_024
"""Beyond this the disk has stopped for long; the caller goes on without crediting (design.md)."""

MAX_COMMANDS_A_COMMIT = 64
"""Bounds what one failing transaction has to repeat."""

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""SQLite's own default is 1,000 pages of 4 KiB as well. Ours runs after the answers are out, and shows its errors."""

RETRY_FIRST_S = 0.01
RETRY_LAST_S = 1.0

SQLITE_BUSY = 5
SQLITE_LOCKED = 6
SQLITE_FULL = 13
SQLITE_CONSTRAINT = 19
SQLITE_IOERR_SHMSIZE = 4874
"""No room for the shared-memory file: a full disk under another name, and nothing of ours was in that write."""

POSTGRESQL_REFUSALS = ("22", "23")
"""Classes of SQLSTATE (PostgreSQL 15, appendix A): bad data, a broken constraint."""
POSTGRESQL_DISK_FULL = "53100"
POSTGRESQL_PASSING = ("40",)
"""Deadlock and the like: the server took the transaction back whole."""
POSTGRESQL_LOCKED = ("55P03", "53200", "57014")
"""A lock that waited too long, no memory, a statement that was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFailure:
    """Why nothing is being committed. `full` and `busy` pass by themselves; after `fatal` end the process."""

    kind: Literal["full", "busy", "fatal"]
    detail: str


@dataclass(slots=True, kw_only=True)
class _Command:
    apply: Callable[[Connection], None]
    done: "Future[None]"
    size: int
    committed_seq: int = 0


class GroupCommitWriter:
    """Owns the writing connection and its thread. Every method but the callbacks may be called from any thread."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        on_commit: Callable[[int], None],
        on_failure: Callable[[WriteFailure], None],
        *,
        checkpoint_bytes: int = CHECKPOINT_BYTES,
    ) -> None:
        self._connection = connect()
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._checkpoint_bytes = checkpoint_bytes
        self._unchecked_bytes = 0
        self._head = self._next_head = read_link(self._connection, HEAD)
        self._submitted_seq = self._head.seq
        self._at_ms = commands.last_at_ms(self._connection)
        self._sums = ProjectionSums(self._connection)
        self._queue: deque[_Command] = deque()
        self._changed = threading.Condition()
        self._is_closing = self._is_abandoned = False
        self._failure: WriteFailure | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        state = self._failure.kind if self._failure else "closing" if self._is_closing else "open"
        return f"<GroupCommitWriter {state} committed={self._head.seq} pending={self.pending}>"

    # ------------------------------------------------------------ what a caller may ask

    @property
    def committed_seq(self) -> int:
        """The last event that is durable."""
        return self._head.seq

    @property
    def pending(self) -> int:
        """How many commands wait for their commit."""
        return len(self._queue)

    @property
    def failure(self) -> WriteFailure | None:
        """Why nothing is being committed now, or None."""
        return self._failure

    def submit(self, batch: Batch) -> None:
        """Queue a batch; `on_commit(batch.last_seq)` follows.

        Raise InvariantBroken unless it continues the last one, and Unavailable when the queue is full or closed.
        """
        with self._changed:
            if batch.first_seq != self._submitted_seq + 1 or batch.last_seq < batch.first_seq:
                raise InvariantBroken(
                    f"A batch of events {batch.first_seq} to {batch.last_seq} was given after event"
                    f" {self._submitted_seq}.",
                    code="HW-604",
                    hint="Report this with the log and what hw admin replay --verify says.",
                )
            self._put(lambda connection: self._append(connection, batch), len(batch.blob), batch.last_seq)
            self._submitted_seq = batch.last_seq

    def submit_snapshot(self, seq: int, blob: bytes) -> "Future[None]":
        """Queue the state after event `seq`, which must have been submitted before."""
        return self._ask(lambda connection: self._snapshot(connection, seq, blob), len(blob))

    def put_outbox(self, key: str, kind: str, payload: bytes, *, at_ms: Instant | None = None) -> "Future[None]":
        """Queue the note of an outside effect; without `at_ms` it carries the time of the last batch."""
        return self._ask(
            lambda connection: commands.write_outbox(connection, key, kind, payload, created_ms=self._time(at_ms)),
            len(payload),
        )

    def outbox_done(self, key: str, answer: str, *, at_ms: Instant | None = None) -> "Future[None]":
        """Queue the answer to an outside effect."""
        return self._ask(
            lambda connection: commands.close_outbox(connection, key, answer, done_ms=self._time(at_ms)), len(answer)
        )

    def put_setting(self, kind: str, name: str, value: object, *, now: Instant) -> "Future[None]":
        """Queue a person's choice; `value` is anything JSON can say."""
        text = commands.setting_text(value)
        return self._ask(
            lambda connection: commands.write_setting(connection, kind, name, text, updated_ms=now), len(text)
        )

    def delete_setting(self, kind: str, name: str) -> "Future[None]":
        """Queue the removal of a setting."""
        return self._ask(lambda connection: commands.erase_setting(connection, kind, name), len(name))

    def prune(self, keep_after_ms: Instant) -> "Future[None]":
        """Queue the deletion of a bounded number of journal rows that snapshots cover."""

        def delete(connection: Connection) -> None:
            commands.prune_journal(connection, keep_after_ms)

        return self._ask(delete, 0)

    def transact(self, apply: Callable[[Connection], None], *, size: int = 0) -> "Future[None]":
        """Queue a function that writes within the transaction: all that it wrote stands, or nothing where it raises.

        The future is done when it is durable.
        """
        return self._ask(apply, size)

    def close(self, timeout: float) -> bool:
        """Commit what is queued, end the thread, release the database. Return whether all was committed in time [s]."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout)
        with self._changed:
            self._is_abandoned = True
            self._changed.notify_all()
        self._thread.join(RETRY_LAST_S * 2)
        return not self._queue and not self._thread.is_alive()

    # ------------------------------------------------------------ the queue

    def _ask(self, apply: Callable[[Connection], None], size: int) -> "Future[None]":
        with self._changed:
            return self._put(apply, size, 0)

    def _put(self, apply: Callable[[Connection], None], size: int, committed_seq: int) -> "Future[None]":
        if self._is_closing or len(self._queue) >= MAX_PENDING_COMMANDS or self._has_died():
            raise Unavailable(
                "The database takes nothing at present; nothing was written.",
                code="HW-605",
                hint="See hw status: is the disk full?",
            )
        command = _Command(apply=apply, done=Future(), size=size, committed_seq=committed_seq)
        self._queue.append(command)
        self._changed.notify_all()
        return command.done

    def _has_died(self) -> bool:
        return self._failure is not None and self._failure.kind == "fatal"

    def _time(self, at_ms: Instant | None) -> Instant:
        return self._at_ms if at_ms is None else at_ms

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        try:
            while group := self._next_group():
                self._commit_until_done(group)
                self._checkpoint_if_due()
            if self._queue:
                self._refuse_queued("the program ended before it could be written")
            else:
                checkpoint(self._connection)
            self._connection.close()
        except Exception as problem:
            self._die(problem)

    def _next_group(self) -> list[_Command]:
        with self._changed:
            while not self._queue and not self._is_closing:
                self._changed.wait()
            if self._is_abandoned:
                return []
            return [self._queue[index] for index in range(min(len(self._queue), MAX_COMMANDS_A_COMMIT))]

    def _commit_until_done(self, group: list[_Command]) -> None:
        delay_s = RETRY_FIRST_S
        while True:
            try:
                refused = self._commit(group)
            except Exception as problem:
                self._roll_back()
                self._report_if_passing(problem)
            else:
                return self._finish(group, refused)
            with self._changed:
                if self._is_abandoned or self._changed.wait_for(lambda: self._is_abandoned, delay_s):
                    return None
            delay_s = min(delay_s * 2, RETRY_LAST_S)

    def _commit(self, group: list[_Command]) -> dict[int, Exception]:
        refused: dict[int, Exception] = {}
        self._connection.execute("BEGIN IMMEDIATE")
        for index, command in enumerate(group):
            if command.committed_seq:
                command.apply(self._connection)
                continue
            try:
                _whole(self._connection, command.apply)
            except Exception as problem:
                if not is_refusal(problem):
                    raise
                refused[index] = problem
        self._connection.execute("COMMIT")
        return refused

    def _finish(self, group: list[_Command], refused: dict[int, Exception]) -> None:
        self._head = self._next_head
        self._sums.commit()
        self._failure = None
        self._unchecked_bytes += sum(command.size for command in group)
        with self._changed:
            for _ in group:
                self._queue.popleft()
        for index, command in enumerate(group):
            if index in refused:
                command.done.set_exception(refused[index])
            else:
                command.done.set_result(None)
            if command.committed_seq:
                self._on_commit(command.committed_seq)

    def _roll_back(self) -> None:
        self._next_head = self._head
        self._sums.rollback()
        with suppress(Exception):  # a failed COMMIT may have rolled back by itself
            self._connection.execute("ROLLBACK")

    def _report_if_passing(self, problem: Exception) -> None:
        kind = failure_kind(problem)
        if kind == "fatal":
            raise problem
        if self._failure is None or self._failure.kind != kind:
            self._failure = WriteFailure(kind=kind, detail=str(problem))
            self._on_failure(self._failure)

    def _checkpoint_if_due(self) -> None:
        if self._unchecked_bytes < self._checkpoint_bytes:
            return
        self._unchecked_bytes = 0
        try:
            checkpoint(self._connection)
        except Exception as problem:
            if failure_kind(problem) == "fatal":
                raise

    def _die(self, problem: Exception) -> None:
        self._failure = WriteFailure(kind="fatal", detail=f"{type(problem).__name__}: {problem}")
        self._refuse_queued(self._failure.detail)
        self._on_failure(self._failure)

    def _refuse_queued(self, reason: str) -> None:
        with self._changed:
            left = list(self._queue)
        for command in left:
            command.done.set_exception(Unavailable(f"Nothing was written: {reason}.", code="HW-605"))

    # ------------------------------------------------------------ commands that know the chain

    def _append(self, connection: Connection, batch: Batch) -> None:
        self._next_head = commands.append_journal(connection, batch, self._next_head)
        self._sums.add(connection, batch.rows)
        commands.write_blocks(connection, batch.rows.blocks)
        refused = [*self._post(connection, batch), *self._note_market(connection, batch)]
        commands.write_alerts(connection, [*batch.rows.alerts, *refused])
        self._at_ms = batch.at_ms

    def _post(self, connection: Connection, batch: Batch) -> list[tuple[Instant, Alert]]:
        """Post a batch's entries. One that the books refuse is told to a person: it must not stop the shares."""
        refused = []
        for now, asked in batch.rows.entries:
            try:
                _whole(connection, lambda it, now=now, asked=asked: _post_entry(it, now, asked))  # type: ignore[misc]
            except Exception as problem:
                if not is_refusal(problem):
                    raise
                text = f"An entry of the books was refused, {asked.source}: {problem}"[:500]
                refused.append((now, Alert(level="critical", code="HW-621", text=text)))
        return refused

    def _note_market(self, connection: Connection, batch: Batch) -> list[tuple[Instant, Alert]]:
        """Write the market's rows. They are for people: where the database refuses them, the shares go on."""
        if not batch.rows.market:
            return []
        try:
            _whole(connection, lambda it: market.write_market(it, batch.rows.market))
        except Exception as problem:
            if not is_refusal(problem):
                raise
            text = f"Rows of the market were refused: {problem}"[:500]
            return [(batch.at_ms, Alert(level="critical", code="HW-621", text=text))]
        return []

    def _snapshot(self, connection: Connection, seq: int, blob: bytes) -> None:
        if seq != self._next_head.seq and not commands.is_row_end(connection, seq):
            raise InvariantBroken(
                f"A snapshot was given for event {seq}, which is not the last of a committed batch.",
                code="HW-604",
                hint="Report this with the log and what hw admin replay --verify says.",
            )
        commands.write_snapshot(connection, seq, self._at_ms, blob)


def _post_entry(connection: Connection, now: Instant, asked: PostEntry) -> None:
    postings = tuple(
        Posting(account=account, amount=Amount(minor, Currency(code, exponent)))
        for account, code, exponent, minor in asked.postings
    )
    entry = Entry(source=asked.source, kind=asked.kind, at_ms=now, postings=postings, text=asked.text, link=asked.link)
    ledger.post(connection, entry)


def _whole(connection: Connection, apply: Callable[[Connection], None]) -> None:
    connection.execute("SAVEPOINT command")
    try:
        apply(connection)
    except Exception:
        with suppress(Exception):  # the transaction may be gone already; then nothing of it stands
            connection.execute("ROLLBACK TO command")
        raise
    connection.execute("RELEASE command")


def is_refusal(problem: Exception) -> bool:
    """Tell whether a single command was wrong, so that the others of its transaction can go on."""
    if isinstance(problem, HashwrightError | ValueError | TypeError):
        return True
    return _sqlstate(problem)[:2] in POSTGRESQL_REFUSALS or _result_code(problem) & 0xFF == SQLITE_CONSTRAINT


def failure_kind(problem: Exception) -> Literal["full", "busy", "fatal"]:
    """Sort a database error by its SQLite result code or PostgreSQL's SQLSTATE: does it pass by itself?

    A lost connection to a server does not: whether its last commit stands is not known, and only a start can read it.
    """
    state = _sqlstate(problem)
    if state == POSTGRESQL_DISK_FULL:
        return "full"
    if state[:2] in POSTGRESQL_PASSING or state in POSTGRESQL_LOCKED:
        return "busy"
    code = _result_code(problem)
    if code & 0xFF == SQLITE_FULL or code == SQLITE_IOERR_SHMSIZE:
        return "full"
    if code & 0xFF in (SQLITE_BUSY, SQLITE_LOCKED):
        return "busy"
    return "fatal"


def _sqlstate(problem: Exception) -> str:
    state = getattr(problem, "sqlstate", None)
    return state if isinstance(state, str) else ""


def _result_code(problem: Exception) -> int:
    code = getattr(problem, "sqlite_errorcode", None)  # sqlite3
    if code is None:
        code = getattr(problem, "extendedresult", None)  # apsw
    return code if isinstance(code, int) else 0
