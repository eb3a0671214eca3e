"""What the owner earned, spent and sold, for tax programs: Koinly and CoinTracker read CSV of fixed columns.

The owner's part only: what members are owed was never his. A reserve is: blocks that fill it are mined, and what PPS
and FPPS pay out of it is a cost. Koinly's "simple" form cannot tell a sale, so its universal
form is written; its columns and CoinTracker's eight are theirs and are not renamed. A worth is given only where a price
of that time was measured, and then the description names the feed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hashwright.ledger.accounts import CONVERSION, MEMBERS, OWNER, RESERVES, member, mined, parts_of
from hashwright.ledger.entries import Entry, entry_of
from hashwright.ledger.export_csv import harmless, line_of
from hashwright.ledger.lots import RESERVE_MOVED, SALE, Disposal, first_in_first_out
from hashwright.ledger.prices import Valuer
from hashwright.money import Amount

KOINLY: Final = (
    "Date",
    "Sent Amount",
    "Sent Currency",
    "Received Amount",
    "Received Currency",
    "Fee Amount",
    "Fee Currency",
    "Net Worth Amount",
    "Net Worth Currency",
    "Label",
    "Description",
    "TxHash",
)
COINTRACKER: Final = (
    "Date",
    "Received Quantity",
    "Received Currency",
    "Sent Quantity",
    "Sent Currency",
    "Fee Amount",
    "Fee Currency",
    "Tag",
)
GAINS: Final = (
    "sold_utc",
    "way",
    "amount",
    "currency",
    "acquired_utc",
    "acquired_by",
    "cost",
    "proceeds",
    "gain",
    "gain_currency",
    "source",
)
NOTHING: Final = ("", "")
UNKNOWN: Final = "unknown"
EARNED: Final = ("block-matured", "block-released", "work-credited")
"""Entries by which a member earns; others give him back what was on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRow:
    """One event of the owner: what he received and what he gave; `label` is `mining`, `cost`, `trade` or `transfer`."""

    at_ms: int
    label: str
    received: Amount | None
    sent: Amount | None
    source: str
    text: str


def tax_rows(entries: Iterable[Entry]) -> Iterator[TaxRow]:
    """Pick the owner's events out of the books, oldest first."""
    for entry in entries:
        if entry.kind == SALE:
            yield from _sold(entry)
            continue
        if entry.kind == RESERVE_MOVED:
            continue  # from one pocket of the owner to the other
        yield from _moved(entry, ("income:mined:", "income:fee:"), "mining", "mining")
        yield from _moved(entry, ("expense:",), "cost", "cost")
        yield from _moved(entry, (RESERVES,), "mining", "cost")
        yield from _moved(entry, (OWNER,), "transfer", "transfer")


def books_of_member(entries: Iterable[tuple[int, Entry]], name: str) -> list[tuple[int, Entry]]:
    """Read the books as a member would write his own: what pools credited him is mined income, at that moment.

    What he is paid later is his already. A network fee that he bore of a payout is not in it.
    """
    found = []
    for number, entry in entries:
        if entry.kind not in EARNED:
            continue
        for it in entry.postings:
            if it.account.startswith(MEMBERS) and parts_of(it.account)[3] == name:
                pool = parts_of(it.account)[2]
                moves = ((member(pool, name), it.amount), (mined(pool), -it.amount))
                own = entry_of(entry.source, entry.kind, entry.at_ms, *((to, -minor) for to, minor in moves),
                               text=entry.text, link=entry.link)  # fmt: skip
                found.append((number, own))
    return found


