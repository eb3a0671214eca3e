"""Orders and trades of the market in the database: written with the batch of their event, read for people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hashwright.clock import Instant
from hashwright.market.effects import OrderNoted, TradeNoted
from hashwright.store import migrations
from hashwright.store.connection import Connection

COLUMNS = (
    "id, account, algorithm, kind, state, reason, price, limit_hs, budget, committed, work, unpaid_work, pool,"
    " created_ms, changed_ms"
)
UPSERT_ORDER = (
    f"INSERT INTO market_order ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 (constants)
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason, price = excluded.price,"
    " limit_hs = excluded.limit_hs, budget = excluded.budget, committed = excluded.committed, work = excluded.work,"
    " unpaid_work = excluded.unpaid_work, changed_ms = excluded.changed_ms"
)
INSERT_CHANGE = (
    "INSERT INTO market_change (order_id, at_ms, state, reason, price, limit_hs, budget) SELECT ?, ?, ?, ?, ?, ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM market_order"
    " WHERE id = ? AND state = ? AND reason = ? AND price = ? AND limit_hs = ? AND budget = ?)"
    " ON CONFLICT (order_id, at_ms) DO UPDATE SET state = excluded.state, reason = excluded.reason,"
    " price = excluded.price, limit_hs = excluded.limit_hs, budget = excluded.budget"
)
"""What a person or the market changed of an order; a settlement alone is no change."""
INSERT_TRADE = "INSERT INTO market_trade VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order as it stands in its table. Money in minor units, work in hashes, times in ms."""

    id: str
    account: str
    algorithm: str
    kind: str
    state: str
    reason: str
    price: int
    limit_hs: float
    budget: int
    committed: int
    work: int
    unpaid_work: int
    pool: str
    created_ms: int
    changed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSum:
    """What one seller got of one order [minor units], and his work for it [hashes]."""

    order: str
    seller: str
    gross: int
    fee: int
    work: int
    is_own: bool
    settlements: int
    last_ms: int


def write_market(connection: Connection, changes: Iterable[tuple[Instant, OrderNoted | TradeNoted]]) -> None:
    """Write what changed, in order; of an order only the last word of the batch."""
    orders: dict[str, tuple[Instant, OrderNoted]] = {}
    trades: list[tuple[object, ...]] = []
    for now, change in changes:
        if isinstance(change, OrderNoted):
            orders[change.order] = now, change
        else:
            trades.append(_trade_row(change, now))
    if orders:
        connection.executemany(INSERT_CHANGE, [_change_row(change, now) for now, change in orders.values()])
        connection.executemany(UPSERT_ORDER, [_order_row(change, now) for now, change in orders.values()])
    if trades:
        connection.executemany(INSERT_TRADE, trades)


def read_orders(connection: Connection, *, account: str = "", limit: int = 200) -> list[OrderRow]:
    """Read orders, the newest first; those of one account where it is named."""
    if not migrations.has(connection, "market"):
        return []
    where, values = ("WHERE account = ?", (account,)) if account else ("", tuple[str, ...]())
    query = f"SELECT {COLUMNS} FROM market_order {where} ORDER BY created_ms DESC, id DESC LIMIT {int(limit)}"  # noqa: S608
    return [_order_of(row) for row in connection.execute(query, values).fetchall()]


def read_order(connection: Connection, id_: str) -> OrderRow | None:
    """Read one order; None where it never was."""
    if not migrations.has(connection, "market"):
        return None
    row = connection.execute(f"SELECT {COLUMNS} FROM market_order WHERE id = ?", (id_,)).fetchone()  # noqa: S608
    return None if row is None else _order_of(row)


def _order_of(row: Sequence[Any]) -> OrderRow:
    fields = dict(zip((name.strip() for name in COLUMNS.split(",")), row, strict=True))
    fields["limit_hs"] = float(fields["limit_hs"])
    fields["work"], fields["unpaid_work"] = int(fields["work"]), int(fields["unpaid_work"])
    return OrderRow(**fields)


def read_trades(connection: Connection, *, order: str = "", account: str = "") -> list[TradeSum]:
    """Sum trades by order and seller; those of one order, or of one seller or buyer, where it is named."""
    if not migrations.has(connection, "market"):
        return []
    where: str = ""
    values: tuple[str, ...] = ()
    if order:
        where, values = "WHERE order_id = ?", (order,)
    elif account:
        where = "WHERE seller = ? OR order_id IN (SELECT id FROM market_order WHERE account = ?)"
        values = (account, account)
    query = (
        "SELECT order_id, seller, sum(gross), sum(fee), max(work), max(is_own), count(*), max(at_ms)"  # noqa: S608
        f" FROM market_trade {where} GROUP BY order_id, seller ORDER BY order_id, seller"
    )
    return [
        TradeSum(
            order=row[0], seller=row[1], gross=int(row[2]), fee=int(row[3]), work=int(row[4]), is_own=bool(row[5]),
            settlements=int(row[6]), last_ms=int(row[7]),
        )
        for row in connection.execute(query, values).fetchall()
    ]  # fmt: skip


def _order_row(change: OrderNoted, now: Instant) -> tuple[object, ...]:
    return (
        *(change.order, change.account, change.algorithm, change.kind, change.state, change.reason, change.price),
        *(str(change.limit_hs), change.budget, change.committed, _digits(change.work_be), _digits(change.unpaid_be)),
        *(change.pool, change.created_at, now),
    )


def _change_row(change: OrderNoted, now: Instant) -> tuple[object, ...]:
    said = (change.state, change.reason, change.price, str(change.limit_hs), change.budget)
    return (change.order, now, *said, change.order, *said)


def _trade_row(change: TradeNoted, now: Instant) -> tuple[object, ...]:
    return (
        *(change.order, change.settlement, change.seller, now, change.gross, change.fee, _digits(change.work_be)),
        int(change.is_own),
    )


def _digits(work_be: bytes) -> str:
    """Write work as 39 digits: as text it sorts like the number."""
    return f"{int.from_bytes(work_be, 'big'):039d}"
