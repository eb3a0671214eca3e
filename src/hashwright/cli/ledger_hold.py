"""`hw ledger hold` and `hw ledger sale`: what the owner means to do with mined coins, beside what he did."""

import datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, LazyGroup, pass_terminal, run_async
from hashwright.cli.ledger import read_books
from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import HashwrightError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hashwright.ledger.entries import Entry
    from hashwright.ledger.hold import HoldRule
    from hashwright.ledger.hold_report import HoldReport, Outcome, Row, Standing
    from hashwright.ledger.prices import PriceSeen
    from hashwright.money import Currency
    from hashwright.store.connection import Connection

HELD_BY_ANOTHER = "HW-602"
DAY = click.DateTime(["%Y-%m-%d"])
LAST_DAYS = {"day": 31, "month": 366}
UNKNOWN = "unknown"
NARROW_ROWS = (0, 1, 3, 5, 7, 10)
NARROW_OUTCOMES = (0, 1, 2, 4, 5)
"""Columns that fit a narrow screen; the others are in `--json` and on a wider one."""


@click.group(cls=LazyGroup, invoke_without_command=True)
@click.option("--from", "start", type=DAY, help="First day (UTC).  [31 days back; by month a year]")
@click.option("--to", "end", type=DAY, help="Last day (UTC).  [today]")
@click.option("--by", type=click.Choice(("day", "month")), default="day", show_default=True, help="Sum by.")
@click.option("--currency", default="", metavar="EUR", help="Money of the power bill and of worths.  [as booked]")
@click.option("--feed", default="", metavar="NAME", help="Use the prices of this feed only.")
@click.option("--try", "tried", default="", metavar="RULE", help="What keep, cover or 40% would have done all along.")
@click.pass_context
def hold(context: click.Context, /, **asked: Any) -> None:  # noqa: ANN401 (one a setting)
    """Show what the rule of each coin would have sold, what was really sold, and what it says now. It sells nothing.

    Example: hw ledger hold --from 2026-10-01 --by month
    """
    if context.invoked_subcommand is not None:
        return
    terminal = context.ensure_object(Terminal)
    found, rules = read_books(terminal, lambda connection: _report(connection, asked))
    rows = [it for it in found.rows if _within(it, asked)]
    if terminal.is_json:
        terminal.document(document_of(found, rows, rules))
        return
    _say_now(terminal, found)
    if not found.walk.coins:
        return
    terminal.line()
    terminal.table(_rows_table(found, rows, is_narrow=terminal.is_narrow))
    terminal.line()
    terminal.table(_outcome_table(found, is_narrow=terminal.is_narrow))
    _notes(terminal, found, rules)


@hold.command("set", cls=Command)
@click.argument("coin")
@click.argument("kind", metavar="keep|cover|share", type=click.Choice(("keep", "cover", "share")))
@click.option("--part", default="", metavar="50%", help="With share: how much of what is mined is sold.")
@pass_terminal
def set_hold(terminal: Terminal, coin: str, kind: str, part: str) -> None:
    """Set the rule of a coin from now on; what was before stays as it was. Selling stays with you.

    Example: hw ledger hold set LTC share --part 50%
    """
    from hashwright.ledger.hold import hold_rule

    code = read_books(terminal, lambda connection: _code_of(connection, coin))
    hold_rule(code, kind, part, since_ms=0)  # a mistake is told before anything is opened for writing
    said = {"coin": code, "kind": kind, "part": part}
    done = _write(terminal.load_config().data_dir, "ledger-hold", said)
    if terminal.is_json:
        terminal.document(done)
    else:
        word = "From now on" if done["is_new"] else "As before"
        terminal.line(f"{word}: {done['coin']}, {done['rule']}. It recommends; selling stays with you.")


