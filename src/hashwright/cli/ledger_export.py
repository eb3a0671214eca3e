"""`hw ledger export` and `hw ledger prices`: the books for other programs, and the prices that they are valued with."""

from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.ledger import read_books
from hashwright.cli.terminal import Terminal
from hashwright.errors import EXIT_NOTHING, HashwrightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hashwright.ledger.entries import Entry
    from hashwright.ledger.prices import PriceSeen, Valuer
    from hashwright.store.connection import Connection

FORMS = ("json", "csv", "beancount", "hledger", "koinly", "cointracker", "gains", "hold")
IN_MONEY = ("gains", "hold")
"""They are counted in a currency."""
TAX_FORMS = ("koinly", "cointracker", "gains")
HELD_BY_ANOTHER = "HW-602"
PRICES_AT_ONCE = 500
"""What one message to the running program holds."""


@click.command(cls=Command)
@click.option(
    "--format", "form", type=click.Choice(FORMS), required=True, help="gains: first in, first out; hold: the rules."
)
@click.option("--currency", default="", metavar="EUR", help="Also value in it, where a price of that time is known.")
@click.option("--feed", default="", metavar="NAME", help="Use the prices of this feed only.")
@click.option("--member", default="", metavar="NAME", help="What pools credited a member, as his own mined income.")
@pass_terminal
def export(terminal: Terminal, form: str, currency: str, feed: str, member: str) -> None:
    """Write the books to standard output: settled amounts, and what they were worth where that was measured.

    Example: hw ledger export --format beancount --currency EUR > books.beancount
    """
    from hashwright.store.ledger import read_entries, read_head
    from hashwright.store.prices import read_prices

    if form in IN_MONEY and not currency:
        raise click.UsageError(f"{form} is counted in a currency: add --currency EUR.", click.get_current_context())

    if member and form not in TAX_FORMS:
        raise click.UsageError(f"--member goes with {', '.join(TAX_FORMS)}.", click.get_current_context())

    def write(connection: "Connection") -> tuple[int, str]:
        count, _ = read_head(connection)
        valuer, prices = _valuer(read_prices(connection) if currency else [], currency, feed)
        entries = list(read_entries(connection)) if count else []
        if member:
            from hashwright.ledger.export_tax import books_of_member

            entries = books_of_member(entries, member)
            count = len(entries)
        for line in _lines(form, connection, entries, (valuer, prices)) if count else ():
            click.echo(line)
        return count, _words(form, entries, valuer, currency)

    count, words = read_books(terminal, write)
    if not count:
        raise Exit(EXIT_NOTHING)
    terminal.note(words)


def _valuer(prices: "list[PriceSeen]", currency: str, feed: str) -> "tuple[Valuer | None, list[PriceSeen]]":
    if not currency:
        return None, []
    from hashwright.ledger.prices import Valuer, series_of

    return Valuer(prices, quote=currency, feed=feed), [
        it for it in series_of(prices, currency) if feed in ("", it.feed)
    ]


def _lines(
    form: str,
    connection: "Connection",
    entries: "list[tuple[int, Entry]]",
    valued: "tuple[Valuer | None, list[PriceSeen]]",
) -> "Iterator[str]":
    valuer, prices = valued
    quote = "" if valuer is None else valuer.quote.code
    if form == "json":
        from hashwright.ledger.export_json import export_json
        from hashwright.store.ledger import read_digests

        return export_json(entries, read_digests(connection), valuer)
    if form == "csv":
        from hashwright.ledger.export_csv import export_csv

        return export_csv(entries, valuer)
    if form == "beancount":
        from hashwright.ledger.export_beancount import export_beancount

        return export_beancount(entries, prices=prices, quote=quote)
    if form == "hledger":
        from hashwright.ledger.export_hledger import export_hledger

        return export_hledger(entries, prices=prices, quote=quote)
    if form == "hold":
        return _hold_lines(connection, entries, valuer)
    return _tax_lines(form, entries, valuer)


def _hold_lines(
    connection: "Connection", entries: "list[tuple[int, Entry]]", valuer: "Valuer | None"
) -> "Iterator[str]":
    import time

    from hashwright.ledger.hold import rules_by_coin
    from hashwright.ledger.hold_report import export_hold, report
    from hashwright.store.hold import read_rules

    assert valuer is not None, "the command asks for a currency first"
    rules = rules_by_coin(read_rules(connection))
    now_ms = int(time.time() * 1000)
    return export_hold(report([entry for _, entry in entries], rules, valuer, now_ms=now_ms))


def _tax_lines(form: str, entries: "list[tuple[int, Entry]]", valuer: "Valuer | None") -> "Iterator[str]":
    from hashwright.ledger import export_tax

    if form == "koinly":
        return export_tax.export_koinly(entries, valuer)
    if form == "cointracker":
        return export_tax.export_cointracker(entries)
    assert valuer is not None, "the command asks for a currency first"
    return export_tax.export_gains(entries, valuer)


def _words(form: str, entries: "Iterable[tuple[int, Entry]]", valuer: "Valuer | None", currency: str) -> str:
    """Say how much of what was written is valued, and by whose prices."""
    if valuer is None:
        return "No valuations: amounts in their own currencies only. Add --currency EUR where prices were taken in."
    if form == "cointracker":
        return "CoinTracker values by prices of its own: nothing here is valued by us."
    moved = [(it.amount, entry.at_ms) for _, entry in entries for it in entry.postings]
    known = sum(valuer.value(amount, at_ms) is not None for amount, at_ms in moved)
    feeds = ", ".join(valuer.feeds) or "none"
    return (
        f"{known} of {len(moved)} amounts have a measured price in {currency} (feeds: {feeds}), each the last one at or"
        " before its time and not older than 36 hours. The others are not valued."
    )


@click.command(cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--feed", required=True, metavar="NAME", help="Who measured them: it is named with each valuation.")
@pass_terminal
def prices(terminal: Terminal, file: str, feed: str) -> None:
    """Take measured prices in: a CSV with the heads base, quote, price and time_utc, or date for daily closes.

    Example: hw ledger prices ltc-eur.csv --feed coingecko
    """
    from hashwright.ledger.prices import read_price_rows

    with click.open_file(file, encoding="utf-8") as lines:
        told = read_price_rows(lines, feed=feed)
    new = _take_in(terminal.load_config().data_dir, told)
    if terminal.is_json:
        terminal.document({"prices": len(told), "new": new})
    else:
        terminal.line(f"{new} new prices of {feed}; {len(told) - new} were known.")


def _take_in(folder: "Path", told: "list[PriceSeen]") -> int:
    """Write into the database, or have the program that holds it write."""
    import time

    from hashwright.runtime.opening import open_store
    from hashwright.store.prices import write_prices

    try:
        store = open_store(folder)
    except HashwrightError as problem:
        if problem.code != HELD_BY_ANOTHER:
            raise
        return run_async(_hand_over(folder, told))
    try:
        return store.change_books(lambda connection: write_prices(connection, told, now=int(time.time() * 1000)))
    finally:
        store.close()


async def _hand_over(folder: "Path", told: "list[PriceSeen]") -> int:
    from hashwright.cli.pool import ask_process

    new = 0
    for start in range(0, len(told), PRICES_AT_ONCE):
        rows: list[dict[str, Any]] = [
            {"feed": it.feed, "base": it.base, "quote": it.quote, "at_ms": it.at_ms, "value": f"{it.value:f}"}
            for it in told[start : start + PRICES_AT_ONCE]
        ]
        new += (await ask_process(folder, "ledger-prices", prices=rows))["new"]
    return new
