"""minerstat: price, difficulty, hash rate of mined coins. Seen: recorded rows of `/v2/coins` (2022, 2024).

`-1` is unknown. Several rows of one ticker are several pools' names for one coin: only rows of type `coin` whose
algorithm is the coin's count, and the first of them.
"""

from collections.abc import Sequence

from hashwright.adapters.feeds.base import Feed, Question, at_seconds, document, known, listing, seen
from hashwright.economics.coin_facts import FieldName, Observation

NAME = "minerstat"
COINS = {
    ("BTC", "SHA-256"): "bitcoin",
    ("BCH", "SHA-256"): "bitcoin_cash",
    ("LTC", "Scrypt"): "litecoin",
    ("DOGE", "Scrypt"): "dogecoin",
    ("XMR", "RandomX"): "monero",
    ("ETC", "Etchash"): "ethereum_classic",
    ("RVN", "KAWPOW"): "ravencoin",
    ("DASH", "X11"): "dash",
    ("ZEC", "Equihash"): "zcash",
    ("VTC", "Verthash"): "vertcoin",
}
FIELDS: dict[str, FieldName] = {"price": "price_usd", "difficulty": "difficulty", "network_hashrate": "hashrate_hs"}


def ask(coins: Sequence[str]) -> tuple[Question, ...]:
    """One question for all coins."""
    tickers = ",".join(ticker for (ticker, _), coin in COINS.items() if coin in coins)
    return (Question(path=f"/v2/coins?list={tickers}"),)


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read what is known of each coin."""
    found: dict[tuple[str, FieldName], Observation] = {}
    for row in listing(document(answers[0])):
        coin = COINS.get((str(row.get("coin")), str(row.get("algorithm"))))
        if coin is None or row.get("type") != "coin":
            continue
        at_ms = at_seconds(row.get("updated"))
        for key, name in FIELDS.items():
            value = known(row, key)
            if value:
                found.setdefault((coin, name), seen(NAME, coin, name, value, at_ms, now_ms))
    return list(found.values())


FEED = Feed(
    title="minerstat",
    url="https://api.minerstat.com",
    seen="recorded",
    coins=tuple(COINS.values()),
    pause_s=600,
    ask=ask,
    read=read,
)
