"""The tables of the market: orders as they are, and what each settlement gave to each seller (migration 0011).

Money is in the books; these are what people read. An order's row follows the engine, a trade never changes.
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


TRIGGERS = dialect.history(("market_trade",), ("market_order", "market_trade"))
