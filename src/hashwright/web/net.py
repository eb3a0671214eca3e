"""What mining left, over today, a week and a month: income less what was spent, in coin, and worth in money of a state.

Only what the books hold is counted, so nothing here is a forecast. A day is valued by the last price that was measured
until its end; where a coin has no such price the worth is unknown, for a part of it would mislead. What machines drew
since the web began, by their own word, stands beside it as an estimate: what energy cost is known when it is booked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from hashwright.ledger.prices import FIAT_EXPONENT, PriceSeen, Valuer
from hashwright.money import Amount, decimal_text
from hashwright.store.connection import Connection
from hashwright.store.prices import read_prices_since
from hashwright.web.books import DayBook
from hashwright.web.documents import Document
from hashwright.web.flows import Flow, total_of

DAY_MS: Final = 86_400_000
SPANS: Final = (("today", 1), ("7 d", 7), ("30 d", 30))
DOLLARS: Final = "USD"
NAMES: Final = ("gross", "members", "fees", "power", "other", "paid", "net")


class FlowDocument(Document, frozen=True, kw_only=True):
    """Where money came from and went in one currency: settled, decimals as text."""

    currency: str
    gross: str
    members: str
    fees: str
    power: str
    other: str
    paid: str
    net: str


class Worth(Document, frozen=True, kw_only=True):
    """The same in money of a state, each day by its own measured price. `price_at_ms` is when the newest is of."""

    currency: str
    gross: str
    members: str
    fees: str
    power: str
    other: str
    net: str
    price_at_ms: int | None
    is_loss: bool


class CoinBought(Document, frozen=True, kw_only=True):
    """What the money that was spent would have bought of a coin instead, each day at its price: to compare with."""

    currency: str
    bought: str
    mined: str


class NetSpan(Document, frozen=True, kw_only=True):
    """What was left over a span that ends now; days are those of UTC.

    `worth` is null where a price is missing, and `has_power` false where no energy cost is booked in the span: then the
    net leaves it out.
    """

    span: str
    since_ms: int
    flows: tuple[FlowDocument, ...]
    worth: Worth | None
    instead: CoinBought | None
    has_power: bool


class NetToday(Document, frozen=True, kw_only=True):
    """The one number of every page: what is left of today (UTC), in money where it is known, else in coin.

    `settled` counts what is booked only. `estimated` takes off what power cost by the machines' own word, because no
    cost of energy is booked today. `amount` is null where nothing is booked and nothing is known of power.
    """

    amount: str | None
    currency: str
    kind: Literal["settled", "estimated"]
    price_at_ms: int | None = None


@dataclass(slots=True)
class _Value:
    """Sums in money of a state [minor units], and whether all of them are known."""

    sums: dict[str, int]
    price_at_ms: int | None = None
    is_known: bool = True


def spans_of(connection: Connection, book: DayBook, *, now: int, quote: str) -> tuple[str, list[NetSpan]]:
    """Return the spans, and the currency in which they are valued; empty where no price was ever measured."""
    first = day_of(now - (SPANS[-1][1] - 1) * DAY_MS)
    flows = book.flows(connection, since=first)
    prices = read_prices_since(connection, now - (SPANS[-1][1] + 3) * DAY_MS)
    quote = quote or quote_of(flows, prices)
    valuer = Valuer(prices, quote=quote) if quote else None
    return quote, [_span(name, days, flows, valuer, now) for name, days in SPANS]


def today_of(span: NetSpan, *, power_cost_usd: float | None) -> NetToday:
    """Return today's number; power is taken off by estimate only from dollars, for no rate is made up."""
    coin = next((it for it in span.flows if it.currency != (span.worth.currency if span.worth else "")), None)
    currency, amount, at_ms = "", None, None
    if span.worth is not None:
        currency, amount, at_ms = span.worth.currency, span.worth.net, span.worth.price_at_ms
    elif coin is not None:
        currency, amount = coin.currency, coin.net
    is_open = power_cost_usd is not None and not span.has_power
    if power_cost_usd is not None and is_open and currency in ("", DOLLARS):
        left = Decimal(amount or "0") - Decimal(f"{power_cost_usd:.2f}")
        return NetToday(amount=f"{left:.2f}", currency=DOLLARS, kind="estimated", price_at_ms=at_ms)
    return NetToday(amount=amount, currency=currency, kind="settled", price_at_ms=at_ms)


