"""Measured prices in the database: written once, never changed, read for valuations."""

from collections.abc import Iterable
from decimal import Decimal

from hashwright.ledger.prices import PriceSeen, conflicting
from hashwright.store import migrations
from hashwright.store.connection import Connection


def write_prices(connection: Connection, prices: Iterable[PriceSeen], *, now: int) -> int:
    """Write prices; one that stands there already changes nothing. Return how many are new.

    Raises:
        OperatorError: one stands there with another value (HW-628); the caller's transaction is to be rolled back.
    """
    new = 0
    for price in prices:
        place = (price.feed, price.base, price.quote, price.at_ms)
        query = "SELECT value FROM price WHERE feed = ? AND base = ? AND quote = ? AND at_ms = ?"
        row = connection.execute(query, place).fetchone()
        if row is None:
            connection.execute("INSERT INTO price VALUES (?, ?, ?, ?, ?, ?)", (*place, now, f"{price.value:f}"))
            new += 1
        elif Decimal(row[0]) != price.value:
            known = PriceSeen(
                feed=price.feed, base=price.base, quote=price.quote, at_ms=price.at_ms, value=Decimal(row[0])
            )
            raise conflicting(known, price)
    return new


def read_prices(connection: Connection) -> list[PriceSeen]:
    """Read all prices, oldest first; a database of before has none."""
    if not migrations.has(connection, "prices"):
        return []
    rows = connection.execute("SELECT feed, base, quote, at_ms, value FROM price ORDER BY at_ms, base, quote, feed")
    return [PriceSeen(feed=row[0], base=row[1], quote=row[2], at_ms=row[3], value=Decimal(row[4])) for row in rows]


def read_prices_since(connection: Connection, since_ms: int) -> list[PriceSeen]:
    """Read the prices from a moment on, oldest first."""
    return _some(connection, "WHERE at_ms >= ?", (since_ms,))


def newest_prices(connection: Connection) -> list[PriceSeen]:
    """Read the newest price of each pair and feed."""
    newest = "(SELECT max(it.at_ms) FROM price it WHERE it.feed = price.feed AND it.base = price.base"
    return _some(connection, f"WHERE at_ms = {newest} AND it.quote = price.quote)", ())


def _some(connection: Connection, condition: str, values: tuple[object, ...]) -> list[PriceSeen]:
    if not migrations.has(connection, "prices"):
        return []
    query = f"SELECT feed, base, quote, at_ms, value FROM price {condition} ORDER BY at_ms, base, quote, feed"  # noqa: S608 (constants)
    rows = connection.execute(query, values).fetchall()
    return [PriceSeen(feed=row[0], base=row[1], quote=row[2], at_ms=row[3], value=Decimal(row[4])) for row in rows]