@click.command(cls=Command)
@click.argument("upstream")
@click.argument("coins", metavar="'0.5 LTC'")
@click.argument("money", metavar="'40.00 EUR'")
@click.option("--date", "day", type=DAY, help="The day (UTC) of the sale.  [today]")
@click.option("--reference", required=True, metavar="TEXT", help="The exchange's order, say; the same is booked once.")
@click.option("--place", default="exchange", show_default=True, metavar="NAME", help="Where the money lies.")
@pass_terminal
def sale(terminal: Terminal, /, day: datetime.datetime | None, **said: Any) -> None:  # noqa: ANN401 (one a setting)
    """Book that you sold coins which UPSTREAM had paid to a wallet of yours. Own pools' wallets: hw ledger reconcile.

    Example: hw ledger sale ocean "0.01 BTC" "900.00 EUR" --date 2026-11-02 --reference "order 77"
    """
    said["at_ms"] = int(_start_of(day).timestamp() * 1000)
    done = _write(terminal.load_config().data_dir, "ledger-sale", said)
    if terminal.is_json:
        terminal.document(done)
    else:
        word = "Booked" if done["is_new"] else "Booked before, and not a second time"
        terminal.line(f"{word}: hw ledger explain {done['source']}")


def _start_of(day: datetime.datetime | None) -> datetime.datetime:
    if day is not None:
        return day.replace(tzinfo=datetime.UTC)
    return datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _write(folder: "Path", command: str, said: dict[str, Any]) -> dict[str, Any]:
    """Write into the database, or have the program that holds it write."""
    import time

    from hashwright.cli.pool import ask_process
    from hashwright.runtime.opening import open_store
    from hashwright.store.hold import book_sale, set_rule

    try:
        store = open_store(folder)
    except HashwrightError as problem:
        if problem.code != HELD_BY_ANOTHER:
            raise
        done: dict[str, Any] = run_async(ask_process(folder, command, **said))
        return done
    change = {"ledger-hold": set_rule, "ledger-sale": book_sale}[command]
    try:
        return store.change_books(lambda connection: change(connection, said, now_ms=int(time.time() * 1000)))
    finally:
        store.close()


def _code_of(connection: "Connection", coin: str) -> str:
    """Return the currency code of a coin that the books hold, or that is known."""
    from hashwright.chain.find import find_coin
    from hashwright.store.ledger import read_currencies

    code = coin.strip().upper()
    return code if code in read_currencies(connection) else find_coin(coin).ticker


def _report(connection: "Connection", asked: dict[str, Any]) -> "tuple[HoldReport, list[HoldRule]]":
    import time

    from hashwright.ledger.hold import rules_by_coin, tried_rule
    from hashwright.ledger.hold_report import report
    from hashwright.ledger.prices import Valuer
    from hashwright.store.hold import read_rules
    from hashwright.store.ledger import read_entries
    from hashwright.store.prices import read_prices

    tried = tried_rule(asked["tried"]) if asked["tried"] else None
    entries, prices = [entry for _, entry in read_entries(connection)], read_prices(connection)
    quote = asked["currency"].upper() or _quote_of(entries, prices)
    rules = read_rules(connection)
    found = report(
        entries,
        rules_by_coin(rules),
        Valuer(prices, quote=quote, feed=asked["feed"]),
        now_ms=int(time.time() * 1000),
        by=asked["by"],
        tried=tried,
    )
    return found, rules


def _quote_of(entries: "list[Entry]", prices: "list[PriceSeen]") -> str:
    """Return the money of the newest power bill, or of the newest price; EUR where there is neither."""
    from hashwright.ledger.hold_walk import ENERGY

    bills = (it for entry in reversed(entries) for it in entry.postings if it.account.startswith(ENERGY))
    found = next((it.amount.currency.code for it in bills), "") or (prices[-1].quote if prices else "")
    return found or "EUR"


