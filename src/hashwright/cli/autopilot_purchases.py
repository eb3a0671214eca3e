"""What `hw autopilot` shows about hash power that could be bought, and what became of what was."""

from typing import Any

from hashwright.cli.terminal import Table, Terminal


def show_purchases(terminal: Terminal, seen: dict[str, Any], thought: dict[str, Any] | None) -> None:
    """Show each rental of a decision: what it costs, what it is worth, what should be done, and why."""
    sights = seen.get("purchases") or []
    if not sights:
        return
    decided = {} if thought is None else {it["name"]: it for it in thought.get("purchases", ())}
    heads = ("to buy", "market", "limit PH/s", "costs USD/PH/day", "worth USD/PH/day", "gain USD/day", "mode", "what")
    rows = tuple(_row(it, decided.get(it["name"], {})) for it in sights)
    terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[2:6])))
    for it in sights:
        for line in _lines(it, decided.get(it["name"], {})):
            terminal.note(line)


def _row(it: dict[str, Any], found: dict[str, Any]) -> tuple[str, ...]:
    return (
        it["name"],
        it["market"] or "unknown",
        f"{it['limit_hs'] / 1e15:,.3f}",
        _usd(found.get("cost_usd_ph_day")),
        _usd(found.get("worth_usd_ph_day")),
        _usd(found.get("gain_usd_day")),
        "on paper" if it.get("is_paper", True) else "real",
        found.get("kind", "-"),
    )


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.2f}"


def _lines(it: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return the arithmetic behind a rental, in sentences."""
    name, lines = it["name"], []
    if found:
        lines.append(f"{name}: {found['why']}.")
    if found.get("most"):
        sure = f"; {1 - found['sure']:.1%} is taken off for luck and change" if found["sure"] < 1 else ""
        ask = it.get("ask") or "nobody is served"
        lines.append(f"{name}: asked {ask}, the most that pays is {found['most']} (coins for one EH/s and day){sure}.")
    if found.get("bound"):
        lines.append(f"{name}: your limit binds: {found['bound']}.")
    order = it.get("order")
    if order:
        left = f"{float(order['left']):.8f}"
        lines.append(f"{name}: order {order['id']} stands at {order['price']}, {left} coins are left of it.")
    if it.get("delivered", 1.0) < 0.9995:
        lines.append(f"{name}: of what was paid for, x{it['delivered']:.3f} came.")
    if it.get("why_paper"):
        lines.append(f"{name}: on paper, because {it['why_paper']}.")
    return lines


def show_bought(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    """Show what rentals cost, what was expected for it, and what the work was worth that came."""
    rows = tuple(
        (
            it["rental"],
            it["market"],
            "on paper" if it["is_paper"] else "real",
            f"{it['paid_usd_est']:,.4f}",
            f"{it['expected_usd_est']:,.4f}",
            "not counted" if it["earned_usd_est"] is None else f"{it['earned_usd_est']:,.4f}",
            "not known" if it["gain_usd_est"] is None else f"{it['gain_usd_est']:+,.4f}",
            f"x{it['delivered_factor']:.4f}" if it["counted_days"] else "not known",
        )
        for it in found
    )
    if rows:
        heads = ("rental", "market", "mode", "paid USD", "expected USD", "earned USD", "gain USD", "delivered")
        terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[3:])))
