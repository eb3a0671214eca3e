"""The books as a journal of hledger. Account names stand as they are; the last transaction asserts every balance."""

from collections.abc import Iterable, Iterator

from hashwright.ledger.entries import Entry
from hashwright.ledger.export_beancount import closing_balances, day_of
from hashwright.ledger.prices import PriceSeen

_HARMLESS = str.maketrans(";|()", ",/[]")


def export_hledger(
    entries: Iterable[tuple[int, Entry]], *, prices: Iterable[PriceSeen] = (), quote: str = ""
) -> Iterator[str]:
    """Write entries, prices and the balances at the end. `quote` is named in a comment."""
    numbered = list(entries)
    yield "; Hashwright: settled amounts; debits are positive"
    if quote:
        yield f"; prices in {quote} are measured, each with its feed"
    for number, entry in numbered:
        yield ""
        yield from _transaction(number, entry)
    for price in prices:
        yield f'P {day_of(price.at_ms)} "{price.base}" {price.value:f} "{price.quote}"  ; feed: {price.feed}'
    yield from _asserted(numbered)


def _transaction(number: int, entry: Entry) -> Iterator[str]:
    yield f"{day_of(entry.at_ms)} * ({_plain(entry.source)}) {_plain(entry.kind)} | {_plain(entry.text)}"
    yield f"    ; number: {number}, link: {_plain(entry.link)}"
    for it in entry.postings:
        yield f'    {it.account}  {it.amount.text()} "{it.amount.currency.code}"'


def _asserted(entries: list[tuple[int, Entry]]) -> Iterator[str]:
    for place, (day, account, text, code) in enumerate(closing_balances(entries)):
        if not place:
            yield f"\n{day} * balances at the end, asserted"
        yield f'    {account}  0 "{code}" = {text} "{code}"'


def _plain(text: str) -> str:
    """Keep a text from ending its field: no comment signs, bars, brackets or line ends."""
    return " ".join(text.translate(_HARMLESS).split())
