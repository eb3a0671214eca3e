"""WhatToMine: price and difficulty of mined coins. Seen: recorded `asic.json` (2026) and `coins.json` (2017).

Traps of its answers: prices are in BTC, but Bitcoin's own is in USD although `exchange_rate_curr` says BTC; `lagging`
marks a coin whose numbers are old. Prices of other coins need Bitcoin's, so they are left out where that is missing.
The reward of 24 hours less the planned subsidy would be the fees; it is not used, for the subsidy is not told apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hashwright.adapters.feeds.base import Feed, Question, at_seconds, document, known, mapping, seen
from hashwright.economics.coin_facts import Observation

NAME = "WhatToMine"
COINS = {
    ("BTC", "SHA-256"): "bitcoin",
    ("BCH", "SHA-256"): "bitcoin_cash",
    ("LTC", "Scrypt"): "litecoin",
    ("DOGE", "Scrypt"): "dogecoin",
    ("XMR", "RandomX"): "monero",
    ("ETC", "Etchash"): "ethereum_classic",
    ("RVN", "KawPow"): "ravencoin",
    ("DASH", "X11"): "dash",
    ("ZEC", "Equihash"): "zcash",
    ("VTC", "Verthash"): "vertcoin",
}


def ask(_coins: Sequence[str]) -> tuple[Question, ...]:
    """Two questions: machines and graphics cards."""
    return (Question(path="/asic.json"), Question(path="/coins.json"))


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read price and difficulty of each coin, not those that lag."""
    rows = [row for answer in answers for row in mapping(document(answer), "coins").values() if isinstance(row, dict)]
    dollars = next((usd for row in rows if (usd := _bitcoin_usd(row)) is not None), None)
    found: dict[tuple[str, str], Observation] = {}
    for row in rows:
        coin = COINS.get((str(row.get("tag")), str(row.get("algorithm"))))
        if coin is None or row.get("lagging") is True:
            continue
        for it in _of_row(row, coin, dollars, now_ms):
            found.setdefault((it.coin, it.field), it)
    return list(found.values())


def _of_row(row: Mapping[str, Any], coin: str, dollars: Decimal | None, now_ms: int) -> Iterator[Observation]:
    at_ms = at_seconds(row.get("timestamp"))
    difficulty, rate = known(row, "difficulty"), known(row, "exchange_rate")
    if difficulty:
        yield seen(NAME, coin, "difficulty", difficulty, at_ms, now_ms)
    if coin == "bitcoin":
        price = _bitcoin_usd(row)
    else:
        price = rate * dollars if rate and dollars and row.get("exchange_rate_curr") == "BTC" else None
    if price:
        yield seen(NAME, coin, "price_usd", price, at_ms, now_ms)


def _bitcoin_usd(row: Mapping[str, Any]) -> Decimal | None:
    """Return Bitcoin's price: one BTC is no price of itself, so a number above 100 can only be dollars."""
    rate = known(row, "exchange_rate") if row.get("tag") == "BTC" else None
    return rate if rate is not None and rate > 100 else None


FEED = Feed(
    title="WhatToMine",
    url="https://whattomine.com",
    seen="recorded",
    coins=tuple(COINS.values()),
    pause_s=600,
    ask=ask,
    read=read,
)
