"""What would change a plan: worlds that turn at once, and how far revenue may fall or has to rise."""

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

from hashwright.economics.changes import FloatArray
from hashwright.economics.scenarios import World, simulate
from hashwright.economics.watchers import Totals
from hashwright.planner.plan import Outcome, Plan, Wish, group_name, mining_entries
from hashwright.planner.worlds import Prepared, what_if


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """What the same plan would leave in a world that turns bad at once [USD over the horizon]."""

    name: str
    mean_usd: float
    p5_usd: float
    days_on_share: float


STRESSES: Final = (
    ("prices halve at once", 0.5, 1.0),
    ("the network doubles at once", 1.0, 2.0),
    ("both", 0.5, 2.0),
    ("prices double at once", 2.0, 1.0),
)
"""What it is called, and the factors of price and difficulty."""
DEAD: Final = 1e-9
"""The price of a coin that nobody wants: not zero, so that ratios stay numbers."""
DEARER: Final = 1.5
KEPT_DAYS: Final = 7
"""How many days of work a pool that fails keeps: what is owed, and what was sent before anybody saw it."""


def stress(prepared: Prepared, wish: Wish, plan: Plan, *, rng: np.random.Generator) -> tuple[Stress, ...]:
    """Walk the plan's machines through worlds that turn bad, pausing on days that do not pay.

    The plan is not made anew: where its coin dies, its machines stand still.
    """
    chosen = [it for it in plan.outcomes if it.kind == "mine" and it.weight > 0]
    small = dataclasses.replace(wish, scenarios=min(wish.scenarios, 400))
    found = [
        _walk(prepared, small, chosen, name, what_if(prepared.world, price=price, difficulty=difficulty), rng)
        for name, price, difficulty in STRESSES
    ]
    dear = dataclasses.replace(small, power_price_usd_kwh=small.power_price_usd_kwh * DEARER)
    if small.power_price_usd_kwh > 0:
        found.append(_walk(prepared, dear, chosen, "power costs half as much again", prepared.world, rng))
    for ticker in dict.fromkeys(it.coin for it in chosen):
        dead = what_if(prepared.world, price=DEAD, coin=ticker)
        found.append(_walk(prepared, small, chosen, f"{ticker} dies: its coins are worth nothing", dead, rng))
    if chosen:
        found.append(_failed_pool(prepared, small, chosen, rng))
    return tuple(found)


def _walk(
    prepared: Prepared, wish: Wish, chosen: list[Outcome], name: str, world: World, rng: np.random.Generator
) -> Stress:
    """Walk the chosen ways through a world."""
    return _stress_of(name, *_walked(prepared, wish, chosen, world, rng))


def _walked(
    prepared: Prepared, wish: Wish, chosen: list[Outcome], world: World, rng: np.random.Generator
) -> tuple[FloatArray, dict[str, float], float]:
    """Return what is left in each scenario, what each venue pays on average, and the part of days on [USD]."""
    entries = mining_entries(dataclasses.replace(prepared, world=world), wish)
    keys = [f"{group_name(it.group)}: {it.coin.ticker} at {it.venue.name}" for it in entries]
    totals = Totals(world.starts, [it.earner for it in entries], wish.scenarios)
    simulate(world, days=wish.horizon_days, paths=wish.scenarios, rng=rng, watchers=[totals])
    value, on, paid = np.zeros(wish.scenarios), 0.0, dict.fromkeys((it.venue for it in chosen), 0.0)
    for outcome in chosen:
        at = keys.index(outcome.key)
        value += totals.value_usd[at] * outcome.weight
        on += float(totals.days_on[at].mean()) / wish.horizon_days * outcome.weight
        paid[outcome.venue] += float(totals.revenue_usd[at].mean()) * outcome.weight
    weight = sum(it.weight for it in chosen)
    return value, paid, on / weight if weight else 0.0


def _stress_of(name: str, value: FloatArray, _paid: dict[str, float], on: float) -> Stress:
    return Stress(name=name, mean_usd=float(value.mean()), p5_usd=float(np.percentile(value, 5)), days_on_share=on)


def _failed_pool(prepared: Prepared, wish: Wish, chosen: list[Outcome], rng: np.random.Generator) -> Stress:
    """Let the pool that pays most fail and keep a week of work; the machines go on elsewhere at the same terms."""
    value, paid, on = _walked(prepared, wish, chosen, prepared.world, rng)
    venue = max(paid, key=lambda name: paid[name])
    days = min(KEPT_DAYS, wish.horizon_days)
    name = f"{venue} fails and keeps {days} day{'' if days == 1 else 's'} of work"
    return _stress_of(name, value - paid[venue] * days / wish.horizon_days, paid, on)


def turning_points(plan: Plan) -> tuple[str, ...]:
    """Say what would change the answer, group by group: how far revenue may fall, or has to rise."""
    lines = []
    for group in plan.wish.groups:
        name = group_name(group)
        ways = [it for it in plan.mining if it.group == name]
        chosen = [it for it in ways if it.weight > 0]
        best = max(chosen or ways, key=lambda it: (it.weight, it.now_usd_day), default=None)
        if best is None or best.cost_usd_day <= 0:
            continue
        revenue = best.now_usd_day + best.cost_usd_day
        limit = f"{best.break_even_usd_kwh:.4f} USD/kWh" if best.break_even_usd_kwh is not None else "any price"
        if best.now_usd_day > 0:
            fall = best.now_usd_day / revenue
            lines.append(
                f"{name}: stops where {best.coin} earns {fall:.0%} less (price down, or difficulty up by"
                f" {1 / (1 - fall) - 1:.0%}), or power costs more than {limit}"
            )
        else:
            rise = best.cost_usd_day / revenue - 1 if revenue > 0 else float("inf")
            lines.append(f"{name}: starts where {best.coin} earns {rise:.0%} more, or power costs less than {limit}")
    return tuple(lines)
