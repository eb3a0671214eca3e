"""A clearing preview: what a buyer would pay, and a seller get, if nothing else changed. Estimates, never money."""

import dataclasses
from collections.abc import Collection

from hashwright.market.book import Book
from hashwright.market.matching import Ask, Bid
from hashwright.market.records import DAY_S, MarketState, Terms
from hashwright.market.steering import book_of

NEW = "quote"
NEW_ASK = -1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuyQuote:
    """What an order would get [H/s], what that costs a day [minor units, estimated], and the price for all of it."""

    rate_hs: float
    cost_day: float
    spent_after_s: float | None
    full_price: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SellQuote:
    """What a rate would earn a day after the fee [minor units, estimated], and the orders that would pay it."""

    sold_hs: float
    income_day: float
    pieces: tuple[tuple[str, float], ...]


def quote_buy(state: MarketState, terms: Terms, bid: Bid, *, budget: int, now: int) -> BuyQuote:
    """Say what a new order would get now."""
    book = book_of(state, terms.algorithm, now=now)
    book.put_bid(bid._replace(id=NEW, number=state.orders_made + 1))
    rate_hs = book.clear().filled.get(NEW, 0.0)
    cost_day = bid.price * rate_hs * DAY_S / terms.scale
    return BuyQuote(
        rate_hs=rate_hs,
        cost_day=cost_day,
        spent_after_s=budget / cost_day * DAY_S if cost_day > 0 and budget else None,
        full_price=full_price(state, terms, bid.limit_hs, now=now),
    )


def quote_sell(
    state: MarketState, terms: Terms, *, floor: int, rate_hs: float, now: int, leave_out: Collection[str] = ()
) -> SellQuote:
    """Say what one more seller would earn now; what the accounts of `leave_out` sell already is taken as gone."""
    book = book_of(state, terms.algorithm, now=now)
    for machine in state.machines.values() if leave_out else ():
        if machine.account in leave_out:
            book.drop_ask(machine.session)
    book.put_ask(Ask(NEW_ASK, floor, rate_hs, now))
    pieces = book.clear().pieces.get(NEW_ASK, ())
    gross = sum(state.orders[id_].price * rate for id_, rate in pieces) * DAY_S / terms.scale
    return SellQuote(
        sold_hs=sum(rate for _, rate in pieces), income_day=gross * (1 - terms.fee_ppm / 1e6), pieces=pieces
    )


def full_price(state: MarketState, terms: Terms, limit_hs: float, *, now: int) -> int | None:
    """Return the lowest price [minor units] at which a new order of this limit would get all of it; None for none.

    Candidates are the prices that stand in the book, one step above each, and the sellers' floors.
    """
    book = book_of(state, terms.algorithm, now=now)
    step = terms.price_step
    marks = {bid.price for bid in book.bids} | {ask.floor for ask in book.asks} | {terms.floor, step}
    prices = sorted({-(-mark // step) * step + more for mark in marks for more in (0, step)} - {0})
    low, high = 0, len(prices)
    while low < high:
        middle = (low + high) // 2
        if _is_full(book, prices[middle], limit_hs, state.orders_made + 1):
            high = middle
        else:
            low = middle + 1
    return prices[low] if low < len(prices) else None


def _is_full(book: Book, price: int, limit_hs: float, number: int) -> bool:
    book.put_bid(Bid(NEW, price, limit_hs, number))
    return book.clear().filled.get(NEW, 0.0) >= limit_hs * (1 - 1e-9)
