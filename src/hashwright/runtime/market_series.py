"""The market for plots: the depth of the book, and what was ordered and delivered over time.

Levels name nobody. A series is of one order, or of one seller over all orders; its work and its money are those of the
settlements, so both sides of a trade see the same.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hashwright.clock import Instant
from hashwright.errors import OperatorError
from hashwright.market.delivery import rate_of
from hashwright.market.records import Terms
from hashwright.market.steering import is_served, sale_key
from hashwright.money import decimal_text
from hashwright.runtime.market_settings import check_account, price_unit
from hashwright.store import market as rows
from hashwright.store.connection import Connection
from hashwright.store.market_series import Delivered, OrderChange, Span, read_changes, read_delivered

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

HOURS: Final = (1, 24 * 31)
POINTS: Final = (1, 500)
HOUR_MS: Final = 3_600_000
LEVELS_MAX: Final = 200
ENDED: Final = ("cancelled", "fulfilled", "expired", "refused")


def depth(app: "Hashwright", algorithm: str) -> dict[str, Any]:
    """Return the levels of a book: what is wanted at each price, best first, and offered at each floor, cheapest first.

    Raises:
        OperatorError: there is no such market.
    """
    terms = app.market.terms_of(algorithm)
    bids, asks = _bids(app, terms), _asks(app, terms)
    return {
        "at_ms": app.clock.now(),
        "algorithm": terms.algorithm,
        "unit": price_unit(terms),
        "currency": terms.currency,
        "wanted_hs": sum(it["limit_hs"] for it in bids),
        "matched_hs": sum(it["matched_hs"] for it in bids),
        "offered_hs": sum(it["rate_hs"] for it in asks),
        "bids": bids[:LEVELS_MAX],
        "asks": asks[:LEVELS_MAX],
    }


def _bids(app: "Hashwright", terms: Terms) -> list[dict[str, Any]]:
    """Sum the orders that are served, price by price; a locked one is a level of its own, before the others."""
    now, levels = app.clock.now(), dict[tuple[bool, int], list[float]]()
    for order in app.market.state.orders.values():
        if is_served(order, terms.algorithm):
            level = levels.setdefault((not now < order.locked_until, -order.price), [0.0, 0.0, 0.0])
            for place, value in enumerate((order.limit_hs, order.matched_hs, 1.0)):
                level[place] += value
    return [
        {
            "price": decimal_text(-price, terms.exponent),
            "is_locked": not is_open,
            "limit_hs": limit_hs,
            "matched_hs": matched_hs,
            "orders": round(count),
        }
        for (is_open, price), (limit_hs, matched_hs, count) in sorted(levels.items())
    ]


def _asks(app: "Hashwright", terms: Terms) -> list[dict[str, Any]]:
    """Sum the machines that are for sale, floor by floor."""
    state, now, levels = app.market.state, app.clock.now(), dict[int, list[float]]()
    for machine in state.machines.values():
        sale = state.sales.get(sale_key(machine.account, terms.algorithm))
        if sale is None or machine.algorithm != terms.algorithm or not machine.moves_freely:
            continue
        level = levels.setdefault(sale.floor, [0.0, 0.0, 0.0])
        for place, value in enumerate((rate_of(machine, now=now), sum(rate for _, rate in machine.pieces), 1.0)):
            level[place] += value
    return [
        {
            "floor": decimal_text(floor, terms.exponent),
            "rate_hs": rate_hs,
            "sold_hs": sold_hs,
            "machines": round(count),
        }
        for floor, (rate_hs, sold_hs, count) in sorted(levels.items())
    ]


# ---------------------------------------------------------------- over time


async def delivery(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a series of an order (`order`), or of what a seller sold to all orders (`seller`).

    Raises:
        OperatorError: there is no such order (HW-867), or hours and points are out of bounds (HW-966).
    """
    span = span_of(arguments, now=app.clock.now())
    if arguments.get("order"):
        return await _of_order(app, str(arguments["order"])[:64], span)
    return await _of_seller(app, check_account(str(arguments.get("seller", ""))), span)


