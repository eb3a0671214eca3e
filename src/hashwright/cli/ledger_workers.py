"""`hw ledger workers`: what each worker's part of the money was, by its part of the work."""

import time
from typing import TYPE_CHECKING

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.clock import Instant

if TYPE_CHECKING:
    from hashwright.ledger.statements import WorkerPart

DAY_MS = 86_400_000
RIGHT = frozenset(("part of the work", "its part"))


@click.command(cls=Command)
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back.")
@pass_terminal
def workers(terminal: Terminal, days: int) -> None:
    """Divide what was earned in some days by work: what each worker's part was. An estimate; the sums are the books'.

    Example: hw ledger workers --days 7
    """
    found = _read(terminal, since_ms=Instant(int(time.time() * 1000) - days * DAY_MS))
    rows = [
        {
            "worker": it.worker,
            "destination": it.destination,
            "currency": it.amount.currency.code,
            "work_hashes": str(it.work),
            "part_est": round(it.part, 6),
            "amount_est": it.amount.text(),
        }
        for it in found
    ]
    if terminal.is_json:
        terminal.document({"days": days, "workers": rows})
        return
    heads = ("destination", "worker", "part of the work", "its part", "currency")
    cells = tuple(
        (
            clean(it.destination),
            clean(it.worker) or "(nobody worked in these days)",
            f"{it.part:.2%}",
            it.amount.text(),
            it.amount.currency.code,
        )
        for it in found
    )
    terminal.table(Table(heads=heads, rows=cells, right=RIGHT, empty="Nothing was earned in these days."))
    if found:
        terminal.note("Estimated by accepted work: a block pays work of days before, so look at many days.")


def _read(terminal: Terminal, *, since_ms: Instant) -> "list[WorkerPart]":
    from hashwright.ledger.statements import by_worker
    from hashwright.pool.members import member_of
    from hashwright.runtime.opening import open_store
    from hashwright.store.ledger import read_entries
    from hashwright.store.projections import CREDITED

    store = open_store(terminal.load_config().data_dir, readonly=True)
    try:
        entries = store.read_books(
            lambda connection: [it for _, it in read_entries(connection) if it.at_ms >= since_ms]
        )
        work: dict[tuple[str, str], int] = {}
        for it in store.work_totals(since_ms):
            if it.outcome in CREDITED:
                work[it.destination, it.worker] = work.get((it.destination, it.worker), 0) + it.work
    finally:
        store.close()
    return by_worker((it for it in entries if it.at_ms >= since_ms), work, member_of=member_of)
