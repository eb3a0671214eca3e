"""The books as CSV: one posting a row. A cell that a spreadsheet would run as a formula gets a leading apostrophe."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from hashwright.ledger.entries import Entry

HEADS: Final = ("number", "time_utc", "source", "kind", "account", "amount", "currency", "text", "link")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export_csv(entries: Iterable[tuple[int, Entry]]) -> Iterator[str]:
    """Write numbered entries, oldest first, under a line of heads."""
    yield ",".join(HEADS)
    for number, entry in entries:
        time = datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="seconds")
        for it in entry.postings:
            words = (entry.source, entry.kind, it.account)
            yield _line(
                str(number),
                time,
                *map(harmless, words),
                it.amount.text(),
                it.amount.currency.code,
                harmless(entry.text),
                harmless(entry.link),
            )


def harmless(cell: str) -> str:
    """Keep a spreadsheet from running a text as a formula (CWE-1236)."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _line(*cells: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
