"""The market as people and programs read it: the book, previews, and what was bought and sold.

The estimate and the committed sum stand side by side, the same numbers for buyer and sellers: the estimate counts every
accepted share, committed is what the books hold.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hashwright.market import contract
from hashwright.market.delivery import rate_of
from hashwright.market.matching import Bid
from hashwright.market.quote import quote_buy, quote_sell
from hashwright.market.records import DAY_S, MarketState, Order, Terms
from hashwright.market.steering import book_of
from hashwright.money import decimal_text
from hashwright.runtime.market_settings import (
    amount_text,
    parse_amount,
    parse_limit,
    parse_price,
    price_text,
    price_unit,
)

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright


def book(app: "Hashwright", algorithm: str) -> dict[str, Any]:
    """Return the book of a market: orders as they are served, and sellers.

    Raises:
        OperatorError: there is no such market.
    """
    state, now = app.market.state, app.clock.now()
    terms = app.market.terms_of(algorithm)
    mine = [order for order in state.orders.values() if order.algorithm == terms.algorithm]
    mine.sort(key=lambda it: (not now < it.locked_until, -it.price, it.number))
    return {
        "algorithm": terms.algorithm,
        "unit": price_unit(terms),
        "now": now,
        "fault": app.kernel.engines.market_fault,
        "best_open_price": market_prices(app).get(terms.algorithm),
        "orders": [order_document(order, terms, now=now) for order in mine],
        "sellers": _sellers(state, terms, now=now),
        "funds": {name: amount_text(minor, terms) for name, minor in state.funds.get(terms.algorithm, {}).items()},
    }


def order_document(order: Order, terms: Terms, *, now: int) -> dict[str, Any]:
    """Return an open order with its money and its counters."""
    answers = order.answers
    return {
        "order": order.id,
        "account": order.account,
        "kind": order.kind,
        "state": order.state,
        "reason": order.reason,
        "price": decimal_text(order.price, terms.exponent),
        "limit_hs": order.limit_hs,
        "minimum_hs": order.minimum_hs,
        "matched_hs": order.matched_hs,
        "budget": decimal_text(order.budget, terms.exponent),
        "estimate": decimal_text(contract.estimate(order, terms.scale), terms.exponent),
        "committed": decimal_text(sum(it.gross for it in order.contracts.values()), terms.exponent),
        "held": decimal_text(order.held, terms.exponent),
        "work": str(order.work),
        "unpaid_work": str(order.unpaid_work),
        "pool": order.pool.url,
        "user": order.pool.user,
        "latency_ms": order.latency_ms,
        "age_ms": now - order.created_at,
        "expires_ms": order.expires_at - now,
        "locked_ms": max(order.locked_until - now, 0),
        "shares": sum(it.shares for it in order.contracts.values()),
        "answers": {
            "refused_by_us": answers.ours,
            "sent": answers.sent,
            "accepted": answers.accepted,
            "rejected": answers.rejected,
            "stale": answers.stale,
            "lost": answers.lost,
            "last_reason": answers.reason,
        },
        "sellers": [_contract_document(it, order, terms) for it in order.contracts.values()],
    }


def _contract_document(item: Any, order: Order, terms: Terms) -> dict[str, Any]:  # noqa: ANN401
    return {
        "seller": item.seller,
        "work": str(item.work),
        "shares": item.shares,
        "estimate": decimal_text(item.due // terms.scale, terms.exponent),
        "committed": decimal_text(item.gross, terms.exponent),
        "fee": decimal_text(item.fee, terms.exponent),
        "is_own": item.seller == order.account,
    }


def _sellers(state: MarketState, terms: Terms, *, now: int) -> list[dict[str, Any]]:
    found = []
    for sale in sorted(state.sales.values(), key=lambda it: (it.floor, it.since, it.account)):
        if sale.algorithm != terms.algorithm:
            continue
        machines = [
            it for it in state.machines.values() if (it.account, it.algorithm) == (sale.account, sale.algorithm)
        ]
        found.append(
            {
                "account": sale.account,
                "floor": decimal_text(sale.floor, terms.exponent),
                "machines": len(machines),
                "rate_hs": sum(rate_of(it, now=now) for it in machines),
                "sold_hs": sum(rate for it in machines for _, rate in it.pieces),
                "working_for_orders": sum(bool(it.bound) for it in machines),
            }
        )
    return found


def quote(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a clearing preview for a buyer or a seller. Everything in it is an estimate.

    Raises:
        OperatorError: a price, rate or amount is not usable.
    """
    state, now = app.market.state, app.clock.now()
    terms = app.market.terms_of(str(arguments.get("algorithm", "")))
    if arguments.get("sell"):
        text = str(arguments.get("floor") or "")
        floor = parse_price(text, terms) if text and text.strip("0.") else 0
        sold = quote_sell(state, terms, floor=floor, rate_hs=parse_limit(str(arguments["sell"])), now=now)
        return {
            "side": "sell",
            "unit": price_unit(terms),
            "sold_hs": sold.sold_hs,
            "income_day": decimal_text(round(sold.income_day), terms.exponent),
            "currency": terms.currency,
            "orders": [
                {"order": id_, "rate_hs": rate, "price": decimal_text(state.orders[id_].price, terms.exponent)}
                for id_, rate in sold.pieces
            ],
        }
    return {"side": "buy", "unit": price_unit(terms), "currency": terms.currency, **_buy(state, terms, arguments, now)}


