"""What the nodes of Bitcoin's family say by `getmininginfo`: difficulty, height and hash rate of the main network."""

import json
from collections.abc import Sequence
from typing import Final

from hashwright.adapters.feeds.base import Feed, Question, Seen, document, known, mapping, misread, seen
from hashwright.economics.coin_facts import FieldName, Observation

CALL: Final = json.dumps({"jsonrpc": "1.0", "id": "hw", "method": "getmininginfo", "params": []})
FIELDS: Final[dict[str, FieldName]] = {
    "difficulty": "difficulty",
    "networkhashps": "hashrate_hs",
    "blocks": "height",
}


def core_feed(*, program: str, coin: str, port: int, seen_as: Seen) -> Feed:
    """Build the feed of an own node, which is asked only where its address is given."""
    name = f"own {program}"

    def ask(_coins: Sequence[str]) -> tuple[Question, ...]:
        return (Question(path="/", body=CALL),)

    def read(answers: Sequence[bytes], now_ms: int) -> list[Observation]:
        result = mapping(document(answers[0]), "result")
        if result.get("chain") != "main":
            misread(f"the node is on {str(result.get('chain'))[:20]}, not on the main network")
        values = ((field, known(result, key)) for key, field in FIELDS.items())
        return [seen(name, coin, field, value, now_ms, now_ms) for field, value in values if value]

    return Feed(
        title=name,
        url=f"http://127.0.0.1:{port}",
        seen=seen_as,
        coins=(coin,),
        pause_s=10,
        ask=ask,
        read=read,
        is_node=True,
    )
