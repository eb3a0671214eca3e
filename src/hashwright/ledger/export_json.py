"""The books as JSON lines: one entry a line, amounts as text. `scripts/ledger_checker.py` judges them."""

import json
from collections.abc import Iterable, Iterator, Mapping

from hashwright.ledger.entries import Entry
from hashwright.ledger.prices import Valuer
from hashwright.money import Amount


def export_json(
    entries: Iterable[tuple[int, Entry]],
    digests: Mapping[int, tuple[str, str]] | None = None,
    valuer: Valuer | None = None,
) -> Iterator[str]:
    """Write numbered entries, oldest first; each amount in minor units and as a decimal, both text.

    `digests` holds by number the digest of the entry before and the entry's own [hex]; they are left out without.
    A `valuer` adds what each amount was worth where a price of that time was measured.
    """
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
                **_proof(digests, number),
                "postings": [
                    {
                        "account": it.account,
                        "currency": it.amount.currency.code,
                        "exponent": it.amount.currency.exponent,
                        "minor": str(it.amount.minor),
                        "amount": it.amount.text(),
                        **_worth(it.amount, entry.at_ms, valuer),
                    }
                    for it in entry.postings
                ],
            },
            ensure_ascii=False,
        )


def _proof(digests: Mapping[int, tuple[str, str]] | None, number: int) -> dict[str, str]:
    if digests is None:
        return {}
    previous, own = digests[number]
    return {"previous_digest": previous, "digest": own}


def _worth(amount: Amount, at_ms: int, valuer: Valuer | None) -> dict[str, str]:
    valuation = None if valuer is None else valuer.value(amount, at_ms)
    if valuation is None:
        return {}
    return {
        "worth": valuation.worth.text(),
        "worth_currency": valuation.worth.currency.code,
        "valuation": valuation.words(),
    }
