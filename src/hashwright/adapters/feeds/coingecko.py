"""CoinGecko, public interface (no key): prices. Seen: a recorded answer of `/coins/markets` (2023), shortened."""

from collections.abc import Sequence

from hashwright.adapters.feeds.base import Feed, Question, at_text, document, known, listing, seen
from hashwright.economics.coin_facts import Observation

NAME = "CoinGecko"
IDS = {
    "bitcoin": "bitcoin",
    "litecoin": "litecoin",
    "dogecoin": "dogecoin",
    "monero": "monero",
    "ethereum-classic": "ethereum_classic",
    "bitcoin-cash": "bitcoin_cash",
    "dash": "dash",
    "zcash": "zcash",
    "ravencoin": "ravencoin",
    "vertcoin": "vertcoin",
    "decred": "decred",
    "bitcoin-gold": "bitcoin_gold",
}


def ask(coins: Sequence[str]) -> tuple[Question, ...]:
    """One question for all coins."""
    ids = ",".join(name for name, coin in IDS.items() if coin in coins)
    return (Question(path=f"/api/v3/coins/markets?vs_currency=usd&ids={ids}&per_page=100"),)


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read the price of each coin, at the time that the row says."""
    found = []
    for row in listing(document(answers[0])):
        coin, price = IDS.get(str(row.get("id"))), known(row, "current_price")
        if coin is not None and price is not None:
            found.append(seen(NAME, coin, "price_usd", price, at_text(row.get("last_updated")), now_ms))
    return found


FEED = Feed(
    title="CoinGecko",
    url="https://api.coingecko.com",
    seen="recorded",
    coins=tuple(IDS.values()),
    pause_s=120,
    ask=ask,
    read=read,
    terms="attribution: data by CoinGecko",
)
