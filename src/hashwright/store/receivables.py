"""Readings of upstream accounts in the database, each with its entries in the books, in one transaction."""

from dataclasses import dataclass

from hashwright.ledger import accounts
from hashwright.ledger.entries import Entry, entry_of
from hashwright.money import Amount, Currency
from hashwright.store import ledger, migrations
from hashwright.store.connection import Connection

COLUMNS = "upstream, read_ms, until_minute, work, expected, unpaid, paid, hashrate"
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an upstream said at `read_ms`, and what our accepted work since the reading before was worth.

    `work` [hashes] is what it accepted up to the minute `until_minute`, `expected` its worth after the fee [minor
    units]. `unpaid` and `paid` [minor units] and `hashrate` [hash/s] are its own words; None: it did not tell.
    """

    upstream: str
    read_ms: int
    until_minute: int
    work: int
    expected: int
    unpaid: int | None
    paid: int | None
    hashrate: int | None

    @property
    def credited(self) -> int | None:
        """Return all that the upstream ever credited, as it says."""
        return None if self.unpaid is None or self.paid is None else self.unpaid + self.paid


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


def entries_between(before: Reading | None, now: Reading, currency: Currency) -> list[Entry]:
    """Say what two readings mean for the books. What was credited before the first one is no income of ours to tell."""
    if now.credited is None or now.paid is None:
        return []
    if before is None or before.credited is None or before.paid is None:
        opening = Amount(now.unpaid or 0, currency)
        return _entry(now, "opening", accounts.receivable(now.upstream, "credited"), accounts.OWNER, opening)
    credited = Amount(now.credited - before.credited, currency)
    sent = Amount(now.paid - before.paid, currency)
    return [
        *_entry(now, "credited", accounts.receivable(now.upstream, "credited"), accounts.mined(now.upstream), credited),
        *_entry(
            now,
            "paid",
            accounts.receivable(now.upstream, "paid"),
            accounts.receivable(now.upstream, "credited"),
            sent,
        ),
    ]


def _entry(reading: Reading, kind: str, gets: str, gives: str, amount: Amount) -> list[Entry]:
    if not amount.minor:
        return []
    words = {
        "opening": f"{reading.upstream} owed {amount} when its account was read first.",
        "credited": f"{reading.upstream} says that it credited {amount} since the reading before.",
        "paid": f"{reading.upstream} says that it sent {amount}; no wallet of ours has shown it.",
    }
    return [
        entry_of(
            f"account:{reading.upstream}:{reading.read_ms}:{kind}",
            f"upstream-{kind}",
            reading.read_ms,
            (gets, amount),
            (gives, -amount),
            text=words[kind],
            link=f"account:{reading.upstream}",
        )
    ]


def last_reading(connection: Connection, upstream: str) -> Reading | None:
    """Read the newest reading of an upstream."""
    found = _read(connection, "upstream = ? ORDER BY read_ms DESC LIMIT 1", (upstream,))
    return found[0] if found else None


def readings_since(connection: Connection, upstream: str, since_ms: int) -> list[Reading]:
    """Read an upstream's readings since a moment, oldest first, with the one before as the first."""
    if not migrations.has_readings(connection):
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
