"""The owner's own bitcoind: difficulty, height and hash rate, by `getmininginfo`. Seen: the recorded form of the call.

It is asked only where its address is given; user and password may stand in it. It knows no price.
"""

import json
from collections.abc import Sequence

from hashwright.adapters.feeds.base import Feed, Question, document, known, mapping, misread, seen
from hashwright.economics.market import FieldName, Observation

NAME = "own bitcoind"
CALL = json.dumps({"jsonrpc": "1.0", "id": "hw", "method": "getmininginfo", "params": []})
FIELDS: dict[str, FieldName] = {"difficulty": "difficulty", "networkhashps": "hashrate_hs", "blocks": "height"}


def ask(_coins: Sequence[str]) -> tuple[Question, ...]:
    """One call."""
    return (Question(path="/", body=CALL),)


def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
    """Read what it says of the main network; other networks' numbers are no market data."""
    result = mapping(document(answers[0]), "result")
    if result.get("chain") != "main":
        misread(f"the node is on {str(result.get('chain'))[:20]}, not on the main network")
    values = ((name, known(result, key)) for key, name in FIELDS.items())
    return [seen(NAME, "bitcoin", name, value, now_ms, now_ms) for name, value in values if value]


FEED = Feed(
    title="own bitcoind",
    url="http://127.0.0.1:8332",
    seen="documented",
    coins=("bitcoin",),
    pause_s=10,
    ask=ask,
    read=read,
    is_node=True,
)
