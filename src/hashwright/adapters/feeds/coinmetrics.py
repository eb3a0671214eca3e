"""Coin Metrics, community interface (no key): closing price and difficulty of days. Seen: a recorded answer (price).

Numbers are text. A row of a day is true at its end, so a day that is not over yet is left out. Its data are under
CC BY-NC 4.0: not for commercial use.
"""

from collections.abc import Sequence

from hashwright.adapters.feeds.base import Feed, Question, at_text, document, known, listing, mapping, seen
from hashwright.economics.coin_facts import FieldName, Observation

NAME = "Coin Metrics"
DAY_MS = 86_400_000
ASSETS = {
    "btc": "bitcoin",
    "ltc": "litecoin",
    "doge": "dogecoin",
    "xmr": "monero",
    "etc": "ethereum_classic",
    "bch": "bitcoin_cash",
    "dash": "dash",
    "zec": "zcash",
    "vtc": "vertcoin",
    "dcr": "decred",
}
METRICS: dict[str, FieldName] = {"PriceUSD": "price_usd", "DiffMean": "difficulty"}


def ask(coins: Sequence[str]) -> tuple[Question, ...]:
    """One question for all coins: the last days, without the hash rate, whose unit differs by coin."""
    assets = ",".join(asset for asset, coin in ASSETS.items() if coin in coins)
    query = f"assets={assets}&metrics=PriceUSD,DiffMean&frequency=1d&limit_per_asset=2&page_size=100"
    return (Question(path=f"/v4/timeseries/asset-metrics?{query}"),)


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read the newest whole day of each coin."""
    newest: dict[tuple[str, FieldName], Observation] = {}
    for row in listing(mapping(document(answers[0])).get("data")):
        coin = ASSETS.get(str(row.get("asset")))
        at_ms = at_text(row.get("time")) + DAY_MS
        if coin is None or at_ms > now_ms:
            continue
        for metric, name in METRICS.items():
            value = known(row, metric)
            before = newest.get((coin, name))
            if value is not None and (before is None or before.at_ms < at_ms):
                newest[coin, name] = seen(NAME, coin, name, value, at_ms, now_ms)
    return list(newest.values())


FEED = Feed(
    title="Coin Metrics (community)",
    url="https://community-api.coinmetrics.io",
    seen="recorded",
    coins=tuple(ASSETS.values()),
    pause_s=3600,
    ask=ask,
    read=read,
    terms="CC BY-NC 4.0: attribution, not for commercial use",
)