def priced_in(connection: Connection, wanted: str, *, now: int) -> str:
    """Return the money that is wanted where prices in it were measured lately, else nothing."""
    prices = read_prices_since(connection, now - (SPANS[-1][1] + 3) * DAY_MS)
    return wanted if any(price.quote == wanted for price in prices) else ""


def quote_of(flows: Iterable[Flow], prices: Sequence[PriceSeen]) -> str:
    """Choose the money to value in: that in which energy was paid, else that of the newest price."""
    paid = [flow.currency.code for flow in flows if flow.power and flow.currency.exponent == FIAT_EXPONENT]
    return paid[-1] if paid else prices[-1].quote if prices else ""


def _span(name: str, days: int, flows: Sequence[Flow], valuer: Valuer | None, now: int) -> NetSpan:
    since = day_of(now - (days - 1) * DAY_MS)
    mine = [flow for flow in flows if flow.day >= since]
    value = None if valuer is None else _value(mine, valuer, now)
    return NetSpan(
        span=name,
        since_ms=start_of(since),
        flows=tuple(_document(flow) for _, flow in sorted(total_of(mine).items())),
        worth=None if value is None or valuer is None or not mine else _worth(value, valuer.quote.code),
        instead=None if valuer is None or value is None or not value.is_known else _instead(mine, valuer, now),
        has_power=any(flow.power for flow in mine),
    )


def _document(flow: Flow) -> FlowDocument:
    return FlowDocument(
        currency=flow.currency.code, **{name: Amount(getattr(flow, name), flow.currency).text() for name in NAMES}
    )


def _value(flows: Iterable[Flow], valuer: Valuer, now: int) -> _Value:
    found = _Value(dict.fromkeys(NAMES, 0))
    for flow in flows:
        at_ms = min(start_of(flow.day) + DAY_MS - 1, now)
        if flow.currency.code != valuer.quote.code:
            price = valuer.price_at(flow.currency.code, at_ms)
            if price is None:
                found.is_known = found.is_known and not any(getattr(flow, name) for name in NAMES)
                continue
            found.price_at_ms = max(found.price_at_ms or 0, price.at_ms)
        for name in NAMES:
            found.sums[name] += _worth_of(getattr(flow, name), flow, valuer, at_ms)
    return found


def _worth_of(minor: int, flow: Flow, valuer: Valuer, at_ms: int) -> int:
    if flow.currency.code == valuer.quote.code:
        return minor
    valuation = valuer.value(Amount(minor, flow.currency), at_ms)
    return 0 if valuation is None else valuation.worth.minor


def _worth(value: _Value, quote: str) -> Worth | None:
    if not value.is_known:
        return None
    texts = {name: decimal_text(value.sums[name], FIAT_EXPONENT) for name in NAMES if name != "paid"}
    return Worth(currency=quote, price_at_ms=value.price_at_ms, is_loss=value.sums["net"] < 0, **texts)


def _instead(flows: Iterable[Flow], valuer: Valuer, now: int) -> CoinBought | None:
    """Say what the money that was spent would have bought of the coin that was mined most."""
    mined = {code: flow for code, flow in total_of(flows).items() if code != valuer.quote.code and flow.gross > 0}
    if not mined:
        return None
    coin = max(mined.values(), key=lambda flow: _worth_of(flow.gross, flow, valuer, now))
    bought, exponent = Decimal(0), coin.currency.exponent
    for flow in flows:
        spent = flow.spent if flow.currency.code == valuer.quote.code else 0
        price = valuer.price_at(coin.currency.code, min(start_of(flow.day) + DAY_MS - 1, now))
        if not spent:
            continue
        if price is None:
            return None
        bought += Decimal(spent).scaleb(-FIAT_EXPONENT) / price.value
    if not bought:
        return None
    return CoinBought(
        currency=coin.currency.code,
        bought=f"{bought:.{exponent}f}",
        mined=Amount(coin.gross - coin.members, coin.currency).text(),
    )


def day_of(at_ms: int) -> str:
    """Return the day of a moment (UTC)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def start_of(day: str) -> int:
    """Return when a day (UTC) begins [ms]."""
    begins: datetime = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(0)
    return int(begins.timestamp() * 1000)


def power_price_of(autopilots: Mapping[str, Mapping[str, object]]) -> float | None:
    """Return what a kWh costs as its owner told an autopilot [USD]; None where he told none."""
    told = [raw.get("power_price_usd_kwh") for raw in autopilots.values()]
    prices = [float(price) for price in told if isinstance(price, int | float) and price > 0]
    return max(prices, default=None)
