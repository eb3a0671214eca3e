"""What machines did in a span of time, summed by the database: shares by worker, target and outcome.

Work exceeds what a database can sum, but all shares of one target are worth the same: shares are summed there, and
multiplied here.
"""

from dataclasses import dataclass

from hashwright.store.connection import Connection
from hashwright.store.projections import CREDITED, work_of_row

SELECT_SPANS = (
    "SELECT minute / ? * ? AS span, destination, worker, target, outcome, sum(shares) FROM work"
    " WHERE minute >= ? AND minute < ? GROUP BY 1, destination, worker, target, outcome ORDER BY 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one worker did at one destination in a span that begins at `minute`: work [hashes] and shares."""

    minute: int
    worker: str
    destination: str
    work: int
    accepted: int
    refused: int


def read_done(connection: Connection, *, begin: int, end: int, span: int = 1) -> list[Done]:
    """Read what was done in the minutes from `begin` to before `end`, by spans of so many minutes, oldest first."""
    sums: dict[tuple[int, str, str], list[int]] = {}
    rows = connection.execute(SELECT_SPANS, (span, span, begin, end))
    for minute, destination, worker, target, outcome, shares in rows:
        total = sums.setdefault((minute, worker, destination), [0, 0, 0])
        if outcome in CREDITED:
            total[0] += work_of_row(bytes.fromhex(target), int(shares))
            total[1] += int(shares)
        else:
            total[2] += int(shares)
    return [
        Done(minute=key[0], worker=key[1], destination=key[2], work=total[0], accepted=total[1], refused=total[2])
        for key, total in sums.items()
    ]
