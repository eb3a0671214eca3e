"""`hw market position`: cloud-mining contracts that you accepted, beside what they really paid."""

from typing import Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.market import ask, id_option, reference_of
from hashwright.cli.market_views import short
from hashwright.cli.terminal import Table, Terminal


@click.command(cls=Command)
@click.argument("name", default="")
@click.option("--seller", default="", help="With --per-day: a new position, with whom.")
@click.option("--cost", default="", metavar="COINS", help="What it cost.")
@click.option("--per-day", default="", metavar="COINS", help="What it should pay a day at first.")
@click.option("--days", type=int, default=0, help="How long it runs.")
@click.option("--decay", "decay_percent_day", type=float, default=0.0, help="Less each day [%], as difficulty grows.")
@click.option("--every", "pays_every_days", type=int, default=1, show_default=True, help="Pays every so many days.")
@click.option("--currency", default="BTC", show_default=True, help="In which coin.")
@click.option("--paid", default="", metavar="COINS", help="Note a payment that arrived.")
@id_option
@pass_terminal
def position(terminal: Terminal, /, name: str, paid: str, reference: str, **options: Any) -> None:  # noqa: ANN401
    """Track cloud-mining contracts: expected, paid, how far that drifts, and an early warning.

    hw audit OFFER.toml --accept NAME makes one from an audit.

    Example: hw market position gizmo --seller gizmo.example --cost 0.05 --per-day 0.0002 --days 365 --decay 0.15

    Example: hw market position gizmo --paid 0.0002
    """
    arguments: dict[str, Any] = {}
    if options["per_day"]:
        arguments["add"] = {"name": name, **options}
    elif paid:
        arguments |= {"name": name, "paid": paid, "reference": reference_of(reference)}
    found = ask(terminal, "market-position", **arguments)
    if terminal.is_json:
        terminal.document({"positions": found})
        return
    heads = ("position", "seller", "day", "cost", "expected by now", "paid", "drift", "expected in all", "audit")
    cells = tuple(
        (
            it["name"],
            it["seller"],
            f"{it['days']:g} of {it['of_days']}",
            short(it["cost"]),
            f"about {short(it['expected'])}",
            short(it["paid"]),
            f"{it['drift']:+.0%}",
            f"about {short(it['expected_whole'])} {it['currency']}",
            it.get("verdict") or "none",
        )
        for it in found
    )
    empty = "No contract is tracked. hw market position --help"
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[2:8]), empty=empty))
    for it in found:
        for warning in it["warnings"]:
            terminal.tick("warning", f"{it['name']}: {warning}")
