"""What one unit of a state's money is in dollars: stored, or the dated one of the package; never assumed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hashwright.economics.coin_facts import DAY_MS, MONIES, CoinFacts, Fact, load_snapshot
from hashwright.economics.exchange import YOUNG_MS, exchange_of
from hashwright.errors import OperatorError, StaleInput

NOW = 1_800_000_000_000
SET_MS = round(datetime(2025, 4, 4, tzinfo=UTC).timestamp() * 1000)
PER_EURO = {
    "USD": "1.1057", "GBP": "0.84985", "CHF": "0.9407", "SEK": "10.974", "NOK": "11.6815", "DKK": "7.4618",
    "PLN": "4.2625", "CZK": "25.142", "CAD": "1.5696", "AUD": "1.8098", "JPY": "160.56",
}  # fmt: skip
"""The European Central Bank's reference rates of 2025-04-04, as it writes them: what one euro is."""


def stored(usd, *, age_ms=0, currency="EUR"):
    fact = Fact(value=Decimal(usd), at_ms=NOW - age_ms, known_at_ms=NOW, sources=("Frankfurter",))
    return CoinFacts(facts={(currency, "price_usd"): fact}).over(load_snapshot())


def test_the_dated_rates_of_the_package_are_the_published_ones_and_say_their_day():
    snapshot = load_snapshot()
    for currency in MONIES:
        rate = exchange_of(snapshot, currency, now_ms=NOW)
        assert (rate.kind, rate.at_ms) == ("package", SET_MS), "it is named as the package's, with its day"
        euro = 1.0 if currency == "EUR" else float(PER_EURO[currency])
        assert rate.usd == pytest.approx(float(PER_EURO["USD"]) / euro, rel=5e-6), currency
        assert "European Central Bank" in rate.words
        assert "2025-04-04" in rate.words


def test_a_stored_rate_goes_before_that_of_the_package():
    rate = exchange_of(stored("1.0562", age_ms=DAY_MS), "EUR", now_ms=NOW, age_max_ms=YOUNG_MS)
    assert (rate.usd, rate.kind, rate.at_ms, rate.known_at_ms) == (1.0562, "stored", NOW - DAY_MS, NOW)
    assert rate.words == "1 EUR = 1.0562 USD (Frankfurter, 2027-01-14 (1 d old))"
    assert exchange_of(stored("1.0562"), "USD", now_ms=NOW).usd == 1.0


@pytest.mark.parametrize("currency", ["XYZ", "", "eur", "bitcoin"])
def test_what_is_not_known_is_never_assumed(currency):
    with pytest.raises(OperatorError, match="known are USD, EUR, GBP") as refused:
        exchange_of(stored("1.0562"), currency, now_ms=NOW)
    assert refused.value.code == "HW-714"
    assert "frankfurter" in refused.value.hint


def test_nothing_known_at_all_is_said():
    with pytest.raises(OperatorError, match=r"No rate of 'EUR' to dollars is known; known are USD\."):
        exchange_of(CoinFacts(), "EUR", now_ms=NOW)


def test_an_old_rate_is_refused_where_a_young_one_is_asked_for():
    assert exchange_of(stored("1.05", age_ms=YOUNG_MS), "EUR", now_ms=NOW, age_max_ms=YOUNG_MS).usd == 1.05
    with pytest.raises(StaleInput, match=r"The newest rate of EUR is a feed's, 7 d 1 h old"):
        exchange_of(stored("1.05", age_ms=YOUNG_MS + 3_600_000), "EUR", now_ms=NOW, age_max_ms=YOUNG_MS)
    with pytest.raises(StaleInput, match="the package's") as refused:
        exchange_of(load_snapshot(), "GBP", now_ms=NOW, age_max_ms=YOUNG_MS)
    assert refused.value.code == "HW-715"
