"""The tables of the market: orders as they are, and what each settlement gave to each seller (migration 0011).

Money is in the books; these are what people read. An order's row follows the engine, a trade never changes.

Migration 0021 adds how an order changed, and what the engine need not carry for ever: the answers that requests got,
and the deposits that were counted. They were moved there by `runtime/market_memory.py`, and never change.
"""

from sqlalchemy import CheckConstraint, Index, MetaData, Table

from hashwright.store import dialect
from hashwright.store.ledger_schema import PACKED, text, whole, within

STATES = ("checking", "active", "paused", "closing", "cancelled", "fulfilled", "expired", "refused")


def add_market(metadata: MetaData) -> None:
    """Describe orders and trades."""
    listed = ", ".join(f"'{state}'" for state in STATES)
    market_order = Table(
        "market_order",
        metadata,
        text("id", key=True),
        text("account"),
        text("algorithm"),
        text("kind"),
        text("state"),
        text("reason"),
        whole("price"),
        text("limit_hs"),
        whole("budget"),
        whole("committed"),
        text("work"),
        text("unpaid_work"),
        text("pool"),
        whole("created_ms"),
        whole("changed_ms"),
        CheckConstraint(f"state IN ({listed})", name="state_known"),
        CheckConstraint("committed <= budget", name="within_budget"),
        within("price", 1),
        within("budget", 1),
        within("committed"),
        within("created_ms"),
        within("changed_ms"),
        **PACKED,
    )
    Index("market_order_account", market_order.c.account)
    market_trade = Table(
        "market_trade",
        metadata,
        text("order_id", key=True),
        whole("settlement", key=True),
        text("seller", key=True),
        whole("at_ms"),
        whole("gross"),
        whole("fee"),
        text("work"),
        whole("is_own"),
        within("settlement", 1),
        within("at_ms"),
        within("gross", 1),
        CheckConstraint("fee BETWEEN 0 AND gross", name="fee_range"),
        CheckConstraint("is_own IN (0, 1)", name="is_own_known"),
        **PACKED,
    )
    Index("market_trade_seller", market_trade.c.seller)


def add_memory(metadata: MetaData) -> None:
    """Describe the engine's long memory, and how orders changed."""
    Table(
        "market_answer",
        metadata,
        text("key", key=True),
        text("digest"),
        text("order_id"),
        text("code"),
        text("words"),
        **PACKED,
    )
    Table(
        "market_deposit",
        metadata,
        text("origin", key=True),
        text("account"),
        whole("minor"),
        whole("at_ms"),
        within("at_ms"),
        **PACKED,
    )
    Table(
        "market_change",
        metadata,
        text("order_id", key=True),
        whole("at_ms", key=True),
        text("state"),
        text("reason"),
        whole("price"),
        text("limit_hs"),
        whole("budget"),
        within("at_ms"),
        within("price", 1),
        within("budget", 1),
        **PACKED,
    )


def add_memory_index(metadata: MetaData) -> None:
    """Describe the index by which a seller's trades of a time are found."""
    trade = metadata.tables["market_trade"].c
    Index("market_trade_seller_at", trade.seller, trade.at_ms)


TRIGGERS = dialect.history(("market_trade",), ("market_order", "market_trade"))
MEMORY_TRIGGERS = dialect.history(
    ("market_answer", "market_deposit"), ("market_answer", "market_deposit", "market_change")
)
