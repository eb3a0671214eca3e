"""What was ordered and what was delivered over time, from the tables of the market: for plots, nothing decides by it.

Work and money come from trades: what a settlement paid for. So the sums of a series are those of the books, and both
sides of a trade read the same rows.
"""

from dataclasses import dataclass

from hashwright.clock import Instant
from hashwright.store import migrations
from hashwright.store.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Buckets of time: `count` of them, `step_ms` long, from `from_ms` on."""

    from_ms: Instant
    step_ms: int
    count: int

    @property
    def to_ms(self) -> int:
        """Return where the last bucket ends."""
        return self.from_ms + self.step_ms * self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one seller delivered to one order, bucket by bucket: work [hashes], what was paid for it [minor units]."""

    order: str
    seller: str
    work: tuple[int, ...]
    gross: tuple[int, ...]
    fee: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """How an order stood from `at_ms` on. Price and budget in minor units, limit in H/s."""

    at_ms: Instant
    state: str
    reason: str
    price: int
    limit_hs: float
    budget: int


def read_delivered(connection: Connection, span: Span, *, order: str = "", seller: str = "") -> list[Delivered]:
    """Read what was paid for in each bucket, of one order or of one seller, by order and seller."""
    if not migrations.has(connection, "market"):
        return []
    column, value = ("order_id", order) if order else ("seller", seller)
    query = (
        f"SELECT order_id, seller, (at_ms - {int(span.from_ms)}) / {int(span.step_ms)}, max(work), sum(gross), sum(fee)"  # noqa: S608 (numbers and our own names)
        f" FROM market_trade WHERE {column} = ? AND at_ms >= {int(span.from_ms)} AND at_ms < {int(span.to_ms)}"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    rows: dict[tuple[str, str], dict[int, tuple[int, int, int]]] = {}
    for order_id, name, bucket, work, gross, fee in connection.execute(query, (value,)).fetchall():
        rows.setdefault((order_id, name), {})[int(bucket)] = (int(work), int(gross), int(fee))
    return [_delivered(connection, span, *key, buckets) for key, buckets in rows.items()]


def _delivered(
    connection: Connection, span: Span, order: str, seller: str, buckets: dict[int, tuple[int, int, int]]
) -> Delivered:
    """Turn work so far into work of each bucket."""
    before = _work_before(connection, span.from_ms, order, seller)
    work, gross, fee = [], [], []
    for index in range(span.count):
        so_far, paid, kept = buckets.get(index, (before, 0, 0))
        work.append(so_far - before)
        gross.append(paid)
        fee.append(kept)
        before = so_far
    return Delivered(order=order, seller=seller, work=tuple(work), gross=tuple(gross), fee=tuple(fee))


def _work_before(connection: Connection, from_ms: Instant, order: str, seller: str) -> int:
    """Work only grows: the newest settlement before has all of it."""
    row = connection.execute(
        "SELECT max(work) FROM market_trade WHERE order_id = ? AND seller = ? AND at_ms < ?", (order, seller, from_ms)
    ).fetchone()
    return int(row[0] or 0)


def read_changes(connection: Connection, order: str) -> list[OrderChange]:
    """Read how an order changed, in order; a database of before knows none."""
    if not migrations.has(connection, "market_memory"):
        return []
    query = "SELECT at_ms, state, reason, price, limit_hs, budget FROM market_change WHERE order_id = ? ORDER BY at_ms"
    return [
        OrderChange(at_ms=row[0], state=row[1], reason=row[2], price=row[3], limit_hs=float(row[4]), budget=row[5])
        for row in connection.execute(query, (order,)).fetchall()
    ]
