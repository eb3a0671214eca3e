"""What one unit of a state's money is in dollars: a stored rate, or the dated one of the package, named as such.

A rate is never assumed: where none is known there is an error. Rates are those that a feed brought (`hw admin data
fetch frankfurter`); the package has one of each money, which is old and says so. A decision asks for a young one: a
program that moves machines can wait for a rate, while a person who asks can read its age.
"""

from typing import Final, Literal

import msgspec

from hashwright.economics.coin_facts import DAY_MS, MONIES, CoinFacts, Fact
from hashwright.errors import OperatorError, StaleInput
from hashwright.units import duration_text

USD: Final = "USD"
YOUNG_MS: Final = 7 * DAY_MS
"""Reference rates are set on working days: at Easter or at the year's end five days may lie between two of them."""
Kind = Literal["stored", "package"]
HINT: Final = "hw admin data fetch frankfurter brings the reference rates of the European Central Bank."


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One unit of `currency` is `usd` dollars: true at `at_ms`, learned at `known_at_ms`.

    `kind` says whether a feed brought it (`stored`) or it is the dated one of the package (`package`).
    """

    currency: str
    usd: float
    at_ms: int
    known_at_ms: int
    source: str
    kind: Kind

    @property
    def words(self) -> str:
        """Say the rate, whose it is and of which day, with its age when it was used."""
        return f"1 {self.currency} = {self.usd:.5g} USD ({self.source})"


def exchange_of(market: CoinFacts, currency: str, *, now_ms: int, age_max_ms: int | None = None) -> Exchange:
    """Return what one unit of a currency is in dollars.

    Args:
        market: what is known; its snapshot gives the rate of the package.
        currency: a code such as EUR.
        now_ms: when the rate is used [ms since 1970 UTC].
        age_max_ms: the oldest rate that may be used; None takes any, whose age its `source` says.

    Raises:
        OperatorError: no rate of it is known (HW-714).
        StaleInput: the newest is older than allowed (HW-715).
    """
    if currency == USD:
        return Exchange(currency=USD, usd=1.0, at_ms=now_ms, known_at_ms=now_ms, source="the same", kind="stored")
    fact = market.fact(currency, "price_usd") if currency in MONIES else None
    if fact is None or fact.value <= 0:
        known = ", ".join([USD, *(it for it in MONIES if market.fact(it, "price_usd"))])
        raise OperatorError(
            f"No rate of {currency[:12]!r} to dollars is known; known are {known}.", code="HW-714", hint=HINT
        )
    if age_max_ms is not None and fact.age_ms(now_ms) > age_max_ms:
        age = duration_text(fact.age_ms(now_ms) / 1000)
        origin = "the package" if fact.is_snapshot else "a feed"
        raise StaleInput(f"The newest rate of {currency} is {origin}'s, {age} old.", code="HW-715", hint=HINT)
    return _exchange(currency, fact, now_ms)


def _exchange(currency: str, fact: Fact, now_ms: int) -> Exchange:
    return Exchange(
        currency=currency,
        usd=float(fact.value),
        at_ms=fact.at_ms,
        known_at_ms=fact.known_at_ms,
        source=fact.words(now_ms),
        kind="package" if fact.is_snapshot else "stored",
    )
