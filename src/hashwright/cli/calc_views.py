"""How a calculation is shown to a person: the verdict, a day in numbers, power levels."""

import math
from typing import TYPE_CHECKING

from hashwright.cli import market_parts as parts
from hashwright.cli.terminal import Table
from hashwright.units import hashrate_text, power_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashwright.cli.documents import LevelDocument, SwingDocument
    from hashwright.economics.calculation import Assumed, Calculation
    from hashwright.economics.hardware import Level
    from hashwright.economics.payback import Payback
    from hashwright.economics.what_if import Swing


def verdict_lines(answer: "Calculation", assumed: "Assumed") -> list[str]:
    """Say whether mining pays, and what buying the coin would have done with the same money."""
    power, revenue = answer.power_cost_usd_day.value, answer.revenue_usd_day.value
    profit = parts.usd_text(abs(answer.profit_usd_day.value))
    sums = f"it earns {parts.usd_text(revenue)} USD a day, its power costs {parts.usd_text(power)}"
    first = (
        f"Mining loses {profit} USD a day: {sums}." if answer.loses else f"Mining leaves {profit} USD a day: {sums}."
    )
    return [first, _buying(answer, assumed)]


def _buying(answer: "Calculation", assumed: "Assumed") -> str:
    """Compare with buying the coin for the same dollars."""
    ticker = answer.earnings[0].ticker
    if answer.bought_usd.value <= 0:
        return "It costs nothing to run, so there is nothing to buy the coin with instead."
    what = "price and power" if answer.rig.price_usd else "power alone"
    stops = f" (it stops on day {answer.running_days:.0f})" if answer.running_days < assumed.horizon_days - 1 else ""
    text = (
        f"Over {assumed.horizon_days} days{stops} it mines about {parts.number_text(answer.mined_coins)} {ticker};"
        f" the {parts.usd_text(answer.bought_usd.value)} USD of its {what} buy"
        f" {parts.number_text(answer.bought_coins)} {ticker} today."
    )
    if answer.is_buying_better:
        return f"{text} Buying the coin gives more."
    if answer.rig.price_usd:
        return f"{text} Mining gives more."
    return f"{text} Whether the difference pays for the machine: --machine-price."


def day_table(answer: "Calculation", assumed: "Assumed", algorithm: str) -> Table:
    """Show a day."""
    kwh = answer.rig.power_w * 24 / 1000 * assumed.terms.uptime
    price = assumed.power_price_usd_kwh
    rows = [
        (
            f"earns a day (estimated), {it.ticker}",
            usd_cell(it.revenue_usd_day.value),
            f"{parts.number_text(it.coins_day)} {it.ticker} at {parts.number_text(it.price_usd)} USD",
        )
        for it in answer.earnings
    ]
    rows += [
        ("power a day", usd_cell(-answer.power_cost_usd_day.value), f"{kwh:.1f} kWh at {price:.4g} USD/kWh"),
        ("left a day (estimated)", usd_cell(answer.profit_usd_day.value), _loss_words(answer)),
        *_hashprice_rows(answer, algorithm),
        ("payback", *_payback_words(answer.payback, assumed)),
        *_value_rows(answer, assumed),
        ("a block alone", _days_text(answer.solo_block_days), "on the average: luck decides"),
    ]
    return Table(heads=("", "USD", "that is"), rows=tuple(rows), right=frozenset(("USD",)))


def levels_table(levels: "tuple[Level, ...]", answer: "Calculation", assumed: "Assumed") -> Table:
    """Show what each power level leaves, and what its last step up costs: that decides, not the average."""
    rows = tuple(
        (
            it.name,
            f"{hashrate_text(it.hashrate_hs)}, {power_text(it.power_w)}",
            usd_cell(it.profit_usd_per_day_est),
            f"{it.step_pays_to_usd_per_kwh_est:.4f}",
            "best" if it.is_best else "",
        )
        for it in level_documents(levels, answer, assumed)
    )
    heads = ("level", "runs at", "USD/day", "step pays to USD/kWh", "")
    return Table(heads=heads, rows=rows, right=frozenset(heads[2:4]))


