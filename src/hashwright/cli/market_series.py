"""`hw market depth` and `hw market delivery`: the market as numbers over price and over time."""

from collections.abc import Mapping
from typing import Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.market import algo_option, ask
from hashwright.cli.market_views import short, work_text
from hashwright.cli.overview import time_text
from hashwright.cli.terminal import Table, Terminal
from hashwright.units import hashrate_text


@click.command(cls=Command)
@algo_option
@pass_terminal
def depth(terminal: Terminal, algorithm: str | None) -> None:
    """Show the depth of the book: what is wanted at each price, and offered at each floor. Nobody is named.

    Example: hw market depth
    """
    found = ask(terminal, "market-depth", algorithm=algorithm)
    if terminal.is_json:
        terminal.document(found)
        return
    wanted, offered = hashrate_text(found["wanted_hs"]), hashrate_text(found["offered_hs"])
    terminal.line(f"Wanted {wanted}, offered {offered}, matched {hashrate_text(found['matched_hs'])}.")
    heads = ("price", "wanted", "gets", "orders")
    cells = tuple(
        (short(it["price"]) + (" fixed" if it["is_locked"] else ""), hashrate_text(it["limit_hs"]),
         hashrate_text(it["matched_hs"]), str(it["orders"]))
        for it in found["bids"]
    )  # fmt: skip
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads), empty="Nobody buys. hw market order --help"))
    heads = ("floor", "offered", "sold", "machines")
    cells = tuple(
        (short(it["floor"]), hashrate_text(it["rate_hs"]), hashrate_text(it["sold_hs"]), str(it["machines"]))
        for it in found["asks"]
    )
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads), empty="Nobody sells. hw market sell --help"))
    terminal.note(f"Prices in {found['unit']}. Rates are measured from shares.")


@click.command(cls=Command)
@click.argument("name", metavar="ORDER|ACCOUNT")
@click.option("--seller", "is_seller", is_flag=True, help="The name is a seller's account: what it sold to all orders.")
@click.option("--hours", type=float, default=24.0, show_default=True, help="How far back.")
@click.option("--points", type=int, default=24, show_default=True, help="In so many steps.")
@pass_terminal
def delivery(terminal: Terminal, name: str, is_seller: bool, hours: float, points: int) -> None:
    """Show what an order asked for and what it got, or what a seller delivered and earned, step by step.

    Delivered is work that was paid for; the means of each step are measured, the money is settled.

    Example: hw market delivery order-3

    Example: hw market delivery kai --seller --hours 6 --points 12
    """
    key = "seller" if is_seller else "order"
    found = ask(terminal, "market-delivery", **{key: name}, hours=hours, points=points)
    if terminal.is_json:
        terminal.document(found)
    elif is_seller:
        for market in found["markets"]:
            _show_sold(terminal, found, market)
    else:
        _show_order(terminal, found)


def _show_order(terminal: Terminal, found: Mapping[str, Any]) -> None:
    times, currency = _times(found), found.get("currency", "")
    heads = ("from (UTC)", "ordered", "delivered", f"paid {currency}".strip())
    rows = zip(times, found["ordered_hs"], found["delivered_hs"], found["paid"], strict=True)
    cells = tuple(
        (at, hashrate_text(wanted), hashrate_text(got), short(paid)) for at, wanted, got, paid in rows if wanted or got
    )
    terminal.line(f"{found['order']} is {found['state']}: {work_text(found['work'])} for {short(found['committed'])}.")
    empty = "It did not stand in that time. Look further back: --hours."
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[1:]), empty=empty))
    for it in found["changes"][-10:]:
        words = f"{it['state']}, {hashrate_text(it['limit_hs'])} at {short(it['price'])}"
        terminal.note(f"{_minute(it['at_ms'])}: {words}{': ' + it['reason'] if it['reason'] else ''}")


def _show_sold(terminal: Terminal, found: Mapping[str, Any], market: Mapping[str, Any]) -> None:
    heads = ("from (UTC)", "delivered", f"earned {market['currency']}".strip())
    rows = zip(_times(found), market["delivered_hs"], market["earned"], strict=True)
    cells = tuple((at, hashrate_text(got), short(earned)) for at, got, earned in rows if got)
    terminal.line(f"{found['seller']} on the market of {market['algorithm']}:")
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[1:]), empty="Nothing was sold in that time."))


def _times(found: Mapping[str, Any]) -> list[str]:
    span = range(found["from_ms"], found["to_ms"], found["step_ms"])
    return [_minute(at) for at in span]


def _minute(at_ms: int) -> str:
    return time_text(at_ms)[:16].replace("T", " ")
