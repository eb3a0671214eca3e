"""What coins were worth when they were earned: measured prices, each with its feed and its time. Never a forecast.

A valuation takes the last price that was seen at or before the moment, of one feed, and only where it is not older than
`MAX_AGE_MS`. What has no such price has no valuation; nothing is filled in.
"""

import bisect
import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from hashwright.errors import OperatorError
from hashwright.money import Amount, Currency, MoneyError, Price, decimal_of

MAX_AGE_MS: Final = 36 * 3_600_000
"""A daily close is up to a day old; twelve hours are for a feed that was late."""
ROWS_MAX: Final = 1_000_000
FIAT_EXPONENT: Final = 2
FEED: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)
_CODE: Final = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)
_COLUMNS: Final = ("base", "quote", "price")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeen:
    """One `base` cost `value` of `quote` at `at_ms` [ms since 1970 UTC], says `feed`."""

    feed: str
    base: str
    quote: str
    at_ms: int
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """What an amount was worth, and what that rests on."""

    worth: Amount
    price: PriceSeen

    def words(self) -> str:
        """Say what it rests on."""
        seen = datetime.fromtimestamp(self.price.at_ms / 1000, UTC).isoformat(timespec="seconds")
        return f"measured: {self.price.value} {self.price.quote} a {self.price.base} by {self.price.feed} at {seen}"


class Valuer:
    """Values amounts in one currency, by the prices of one feed."""

    def __init__(self, prices: Iterable[PriceSeen], *, quote: str, feed: str = "") -> None:
        self.quote = Currency(quote, FIAT_EXPONENT)
        self._series: dict[str, list[PriceSeen]] = {}
        for price in prices:
            if price.quote == quote and feed in ("", price.feed):
                self._series.setdefault(price.base, []).append(price)
        for series in self._series.values():
            series.sort(key=lambda it: (it.at_ms, it.feed))
        self._times = {base: [it.at_ms for it in series] for base, series in self._series.items()}

    @property
    def feeds(self) -> tuple[str, ...]:
        """Return the feeds whose prices are used."""
        return tuple(sorted({it.feed for series in self._series.values() for it in series}))

    def price_at(self, base: str, at_ms: int) -> PriceSeen | None:
        """Return the last price at or before a moment, or None where it is too old or there is none."""
        place = bisect.bisect_right(self._times.get(base, []), at_ms)
        if not place:
            return None
        price = self._series[base][place - 1]
        return price if at_ms - price.at_ms <= MAX_AGE_MS else None

    def value(self, amount: Amount, at_ms: int) -> Valuation | None:
        """Value an amount at a moment, rounded half to even; None where no price of that time is known."""
        price = self.price_at(amount.currency.code, at_ms)
        if price is None:
            return None
        quantity = Decimal(amount.minor).scaleb(-amount.currency.exponent)
        per_unit = Price(value=price.value, currency=self.quote, per=price.base)
        return Valuation(worth=per_unit.cost(quantity, rounding="half_even"), price=price)


def read_price_rows(lines: Iterable[str], *, feed: str) -> list[PriceSeen]:
    """Read prices of CSV lines: columns `base`, `quote`, `price`, and `time_utc` (ISO 8601) or `date`.

    A `date` stands for the close of that day, so for its last moment (UTC).

    Raises:
        OperatorError: a line cannot be used, naming it (HW-628).
    """
    if not FEED.fullmatch(feed):
        raise _unreadable(0, f"{feed[:40]!r} is no name of a feed: a-z, 0-9, dot, dash, up to 40 characters")
    reader = csv.DictReader(lines)
    heads = reader.fieldnames or ()
    missing = [name for name in _COLUMNS if name not in heads]
    if missing or not {"time_utc", "date"} & set(heads):
        raise _unreadable(1, f"the columns are base, quote, price and time_utc or date, not {', '.join(heads)[:80]!r}")
    found: list[PriceSeen] = []
    for number, row in enumerate(reader, start=2):
        if number > ROWS_MAX:
            raise _unreadable(number, f"a file has up to {ROWS_MAX} lines; split it")
        found.append(_price_of(row, number, feed))
    return found


def _price_of(row: "dict[str, str | None]", number: int, feed: str) -> PriceSeen:
    base, quote, text = (str(row.get(name) or "").strip() for name in _COLUMNS)
    if not _CODE.fullmatch(base) or not _CODE.fullmatch(quote) or base == quote:
        raise _unreadable(number, f"{base[:20]!r} in {quote[:20]!r} is no pair of currencies such as LTC and EUR")
    try:
        value = decimal_of(text)
        at_ms = _moment(row)
    except (MoneyError, ValueError) as problem:
        raise _unreadable(number, str(problem)) from problem
    if value <= 0:
        raise _unreadable(number, f"a price is above zero, not {text[:30]}")
    return PriceSeen(feed=feed, base=base, quote=quote, at_ms=at_ms, value=value)


def _moment(row: "dict[str, str | None]") -> int:
    text = (row.get("time_utc") or "").strip()
    if text:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    else:
        day = datetime.strptime((row.get("date") or "").strip(), "%Y-%m-%d").replace(tzinfo=UTC)
        moment = day + timedelta(days=1) - timedelta(milliseconds=1)
    at_ms = round(moment.timestamp() * 1000)
    if at_ms < 0:
        raise ValueError("it is before 1970")
    return at_ms


def conflicting(known: PriceSeen, told: PriceSeen) -> OperatorError:
    """Build the error for a price that stands there with another value."""
    moment = datetime.fromtimestamp(told.at_ms / 1000, UTC).isoformat(timespec="seconds")
    return OperatorError(
        f"{told.feed} said {known.value} {told.quote} a {told.base} at {moment} before, and {told.value} now."
        " Nothing was taken.",
        code="HW-628",
        hint="A price that was used never changes: give the corrected series another --feed name.",
    )


def _unreadable(line: int, problem: str) -> OperatorError:
    return OperatorError(
        f"The prices cannot be read, line {line}: {problem}. Nothing was taken.",
        code="HW-628",
        hint="A line looks like: 2026-11-01,LTC,EUR,81.20 under the heads date,base,quote,price",
    )


def series_of(prices: Sequence[PriceSeen], quote: str) -> list[PriceSeen]:
    """Return what exports show: prices in one currency, oldest first."""
    return sorted((it for it in prices if it.quote == quote), key=lambda it: (it.at_ms, it.base, it.feed))
