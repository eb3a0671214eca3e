"""Shares as people ask for them: the newest minutes first, by worker, what became of them and why.

The journal keeps single shares until a snapshot has passed; the readable tables keep them by minute, for good. A share
that an upstream refused stands here as well, in its own words.
"""

from dataclasses import dataclass

from hashwright.store.connection import Connection
from hashwright.store.projections import CREDITED

OURS = (
    "SELECT minute, destination, worker, outcome, sum(shares) FROM work WHERE minute >= ? AND minute < ?"
    " GROUP BY minute, destination, worker, outcome"
)
THEIRS = (
    "SELECT minute, destination, worker, state, reason, sum(shares) FROM delivery WHERE minute >= ? AND minute < ?"
    " AND state IN ('rejected', 'stale', 'lost') GROUP BY minute, destination, worker, state, reason"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    """Shares of one worker and minute that came to one end. `is_by_pool`: an upstream judged, in its own words."""

    minute: int
    destination: str
    worker: str
    outcome: str
    reason: str
    shares: int
    is_accepted: bool
    is_by_pool: bool


def read_shares(connection: Connection, *, begin: int, end: int, refused_only: bool = False) -> list[ShareRow]:
    """Read the minutes from `begin` to before `end`, newest first, then by worker."""
    rows = [
        ShareRow(
            minute=minute, destination=destination, worker=worker, outcome=outcome, reason="", shares=int(shares),
            is_accepted=outcome in CREDITED, is_by_pool=False,
        )
        for minute, destination, worker, outcome, shares in connection.execute(OURS, (begin, end)).fetchall()
    ]  # fmt: skip
    rows += [
        ShareRow(
            minute=minute, destination=destination, worker=worker, outcome=state, reason=reason, shares=int(shares),
            is_accepted=False, is_by_pool=True,
        )
        for minute, destination, worker, state, reason, shares in connection.execute(THEIRS, (begin, end)).fetchall()
    ]  # fmt: skip
    kept = [row for row in rows if not (refused_only and row.is_accepted)]
    return sorted(kept, key=lambda row: (-row.minute, row.worker, row.destination, row.is_accepted, row.outcome))
