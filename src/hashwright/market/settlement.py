"""From what happens to an order to entries of the books. Each names the order and a running number: none comes twice.

    funded     PLACE  <-  liability:escrow:MARKET:BUYER       coins of the buyer, free
    hold       liability:escrow:MARKET:BUYER  <-  liability:escrow:ORDER
    settle     liability:escrow:ORDER  <-  liability:member:POOL:SELLER ..., income:fee:MARKET
    release    liability:escrow:ORDER  <-  liability:escrow:MARKET:BUYER
    withdraw   liability:escrow:MARKET:BUYER  <-  liability:member:POOL:BUYER, which payouts pay

The database refuses to overdraw any of them, whatever the engine believes.
"""

from collections.abc import Sequence

from hashwright.ledger import accounts
from hashwright.ledger.entries import Entry, entry_of
from hashwright.market.contract import Payment
from hashwright.market.events import FundsMoved
from hashwright.market.records import Order, Terms
from hashwright.money import Amount, Currency
from hashwright.signals import PostEntry


def market_name(terms: Terms) -> str:
    """Return the name of a market in the books."""
    return f"market-{terms.algorithm}"


def currency_of(terms: Terms) -> Currency:
    """Return what a market pays in."""
    return Currency(terms.currency, terms.exponent)


def funded(terms: Terms, event: FundsMoved, *, repaid: int, now: int) -> PostEntry:
    """Enter coins of a buyer that came; `repaid` of them [minor units] settles what he owed."""
    amount = Amount(event.minor, currency_of(terms))
    return posted(
        entry_of(
            f"deposit:{event.origin}",
            "market-funded",
            now,
            (event.place, amount),
            (accounts.receivable(event.account, "reversed"), Amount(-repaid, currency_of(terms))),
            (accounts.buyer(market_name(terms), event.account), Amount(repaid - event.minor, currency_of(terms))),
            text=f"{event.account} funded the market with {amount}.",
            link=_deposit(event),
        )
    )


def taken_back(terms: Terms, event: FundsMoved, *, covered: int, now: int) -> PostEntry:
    """Enter coins that the chain took back: `covered` [minor units] by free funds, the rest is owed by the buyer."""
    gone = -event.minor
    return posted(
        entry_of(
            f"deposit:{event.origin}",
            "market-deposit-reversed",
            now,
            (accounts.buyer(market_name(terms), event.account), Amount(covered, currency_of(terms))),
            (accounts.receivable(event.account, "reversed"), Amount(gone - covered, currency_of(terms))),
            (event.place, Amount(-gone, currency_of(terms))),
            text=f"The chain took back {Amount(gone, currency_of(terms))} of {event.account}.",
            link=_deposit(event),
        )
    )


def _deposit(event: FundsMoved) -> str:
    return f"deposit:{event.origin.rpartition('#')[0] or event.origin}"


def hold(terms: Terms, order: Order, minor: int, *, now: int) -> PostEntry:
    """Enter that a part of a buyer's funds is held for an order."""
    order.holds += 1
    amount = Amount(minor, currency_of(terms))
    return posted(
        entry_of(
            f"{order.id}:hold:{order.holds}",
            "order-hold",
            now,
            (accounts.buyer(market_name(terms), order.account), amount),
            (accounts.escrow(order.id), -amount),
            text=f"{amount} of {order.account} is held for {order.id}.",
            link=order.id,
        )
    )


def settle(terms: Terms, order: Order, payments: Sequence[Payment], *, now: int) -> PostEntry:
    """Enter what sellers are paid out of an order's escrow."""
    currency = currency_of(terms)
    order.settles += 1
    total = sum(it.gross for it in payments)
    fee = sum(it.fee for it in payments)
    order.held -= total
    return posted(
        entry_of(
            f"{order.id}:settle:{order.settles}",
            "order-settle",
            now,
            (accounts.escrow(order.id), Amount(total, currency)),
            *((accounts.member(terms.books, it.seller), Amount(it.fee - it.gross, currency)) for it in payments),
            (accounts.fee(market_name(terms)), Amount(-fee, currency)),
            text=f"{order.id} paid {len(payments)} sellers for accepted work.",
            link=order.id,
        )
    )


def release(terms: Terms, order: Order, *, now: int) -> PostEntry:
    """Enter that what is left of an order's escrow is the buyer's again."""
    amount = Amount(order.held, currency_of(terms))
    order.held = 0
    return posted(
        entry_of(
            f"{order.id}:release",
            "order-release",
            now,
            (accounts.escrow(order.id), amount),
            (accounts.buyer(market_name(terms), order.account), -amount),
            text=f"{order.id} is over; {amount} is free again for {order.account}.",
            link=order.id,
        )
    )


def withdraw(terms: Terms, account: str, minor: int, *, number: int, now: int) -> PostEntry:
    """Enter that a buyer's free funds are to be paid out to him."""
    amount = Amount(minor, currency_of(terms))
    return posted(
        entry_of(
            f"withdraw:{market_name(terms)}:{number}",
            "market-withdraw",
            now,
            (accounts.buyer(market_name(terms), account), amount),
            (accounts.member(terms.books, account), -amount),
            text=f"{account} takes {amount} out of the market.",
            link=f"withdraw:{account}",
        )
    )


def posted(entry: Entry) -> PostEntry:
    """Ask for an entry to be written with the batch of its event."""
    postings = tuple(
        (it.account, it.amount.currency.code, it.amount.currency.exponent, it.amount.minor) for it in entry.postings
    )
    return PostEntry(source=entry.source, kind=entry.kind, postings=postings, text=entry.text, link=entry.link)
