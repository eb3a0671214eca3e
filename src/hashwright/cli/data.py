"""`hw admin data`: fetch facts from feeds, show what is known and how old it is, import history."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from hashwright.cli import market_parts as parts
from hashwright.cli.command import Command, LazyGroup, pass_terminal, run_async
from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import EXIT_PARTLY, EXIT_UNREACHABLE

if TYPE_CHECKING:
    from hashwright.economics.coin_facts import CoinFacts
    from hashwright.errors import Finding
    from hashwright.planner.series import CoinTable


@click.group(cls=LazyGroup)
def data() -> None:
    """Look after market data: prices, difficulty, fees, and history.

    Example: hw admin data show
    """


@data.command(cls=Command)
@click.argument("names", nargs=-1)
@click.option("--url", "urls", metavar="FEED=ADDRESS", multiple=True, help="Ask this address, such as an own node's.")
@click.option("--again", is_flag=True, help="Ask also those that were asked a short time ago.")
@pass_terminal
def fetch(terminal: Terminal, names: tuple[str, ...], urls: tuple[str, ...], again: bool) -> None:
    """Ask the feeds for what they know now: all of them, or those named. This is the only command that asks them.

    An own node is asked where its address is given. Exit 7 when some fail, 5 when all do.

    Example: hw admin data fetch --url monerod=http://127.0.0.1:18081
    """
    from hashwright.runtime.feeds import fetch_market

    addresses = dict(_address(text) for text in urls)
    data_dir = terminal.load_config().data_dir
    work = fetch_market(
        names,
        data_dir=data_dir,
        now_ms=parts.now_ms(),
        urls=addresses,
        is_forced=again,
        tell=None if terminal.is_json else _teller(terminal),
    )
    fetched = run_async(work)
    if terminal.is_json:
        _write_document(terminal, fetched.market, fetched.findings, asked=(fetched.asked, fetched.answered))
    else:
        if not fetched.asked:
            terminal.note("No feed was asked: each was asked a short time ago. --again asks all the same.")
        parts.tell_findings(terminal, [it for it in fetched.findings if it.place not in fetched.asked])
        terminal.note("See what is known now: hw admin data show")
    if fetched.asked and not fetched.answered:
        raise Exit(EXIT_UNREACHABLE)
    if len(fetched.answered) < len(fetched.asked):
        raise Exit(EXIT_PARTLY)


def _teller(terminal: Terminal) -> "Callable[[str, Finding | None], None]":
    """Show each feed as soon as it has answered or failed."""

    def tell(name: str, problem: "Finding | None") -> None:
        if problem is None:
            terminal.tick("ok", name)
        else:
            terminal.tick("failed", f"{name}: {problem.message} ({problem.code})")

    return tell


def _address(text: str) -> tuple[str, str]:
    name, equals, address = text.partition("=")
    if not (name and equals and address):
        raise click.UsageError(
            f"{text[:20]!r} is not FEED=ADDRESS, such as monerod=http://127.0.0.1:18081.",
            click.get_current_context(silent=True),
        )
    return name.strip().replace("-", "_"), address.strip()


@data.command(cls=Command)
@click.argument("coins", nargs=-1)
@click.option("--feeds", is_flag=True, help="List the feeds instead: what stands behind each, and its terms.")
@pass_terminal
def show(terminal: Terminal, coins: tuple[str, ...], feeds: bool) -> None:
    """Show every fact that is known, of all coins and monies or those named: its age and who says so.

    Example: hw admin data show btc
    """
    from hashwright.chain.find import find_coin, minable_coins
    from hashwright.economics.coin_facts import MONIES

    if feeds:
        _show_feeds(terminal)
        return
    market, now = parts.read_market(terminal), parts.now_ms()
    keys = [name.upper() if name.upper() in MONIES else find_coin(name).key for name in coins]
    keys = keys or [*(coin.key for coin in minable_coins()), *MONIES]
    if terminal.is_json:
        _write_document(terminal, market, market.findings, keys=keys)
        return
    terminal.table(parts.facts_table(market, keys, now))
    if all(fact.is_snapshot for _, _, fact in parts.facts_of(market, keys)):
        terminal.note("These facts came with the package. Newer ones: hw admin data fetch")
    parts.tell_findings(terminal, market.findings)


def _write_document(
    terminal: Terminal,
    market: "CoinFacts",
    findings: "Iterable[Finding]",
    *,
    asked: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    keys: list[str] | None = None,
) -> None:
    """Write facts for a program; `asked` are the feeds asked, and those that answered."""
    import msgspec

    from hashwright.cli.documents import DataDocument

    now = parts.now_ms()
    coins = sorted({coin for coin, _ in market.facts}) if keys is None else keys
    document = DataDocument(
        facts=[parts.fact_document(coin, name, fact, now) for coin, name, fact in parts.facts_of(market, coins)],
        asked=list(asked[0]),
        answered=list(asked[1]),
        findings=parts.finding_documents(findings),
    )
    terminal.document(msgspec.to_builtins(document))


def _show_feeds(terminal: Terminal) -> None:
    from hashwright import registry

    rows = []
    for name in registry.names("feeds"):
        feed = registry.load("feeds", name).FEED
        coins = "all" if len(feed.coins) > 9 else ", ".join(feed.coins)
        rows.append((name, feed.title, feed.seen, coins, f"{feed.pause_s} s", feed.terms or "-"))
    heads = ("feed", "service", "seen", "coins", "asked at most every", "terms")
    terminal.table(Table(heads=heads, rows=tuple(rows)))


@data.command("import", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@pass_terminal
def import_(terminal: Terminal, file: Path) -> None:
    """Take a tidy history of days into the data folder; `hw trends` and its neighbours read it from there.

    Columns: date, coin, price_usd, difficulty, hashrate_hs, issuance_native, fees_native, blocks; others are ignored,
    missing ones count as unknown. It takes the place of an earlier one, and its last days count as facts where nothing
    newer is known. Exit 7 when something in it was left out.

    Example: hw admin data import coin_daily.csv.gz
    """
    from hashwright.planner.series import read_coins
    from hashwright.runtime.market_data import HISTORY, market_folder, write_text

    table = read_coins(file)
    if not table.coins:
        from hashwright.errors import OperatorError

        raise OperatorError(f"{file.name} holds no day of any coin. Nothing was taken.", code="HW-805")
    lines = tidy_lines(table)
    target = market_folder(terminal.load_config().data_dir) / HISTORY
    write_text(target, "\n".join(lines) + "\n")
    _take_newest(terminal, table)
    _tell_import(terminal, table, target, len(lines) - 1)
    if any(it.code in ("HW-805", "HW-807", "HW-808") for it in table.findings):
        raise Exit(EXIT_PARTLY)


def _take_newest(terminal: Terminal, table: "CoinTable") -> None:
    """Let the last days of a history be facts, where nothing newer is known."""
    from hashwright.chain.find import minable_coins
    from hashwright.planner.newest import newest_facts
    from hashwright.runtime.market_data import save_market

    known = parts.read_market(terminal)
    newest = newest_facts(table, minable_coins(), older=known)
    save_market(newest.over(known), terminal.load_config().data_dir)


def tidy_lines(table: "CoinTable") -> list[str]:
    """Write a table back as tidy lines: days in which nothing is known are left out."""
    import math

    from hashwright.planner.series import COLUMNS, text_of_day

    lines = ["date,coin," + ",".join(COLUMNS) + ",net_src"]
    for coin, series in table.coins.items():
        columns = [series.column(name) for name in COLUMNS]
        for index, day in enumerate(series.days):
            values = [float(column[index]) for column in columns]
            if all(math.isnan(value) for value in values):
                continue
            cells = ("" if math.isnan(value) else repr(value) for value in values)
            source = "computed" if series.is_computed[index] else "imported"
            lines.append(f"{text_of_day(int(day))},{coin},{','.join(cells)},{source}")
    return lines


def _tell_import(terminal: Terminal, table: "CoinTable", target: Path, rows: int) -> None:
    from hashwright.planner.series import text_of_day

    first = text_of_day(min(series.first_day for series in table.coins.values()))
    last = text_of_day(max(series.last_day for series in table.coins.values()))
    if terminal.is_json:
        import msgspec

        from hashwright.cli.documents import ImportDocument

        document = ImportDocument(
            file=str(target),
            coins=list(table.coins),
            first_day=first,
            last_day=last,
            rows=rows,
            findings=parts.finding_documents(table.findings),
        )
        terminal.document(msgspec.to_builtins(document))
        return
    terminal.line(f"{rows} days of {len(table.coins)} coins, {first} to {last}: {', '.join(table.coins)}")
    parts.tell_findings(terminal, table.findings)
    terminal.note("See them: hw trends")
