"""What a caller may see of the market: everybody the prices, each his own money, an owner all of it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hashwright.errors import OperatorError
from hashwright.web.roles import Caller

OPEN: Final = ("kind", "state", "price", "limit_hs", "minimum_hs", "matched_hs", "locked_ms", "age_ms")
"""Of an order that is somebody else's: what makes the price."""
WORK: Final = ("order", "account", "reason", "pool", "latency_ms", "expires_ms", "shares", "answers", "work")
"""What an operator sees beyond that: how it goes, not what it pays."""
SELLER_OPEN: Final = ("floor", "machines", "rate_hs", "sold_hs", "working_for_orders")
BOOK: Final = ("algorithm", "unit", "now", "fault", "best_open_price")
TERMS: Final = (
    "unit",
    "price_step",
    "minimum_amount",
    "minimum_limit_hs",
    "fee_percent",
    "floor",
    "currency",
    "exponent",
    "cooldown_s",
    "lock_hours_max",
    "days_max",
    "closing_s",
    "window_s",
    "reject_percent_max",
    "reject_percent_expected",
    "silent_s",
    "pool_difficulty_min",
    "pool_difficulty_max",
    "pool_latency_ms_max",
    "pool_extranonce_min",
    "verify_s",
    "confirmations",
)


def book_for(caller: Caller, account: str, book: Mapping[str, Any]) -> dict[str, Any]:
    """Cut a book to what a caller may see; each order says whether it is his."""
    is_owner = caller.may("money")
    return {
        **picked(book, BOOK),
        "terms": picked(book["terms"], TERMS) | ({"settings": book["terms"].get("settings")} if is_owner else {}),
        "orders": [order_for(caller, account, order) for order in book["orders"]],
        "sellers": [seller_for(is_owner, account, seller) for seller in book["sellers"]],
        "funds": {name: text for name, text in book["funds"].items() if is_owner or (account and name == account)},
    }


def order_for(caller: Caller, account: str, order: Mapping[str, Any]) -> dict[str, Any]:
    """Cut one order."""
    is_mine = bool(account) and order["account"] == account
    if caller.may("money") or is_mine:
        shown = dict(order)
        if not caller.may("money"):
            shown["sellers"] = [{**seller, "seller": ""} for seller in order.get("sellers", ())]
    elif caller.may("view"):
        shown = picked(order, (*OPEN, *WORK))
    else:
        shown = picked(order, OPEN)
        sold = [it for it in order.get("sellers", ()) if account and it["seller"] == account]
        if sold:  # a seller sees of his contract the numbers that its buyer sees
            shown |= {"order": order["order"], "sellers": sold}
    return {**shown, "is_mine": is_mine}


def seller_for(is_owner: bool, account: str, seller: Mapping[str, Any]) -> dict[str, Any]:
    """Cut one seller: names are for the owner and for himself."""
    is_mine = bool(account) and seller["account"] == account
    shown = dict(seller) if is_owner or is_mine else picked(seller, SELLER_OPEN)
    return {**shown, "is_mine": is_mine}


def history_for(caller: Caller, account: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Cut a history: one's own orders, and one's own trades; what looks odd is for the owner."""
    if caller.may("money"):
        return dict(found)
    mine = {order["order"] for order in found["orders"] if order["account"] == account}
    trades = [
        {**trade, "seller": trade["seller"] if trade["seller"] == account else ""}
        for trade in found["trades"]
        if trade["order"] in mine or trade["seller"] == account
    ]
    return {
        "orders": [order for order in found["orders"] if order["order"] in mine],
        "trades": trades,
        "findings": [],
    }


SERIES: Final = ("order", "algorithm", "state", "unit", "from_ms", "to_ms", "step_ms", "ordered_hs", "delivered_hs")


def delivery_for(caller: Caller, account: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Cut the series of an order: its buyer sees all but who sold, who looks without money sees rates.

    Raises:
        OperatorError: it is somebody else's (HW-867): nobody learns whether it is.
    """
    if caller.may("money"):
        return dict(found)
    if account and found["account"] == account:
        return {**found, "sellers": [{**seller, "seller": ""} for seller in found["sellers"]]}
    if caller.may("view"):
        return picked(found, SERIES)
    raise OperatorError(f"There is no order {found['order']}.", code="HW-867", hint="hw market history lists them.")


def picked(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return some fields of a document."""
    return {name: document[name] for name in names if name in document}