def _within(row: "Row", asked: dict[str, Any]) -> bool:
    days = datetime.timedelta(days=LAST_DAYS[asked["by"]])
    start = _start_of(asked["start"]) if asked["start"] else _start_of(None) - days
    end = _start_of(asked["end"])
    size = len(row.period)
    return f"{start:%Y-%m-%d}"[:size] <= row.period <= f"{end:%Y-%m-%d}"[:size]


def _say_now(terminal: Terminal, found: "HoldReport") -> None:
    """Say first what the rules recommend now."""
    ruled = [it for it in found.standings if it.rule is not None]
    for it in ruled:
        terminal.line(_recommendation(it, found.quote))
    if not found.standings:
        terminal.line("Nothing was mined so far: there is nothing to keep or to sell.")
    elif not ruled:
        code = found.standings[0].currency.code
        terminal.line(f"No coin has a rule. Set one: hw ledger hold set {code} cover (or keep, or share --part 50%).")
    bill = found.walk.bill
    if bill.open:
        terminal.line(
            f"Of the power bill {_money(bill.open, found.quote)} are not covered: no more coins, or no price."
        )


def _recommendation(it: "Standing", quote: "Currency") -> str:
    from hashwright.money import Amount

    assert it.rule is not None, "asked for coins with a rule only"
    rule = it.rule.text
    if it.sell:
        worth = (
            f", worth {_money(it.worth, quote)} at {_price(it)}" if it.price else ", worth unknown: no measured price"
        )
        return f"Sell {Amount(it.sell, it.currency)}{worth}. The rule: {rule}."
    if it.ahead:
        more = Amount(it.ahead, it.currency)
        return f"Sell no {it.currency.code} now: {more} more was sold than the rule asks. The rule: {rule}."
    return f"Sell no {it.currency.code} now. The rule: {rule}."


def _price(it: "Standing") -> str:
    import time

    from hashwright.cli.views import age_text

    assert it.price is not None, "asked for coins with a price only"
    age = age_text(int(time.time() * 1000) - it.price.at_ms)
    return f"{it.price.value} {it.price.quote} a {it.price.base} ({it.price.feed}, {age} old)"


def _money(minor: int | None, quote: "Currency") -> str:
    from hashwright.money import Amount

    return UNKNOWN if minor is None else str(Amount(minor, quote))


def _rows_table(found: "HoldReport", rows: "list[Row]", *, is_narrow: bool) -> Table:
    from hashwright.ledger.hold_report import cells_of

    code = found.quote.code
    heads = (
        *("period", "coin", "rule", "mined", f"worth [{code}]", "rule sells", f"for [{code}]", "really sold"),
        *(f"for [{code}] ", "spent or taken", f"power bill [{code}]"),
    )
    # most never take coins out but by a sale: a column of dashes helps nobody
    kept = [at for at, head in enumerate(heads) if head != "spent or taken" or any(it.taken for it in rows)]
    kept = [at for at in kept if not is_narrow or at in NARROW_ROWS]
    cells = [cells_of(it, found.quote) for it in rows]
    shown = tuple(heads[at] for at in kept)
    return Table(
        heads=shown,
        rows=tuple(tuple(_quiet(row[at]) for at in kept) for row in cells),
        right=frozenset(shown) - {"period", "coin", "rule"},
        empty="Nothing was mined or sold in these days.",
    )


def _quiet(cell: str) -> str:
    """Draw a zero as a dash: what happened stands out."""
    return cell if cell.strip("0.") else "-" if cell else ""


def _outcome_table(found: "HoldReport", *, is_narrow: bool) -> Table:
    code = found.quote.code
    heads = (
        *("coin", "", "sold", f"brought [{code}]", "kept", f"worth now [{code}]", f"unrealised [{code}]"),
        "lots sold from",
    )
    cells = []
    for it in found.standings:
        for words, outcome in (("by the rule", it.by_rule), ("really", it.really)):
            if it.rule is not None or words == "really":
                cells.append((it.currency.code, words, *_outcome_cells(outcome, it.currency, found.quote)))
    kept = [at for at in range(len(heads)) if not is_narrow or at in NARROW_OUTCOMES]
    shown = tuple(heads[at] for at in kept)
    picked = tuple(tuple(row[at] for at in kept) for row in cells)
    return Table(heads=shown, rows=picked, right=frozenset(shown[2:]), empty="No coins.")


