"""How the market looks: the book, a preview, the history, the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from hashwright.cli.overview import time_text
from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.errors import OperatorError
from hashwright.units import duration_text, hashrate_text, scaled_text

EMPTY = "No order stands. Buy: hw market order --help"


def show_book(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """Show a book: orders as they are served, then sellers."""
    terminal.note(f"{found['algorithm']}, prices in {found['unit']}. Served from the top; each up to its limit.")
    if found["fault"]:
        terminal.tick("failed", f"The market has failed: {found['fault']}", fix="Restart, and report it.")
    heads = ("order", "buyer", "price", "gets", "limit", "budget", "estimate", "committed", "state")
    cells = tuple(_order_cells(it) for it in found["orders"])
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[2:8]), empty=EMPTY))
    for it in found["orders"]:
        if it["state"] in ("paused", "closing"):
            terminal.tick("warning", f"{it['order']} is {it['state']}: {it['reason']}")
    terminal.line()
    _show_sellers(terminal, found["sellers"])
    if found["funds"]:
        terminal.note("Free funds: " + ", ".join(f"{clean(name)} {text}" for name, text in found["funds"].items()))


def _show_sellers(terminal: Terminal, sellers: Sequence[Mapping[str, Any]]) -> None:
    heads = ("seller", "floor", "machines", "hash rate", "sold", "at work for orders")
    cells = tuple(
        (
            it["account"],
            short(it["floor"]),
            str(it["machines"]),
            hashrate_text(it["rate_hs"]),
            hashrate_text(it["sold_hs"]),
            str(it["working_for_orders"]),
        )
        for it in sellers
    )
    terminal.table(
        Table(heads=heads, rows=cells, right=frozenset(heads[1:]), empty="Nobody sells. hw market sell --help")
    )


def _order_cells(it: Mapping[str, Any]) -> tuple[str, ...]:
    kind = " fixed" if it["locked_ms"] else ""
    return (
        it["order"],
        it["account"],
        short(it["price"]) + kind,
        hashrate_text(it["matched_hs"]),
        hashrate_text(it["limit_hs"]),
        short(it["budget"]),
        short(it["estimate"]),
        short(it["committed"]),
        it["state"],
    )


def show_quote(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """Show a preview, in sentences: every number is an estimate."""
    if found["side"] == "sell":
        if not found["orders"]:
            terminal.line("No order would take it now: nothing is earned.")
            return
        terminal.line(f"Sold: {hashrate_text(found['sold_hs'])}.")
        terminal.line(f"Income: about {found['income_day']} {found['currency']} a day after the fee (estimated).")
        for it in found["orders"]:
            terminal.line(f"  {it['order']}: {hashrate_text(it['rate_hs'])} at {short(it['price'])} {found['unit']}")
        return
    got, limit = hashrate_text(found["rate_hs"]), hashrate_text(found["limit_hs"])
    terminal.line(f"At {short(found['price'])} {found['unit']} you get about {got} of {limit} now.")
    terminal.line(f"Cost: about {found['cost_day']} {found['currency']} a day (estimated).")
    if found["spent_after_s"] is not None:
        terminal.line(f"The budget lasts about {duration_text(found['spent_after_s'])}.")
    full = found["full_price"]
    text = "No price gets all of it now." if full is None else f"All of it takes {short(full)} {found['unit']}."
    terminal.line(text)


def show_history(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """Show orders, what sellers got, and findings."""
    heads = ("order", "buyer", "since (UTC)", "price", "budget", "committed", "work", "unpaid work", "state", "reason")
    cells = tuple(
        (
            it["order"],
            it["account"],
            time_text(it["created_ms"])[:16].replace("T", " "),
            short(it["price"]),
            short(it["budget"]),
            short(it["committed"]),
            work_text(it["work"]),
            work_text(it["unpaid_work"]),
            it["state"],
            it["reason"],
        )
        for it in found["orders"]
    )
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[3:8]), empty="No order ever stood."))
    if found["trades"]:
        _show_trades(terminal, found["trades"])
    for it in found["findings"]:
        chance = "" if it["p_value"] is None else f" (p = {it['p_value']:.2g})"
        terminal.tick("warning", f"{it['order']}: {it['text']}{chance}")


def _show_trades(terminal: Terminal, trades: Sequence[Mapping[str, Any]]) -> None:
    terminal.line()
    heads = ("order", "seller", "paid by buyer", "fee", "seller got", "work", "settlements")
    cells = tuple(
        (
            it["order"],
            it["seller"] + (" (own order)" if it["is_own"] else ""),
            short(it["gross"]),
            short(it["fee"]),
            short(it["net"]),
            work_text(it["work"]),
            str(it["settlements"]),
        )
        for it in trades
    )
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[2:])))


def show_settings(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """Show a market's settings."""
    own = found["settings"]
    rows = [(key, str(value)) for key, value in own.items()]
    rows += [("price unit", found["unit"]), ("currency", found["currency"])]
    terminal.table(Table(heads=("setting", "value"), rows=tuple(rows)))


def read_changes(pairs: Sequence[str]) -> dict[str, Any]:
    """Read `key=value` pairs; numbers and yes and no become what they say.

    Raises:
        OperatorError: one has another form.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise OperatorError(f"{pair!r} is no KEY=VALUE.", code="HW-876", hint="Write --set fee_percent=2.")
        found[key.strip()] = _value_of(key.strip(), value.strip())
    return found


TEXTS = ("algorithm", "books", "unit", "price_step", "minimum_amount", "minimum_limit", "floor")


def _value_of(key: str, text: str) -> Any:  # noqa: ANN401 (JSON)
    if key in TEXTS:
        return text
    if text.lower() in ("yes", "true", "no", "false"):
        return text.lower() in ("yes", "true")
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        return text


def short(text: str) -> str:
    """Return an amount without the zeros at its end."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def work_text(hashes: str) -> str:
    """Return work for people."""
    return scaled_text(float(hashes), "H")
