"""`hw ledger`: what everybody has and is owed, why, and the proof of it. Reads the database; changes nothing."""

from typing import TYPE_CHECKING, Any, Literal

import rich_click as click
from click.exceptions import Exit

from hashwright.cli.command import LazyGroup, pass_terminal
from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import EXIT_FAILED, OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hashwright.ledger.entries import Entry
    from hashwright.ledger.statements import Grouping
    from hashwright.store.connection import Connection

WORDS = {
    "asset": "we have",
    "liability": "we owe",
    "income": "earned",
    "expense": "spent",
    "equity": "our own",
}
AMOUNTS = ("earned", "credited to members", "paid out", "spent")
CREDIT_ROOTS = ("liability", "income", "equity")
"""Their balances are credits; people read them without the sign."""


@click.group(
    cls=LazyGroup,
    lazy={
        "export": "ledger_export:export",
        "prices": "ledger_export:prices",
        "reconcile": "ledger_reconcile:reconcile",
        "cost": "ledger_cost:cost",
        "workers": "ledger_workers:workers",
        "hold": "ledger_hold:hold",
        "sale": "ledger_hold:sale",
    },
)
def ledger() -> None:
    """Read the books: balances, days, single entries, proof, exports.

    Example: hw ledger balance
    """


@ledger.command()
@click.argument("account", default="")
@pass_terminal
def balance(terminal: Terminal, account: str) -> None:
    """Show what each account holds, or those below ACCOUNT. Settled money only: forecasts are never in the books.

    Example: hw ledger balance liability:member
    """

    def ask(connection: "Connection") -> list[dict[str, str]]:
        from hashwright.ledger.balances import under
        from hashwright.store.ledger import read_balances

        balances = read_balances(connection)
        roots = [account] if account else list(WORDS)
        return [_balance_row(name, amount) for root in roots for name, amount in under(balances, root)]

    rows = read_books(terminal, ask)
    if terminal.is_json:
        terminal.document({"balances": rows})
        return
    cells = tuple((row["account"], row["word"], row["amount"], row["currency"]) for row in rows)
    terminal.table(
        Table(
            heads=("account", "", "amount", "currency"),
            rows=cells,
            right=frozenset(("amount",)),
            empty="The books are empty: nothing has been earned or spent so far.",
        )
    )


def _balance_row(name: str, amount: Any) -> dict[str, str]:  # noqa: ANN401 (an Amount; its module loads late)
    root = name.partition(":")[0]
    shown = -amount if root in CREDIT_ROOTS else amount
    return {"account": name, "word": WORDS[root], "amount": shown.text(), "currency": amount.currency.code}


@ledger.command()
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True, help="How many days back.")
@click.option("--by", type=click.Choice(("member", "destination")), help="Divide each day further.")
@pass_terminal
def day(terminal: Terminal, days: int, by: Literal["member", "destination"] | None) -> None:
    """Show what was earned, spent and paid out on each day (UTC), by currency.

    Example: hw ledger day --days 30 --by member
    """
    rows = read_books(terminal, lambda connection: _days(connection, days, by or ""))
    if terminal.is_json:
        terminal.document({"days": rows})
        return
    amounts = ("credited to members", "paid out") if by == "member" else AMOUNTS
    heads = ("day", *((by,) if by else ()), "currency", *amounts)
    cells = tuple(tuple(row["group" if head == by else head] for head in heads) for row in rows)
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(amounts), empty="No entries in these days."))


def _days(connection: "Connection", days: int, by: "Grouping") -> list[dict[str, str]]:
    from hashwright.ledger.statements import by_day
    from hashwright.store.ledger import read_entries

    entries = [entry for _, entry in read_entries(connection)]
    return [
        {
            "day": it.day,
            "group": it.group,
            "currency": it.currency.code,
            "earned": it.text(it.earned),
            "credited to members": it.text(it.credited),
            "paid out": it.text(it.paid),
            "spent": it.text(it.spent),
        }
        for it in by_day(entries, last=days, by=by)
    ]


@ledger.command()
@click.argument("id")
@pass_terminal
def explain(terminal: Terminal, id: str) -> None:
    """Show every entry of one story: ID is an entry's number or source, a payout, or a block's hash.

    Example: hw ledger explain payout:litecoin-000001
    """
    found = read_books(terminal, lambda connection: _matching(connection, id))
    if not found:
        raise OperatorError(
            f"The books hold nothing that is called {id[:80]}.", code="HW-626", hint="List accounts: hw ledger balance."
        )
    if terminal.is_json:
        import json

        from hashwright.ledger.export_json import export_json

        terminal.document({"entries": [json.loads(line) for line in export_json(found)]})
        return
    for place, (number, entry) in enumerate(found):
        if place:
            terminal.line()
        _show(terminal, number, entry)


def _matching(connection: "Connection", name: str) -> "list[tuple[int, Entry]]":
    from hashwright.store.ledger import read_entries

    wanted = {name, f"payout:{name}", f"block:{name}"}
    return [
        (number, entry)
        for number, entry in read_entries(connection)
        if str(number) == name or wanted & {entry.source, entry.link}
    ]


def _show(terminal: Terminal, number: int, entry: "Entry") -> None:
    from datetime import UTC, datetime

    time = datetime.fromtimestamp(entry.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    terminal.line(f"entry {number}  {time}  {entry.kind}  {entry.source}")
    if entry.text:
        terminal.line(entry.text)
    rows = tuple((it.account, it.amount.text(), it.amount.currency.code) for it in entry.postings)
    terminal.table(
        Table(
            heads=("account", "debit (+) or credit (-)", "currency"),
            rows=rows,
            right=frozenset(("debit (+) or credit (-)",)),
        )
    )
    for name, fact in sorted(entry.facts.items()):
        terminal.line(f"{name}: {fact}")


@ledger.command()
@click.option("--deep", is_flag=True, help="Also prove the pages, the journal and the sums of work.")
@pass_terminal
def check(terminal: Terminal, deep: bool) -> None:
    """Prove the books from their raw rows: balance, order, digests, overdrafts, payouts. Exit 1 where they do not hold.

    Example: hw ledger check --deep
    """

    def prove(connection: "Connection") -> dict[str, Any]:
        from hashwright.store.checks import database_findings
        from hashwright.store.ledger import ledger_findings, read_head
        from hashwright.store.payout_checks import payout_findings

        findings = [*ledger_findings(connection), *payout_findings(connection)]
        if deep:
            findings = [*database_findings(connection, deep=True), *payout_findings(connection)]
        return {"entries": read_head(connection)[0], "findings": findings}

    result = read_books(terminal, prove)
    findings = result["findings"]
    if terminal.is_json:
        import dataclasses

        terminal.document({"entries": result["entries"], "findings": [dataclasses.asdict(it) for it in findings]})
    else:
        for finding in findings:
            terminal.tick("failed", f"{finding.place}: {finding.message} ({finding.code})", finding.hint)
        if not findings:
            terminal.line(f"The books hold: {result['entries']} entries proved from their raw rows.")
    if findings:
        raise Exit(EXIT_FAILED)


def read_books(terminal: Terminal, query: "Callable[[Connection], Any]") -> Any:  # noqa: ANN401 (what the query returns)
    """Ask the books of the data folder, also while Hashwright runs."""
    from hashwright.runtime.opening import open_store

    store = open_store(terminal.load_config().data_dir, readonly=True)
    try:
        return store.read_books(query)
    finally:
        store.close()