def _outcome_cells(it: "Outcome", coin: "Currency", quote: "Currency") -> tuple[str, ...]:
    from hashwright.money import Amount

    def money(minor: int | None) -> str:
        return UNKNOWN if minor is None else Amount(minor, quote).text()

    sold, kept = (Amount(minor, coin).text() for minor in (it.sold, it.kept))
    numbers = (sold, money(it.brought), kept, money(it.kept_worth), money(it.unrealised))
    return (*numbers, f"{it.lots} of {it.lots_all}")


def _notes(terminal: Terminal, found: "HoldReport", rules: "list[HoldRule]") -> None:
    bill = found.walk.bill
    if bill.booked:
        terminal.note(
            f"Power bills booked while a rule covers them: {_money(bill.booked, found.quote)}, of which the rule covers"
            f" {_money(bill.covered, found.quote)}."
        )
    for code in sorted(bill.other):
        terminal.note(f"Power bills in {code} are left out: --currency {code} shows them.")
    if found.walk.waited:
        terminal.note(f"{found.walk.waited} times no measured price was known, so nothing could be sold for the bill.")
    for rule in rules:
        since = datetime.datetime.fromtimestamp(rule.since_ms / 1000, datetime.UTC)
        terminal.note(f"{rule.coin} since {since:%Y-%m-%d %H:%M} UTC: {rule.text}.")
    terminal.note(
        "A recommendation: nothing is sold by it. Worths are measured prices of their time; none is a forecast."
    )


def document_of(found: "HoldReport", rows: "list[Row]", rules: "list[HoldRule]") -> dict[str, Any]:
    """Return all of it for a program: amounts are text, `null` is unknown."""
    from hashwright.ledger.hold_report import HEADS, cells_of
    from hashwright.money import Amount

    def money(minor: int | None) -> str | None:
        return None if minor is None else Amount(minor, found.quote).text()

    def periods(row: "Row") -> dict[str, str | None]:
        cells = dict(zip(HEADS, cells_of(row, found.quote), strict=True))
        return {head: None if cell == UNKNOWN else cell for head, cell in cells.items()}

    bill = found.walk.bill
    return {
        "currency": found.quote.code,
        "rules": [{"coin": it.coin, "rule": it.text, "since_ms": it.since_ms} for it in rules],
        "periods": [periods(it) for it in rows],
        "power_bill": {"booked": money(bill.booked), "covered": money(bill.covered), "open": money(bill.open)},
        "waited_for_a_price": found.walk.waited,
        "coins": [_standing_document(it, money) for it in found.standings],
    }


def _standing_document(it: "Standing", money: "Callable[[int | None], str | None]") -> dict[str, Any]:
    from hashwright.money import Amount

    def coins(minor: int) -> str:
        return Amount(minor, it.currency).text()

    def outcome(one: "Outcome") -> dict[str, Any]:
        return {
            "sold": coins(one.sold),
            "brought": money(one.brought),
            "kept": coins(one.kept),
            "kept_worth": money(one.kept_worth),
            "unrealised": money(one.unrealised),
            "lots_sold_from": one.lots,
            "lots": one.lots_all,
        }

    return {
        "coin": it.currency.code,
        "rule": None if it.rule is None else it.rule.text,
        "mined": coins(it.mined),
        "sell_now": coins(it.sell),
        "sell_now_worth": money(it.worth),
        "sold_beyond_the_rule": coins(it.ahead),
        "price": None if it.price is None else {"value": f"{it.price.value:f}", "at_ms": it.price.at_ms},
        "by_rule": outcome(it.by_rule),
        "really": outcome(it.really),
    }