def level_documents(levels: "tuple[Level, ...]", answer: "Calculation", assumed: "Assumed") -> "list[LevelDocument]":
    """Return what each power level leaves a day, and up to which price of power its last step pays."""
    from hashwright.cli.documents import LevelDocument
    from hashwright.economics.hashprice import (
        PH,
        best_level,
        break_even_power_usd_kwh,
        marginal_j_th,
        power_cost_usd_day,
    )

    if not levels:
        return []
    pairs = [(level.hashrate_hs, level.power_w) for level in levels]
    net, price, uptime = assumed.terms.net, assumed.power_price_usd_kwh, assumed.terms.uptime
    best = best_level(pairs, hashprice_usd_ph_day=answer.hashprice_usd_ph_day, power_price_usd_kwh=price, net=net)
    found = []
    for index, (level, step) in enumerate(zip(levels, marginal_j_th(pairs), strict=True)):
        earned = level.hashrate_hs / PH * answer.hashprice_usd_ph_day * net
        found.append(
            LevelDocument(
                name=level.name,
                hashrate_hs=level.hashrate_hs,
                power_w=level.power_w,
                profit_usd_per_day_est=(earned - power_cost_usd_day(level.power_w, price)) * uptime,
                step_pays_to_usd_per_kwh_est=break_even_power_usd_kwh(answer.hashprice_usd_ph_day, step, net=net),
                is_best=index == best,
            )
        )
    return found


LEVERS = {
    "power_price": "price of power",
    "price": "price of the coin",
    "growth": "growth of difficulty",
    "efficiency": "power a hash needs",
    "pool_fee": "fee of the pool",
}


def tornado_table(swings: "Sequence[Swing]", assumed: "Assumed") -> Table:
    """Show what each assumption, moved alone, does to what mining leaves; the strongest first."""
    rows = tuple(
        (
            LEVERS[it.lever],
            *(f"{end.value:.4g} {it.unit}: {usd_cell(end.left_usd)}" for end in (it.low, it.high)),
            parts.usd_text(it.spread_usd),
        )
        for it in swings
    )
    heads = ("assumption, moved alone", "low: leaves USD", "high: leaves USD", f"moves {assumed.horizon_days} days by")
    return Table(heads=heads, rows=rows, right=frozenset(heads[1:]))


def swing_document(it: "Swing") -> "SwingDocument":
    """Write a lever with both its ends."""
    from hashwright.cli.documents import SwingDocument

    return SwingDocument(
        lever=it.lever,
        unit=it.unit,
        now=it.now,
        low=it.low.value,
        high=it.high.value,
        low_profit_usd_per_day_est=it.low.profit_usd_day,
        high_profit_usd_per_day_est=it.high.profit_usd_day,
        low_left_usd_est=it.low.left_usd,
        high_left_usd_est=it.high.left_usd,
    )


def _value_rows(answer: "Calculation", assumed: "Assumed") -> list[tuple[str, str, str]]:
    if answer.present_value_usd is None:
        return []
    rate = "" if answer.return_per_year is None else f", a return of {answer.return_per_year:+.0%} a year"
    words = f"of {assumed.horizon_days} days at {assumed.rate_per_year:.0%} interest, without resale{rate}"
    return [("present value", usd_cell(answer.present_value_usd.value), words)]


def _hashprice_rows(answer: "Calculation", algorithm: str) -> list[tuple[str, str, str]]:
    unit, size = parts.rate_unit(algorithm)
    is_large = size >= 1e15
    efficiency = f"{answer.efficiency_j_th:.4g} J/TH" if is_large else f"{answer.efficiency_j_th * size / 1e12:,.4g} W"
    return [
        (
            "hashprice",
            parts.number_text(answer.hashprice_usd_ph_day * size / 1e15),
            f"what 1 {unit} earns a day, before fees",
        ),
        (
            "hashcost",
            parts.number_text(answer.hashcost_usd_ph_day * size / 1e15),
            f"what the power of 1 {unit} costs, {efficiency}",
        ),
    ]


def usd_cell(value: float) -> str:
    """Write money with its sign, always."""
    return parts.usd_text(value, sign=True)


def _loss_words(answer: "Calculation") -> str:
    limit = f"{answer.break_even_power_usd_kwh:.4f} USD/kWh"
    return f"LOSS: it pays only below {limit}" if answer.loses else f"it pays up to {limit}"


def _payback_words(paid: "Payback | None", assumed: "Assumed") -> tuple[str, str]:
    if paid is None:
        return "-", "no price of the machine is known: --machine-price"
    growth = f"at {math.exp(assumed.growth_per_year):.1f}x difficulty a year"
    naive = "" if paid.naive_days is None else f"; {_days_text(paid.naive_days)} if nothing ever changed"
    if paid.days is None:
        return "never", f"{growth}: {parts.usd_text(paid.peak_usd, sign=True)} at best{naive}"
    return _days_text(paid.days), f"{growth}{naive}"


def _days_text(days: float) -> str:
    if days >= 1500:
        return f"{days / 365.25:,.0f} years".replace(",", "\u2009")
    return f"{days:.0f} days" if days >= 2 else f"{days * 24:.1f} h"
