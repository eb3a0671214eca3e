"""What the rules for mined coins recommend now, beside what was really sold: read from the books; nothing is sold."""

from collections.abc import Sequence
from typing import Any

from hashwright.errors import OperatorError
from hashwright.ledger.entries import Entry
from hashwright.ledger.hold import rules_by_coin
from hashwright.ledger.hold_report import HEADS, HoldReport, Outcome, Standing, cells_of, report
from hashwright.ledger.hold_walk import ENERGY
from hashwright.ledger.prices import PriceSeen, Valuer
from hashwright.money import Amount, Currency
from hashwright.store.connection import Connection
from hashwright.store.hold import read_rules
from hashwright.store.ledger import read_entries
from hashwright.store.prices import read_prices
from hashwright.web.documents import Document

PERIODS_MAX = 62


class HoldOutcome(Document, frozen=True, kw_only=True):
    """What was sold and what it brought, what is kept and what that is worth now; null where no price is known."""

    sold: str
    brought: str | None
    kept: str
    kept_worth: str | None


class HoldCoin(Document, frozen=True, kw_only=True):
    """One coin: its rule, and what that says now. `sell` is what to sell, `ahead` what was sold beyond the rule."""

    coin: str
    rule: str
    mined: str
    sell: str
    worth: str | None
    ahead: str
    price: str
    price_at_ms: int | None
    price_feed: str
    by_rule: HoldOutcome
    really: HoldOutcome


class HoldDocument(Document, frozen=True, kw_only=True):
    """The recommendation of each coin, and the periods behind it, newest first, with cells as `heads` names them."""

    at_ms: int
    currency: str
    coins: tuple[HoldCoin, ...]
    bill_booked: str
    bill_open: str
    heads: tuple[str, ...]
    periods: tuple[tuple[str, ...], ...]


def read_hold(connection: Connection, currency: str, *, now_ms: int) -> HoldDocument:
    """Walk the books by the rules of the coins.

    Raises:
        OperatorError: the currency is none (HW-745).
    """
    if currency and not 3 <= len(currency) <= 12:
        raise OperatorError("Coins are valued in a currency.", code="HW-745", hint="Add currency=EUR.")
    found = hold_report(connection, currency, now_ms=now_ms)
    return document_of(found, now_ms=now_ms)


def hold_report(connection: Connection, currency: str, *, now_ms: int) -> HoldReport:
    """Return the report of the books; days, in money of the newest power bill or price where none is named."""
    entries, prices = [entry for _, entry in read_entries(connection)], read_prices(connection)
    quote = currency or money_of(entries, prices)
    return report(entries, rules_by_coin(read_rules(connection)), Valuer(prices, quote=quote), now_ms=now_ms)


def money_of(entries: Sequence[Entry], prices: Sequence[PriceSeen]) -> str:
    """Return the money of the newest power bill, or of the newest price; EUR where there is neither."""
    bills = (it for entry in reversed(entries) for it in entry.postings if it.account.startswith(ENERGY))
    found = next((it.amount.currency.code for it in bills), "") or (prices[-1].quote if prices else "")
    return found or "EUR"


def document_of(found: HoldReport, *, now_ms: int) -> HoldDocument:
    """Write a report."""
    bill = found.walk.bill
    return HoldDocument(
        at_ms=now_ms,
        currency=found.quote.code,
        coins=tuple(_coin(it, found.quote) for it in found.standings),
        bill_booked=Amount(bill.booked, found.quote).text(),
        bill_open=Amount(bill.open, found.quote).text(),
        heads=tuple(HEADS),
        periods=tuple(tuple(cells_of(row, found.quote)) for row in reversed(found.rows[-PERIODS_MAX:])),
    )


def _coin(it: Standing, quote: Currency) -> HoldCoin:
    facts: dict[str, Any] = {"price": "", "price_at_ms": None, "price_feed": ""}
    if it.price is not None:
        facts = {
            "price": f"{it.price.value} {it.price.quote}",
            "price_at_ms": it.price.at_ms,
            "price_feed": it.price.feed,
        }
    return HoldCoin(
        coin=it.currency.code,
        rule="" if it.rule is None else it.rule.text,
        mined=Amount(it.mined, it.currency).text(),
        sell=Amount(it.sell, it.currency).text(),
        worth=_money(it.worth, quote),
        ahead=Amount(it.ahead, it.currency).text(),
        by_rule=_outcome(it.by_rule, it.currency, quote),
        really=_outcome(it.really, it.currency, quote),
        **facts,
    )


def _outcome(it: Outcome, coin: Currency, quote: Currency) -> HoldOutcome:
    return HoldOutcome(
        sold=Amount(it.sold, coin).text(),
        brought=_money(it.brought, quote),
        kept=Amount(it.kept, coin).text(),
        kept_worth=_money(it.kept_worth, quote),
    )


def _money(minor: int | None, quote: Currency) -> str | None:
    return None if minor is None else Amount(minor, quote).text()
