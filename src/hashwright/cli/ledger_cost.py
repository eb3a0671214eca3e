"""`hw ledger cost`: what energy and machines cost, in money of a state."""

import datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.terminal import Terminal
from hashwright.errors import HashwrightError
from hashwright.ledger.costs import COSTS

if TYPE_CHECKING:
    from pathlib import Path

HELD_BY_ANOTHER = "HW-602"


@click.command(cls=Command)
@click.argument("kind", type=click.Choice(COSTS))
@click.argument("name")
@click.argument("money", metavar="'120.50 EUR'")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) it was for.  [today]")
@click.option("--reference", default="", metavar="TEXT", help="An invoice, say; the same again is booked once.")
@click.option("--place", default="bank", show_default=True, metavar="NAME", help="Where it was paid from.")
@pass_terminal
def cost(terminal: Terminal, /, day: datetime.datetime | None, **said: Any) -> None:  # noqa: ANN401 (one a setting)
    """Book what energy of a site, or a machine, cost. Statements and tax exports count it.

    Example: hw ledger cost energy home "120.50 EUR" --date 2026-10-31 --reference "invoice 4711"
    """
    now = datetime.datetime.now(datetime.UTC)
    at = now.replace(hour=0, minute=0, second=0, microsecond=0) if day is None else day.replace(tzinfo=datetime.UTC)
    said["reference"] = said["reference"] or f"{at:%Y-%m-%d}"
    said["at_ms"] = int(at.timestamp() * 1000)
    done = _book(terminal.load_config().data_dir, said, now_ms=int(now.timestamp() * 1000))
    if terminal.is_json:
        terminal.document(done)
    else:
        word = "Booked" if done["is_new"] else "Booked before, and not a second time"
        terminal.line(f"{word}: hw ledger explain {done['source']}")


def _book(folder: "Path", said: dict[str, Any], *, now_ms: int) -> dict[str, Any]:
    """Write into the database, or have the program that holds it write."""
    from hashwright.cli.pool import ask_process
    from hashwright.runtime.opening import open_store
    from hashwright.store.costs import book_cost

    try:
        store = open_store(folder)
    except HashwrightError as problem:
        if problem.code != HELD_BY_ANOTHER:
            raise
        done: dict[str, Any] = run_async(ask_process(folder, "ledger-cost", **said))
        return done
    try:
        return store.change_books(lambda connection: book_cost(connection, said, now_ms=now_ms))
    finally:
        store.close()
