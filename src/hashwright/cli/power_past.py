"""What `hw autopilot power` shows of batteries and of turns that are over: orders and answers, expected and earned."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hashwright.cli.terminal import Table, Terminal, clean

if TYPE_CHECKING:
    from pathlib import Path


def show_battery(terminal: Terminal, state: dict[str, Any]) -> None:
    """Show a battery that takes orders: what it says, and what it was told."""
    it = state.get("battery")
    if it is None:
        return
    if not it["kind"]:
        terminal.tick("failed", f"HW-894 {it['problem']}")
        return
    level = "?" if it["level"] is None else f"{it['level']:.0f} %"
    power = "" if it["power_w"] is None else f", {it['power_w']:+,.0f} W"
    order, would = it["order"], it["would"]
    if order is not None and (would is None or order["action"] != "automatic"):
        told = f"was told {order['words']}" + (f" ({order['reason']})" if order["reason"] else "")
        told += "" if order["answer"] == "ok" else f", and answered: {order['answer']}"
    else:
        told = "is told nothing" + ("" if would is None else f"; live it would be told {would['words']}")
    terminal.line(f"The battery is at {level}{power}, and {told}.")
    if it["problem"]:
        terminal.tick("failed", f"{it['problem']}. It is left to itself, and planned without.")


def show_earned(terminal: Terminal, state: dict[str, Any]) -> None:
    """Show what turns were expected to leave, beside what was measured."""
    it = state.get("earned")
    if it is None:
        return
    if not it["priced_turns"]:
        terminal.note(f"Of {it['turns']} turns nobody measured what they drew: --meter, or machines that report power.")
        return
    by = " and ".join(word for word in it["sources"] if word != "unknown")
    turns = "One turn was" if it["priced_turns"] == 1 else f"{it['priced_turns']} turns were"
    terminal.line(
        f"{turns} expected to leave {it['expected']:,.2f} {clean(it['currency'])} and left"
        f" {it['left']:,.2f}: earned {it['earned']:,.2f} of {it['expected_earn']:,.2f}, power {it['cost']:,.2f} of"
        f" {it['expected_cost']:,.2f} (estimated; energy by {by})."
    )
    if it["driven_turns"]:
        terminal.note(
            f"Learned of the turns that drove machines: earnings come to {it['earn_factor']:.0%} of what is expected,"
            f" power to {it['cost_factor']:.0%}."
        )


def show_orders(terminal: Terminal, orders: list[dict[str, Any]]) -> None:
    """Show what a turn told its battery, each order decided again."""
    if not orders:
        return
    rows = tuple(
        (
            datetime.fromtimestamp(it["at_ms"] / 1000, UTC).strftime("%H:%M:%S"),
            it["words"],
            "?" if it["level"] is None else f"{it['level']:.0f} %",
            it["answer"],
            it["reason"] or it["detail"],
        )
        for it in orders
    )
    heads = ("at (UTC)", "the battery was told", "level", "answered", "")
    terminal.table(Table(heads=heads, rows=rows, right=frozenset({"level"})))
    if all(it["is_repeated"] for it in orders):
        terminal.tick("ok", f"Decided again from what each rested on: the same {len(orders)} orders.")
    else:
        terminal.tick("failed", "Decided again, some orders differ: the program has changed since.")


def outcome_cells(outcome: dict[str, Any] | None) -> tuple[str, str]:
    """Return what a turn was expected to leave and what it left, as cells."""
    if outcome is None:
        return "", ""
    return _money(outcome["expected"]), _money(outcome["left"])


def _money(value: float | None) -> str:
    return "?" if value is None else f"{value:,.3f}"


async def released(sites: list[tuple[str, "Path"]]) -> list[dict[str, str]]:
    """Give the battery of each site's file back to itself, one after the other; what went wrong is an answer too."""
    from hashwright.adapters.batteries.base import tell_battery
    from hashwright.energy.battery_control import Order
    from hashwright.errors import HashwrightError
    from hashwright.runtime.battery_file import load_battery

    found = []
    for name, path in sites:
        try:
            battery = load_battery(path)
        except HashwrightError as error:
            found.append({"name": name, "answer": "unusable", "detail": error.message})
            continue
        if battery is not None:
            outcome = await tell_battery(battery.driver, Order(action="automatic", reason="a person said so"))
            found.append({"name": name, "answer": outcome.answer, "detail": outcome.detail})
    return found
