"""Readings of upstream accounts in the database, each with its entries in the books, in one transaction."""

from hashwright.money import Currency
from hashwright.pool.receivables import Reading, entries_between
from hashwright.store import ledger, migrations
from hashwright.store.connection import Connection

COLUMNS = "upstream, read_ms, until_minute, work, expected, unpaid, paid, hashrate"


def accepted_work(connection: Connection, upstream: str, *, after: int, until: int) -> int:
    """Sum the work [hashes] that an upstream accepted from minute `after` to before minute `until`."""
    rows = connection.execute(
        "SELECT work FROM delivery WHERE destination = ? AND state = 'accepted' AND minute >= ? AND minute < ?",
        (upstream, after, until),
    )
    return sum(int(row[0]) for row in rows)


def write_reading(connection: Connection, reading: Reading, currency: Currency) -> None:
    """Write a reading, and post what changed since the one before."""
    before = last_reading(connection, reading.upstream)
    connection.execute(
        "INSERT INTO account_reading VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(reading.upstream, reading.read_ms, reading.until_minute, f"{reading.work:039d}", reading.expected),
            *(reading.unpaid, reading.paid, None if reading.hashrate is None else str(reading.hashrate)),
        ),
    )
    for entry in entries_between(before, reading, currency):
        ledger.post(connection, entry)


def last_reading(connection: Connection, upstream: str) -> Reading | None:
    """Read the newest reading of an upstream."""
    found = _read(connection, "upstream = ? ORDER BY read_ms DESC LIMIT 1", (upstream,))
    return found[0] if found else None


def readings_since(connection: Connection, upstream: str, since_ms: int) -> list[Reading]:
    """Read an upstream's readings since a moment, oldest first, with the one before as the first."""
    if not migrations.has(connection, "readings"):
        return []
    before = _read(connection, "upstream = ? AND read_ms < ? ORDER BY read_ms DESC LIMIT 1", (upstream, since_ms))
    return [*before, *_read(connection, "upstream = ? AND read_ms >= ? ORDER BY read_ms", (upstream, since_ms))]


def _read(connection: Connection, condition: str, values: tuple[object, ...]) -> list[Reading]:
    query = f"SELECT {COLUMNS} FROM account_reading WHERE {condition}"  # noqa: S608 (constants)
    return [
        Reading(
            upstream=row[0],
            read_ms=row[1],
            until_minute=row[2],
            work=int(row[3]),
            expected=row[4],
            unpaid=row[5],
            paid=row[6],
            hashrate=None if row[7] is None else int(row[7]),
        )
        for row in connection.execute(query, values).fetchall()
    ]
