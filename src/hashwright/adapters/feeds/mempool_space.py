"""mempool.space: Bitcoin's price, difficulty, hash rate, height and fees. Seen: recorded answers of its documentation.

`/api/v1/prices`, `/api/v1/mining/hashrate/3d`, `/api/v1/mining/reward-stats/144`. Rewards of 144 blocks are whole
numbers of satoshi, as text. The same program runs on one's own server: another `--url`.
"""

from collections.abc import Sequence
from decimal import Decimal

from hashwright.adapters.feeds.base import Feed, Question, at_seconds, document, known, mapping, misread, number, seen
from hashwright.economics.coin_facts import Observation

NAME = "mempool.space"
SATOSHI = Decimal(10**8)


def ask(_coins: Sequence[str]) -> tuple[Question, ...]:
    """Three questions."""
    paths = ("/api/v1/prices", "/api/v1/mining/hashrate/3d", "/api/v1/mining/reward-stats/144")
    return tuple(Question(path=path) for path in paths)


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read price, difficulty, hash rate, and the mean fees of a block."""
    price, rate, rewards = (mapping(document(answer)) for answer in answers)
    found = [seen(NAME, "bitcoin", "price_usd", number(price.get("USD")), at_seconds(price.get("time")), now_ms)]
    difficulty = known(rate, "currentDifficulty")
    if difficulty is None:
        misread("currentDifficulty is missing")
    found.append(seen(NAME, "bitcoin", "difficulty", difficulty, now_ms, now_ms))
    hashrate = known(rate, "currentHashrate")
    if hashrate:
        found.append(seen(NAME, "bitcoin", "hashrate_hs", hashrate, now_ms, now_ms))
    first, last = number(rewards.get("startBlock")), number(rewards.get("endBlock"))
    if last < first:
        misread("its blocks end before they begin")
    fees = number(rewards.get("totalFee")) / (last - first + 1) / SATOSHI
    found.append(seen(NAME, "bitcoin", "fees_coins", fees, now_ms, now_ms))
    found.append(seen(NAME, "bitcoin", "height", last, now_ms, now_ms))
    return found


FEED = Feed(
    title="mempool.space",
    url="https://mempool.space",
    seen="recorded",
    coins=("bitcoin",),
    pause_s=120,
    ask=ask,
    read=read,
)
