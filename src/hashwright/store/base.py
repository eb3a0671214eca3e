"""What every store can do, whatever database it stands on: recovery, settings, what people ask, books, checks.

A database of its own adds how it is opened, read, written and copied (`sqlite.py`, `postgres.py`). Each reading here is
short and of one moment, so it may come from any thread and from another process. The few writings here are for start
and for offline commands: while a writer runs, its queue takes them.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hashwright.clock import Instant
from hashwright.errors import Finding, OperatorError
from hashwright.store import commands, migrations
from hashwright.store.checks import database_findings
from hashwright.store.connection import Connection
from hashwright.store.hashchain import ANCHOR, damaged, read_chain, read_link
from hashwright.store.journal import SCHEMA_VERSION, Snapshot, StoredBatch
from hashwright.store.projections import CREDITED, MINUTE_MS, work_of_row

T = TypeVar("T")
LARGEST = 2**62
"""As in the schema, whose library takes longer to load than most questions take to answer."""
BLOCK_COLUMNS = (
    "destination", "block_hash", "height", "worker", "reward", "found_ms", "state", "detail", "confirmations",
)  # fmt: skip
SELECT_BLOCKS = (
    "SELECT destination, block_hash, height, worker, reward, found_ms, state, detail, confirmations FROM block"
    " ORDER BY found_ms DESC, block_hash LIMIT ?"
)
"""In the order of `BLOCK_COLUMNS`."""


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


class Store(ABC):
    """An open database."""

    folder: Path

    @abstractmethod
    def connect(self) -> Connection:
        """Open the connection for `GroupCommitWriter`."""

    @abstractmethod
    def close(self) -> None:
        """Give the database free."""

    @abstractmethod
    def backup(self, target: Path) -> None:
        """Copy the database to a new file while it is in use, and prove the copy before it gets its name."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]:
        """Open a reading of one moment."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction of its own, durable at its end."""

    # ------------------------------------------------------------ recovery

    @property
    def instance(self) -> str:
        """The name of this database, drawn once when it was created."""
        return str(self._read("SELECT value FROM meta WHERE key = 'instance'")[0][0])

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
        query = "SELECT key, kind, payload, created_ms FROM outbox WHERE state = 'open' ORDER BY created_ms, key"
        return [
            OutboxItem(key=key, kind=kind, payload=payload, created_ms=created)
            for key, kind, payload, created in self._read(query)
        ]

    # ------------------------------------------------------------ settings

    def settings(self, kind: str) -> dict[str, Any]:
        """Read the settings of a kind, by name."""
        rows = self._read("SELECT name, value FROM setting WHERE kind = ? ORDER BY name", kind)
        return {name: json.loads(value) for name, value in rows}

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
        query = (
            "SELECT destination, worker, outcome, target, sum(shares) FROM work WHERE minute >= ?"
            " GROUP BY destination, worker, outcome, target"
        )  # work exceeds what a database can sum, but all shares of one target are worth the same
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}
        for destination, worker, outcome, target, shares in self._read(query, since_ms // MINUTE_MS):
            key = (destination, worker, outcome)
            before = sums.get(key, (0, 0))
            work = work_of_row(bytes.fromhex(target), int(shares)) if outcome in CREDITED else 0
            sums[key] = (before[0] + int(shares), before[1] + work)
        return [
            WorkTotal(destination=key[0], worker=key[1], outcome=key[2], shares=total[0], work=total[1])
            for key, total in sorted(sums.items())
        ]

    def share_counts(self, begin_minute: int) -> list[tuple[int, str, int]]:
        """Count shares by minute and outcome, from a minute on."""
        query = "SELECT minute, outcome, sum(shares) FROM work WHERE minute >= ? GROUP BY minute, outcome"
        return [(int(minute), outcome, int(shares)) for minute, outcome, shares in self._read(query, begin_minute)]

    def delivery_totals(self, since_ms: Instant) -> list[DeliveryTotal]:
        """Sum what became of work for upstreams by destination, state and reason, from the minute of `since_ms`."""
        if not self._has_delivery():
            return []
        query = "SELECT destination, state, reason, shares, work FROM delivery WHERE minute >= ?"
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}
        for destination, state, reason, shares, work in self._read(query, since_ms // MINUTE_MS):
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
        query = "SELECT destination, work FROM asked WHERE minute >= ?"
        sums: dict[str, int] = {}
        for destination, work in self._read(query, since_ms // MINUTE_MS):
            sums[destination] = sums.get(destination, 0) + int(work)
        return [AskedTotal(destination=destination, work=work) for destination, work in sorted(sums.items())]

    def blocks(self, limit: int) -> list[BlockRecord]:
        """List our blocks, newest first."""
        found = []
        for row in self._read(SELECT_BLOCKS, limit):
            words = dict(zip(BLOCK_COLUMNS, row, strict=True))
            found.append(BlockRecord(**words | {"reward": None if words["reward"] is None else int(words["reward"])}))
        return found

    def alerts(self, limit: int, *, before: int = LARGEST) -> list[AlertRecord]:
        """List alerts with a number below `before`, newest first."""
        query = "SELECT id, at_ms, level, code, text FROM alert WHERE id < ? ORDER BY id DESC LIMIT ?"
        return [
            AlertRecord(number=number, at_ms=at_ms, level=level, code=code, text=text)
            for number, at_ms, level, code, text in self._read(query, before, limit)
        ]

    def read_tables(self, query: Callable[[Connection], T]) -> T:
        """Ask any tables; every answer of one query is of the same moment."""
        with self._reading() as connection:
            return query(connection)

    def read_books(self, query: Callable[[Connection], T]) -> T:
        """Ask the books; every answer of one query is of the same moment.

        Raise OperatorError where the database is of a form that has no books yet.
        """
        with self._reading() as connection:
            if not migrations.has(connection, "ledger"):
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

    def prune(self, keep_after_ms: Instant) -> int:
        """Delete journal rows older than that instant which snapshots cover; return how many."""
        total = 0
        while True:
            with self._writing() as connection:
                count = commands.prune_journal(connection, keep_after_ms)
            if count == 0:
                return total
            total += count

    def _read(self, query: str, *parameters: object) -> list[Any]:
        with self._reading() as connection:
            return list(connection.execute(query, parameters).fetchall())

    def _has_delivery(self) -> bool:
        with self._reading() as connection:
            return migrations.has(connection, "delivery")


def refuse_newer(revision: str, place: str) -> None:
    """Raise OperatorError for a form that only a newer program knows."""
    if revision not in migrations.REVISIONS:
        raise OperatorError(
            f"{place} was written by a newer program (form {revision}, this one knows {migrations.HEAD_REVISION})."
            " Nothing was changed.",
            code="HW-603",
            hint="Start the newest version of Hashwright on this data folder, or restore a backup of before.",
        )


def _refuse_newer_snapshot(version: int) -> None:
    if version > SCHEMA_VERSION:
        raise OperatorError(
            f"The last snapshot was written by a newer program (version {version}, this one reads {SCHEMA_VERSION}).",
            code="HW-603",
            hint="Start the newest version of Hashwright on this data folder.",
        )
