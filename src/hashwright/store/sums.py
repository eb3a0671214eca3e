"""Add to the rows of table `work`, whose numbers are text because they exceed 64 bits.

The sum is done in Python. As one thread writes, what it wrote last is what the table holds: a small cache spares the
reading, and is believed only after the commit.
"""

from hashwright.errors import InvariantBroken
from hashwright.store.commands import UPSERT_WORK
from hashwright.store.connection import Connection
from hashwright.store.projections import WorkKey, WorkSum

WORK_LIMIT = 10**39
"""NUMERIC(39, 0): a minute of 1,000 EH/s is 6e22."""

KEPT_MINUTES = 2
"""Batches come in order of time, so an older minute is rarely touched again; it is then read from the table."""

SELECT_WORK = (
    "SELECT shares, work FROM work WHERE minute = ? AND destination = ? AND worker = ? AND target = ? AND outcome = ?"
)

Cells = tuple[int, str, str, str, str]


class WorkSums:
    """Sums of the newest minutes, as the table holds them.

    From the minute `_complete_from` on a key that is not in the cache is not in the table either.
    """

    __slots__ = ("_complete_from", "_newest", "_pending", "_sums")

    def __init__(self, connection: Connection) -> None:
        newest = connection.execute("SELECT max(minute) FROM work").fetchone()[0]
        self._complete_from: int = 0 if newest is None else newest + 1
        self._newest = -1
        self._sums: dict[WorkKey, WorkSum] = {}
        self._pending: dict[WorkKey, WorkSum] = {}

    def add(self, connection: Connection, rows: tuple[tuple[WorkKey, WorkSum], ...]) -> None:
        """Add rows to the table, within the open transaction."""
        if not rows:
            return
        written = []
        for key, part in rows:
            total = self._pending[key] = _added(self._stored(connection, key), part)
            written.append((*_cells(key), total.shares, f"{total.work:039d}"))
        connection.executemany(UPSERT_WORK, written)

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
        oldest = newest - KEPT_MINUTES + 1
        self._complete_from = max(self._complete_from, oldest)
        self._sums = {key: total for key, total in self._sums.items() if key.minute >= oldest}

    def rollback(self) -> None:
        """Forget what was added since the last commit."""
        self._pending = {}

    def _stored(self, connection: Connection, key: WorkKey) -> WorkSum | None:
        known = self._pending.get(key) or self._sums.get(key)
        if known is not None or key.minute >= self._complete_from:
            return known
        row = connection.execute(SELECT_WORK, _cells(key)).fetchone()
        return None if row is None else WorkSum(row[0], int(row[1]))


def _cells(key: WorkKey) -> Cells:
    return key.minute, key.destination, key.worker, key.target_be.hex(), key.outcome


def _added(before: WorkSum | None, part: WorkSum) -> WorkSum:
    total = part if before is None else WorkSum(before.shares + part.shares, before.work + part.work)
    if not 0 <= total.work < WORK_LIMIT:
        raise InvariantBroken(
            f"A minute's work of {total.work} does not fit the database.",
            code="HW-609",
            hint="A share target was far too low. Report this with the log.",
        )
    return total
