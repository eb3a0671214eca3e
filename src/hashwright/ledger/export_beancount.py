"""The books as text for beancount (and, in another file, hledger). We write it and never import it: it is GPL.

Amounts keep their sign. Account names become beancount's (`Liabilities:Member:Home:Kai`); the exact name stands as
`hashwright` with each `open`. The last lines assert every balance, so that `bean-check` judges the sums too, not the
syntax only.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from hashwright.ledger.balances import balances_of
from hashwright.ledger.entries import Entry
from hashwright.ledger.prices import PriceSeen
from hashwright.money import decimal_text

ROOTS: Final = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
DAY_MS: Final = 86_400_000
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9-]")
_NOT_IN_LINK: Final = re.compile(r"[^A-Za-z0-9\-_/.]")


class Names:
    """Gives each account a name that beancount takes; two accounts never share one."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, account: str) -> str:
        """Return the name of an account, always the same."""
        known = self._given.get(account)
        if known is not None:
            return known
        root, *parts = account.split(":")
        plain = ":".join([ROOTS[root], *map(_component, parts)])
        name, count = plain, 2
        while name in self._taken:
            name, count = f"{plain}-{count}", count + 1
        self._taken.add(name)
        self._given[account] = name
        return name


def export_beancount(
    entries: Iterable[tuple[int, Entry]], *, prices: Iterable[PriceSeen] = (), quote: str = ""
) -> Iterator[str]:
    """Write accounts, entries, prices and the balances at the end, each a directive of beancount 3."""
    numbered = list(entries)
    names = Names()
    yield 'option "title" "Hashwright"'
    if quote:
        yield f'option "operating_currency" "{quote}"'
    yield from _opened(numbered, names)
    for number, entry in numbered:
        yield ""
        yield from _transaction(number, entry, names)
    for price in prices:
        yield ""
        yield f"{day_of(price.at_ms)} price {price.base} {price.value:f} {price.quote}"
        yield f'  feed: "{price.feed}"'
    yield from _asserted(numbered, names)


def day_of(at_ms: int) -> str:
    """Return the day (UTC) of a moment."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _opened(entries: list[tuple[int, Entry]], names: Names) -> Iterator[str]:
    first: dict[str, int] = {}
    for _, entry in entries:
        for it in entry.postings:
            first[it.account] = min(first.get(it.account, entry.at_ms), entry.at_ms)
    for account in sorted(first):
        yield f"{day_of(first[account])} open {names.of(account)}"
        yield f'  hashwright: "{account}"'


def _transaction(number: int, entry: Entry, names: Names) -> Iterator[str]:
    link = f" ^{_NOT_IN_LINK.sub('-', entry.link)}" if entry.link else ""
    yield f'{day_of(entry.at_ms)} * "{_quoted(entry.kind)}" "{_quoted(entry.text)}"{link}'
    yield f"  number: {number}"
    yield f'  source: "{_quoted(entry.source)}"'
    yield f'  time: "{datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="milliseconds")}"'
    for it in entry.postings:
        yield f"  {names.of(it.account)}  {it.amount.text()} {it.amount.currency.code}"


def _asserted(entries: list[tuple[int, Entry]], names: Names) -> Iterator[str]:
    """Assert each balance on the morning after the last entry, to the last unit: beancount adds up by itself."""
    yield ""
    for day, account, text, code in closing_balances(entries):
        yield f"{day} balance {names.of(account)}  {text} ~ 0 {code}"


def closing_balances(entries: Iterable[tuple[int, Entry]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield each account ever used with its last balance: the day after the last entry, name, sum, currency."""
    every = [entry for _, entry in entries]
    sums = balances_of(every)
    keys = {(it.account, it.amount.currency) for entry in every for it in entry.postings}
    day = day_of(max((entry.at_ms for entry in every), default=0) + DAY_MS)
    for account, currency in sorted(keys, key=lambda key: (key[0], key[1].code)):
        yield day, account, decimal_text(sums.get((account, currency), 0), currency.exponent), currency.code


def _component(part: str) -> str:
    plain = _NOT_IN_NAME.sub("-", part).lstrip("-") or "X"
    return plain[0].upper() + plain[1:]


def _quoted(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace('"', '\\"').split())
