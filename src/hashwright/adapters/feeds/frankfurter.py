"""Frankfurter, public interface (no key): the reference rates of the European Central Bank, for money of states.

A day's rates are set about 14:15 and published about 16:00 Frankfurt time, on working days. Documented form only.
"""

from collections.abc import Sequence

from hashwright.adapters.feeds.base import Feed, Question, at_text, document, known, mapping, misread, seen
from hashwright.economics.coin_facts import MONIES, Observation

NAME = "Frankfurter"
BASE = "EUR"


def ask(coins: Sequence[str]) -> tuple[Question, ...]:
    """One question: what one euro is in dollars and in each other money."""
    wanted = ",".join(sorted({"USD", *coins} - {BASE}))
    return (Question(path=f"/v1/latest?base={BASE}&symbols={wanted}"),)


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read what one unit of each money is in dollars, on the day that the answer names."""
    found = mapping(document(answers[0]))
    if not found:
        return []
    if found.get("base") != BASE:
        misread(f"it is in {str(found.get('base'))[:10]}, not in {BASE}")
    rates, at_ms = mapping(found, "rates"), at_text(found.get("date"))
    dollars = known(rates, "USD")
    if not dollars:
        return []
    values = {BASE: dollars}
    for code in MONIES:
        rate = known(rates, code)
        if code != BASE and rate:
            values[code] = dollars / rate
    return [seen(NAME, code, "price_usd", value, at_ms, now_ms) for code, value in values.items()]


FEED = Feed(
    title="Frankfurter",
    url="https://api.frankfurter.dev",
    seen="documented",
    coins=MONIES,
    pause_s=3600,
    ask=ask,
    read=read,
    terms="reference rates of the European Central Bank",
)
