"""The books as CSV: one posting a row, with what it was worth where that was measured.

A cell that a spreadsheet would run as a formula gets a leading apostrophe.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from hashwright.ledger.entries import Entry
from hashwright.ledger.prices import Valuer
from hashwright.money import Amount

HEADS: Final = ("number", "time_utc", "source", "kind", "account", "amount", "currency", "text", "link")
VALUED: Final = ("worth", "worth_currency", "valuation")
UNVALUED: Final = ("", "", "not valued: no measured price of that time")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export_csv(entries: Iterable[tuple[int, Entry]], valuer: Valuer | None = None) -> Iterator[str]:
    """Write numbered entries, oldest first, under a line of heads; with a valuer three more columns."""
    yield ",".join(HEADS if valuer is None else (*HEADS, *VALUED))
    for number, entry in entries:
        time = datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="seconds")
        for it in entry.postings:
            words = (entry.source, entry.kind, it.account)
            cells = (
                str(number),
                time,
                *map(harmless, words),
                it.amount.text(),
                it.amount.currency.code,
                harmless(entry.text),
                harmless(entry.link),
                *_worth(it.amount, entry.at_ms, valuer),
            )
            yield line_of(cells)


def harmless(cell: str) -> str:
    """Keep a spreadsheet from running a text as a formula (CWE-1236)."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _worth(amount: Amount, at_ms: int, valuer: Valuer | None) -> tuple[str, ...]:
    if valuer is None:
        return ()
    valuation = valuer.value(amount, at_ms)
    if valuation is None:
        return UNVALUED
    return valuation.worth.text(), valuation.worth.currency.code, valuation.words()


def line_of(cells: Iterable[str]) -> str:
    """Write one row of CSV, without its end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
