"""Quotes of markets as columns of a plan: what the rentals of the running program would cost now."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hashwright.cli.command import run_async
from hashwright.cli.terminal import Terminal
from hashwright.errors import StaleInput

if TYPE_CHECKING:
    from hashwright.economics.coin_facts import CoinFacts as Facts
    from hashwright.planner.plan import Market


def quotes_of(terminal: Terminal, names: Sequence[str], facts: "Facts") -> "tuple[Market, ...]":
    """Ask the running program what rentals cost now, each at its limit.

    Raises:
        Unavailable: nothing runs here.
        OperatorError: there is no rental of that name, or its market says no.
        StaleInput: no price of the market's coin is known (HW-401).
    """
    from hashwright.cli.pool import ask_process

    folder = terminal.load_config().data_dir
    found = []
    for name in names:
        answer = run_async(ask_process(folder, "market-rent", timeout_s=120.0, rent={"name": name}, plan=True))
        if answer["ask"] is None:
            terminal.note(f"{name}: nobody is served at {answer['market']} now, so it is no column of the plan.")
            continue
        found.append(market_of(answer, facts))
    return tuple(found)


def market_of(answer: Mapping[str, Any], facts: "Facts") -> "Market":
    """Return a quote as a plan takes it [USD a PH/s and day].

    Raises:
        StaleInput: no price of the market's coin is known (HW-401).
    """
    from hashwright.planner.plan import Market

    price = facts.fact(answer["coin"], "price_usd")
    if price is None:
        raise StaleInput(f"No price of {answer['coin']} is known.", code="HW-401", hint="hw admin data fetch")
    return Market(
        algorithm=answer["algorithm"],
        ask_usd_ph_day=float(Decimal(answer["ask"]) * price.value / 1000),
        depth_ph=answer["limit_hs"] / 1e15,
        fee=float(answer["fee_part"]),
    )
