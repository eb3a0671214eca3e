"""The owner's own monerod: difficulty and height, by `/get_info`. It is asked only where its address is given.

A node that is not synchronized says old numbers, so they are not taken. It knows no price.
"""

from collections.abc import Sequence
from decimal import Decimal

from hashwright.adapters.feeds.base import Feed, Question, document, known, mapping, misread, number, seen
from hashwright.economics.coin_facts import Observation

NAME = "own monerod"
BLOCK_S = 120


def ask(_coins: Sequence[str]) -> tuple[Question, ...]:
    """One question."""
    return (Question(path="/get_info"),)


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read what it says of the main network."""
    info = mapping(document(answers[0]))
    if info.get("nettype", "mainnet") != "mainnet":
        misread(f"the node is on {str(info.get('nettype'))[:20]}, not on the main network")
    if info.get("synchronized") is False:
        misread("the node is not synchronized")
    difficulty, height = number(info.get("difficulty")), known(info, "height")
    found = [seen(NAME, "monero", "difficulty", difficulty, now_ms, now_ms)]
    found.append(seen(NAME, "monero", "hashrate_hs", difficulty / Decimal(BLOCK_S), now_ms, now_ms))
    if height:
        found.append(seen(NAME, "monero", "height", height, now_ms, now_ms))
    return found


FEED = Feed(
    title="own monerod",
    url="http://127.0.0.1:18081",
    seen="live",
    coins=("monero",),
    pause_s=10,
    ask=ask,
    read=read,
    is_node=True,
)