def export_koinly(entries: Iterable[tuple[int, Entry]], valuer: Valuer | None) -> Iterator[str]:
    """Write Koinly's universal form; times are UTC."""
    yield line_of(KOINLY)
    for row in tax_rows(entry for _, entry in entries):
        moved = row.received or row.sent
        valuation = valuer.value(moved, row.at_ms) if valuer is not None and moved is not None else None
        worth = NOTHING if valuation is None else (valuation.worth.text().lstrip("-"), valuation.worth.currency.code)
        label = {"mining": "mining", "cost": "cost"}.get(row.label, "")
        text = row.text if valuation is None else f"{row.text} ({valuation.words()})"
        time = _time(row.at_ms).strftime("%Y-%m-%d %H:%M:%S UTC")
        cells = (*_cells(row.sent), *_cells(row.received), *NOTHING, *worth, label, harmless(text), txid_of(row.source))
        yield line_of((time, *cells))


def export_cointracker(entries: Iterable[tuple[int, Entry]]) -> Iterator[str]:
    """Write CoinTracker's eight columns; times are UTC."""
    yield line_of(COINTRACKER)
    for row in tax_rows(entry for _, entry in entries):
        tag = {"mining": "mined", "cost": "payment"}.get(row.label, "")
        time = _time(row.at_ms).strftime("%m/%d/%Y %H:%M:%S")
        yield line_of((time, *_cells(row.received), *_cells(row.sent), *NOTHING, tag))


def export_gains(entries: Iterable[tuple[int, Entry]], valuer: Valuer) -> Iterator[str]:
    """Write what went out, lot by lot, first in first out. A cost that was not measured is `unknown`, never zero."""
    lots = first_in_first_out((entry for _, entry in entries), valuer)
    yield line_of(GAINS)
    for gone in lots.gone:
        yield line_of(_gain_cells(gone, valuer.quote.code))
    for currency, minor in sorted(lots.uncovered.items(), key=lambda item: item[0].code):
        amount = Amount(minor, currency)
        yield line_of(("", "uncovered", amount.text(), currency.code, "", UNKNOWN, UNKNOWN, "", UNKNOWN, "", ""))


def _gain_cells(gone: Disposal, quote: str) -> tuple[str, ...]:
    is_sold = gone.proceeds is not None
    cost, gain = (UNKNOWN if it is None else it.text() for it in (gone.cost, gone.gain))
    times = [_time(it).strftime("%Y-%m-%d %H:%M:%S") for it in (gone.gone_ms, gone.acquired_ms)]
    return (
        *(times[0], gone.way, gone.amount.text(), gone.amount.currency.code, times[1], harmless(gone.acquired_source)),
        cost if is_sold else "",
        gone.proceeds.text() if gone.proceeds is not None else "",
        gain if is_sold else "",
        quote if is_sold else "",
        harmless(gone.source),
    )


def txid_of(source: str) -> str:
    """Return the hash that a source names, or nothing: `block:HASH:matured`, `spent:TXID`."""
    return next((it for it in source.split(":") if len(it) == 64 and it.isalnum()), "")


def _moved(entry: Entry, prefixes: tuple[str, ...], incoming: str, outgoing: str) -> Iterator[TaxRow]:
    sums: dict[str, Amount] = {}
    for it in entry.postings:
        if it.account.startswith(prefixes):
            code = it.amount.currency.code
            sums[code] = sums[code] + it.amount if code in sums else it.amount
    for amount in sums.values():
        if amount.minor:
            is_in = amount.minor < 0
            yield TaxRow(
                at_ms=entry.at_ms,
                label=incoming if is_in else outgoing,
                received=-amount if is_in else None,
                sent=None if is_in else amount,
                source=entry.source,
                text=entry.text,
            )


def _sold(entry: Entry) -> Iterator[TaxRow]:
    gone = [it.amount for it in entry.postings if it.account == CONVERSION and it.amount.minor > 0]
    come = [-it.amount for it in entry.postings if it.account == CONVERSION and it.amount.minor < 0]
    for sent, received in zip(gone, come, strict=False):
        yield TaxRow(
            at_ms=entry.at_ms, label="trade", received=received, sent=sent, source=entry.source, text=entry.text
        )


def _cells(amount: Amount | None) -> tuple[str, str]:
    return NOTHING if amount is None else (amount.text(), amount.currency.code)


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