def span_of(arguments: Mapping[str, Any], *, now: Instant) -> Span:
    """Return the buckets that are asked for; they end now.

    Raises:
        OperatorError: hours or points are out of bounds (HW-966).
    """
    try:
        hours, points = float(arguments.get("hours") or 24), int(arguments.get("points") or 96)
    except (TypeError, ValueError) as error:
        raise _refused() from error
    if not (HOURS[0] <= hours <= HOURS[1] and POINTS[0] <= points <= POINTS[1]):
        raise _refused()
    step_ms = max(int(hours * HOUR_MS) // points, 1)
    return Span(from_ms=Instant(now - step_ms * points), step_ms=step_ms, count=points)


def _refused() -> OperatorError:
    return OperatorError(
        f"A series has {HOURS[0]} to {HOURS[1]} hours in {POINTS[0]} to {POINTS[1]} points.",
        code="HW-966",
        hint="Leave both away: 24 hours in 96 points.",
    )


async def _of_order(app: "Hashwright", id_: str, span: Span) -> dict[str, Any]:
    def ask(connection: Connection) -> tuple[rows.OrderRow | None, list[OrderChange], list[Delivered]]:
        row = rows.read_order(connection, id_)
        return row, read_changes(connection, id_), read_delivered(connection, span, order=id_)

    row, changes, sold = await asyncio.to_thread(app.store.read_books, ask)
    if row is None:
        raise OperatorError(f"There is no order {id_}.", code="HW-867", hint="hw market history lists them.")
    terms = app.market.state.terms.get(row.algorithm)
    exponent = 0 if terms is None else terms.exponent
    known = changes or _standing(row)
    return {
        **_head(terms, span),
        "order": row.id,
        "account": row.account,
        "algorithm": row.algorithm,
        "state": row.state,
        "committed": decimal_text(row.committed, exponent),
        "work": str(row.work),
        "ordered_hs": ordered(known, span),
        "delivered_hs": rates(_summed(sold, "work", span), span),
        "paid": [decimal_text(it, exponent) for it in _summed(sold, "gross", span)],
        "sellers": [
            {"seller": it.seller, "delivered_hs": rates(it.work, span), "work": str(sum(it.work)),
             "paid": decimal_text(sum(it.gross), exponent), "fee": decimal_text(sum(it.fee), exponent)}
            for it in sold
        ],
        "changes": [_change(it, exponent) for it in known],
    }  # fmt: skip


async def _of_seller(app: "Hashwright", seller: str, span: Span) -> dict[str, Any]:
    def ask(connection: Connection) -> tuple[list[Delivered], dict[str, str]]:
        sold = read_delivered(connection, span, seller=seller)
        names = {it.order for it in sold}
        found = (rows.read_order(connection, name) for name in sorted(names))
        return sold, {row.id: row.algorithm for row in found if row is not None}

    sold, algorithms = await asyncio.to_thread(app.store.read_books, ask)
    state = app.market.state
    markets = []
    for algorithm in sorted({*state.terms, *algorithms.values()}):
        terms = state.terms.get(algorithm)
        exponent = 0 if terms is None else terms.exponent
        mine = [it for it in sold if algorithms.get(it.order) == algorithm]
        net = [gross - fee for gross, fee in zip(_summed(mine, "gross", span), _summed(mine, "fee", span), strict=True)]
        markets.append({
            "algorithm": algorithm,
            "unit": "" if terms is None else price_unit(terms),
            "currency": "" if terms is None else terms.currency,
            "delivered_hs": rates(_summed(mine, "work", span), span),
            "earned": [decimal_text(it, exponent) for it in net],
            "orders": [
                {"order": it.order, "delivered_hs": rates(it.work, span), "work": str(sum(it.work)),
                 "earned": decimal_text(sum(it.gross) - sum(it.fee), exponent)}
                for it in mine
            ],
        })  # fmt: skip
    return {**_head(None, span), "seller": seller, "markets": markets}


def _head(terms: Terms | None, span: Span) -> dict[str, Any]:
    unit = {} if terms is None else {"unit": price_unit(terms), "currency": terms.currency}
    return {**unit, "from_ms": span.from_ms, "to_ms": span.to_ms, "step_ms": span.step_ms}


def _change(item: OrderChange, exponent: int) -> dict[str, Any]:
    return {
        "at_ms": item.at_ms,
        "state": item.state,
        "reason": item.reason,
        "price": decimal_text(item.price, exponent),
        "limit_hs": item.limit_hs,
        "budget": decimal_text(item.budget, exponent),
    }


def _standing(row: rows.OrderRow) -> list[OrderChange]:
    """Make do with an order's row, where it stood before changes were kept: its last limit from its beginning on."""
    said = {"price": row.price, "limit_hs": row.limit_hs, "budget": row.budget}
    found = [OrderChange(at_ms=row.created_ms, state="active", reason="", **said)]  # type: ignore[arg-type]
    if row.state in ENDED:
        found.append(OrderChange(at_ms=row.changed_ms, state=row.state, reason=row.reason, **said))  # type: ignore[arg-type]
    return found


def ordered(changes: Sequence[OrderChange], span: Span) -> list[float]:
    """Return the mean limit of an order in each bucket [H/s]; it counts from when it was placed until it is over.

    A paused order is still ordered: that nothing came is what the two lines are to show.
    """
    sums = [0.0] * span.count
    ends = [*(it.at_ms for it in changes[1:]), span.to_ms]
    for change, end in zip(changes, ends, strict=True):
        if change.state in ENDED or change.state == "closing":
            continue
        start = int(max(change.at_ms, span.from_ms))
        while start < min(end, span.to_ms):
            index = (start - span.from_ms) // span.step_ms
            stop = min(end, span.from_ms + (index + 1) * span.step_ms)
            sums[index] += change.limit_hs * (stop - start) / span.step_ms
            start = stop
    return sums


def rates(work: Sequence[int], span: Span) -> list[float]:
    """Return the mean hash rate of each bucket [H/s]."""
    return [it * 1000 / span.step_ms for it in work]


def _summed(sold: Sequence[Delivered], name: str, span: Span) -> list[int]:
    return [sum(getattr(it, name)[index] for it in sold) for index in range(span.count)]
