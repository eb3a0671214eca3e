"""What `hw trends` says of choices: what each machine did then and does now, and which number drove it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hashwright.cli import market_parts as parts
from hashwright.cli.terminal import Table, Terminal, listed

if TYPE_CHECKING:
    from hashwright.chain.coin import Coin
    from hashwright.cli.documents import TurnDocument
    from hashwright.economics.hardware import Catalogue, Group, Machine
    from hashwright.planner.history import Rig
    from hashwright.planner.series import CoinTable
    from hashwright.planner.turns import Turn, Turns

NET: Final = 0.99 * 0.995
"""After a pool's fee of 1 % and 0.5 % of stale shares, as `hw calc` assumes."""


def read_turns(
    table: "CoinTable",
    coins: "Sequence[Coin]",
    catalogue: "Catalogue",
    *,
    hardware: str | None,
    days: int,
    price: float,
) -> "Turns | None":
    """Ask what changed for these machines, or for the best known of each algorithm; None where none can mine.

    Raises:
        OperatorError: a machine is unknown (HW-802), or its coins are not known at both ends (HW-827).
    """
    from hashwright.errors import HashwrightError
    from hashwright.planner.history import Costs
    from hashwright.planner.turns import turns_of

    minable = [it for it in coins if it.economy is not None and it.economy.session and not it.economy.merged_parent]
    here = [it for it in minable if it.ticker in table.coins]
    groups = catalogue.groups(hardware) if hardware else _references(catalogue, here, table)
    rigs = [rig for group in groups if (rig := _rig(group, here)) is not None]
    if not rigs:
        return None
    try:
        return turns_of(table, rigs, days=days, costs=Costs(power_price_usd_kwh=price))
    except HashwrightError:
        if hardware:
            raise
        return None  # a history of prices only: the tables above say what is known


def _references(catalogue: "Catalogue", coins: "Sequence[Coin]", table: "CoinTable") -> "list[Group]":
    """Return the most efficient machine of each algorithm that could be had when the history ends."""
    from hashwright.economics.hardware import Group
    from hashwright.planner.series import text_of_day

    found = []
    for algorithm in dict.fromkeys(coin.algorithm for coin in coins):
        last = text_of_day(max(table.coins[it.ticker].last_day for it in coins if it.algorithm == algorithm))
        machine = best_sold(catalogue, algorithm, last)
        if machine is not None:
            found.append(Group(machine=machine, count=1))
    return found


def best_sold(catalogue: "Catalogue", algorithm: str, day: str) -> "Machine | None":
    """Return the most efficient machine that was surely sold on a day; where no such age is known, of all."""
    known = catalogue.of_algorithm(algorithm)
    # of some only the year is known: it counts from its last month on
    sold = [it for it in known if it.release and f"{it.release}-12"[:7] <= day] or list(known)
    return min(sold, key=lambda it: it.efficiency_j_th, default=None)


def _rig(group: "Group", coins: "Sequence[Coin]") -> "Rig | None":
    from hashwright.planner.history import Rate, Rig

    machine = group.machine
    rates = tuple(
        Rate(coin=coin.ticker, hashrate_hs=machine.hashrate_hs, power_w=machine.power_w)
        for coin in coins
        if coin.algorithm == machine.algorithm
    )
    name = machine.model if group.count == 1 else f"{machine.model} x{group.count}"
    return Rig(name=name, rates=rates, count=group.count, net=NET) if rates else None


def show_turns(terminal: Terminal, found: "Turns") -> None:
    """Show each choice then and now, and what each number alone did to it."""
    terminal.line()
    terminal.line(f"What that did to the choice, {found.first_day} against {found.last_day}, all else the same:")
    for it in found.turns:
        terminal.line(turn_words(it))
    if not found.turns:
        return
    terminal.line()
    heads = ("machine", "then USD/day", "price", "difficulty", "new coins", "fees", "now USD/day")
    rows = tuple(_cells(it) for it in found.turns)
    terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[1:])))
    terminal.note(
        "Each number alone, among those of then: profit of mining's best way, a day. * it alone turns the choice."
    )


def turn_words(it: "Turn") -> str:
    """Say in a sentence what changed, and what drove it."""
    if not it.is_changed:
        loss = " It loses either way." if it.now == "idle" else ""
        return f"{it.group}: {it.now} then and now.{loss}"
    alone = [effect.number for effect in it.effects if effect.is_enough]
    if alone:
        why = f"{listed(alone)} alone did it" if len(alone) == 1 else f"each of {listed(alone)} alone does it"
    elif it.drivers:
        why = f"{listed(it.drivers)} did it together"
    else:
        why = "only all numbers together did it"
    return f"{it.group}: {it.then} then, {it.now} now; {why}."


def _cells(it: "Turn") -> tuple[str, ...]:
    effects = tuple(
        f"{parts.usd_text(effect.gain_usd_day, sign=True)}{'*' if effect.is_enough else ''}" for effect in it.effects
    )
    return (
        it.group,
        parts.usd_text(it.then_usd_day, sign=True),
        *effects,
        parts.usd_text(it.now_usd_day, sign=True),
    )


def turn_document(it: "Turn") -> "TurnDocument":
    """Write it for a program."""
    from hashwright.cli.documents import EffectDocument, TurnDocument

    return TurnDocument(
        group=it.group,
        then=it.then,
        now=it.now,
        then_usd_per_day_est=it.then_usd_day,
        now_usd_per_day_est=it.now_usd_day,
        drivers=list(it.drivers),
        effects=[
            EffectDocument(
                number=effect.number,
                choice=effect.choice,
                gain_usd_per_day_est=effect.gain_usd_day,
                is_enough=effect.is_enough,
                is_needed=effect.is_needed,
            )
            for effect in it.effects
        ],
    )
