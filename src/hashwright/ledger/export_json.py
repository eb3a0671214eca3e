"""The books as JSON lines: one entry a line, amounts as text. What the stand-alone checker reads."""

import json
from collections.abc import Iterable, Iterator

from hashwright.ledger.entries import Entry


def export_json(entries: Iterable[tuple[int, Entry]]) -> Iterator[str]:
    """Write numbered entries, oldest first; each amount in minor units and as a decimal, both text."""
    for number, entry in entries:
        yield json.dumps(
            {
                "number": number,
                "source": entry.source,
                "kind": entry.kind,
                "at_ms": entry.at_ms,
                "text": entry.text,
                "link": entry.link,
                "facts": dict(entry.facts),
                "postings": [
                    {
                        "account": it.account,
                        "currency": it.amount.currency.code,
                        "exponent": it.amount.currency.exponent,
                        "minor": str(it.amount.minor),
                        "amount": it.amount.text(),
                    }
                    for it in entry.postings
                ],
            },
            ensure_ascii=False,
        )
