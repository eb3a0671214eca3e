"""Shares as people ask for them: the newest minutes first, by destination and worker, what became of them and why.

The journal keeps single shares until a snapshot has passed; the readable tables keep them by minute, for good. A share
that an upstream refused stands here as well, in its own words.

A farm writes ten thousand rows a minute, so a page is read by the tables' own order, no further than it is long: first
the next few names of a minute, then what is known of them. Refused shares are few, and have an index of their own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hashwright.store.connection import Connection
from hashwright.store.projections import CREDITED

REFUSED: Final = "outcome NOT IN ('accepted', 'block')"
"""As in the index `work_refused`: the database uses an index of a part only for the same words."""
UNDELIVERED: Final = "state IN ('rejected', 'stale', 'lost')"
ROWS_OF_A_NAME: Final = 1_000
"""More than one worker has in a minute: so many outcomes, and reasons of a pool, do not exist."""
NAMES_OF_A_MINUTE: Final = 1_000_000
NEWEST: Final = (
    "SELECT max(minute) FROM (SELECT max(minute) AS minute FROM work WHERE minute <= ? AND minute > ? AND {ours}"
    " UNION ALL SELECT max(minute) FROM delivery WHERE minute <= ? AND minute > ? AND {theirs}) newest"
)
NAMES: Final = (
    "SELECT destination, worker FROM work WHERE minute = ? AND {ours}"
    " UNION SELECT destination, worker FROM delivery WHERE minute = ? AND {theirs} ORDER BY 1, 2 LIMIT ? OFFSET ?"
)
MINUTES: Final = (
    "WITH RECURSIVE span(minute) AS (SELECT CAST(? AS BIGINT) UNION ALL SELECT minute - 1 FROM span WHERE minute > ?)"
    " SELECT DISTINCT span.minute, it.destination FROM span CROSS JOIN {table} it WHERE it.minute = span.minute"
    " AND it.destination IN ({marks}) AND it.worker = ? AND {part}"
)
OURS: Final = (
    "SELECT destination, worker, outcome, '', sum(shares) FROM work WHERE minute = ?"
    " AND (destination, worker) >= (?, ?) AND (destination, worker) <= (?, ?) AND {ours}"
    " GROUP BY destination, worker, outcome ORDER BY outcome"
)
THEIRS: Final = (
    "SELECT destination, worker, state, reason, sum(shares) FROM delivery WHERE minute = ?"
    " AND (destination, worker) >= (?, ?) AND (destination, worker) <= (?, ?) AND {theirs}"
    " GROUP BY destination, worker, state, reason ORDER BY state, reason"
)
Name = tuple[str, str]
"""Destination, worker."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted: rows of minutes after `oldest`, at most `limit`; `refused_only` leaves good shares out."""

    oldest: int
    limit: int
    refused_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page begins: so many names of this minute were given already, and so many rows of the next one."""

    minute: int
    names: int = 0
    rows: int = 0

    @property
    def number(self) -> int:
        """Return the place as one number, for a cursor."""
        return (self.minute * NAMES_OF_A_MINUTE + self.names) * ROWS_OF_A_NAME + self.rows

    @classmethod
    def of(cls, number: int) -> "Place":
        """Read the place from its number."""
        rest, rows = divmod(number, ROWS_OF_A_NAME)
        minute, names = divmod(rest, NAMES_OF_A_MINUTE)
        return cls(minute=minute, names=names, rows=rows)


def read_page(connection: Connection, place: Place, wish: Wish) -> tuple[list[ShareRow], Place | None]:
    """Read a page of rows from a place on; return them, and the place to go on from, if there is one."""
    parts = _parts(refused_only=wish.refused_only)
    page = _Page(wish.limit)
    while (minute := _newest(connection, place.minute, wish.oldest, parts)) is not None:
        place = place if minute == place.minute else Place(minute=minute)
        span = (minute, minute, page.room + 1, place.names)
        names = [(where, who) for where, who in connection.execute(NAMES.format(**parts), span).fetchall()]
        going_on = page.take(place, names, _rows_of(connection, minute, names, parts))
        if going_on is not None:
            return page.rows, going_on
        place = Place(minute=minute - 1)
    return page.rows, None


def read_worker(
    connection: Connection, place: Place, wish: Wish, *, worker: str, destinations: Collection[str]
) -> tuple[list[ShareRow], Place | None]:
    """Read a page of one worker's rows; see `read_page`. Only these destinations are looked at."""
    if not destinations:
        return [], None
    parts = _parts(refused_only=wish.refused_only)
    marks = ", ".join("?" * len(destinations))
    names: set[tuple[int, str]] = set()
    for table, part in (("work", parts["ours"]), ("delivery", parts["theirs"])):
        query = MINUTES.format(table=table, marks=marks, part=part)
        found_at = connection.execute(query, (place.minute, wish.oldest + 1, *destinations, worker)).fetchall()
        names.update((int(minute), str(where)) for minute, where in found_at)
    page = _Page(wish.limit)
    for minute in sorted({minute for minute, _ in names}, reverse=True):
        place = place if minute == place.minute else Place(minute=minute)
        here = [(where, worker) for where in sorted(where for at, where in names if at == minute)][place.names :]
        found: dict[Name, list[ShareRow]] = {}
        for name in here:
            found |= _rows_of(connection, minute, [name], parts)
        going_on = page.take(place, here, found)
        if going_on is not None:
            return page.rows, going_on
    return page.rows, None


class _Page:
    """Rows that were found so far."""

    def __init__(self, limit: int) -> None:
        self.rows: list[ShareRow] = []
        self._limit = limit

    @property
    def room(self) -> int:
        return self._limit - len(self.rows)

    def take(self, place: Place, names: Sequence[Name], found: Mapping[Name, list[ShareRow]]) -> Place | None:
        """Take the rows of names in their order from a place on; return where the next page begins when it is full."""
        for name in names:
            rows, room = found[name][place.rows :], self.room
            self.rows += rows[:room]
            if len(rows) > room:
                return Place(minute=place.minute, names=place.names, rows=place.rows + room)
            place = Place(minute=place.minute, names=place.names + 1)
        return None


def _parts(*, refused_only: bool) -> dict[str, str]:
    return {"ours": REFUSED if refused_only else "true", "theirs": UNDELIVERED}


def _newest(connection: Connection, minute: int, oldest: int, parts: dict[str, str]) -> int | None:
    """Return the newest minute up to this one that has any row."""
    found = connection.execute(NEWEST.format(**parts), (minute, oldest, minute, oldest)).fetchone()[0]
    return None if found is None else int(found)


def _rows_of(
    connection: Connection, minute: int, names: Sequence[Name], parts: dict[str, str]
) -> dict[Name, list[ShareRow]]:
    """Read what became of some workers' shares in one minute: by our judgement, then by a pool's."""
    found: dict[Name, list[ShareRow]] = {name: [] for name in names}
    if not names:
        return found
    span = (minute, *names[0], *names[-1])
    for is_by_pool, query in ((False, OURS), (True, THEIRS)):
        for where, who, outcome, reason, shares in connection.execute(query.format(**parts), span).fetchall():
            row = ShareRow(
                minute=minute,
                destination=where,
                worker=who,
                outcome=outcome,
                reason=reason,
                shares=int(shares),
                is_accepted=not is_by_pool and outcome in CREDITED,
                is_by_pool=is_by_pool,
            )
            if (where, who) in found:  # one that came between the two questions waits for the next page
                found[where, who].append(row)
    return found
