"""What machines did in a span of time, summed by the database: shares by worker, target and outcome.

Work exceeds what a database can sum, but all shares of one target are worth the same: shares are summed there, and
multiplied here.
"""

import functools
from collections.abc import Iterable
from typing import Any

import msgspec

from hashwright.store.connection import Connection
from hashwright.store.projections import CREDITED, work_of_row

SELECT_SPANS = (
    "SELECT minute / ? * ? AS span, destination, worker, target, outcome, sum(shares) FROM work"
    " WHERE minute >= ? AND minute < ? GROUP BY 1, destination, worker, target, outcome ORDER BY 1"
)
SELECT_OPEN = (
    "SELECT min(minute), destination, worker, target, outcome, sum(shares) FROM work"
    " WHERE minute >= ? AND minute < ? GROUP BY destination, worker, target, outcome"
)


class Done(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one worker did at one destination in a span that begins at `minute`: work [hashes] and shares.

    A day of ten thousand machines is a million of these, so the collector of cycles need not look at them.
    """

    minute: int
    worker: str
    destination: str
    work: int
    accepted: int
    refused: int


def read_done(connection: Connection, *, begin: int, end: int, span: int = 1) -> list[Done]:
    """Read what was done in the minutes from `begin` to before `end`, by spans of so many minutes, oldest first."""
    return _summed(connection.execute(SELECT_SPANS, (span, span, begin, end)))


def read_open(connection: Connection, *, begin: int, end: int) -> list[Done]:
    """Read what was done in the minutes from `begin` to before `end`, in one sum; `minute` is the first of it."""
    return _summed(connection.execute(SELECT_OPEN, (begin, end)), is_one=True)


def _summed(rows: Iterable[Any], *, is_one: bool = False) -> list[Done]:
    """Sum rows of one span, worker and destination, or (`is_one`) of one worker and destination."""
    sums: dict[tuple[int, str, str], list[int]] = {}
    for minute, destination, worker, target, outcome, shares in rows:
        total = sums.setdefault((0 if is_one else minute, worker, destination), [minute, 0, 0, 0])
        if outcome in CREDITED:
            total[1] += _work_of_share(target) * int(shares)
            total[2] += int(shares)
        else:
            total[3] += int(shares)
        total[0] = min(total[0], minute)
    return [
        Done(minute=total[0], worker=key[1], destination=key[2], work=total[1], accepted=total[2], refused=total[3])
        for key, total in sums.items()
    ]


@functools.lru_cache(8192)
def _work_of_share(target: str) -> int:
    """Return what one share of a target is worth; machines of one kind share a few targets."""
    return work_of_row(bytes.fromhex(target), 1)
