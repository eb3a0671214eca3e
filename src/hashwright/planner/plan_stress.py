"""What would change a plan: worlds that turn at once, and how far revenue may fall or has to rise."""

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

from hashwright.economics.scenarios import simulate
from hashwright.economics.watchers import Totals
from hashwright.planner.plan import Plan, Wish, group_name, mining_entries
from hashwright.planner.worlds import Prepared, what_if


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """What the same plan would leave in a world that turns bad at once [USD over the horizon]."""

    name: str
    mean_usd: float
    p5_usd: float
    days_on_share: float


STRESSES: Final = (
    ("prices halve at once", {"price": 0.5}),
    ("the network doubles at once", {"difficulty": 2.0}),
    ("both", {"price": 0.5, "difficulty": 2.0}),
    ("prices double at once", {"price": 2.0}),
)


def stress(prepared: Prepared, wish: Wish, plan: Plan, *, rng: np.random.Generator) -> tuple[Stress, ...]:
    """Walk the plan's machines through worlds that turn bad, pausing on days that do not pay."""
    chosen = [it for it in plan.outcomes if it.kind == "mine" and it.weight > 0]
    small = dataclasses.replace(wish, scenarios=min(wish.scenarios, 400))
    entries = mining_entries(prepared, small)
    keys = [f"{group_name(it.group)}: {it.coin.ticker} at {it.venue.name}" for it in entries]
    found = []
    for name, factors in STRESSES:
        world = what_if(prepared.world, **factors)
        totals = Totals(world.starts, [it.earner for it in entries], small.scenarios)
        simulate(world, days=small.horizon_days, paths=small.scenarios, rng=rng, watchers=[totals])
        value, on = np.zeros(small.scenarios), 0.0
        for outcome in chosen:
            at = keys.index(outcome.key)
            value += totals.value_usd[at] * outcome.weight
            on += float(totals.days_on[at].mean()) / small.horizon_days * outcome.weight
        weight = sum(it.weight for it in chosen)
        found.append(
            Stress(
                name=name,
                mean_usd=float(value.mean()),
                p5_usd=float(np.percentile(value, 5)),
                days_on_share=on / weight if weight else 0.0,
            )
        )
    return tuple(found)


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
