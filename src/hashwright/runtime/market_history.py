"""Orders that stand and stood, what sellers got of them, and what looks odd: from the program, or from its database.

Where nothing runs, orders and trades are read from the tables, and the terms from what was stored of the markets. What
looks odd about an order that stands is judged by its live counters, so it is said by the running program only.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hashwright import registry
from hashwright.errors import OperatorError
from hashwright.market import fraud
from hashwright.market.records import Order, Terms
from hashwright.money import decimal_text
from hashwright.runtime import destinations
from hashwright.runtime.market_settings import KIND, parse_market, price_unit
from hashwright.runtime.setups import parse_setup
from hashwright.store import market as rows

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright
    from hashwright.store.base import Store
    from hashwright.store.connection import Connection

Kept = tuple[list[rows.OrderRow], list[rows.TradeSum]]


async def history(app: "Hashwright", account: str, order: str) -> dict[str, Any]:
    """Return orders that stood and stand, what sellers got of them, and what looks odd, each with its chance.

    Raises:
        OperatorError: there is no such order (HW-867).
    """
    kept = await asyncio.to_thread(app.store.read_books, lambda connection: _read(connection, account, order))
    state, (orders, _) = app.market.state, kept
    shown = {it.id for it in orders}
    standing = [it for id_, it in state.orders.items() if id_ in shown]
    odd = itertools.chain.from_iterable(_suspicions(app, it) for it in standing)
    return _document(kept, state.terms, tuple(odd))


def stored_history(store: "Store", account: str, order: str) -> dict[str, Any]:
    """Return the same from the database alone.

    Raises:
        OperatorError: there is no such order (HW-867).
    """
    kept: Kept = store.read_books(lambda connection: _read(connection, account, order))
    return _document(kept, stored_terms(store), ())


def stored_terms(store: "Store") -> dict[str, Terms]:
    """Return the terms of each market, as they were set last."""
    setups = {name: parse_setup(raw) for name, raw in store.settings(destinations.KIND).items()}
    found = {}
    for name, raw in store.settings(KIND).items():
        pool = setups.get(str(raw["books"]))
        if isinstance(pool, destinations.DestinationSettings):
            currency = registry.load("coins", pool.coin).COIN.currency(pool.network)
            found[name] = parse_market(raw, currency)[1]
    return found


def _read(connection: "Connection", account: str, order: str) -> Kept:
    orders = rows.read_orders(connection, account=account)
    trades = rows.read_trades(connection, order=order, account=account)
    if order:
        orders = [it for it in orders if it.id == order]
        if not orders:
            raise OperatorError(f"There is no order {order}.", code="HW-867", hint="hw market history lists them.")
    return orders, trades


def _document(kept: Kept, known: Mapping[str, Terms], odd: Sequence[dict[str, Any]]) -> dict[str, Any]:
    orders, trades = kept
    return {
        "orders": [_row(it, known.get(it.algorithm)) for it in orders],
        "trades": [_trade(it, orders, known) for it in trades],
        "findings": [*_self_dealing(orders, trades), *odd],
    }


def _row(row: rows.OrderRow, terms: Terms | None) -> dict[str, Any]:
    exponent = terms.exponent if terms is not None else 0
    return {
        "order": row.id,
        "account": row.account,
        "algorithm": row.algorithm,
        "kind": row.kind,
        "state": row.state,
        "reason": row.reason,
        "price": decimal_text(row.price, exponent),
        "unit": "" if terms is None else price_unit(terms),
        "currency": "" if terms is None else terms.currency,
        "limit_hs": row.limit_hs,
        "budget": decimal_text(row.budget, exponent),
        "committed": decimal_text(row.committed, exponent),
        "work": str(row.work),
        "unpaid_work": str(row.unpaid_work),
        "pool": row.pool,
        "created_ms": row.created_ms,
        "changed_ms": row.changed_ms,
    }


def _trade(row: rows.TradeSum, orders: Sequence[rows.OrderRow], known: Mapping[str, Terms]) -> dict[str, Any]:
    algorithm = next((it.algorithm for it in orders if it.id == row.order), "")
    terms = known.get(algorithm) or next(iter(known.values()), None)
    exponent = terms.exponent if terms is not None else 0
    return {
        "order": row.order,
        "seller": row.seller,
        "gross": decimal_text(row.gross, exponent),
        "fee": decimal_text(row.fee, exponent),
        "net": decimal_text(row.gross - row.fee, exponent),
        "work": str(row.work),
        "settlements": row.settlements,
        "is_own": row.is_own,
        "last_ms": row.last_ms,
    }


def _self_dealing(orders: Sequence[rows.OrderRow], trades: Sequence[rows.TradeSum]) -> list[dict[str, Any]]:
    shown = {it.id for it in orders}
    own = [it for it in trades if it.is_own and it.order in shown]
    return [
        {"kind": "self-dealing", "who": it.seller, "order": it.order, "p_value": None,
         "text": f"{it.seller} sold to its own {it.order}: such trades make a price look like one that others pay"}
        for it in own
    ]  # fmt: skip


def _suspicions(app: "Hashwright", order: Order) -> list[dict[str, Any]]:
    terms, answers = app.market.state.terms[order.algorithm], order.answers
    bad, total = answers.rejected + answers.stale, answers.accepted + answers.rejected + answers.stale
    found = []
    if bad:
        odd = fraud.rejects(bad, total, expected_part=terms.reject_part_expected)
        text = f"its pool refused {bad} of {total} shares that we found good, {odd.expected:.1f} were expected"
        found.append(_finding("pool-rejects", order.account, order.id, odd, text))
    network_work = _network_work(app, order)
    for contract_ in order.contracts.values() if network_work else ():
        odd = fraud.withheld(contract_.blocks, contract_.work, network_work)
        if odd.expected >= 1 or odd.p_value < fraud.UNUSUAL:
            text = f"{contract_.seller} found {odd.seen} blocks for it, {odd.expected:.1f} were expected"
            found.append(_finding("blocks", contract_.seller, order.id, odd, text))
    return found


def _finding(kind: str, who: str, order: str, odd: fraud.Suspicion, text: str) -> dict[str, Any]:
    return {"kind": kind, "who": who, "order": order, "p_value": odd.p_value, "text": f"{text}: {odd.words}"}


def _network_work(app: "Hashwright", order: Order) -> int:
    """Return the work of a block [hashes] by the newest job of an order's pool; 0 where none came."""
    from hashwright.chain.target import work_of_target

    destination = app.kernel.pool.destinations.get(order.id)
    job = None if destination is None else app.kernel.pool.jobs.get(destination.job)
    return 0 if job is None else work_of_target(int.from_bytes(job.network_target_be, "big"))
