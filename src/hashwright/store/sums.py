"""Add to the rows of the tables of sums, whose numbers are text because they exceed 64 bits.

The sum is done in Python. As one thread writes, what it wrote last is what the table holds: a small cache spares the
reading, and is believed only after the commit.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from hashwright.errors import InvariantBroken
from hashwright.store.commands import UPSERT_ASKED, UPSERT_DELIVERY, UPSERT_WORK
from hashwright.store.connection import Connection
from hashwright.store.projections import AskedKey, DeliveryKey, Rows, WorkKey, WorkSum
from hashwright.store.reasons import StoredReasons

WORK_LIMIT = 10**39
"""NUMERIC(39, 0): a minute of 1,000 EH/s is 6e22."""

KEPT_MINUTES = 2
"""Batches come in order of time, so an older minute is rarely touched again; it is then read from the table."""

Key = TypeVar("Key", bound=WorkKey | DeliveryKey | AskedKey)


@dataclass(frozen=True, slots=True, kw_only=True)
class SumTable:
    """A table of sums: its statements, and whether its rows count shares beside work.

    `is_capped`: a sum that does not fit is held at the largest that does. A plan can ask for anything; work that was
    done cannot be that much, so there it is a fault of ours.
    """

    newest: str
    select: str
    upsert: str
    counts_shares: bool
    is_capped: bool = False


WORK = SumTable(
    newest="SELECT max(minute) FROM work",
    select="SELECT shares, work FROM work"
    " WHERE minute = ? AND destination = ? AND worker = ? AND target = ? AND outcome = ?",
    upsert=UPSERT_WORK,
    counts_shares=True,
)
DELIVERY = SumTable(
    newest="SELECT max(minute) FROM delivery",
    select="SELECT shares, work FROM delivery"
    " WHERE minute = ? AND destination = ? AND worker = ? AND target = ? AND state = ? AND reason = ?",
    upsert=UPSERT_DELIVERY,
    counts_shares=True,
)
ASKED = SumTable(
    newest="SELECT max(minute) FROM asked",
    select="SELECT 0, work FROM asked WHERE minute = ? AND destination = ?",
    upsert=UPSERT_ASKED,
    counts_shares=False,
    is_capped=True,
)


class TableSums(Generic[Key]):
    """Sums of the newest minutes, as the table holds them.

    From the minute `_complete_from` on a key that is not in the cache is not in the table either.
    """

    __slots__ = ("_complete_from", "_newest", "_pending", "_sums", "_table")

    def __init__(self, connection: Connection, table: SumTable) -> None:
        newest = connection.execute(table.newest).fetchone()[0]
        self._table = table
        self._complete_from: int = 0 if newest is None else newest + 1
        self._newest = -1
        self._sums: dict[Key, WorkSum] = {}
        self._pending: dict[Key, WorkSum] = {}

    @property
    def oldest_kept(self) -> int:
        """The minute from which on sums are remembered."""
        return self._newest - KEPT_MINUTES + 1

    def add(self, connection: Connection, rows: tuple[tuple[Key, WorkSum], ...]) -> None:
        """Add rows to the table, within the open transaction."""
        if not rows:
            return
        written = []
        for key, part in rows:
            total = self._pending[key] = self._added(self._stored(connection, key), part)
            numbers = (total.shares, f"{total.work:039d}")
            written.append((*_cells(key), *(numbers if self._table.counts_shares else numbers[1:])))
        connection.executemany(self._table.upsert, written)

    def commit(self) -> None:
        """Believe what was added: it is durable now."""
        if not self._pending:
            return
        self._sums.update(self._pending)
        newest = max(key.minute for key in self._pending)
        self._pending = {}
        if newest <= self._newest:
            return  # the walk over all sums is for a new minute only: a farm has thousands of keys
        self._newest = newest
        self._complete_from = max(self._complete_from, self.oldest_kept)
        self._sums = {key: total for key, total in self._sums.items() if key.minute >= self.oldest_kept}

    def rollback(self) -> None:
        """Forget what was added since the last commit."""
        self._pending = {}

    def _stored(self, connection: Connection, key: Key) -> WorkSum | None:
        known = self._pending.get(key) or self._sums.get(key)
        if known is not None or key.minute >= self._complete_from:
            return known
        row = connection.execute(self._table.select, _cells(key)).fetchone()
        return None if row is None else WorkSum(row[0], int(row[1]))

    def _added(self, before: WorkSum | None, part: WorkSum) -> WorkSum:
        total = part if before is None else WorkSum(before.shares + part.shares, before.work + part.work)
        if total.work < WORK_LIMIT:
            return total
        if self._table.is_capped:
            return WorkSum(total.shares, WORK_LIMIT - 1)
        raise InvariantBroken(
            f"A minute's work of {total.work} does not fit the database.",
            code="HW-609",
            hint="A share target was far too low. Report this with the log.",
        )


class ProjectionSums:
    """The three tables of sums together: what was credited, what was delivered, what was asked for."""

    __slots__ = ("_asked", "_delivery", "_reasons", "_work")

    def __init__(self, connection: Connection) -> None:
        self._work: TableSums[WorkKey] = TableSums(connection, WORK)
        self._delivery: TableSums[DeliveryKey] = TableSums(connection, DELIVERY)
        self._asked: TableSums[AskedKey] = TableSums(connection, ASKED)
        self._reasons = StoredReasons()

    def add(self, connection: Connection, rows: Rows) -> None:
        """Add the sums of a batch, within the open transaction."""
        self._work.add(connection, rows.work)
        self._delivery.add(connection, tuple((self._bounded(connection, key), part) for key, part in rows.delivery))
        self._asked.add(connection, rows.asked)

    def commit(self) -> None:
        """Believe what was added: it is durable now."""
        self._work.commit()
        self._delivery.commit()
        self._asked.commit()
        self._reasons.commit(self._delivery.oldest_kept)

    def rollback(self) -> None:
        """Forget what was added since the last commit."""
        self._work.rollback()
        self._delivery.rollback()
        self._asked.rollback()
        self._reasons.rollback()

    def _bounded(self, connection: Connection, key: DeliveryKey) -> DeliveryKey:
        reason = self._reasons.admit(connection, (key.minute, key.destination), key.reason)
        return key if reason == key.reason else key._replace(reason=reason)


def _cells(key: WorkKey | DeliveryKey | AskedKey) -> tuple[int | str, ...]:
    return tuple(cell.hex() if isinstance(cell, bytes) else cell for cell in key)