def _buy(state: MarketState, terms: Terms, arguments: Mapping[str, Any], now: int) -> dict[str, Any]:
    limit_hs = parse_limit(str(arguments.get("limit") or ""))
    budget = parse_amount(str(arguments["budget"]), terms) if arguments.get("budget") else 0
    best = max((it.price for it in book_of(state, terms.algorithm, now=now).bids), default=terms.price_step)
    price = parse_price(str(arguments["price"]), terms) if arguments.get("price") else best
    found = quote_buy(state, terms, Bid("", price, limit_hs, 0), budget=budget, now=now)
    return {
        "price": decimal_text(price, terms.exponent),
        "limit_hs": limit_hs,
        "rate_hs": found.rate_hs,
        "cost_day": decimal_text(round(found.cost_day), terms.exponent),
        "spent_after_s": found.spent_after_s,
        "full_price": None if found.full_price is None else decimal_text(found.full_price, terms.exponent),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerQuote:
    """What hash power would earn on a market now, after its fee: an estimate, true at `at_ms`.

    `minor_per_hash` [minor units of `currency`] is the mean over `matched_hs` [H/s], which is all that orders want of
    it; 0 where none do. `coin` is the one of the market's pool.
    """

    algorithm: str
    coin: str
    currency: str
    exponent: int
    minor_per_hash: float
    matched_hs: float
    orders: tuple[str, ...]
    at_ms: int

    @property
    def coins_per_hash(self) -> float:
        """Return the same in coins."""
        return self.minor_per_hash / 10.0**self.exponent


def seller_quote(
    app: "Hashwright", algorithm: str, rate_hs: float, *, floor: int = 0, leave_out: Collection[str] = ()
) -> SellerQuote | None:
    """Say what `rate_hs` [H/s] would earn if it came up for sale now; None where the algorithm has no market.

    The depth of the book counts: the best order takes up to its limit, the next one what is left. Sellers who stand
    there already with the same floor or a lower one are served first, but for the accounts of `leave_out`: name those
    whose machines are in `rate_hs`.

    Args:
        app: the running program.
        algorithm: what is hashed.
        rate_hs: how much of it.
        floor: the lowest price that is taken [minor units a price unit].
        leave_out: accounts whose machines are part of `rate_hs` already.
    """
    state, now = app.market.state, app.clock.now()
    terms = state.terms.get(algorithm)
    if terms is None:
        return None
    sold_hs, income_day = 0.0, 0.0
    orders: tuple[str, ...] = ()
    if rate_hs > 0 and not app.kernel.engines.market_fault:
        found = quote_sell(state, terms, floor=floor, rate_hs=rate_hs, now=now, leave_out=leave_out)
        sold_hs, income_day, orders = found.sold_hs, found.income_day, tuple(id_ for id_, _ in found.pieces)
    return SellerQuote(
        algorithm=algorithm,
        coin=_coin_of(app, terms.books),
        currency=terms.currency,
        exponent=terms.exponent,
        minor_per_hash=income_day / (sold_hs * DAY_S) if sold_hs > 0 else 0.0,
        matched_hs=sold_hs,
        orders=orders,
        at_ms=now,
    )


def _coin_of(app: "Hashwright", books: str) -> str:
    """Return the coin of an own pool; an empty string once it is gone."""
    destination = app.kernel.pool.destinations.get(books)
    return "" if destination is None else destination.settings.coin


def market_prices(app: "Hashwright") -> dict[str, str]:
    """Return the best price that each market pays for one more machine now: what `order` revenue competes with."""
    state, found = app.market.state, {}
    for name, terms in state.terms.items():
        prices = [order.price for order in state.orders.values() if _has_room(order, name)]
        if prices:
            found[name] = price_text(max(prices), terms)
    return found


def _has_room(order: Order, algorithm: str) -> bool:
    is_served = order.state == "active" and order.is_ready and order.algorithm == algorithm
    return is_served and order.matched_hs < order.limit_hs
