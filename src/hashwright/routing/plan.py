"""From targets to shares: who is to get which part of a group's work now, with what is available now.

Order: absolute rates first; floors; then shares, within floors and caps (water-filling: whoever would be above its cap
or below its floor is fixed there, and the rest is shared anew). What an unavailable destination would have had goes to
the first fall-back that is there, else to the other targets by their parts. Where no target is left, the safe
destination takes everything, then any that is ready. Power that no target wants (only rates, or caps reached) goes the
same way, because a machine that waits earns nothing.
"""

import dataclasses

from hashwright.routing.events import RouteSet, Target
from hashwright.routing.health import refill_factor
from hashwright.routing.records import Group
from hashwright.signals import is_order

TINY = 1e-12
LARGEST = 1e30
"""More hashes a second than there will be."""


@dataclasses.dataclass(slots=True)
class Want:
    """What one destination wants: a part of what is left, or a rate [H/s], within bounds."""

    part: float = 0.0
    rate: float = 0.0
    floor: float = 0.0
    cap: float = float("inf")


def shares_of(group: Group, *, total_hs: float, now: int) -> dict[str, float]:
    """Return each destination's share of the work, summing to 1; empty where nothing is available."""
    ready = available(group)
    if not ready:
        return {}
    plan = group.plan
    if plan is None or group.failed or not plan.targets:
        return {_without_plan(group, ready): 1.0}
    wants = _with_fallbacks(plan, _wants(plan.targets), ready)
    if not wants:
        return {_last_resort(group, plan, ready): 1.0}
    rates = _fill(wants, total_hs if total_hs > 0 else 1.0)
    left = max((total_hs if total_hs > 0 else 1.0) - sum(rates.values()), 0.0)
    if left > TINY * max(total_hs, 1.0):
        spare = _spare_place(plan, ready)
        if spare:
            rates[spare] = rates.get(spare, 0.0) + left
    weighed = {name: rate * refill_factor(group.accounts[name], now=now) for name, rate in rates.items()}
    return _normal(weighed if sum(weighed.values()) > 0 else rates)


def available(group: Group) -> list[str]:
    """List the destinations that can be mined for; degraded ones only where there is no other. Orders are none."""
    ready, sound = [], []
    for name, account in group.accounts.items():
        if account.state == "ready" and not is_order(name):
            ready.append(name)
            if not account.health.is_degraded:
                sound.append(name)
    return sound or ready


def _wants(targets: tuple[Target, ...]) -> dict[str, Want]:
    wants: dict[str, Want] = {}
    for target in targets:
        want = wants.setdefault(target.destination, Want())
        match target.kind:
            case "share":
                want.part = _bounded(target.value)
            case "rate":
                want.rate = _bounded(target.value)
            case "floor":
                want.floor = _bounded(target.value)
            case "cap":
                want.cap = _bounded(target.value)
    return wants


def _bounded(value: float) -> float:
    """Keep a value within what sums and products can hold; what is no number is nothing."""
    return min(max(value, 0.0), LARGEST) if value == value else 0.0


def _with_fallbacks(plan: RouteSet, wants: dict[str, Want], ready: list[str]) -> dict[str, Want]:
    """Hand what the missing ones want to the first fall-back that is there."""
    stands = next((name for name in plan.fallbacks if name in ready), "")
    present = {name: want for name, want in wants.items() if name in ready}
    for name, want in wants.items():
        if name in ready or not stands:
            continue
        other = present.setdefault(stands, Want())
        other.part += want.part
        other.rate += want.rate
    return {name: want for name, want in present.items() if want.part > 0 or want.rate > 0 or want.floor > 0}


def _fill(wants: dict[str, Want], total: float) -> dict[str, float]:
    """Return each destination's rate: fixed ones, then parts within their bounds. They sum to at most the total.

    A fall-back that stands in for a rate keeps its own part, within what its bounds still leave.
    """
    fixed = {name: min(want.rate, want.cap) for name, want in wants.items() if want.rate > 0}
    scale = min(1.0, total / sum(fixed.values())) if sum(fixed.values()) > 0 else 1.0
    rates = {name: rate * scale for name, rate in fixed.items()}
    rest = max(total - sum(rates.values()), 0.0)
    shared = {
        name: want if name not in rates else _beside(want, rates[name])
        for name, want in wants.items()
        if want.part > 0 or name not in rates
    }
    floors = sum(want.floor for want in shared.values())
    if floors >= rest:
        squeeze = rest / floors if floors > 0 else 0.0
        more = {name: want.floor * squeeze for name, want in shared.items()}
    else:
        more = _water_fill(shared, rest)
    return {name: rates.get(name, 0.0) + more.get(name, 0.0) for name in wants}


def _beside(want: Want, rate: float) -> Want:
    """Return what is wanted beside a rate that is served already."""
    return Want(part=want.part, floor=max(want.floor - rate, 0.0), cap=max(want.cap - rate, 0.0))


def _water_fill(wants: dict[str, Want], rest: float) -> dict[str, float]:
    """Share by parts; fix whoever breaks a bound, caps and floors apart, and share the rest again."""
    rates: dict[str, float] = {}
    open_ = dict(wants)
    while open_:
        parts = sum(want.part for want in open_.values())
        share = {name: rest * (want.part / parts) if parts > 0 else 0.0 for name, want in open_.items()}
        low = {name: want.floor - share[name] for name, want in open_.items() if share[name] < want.floor}
        high = {name: share[name] - want.cap for name, want in open_.items() if share[name] > want.cap}
        if not low and not high:
            return rates | share
        bound = low if sum(low.values()) >= sum(high.values()) else high
        for name in bound:
            want = open_.pop(name)
            rates[name] = min(want.floor if bound is low else want.cap, rest)
            rest = max(rest - rates[name], 0.0)
    return rates


def _spare_place(plan: RouteSet, ready: list[str]) -> str:
    """Return who takes power that no target wants."""
    targets = [target.destination for target in plan.targets]
    return next((name for name in (*plan.fallbacks, plan.safe, *targets) if name in ready), "")


def _without_plan(group: Group, ready: list[str]) -> str:
    plan = group.plan
    if plan is not None and group.failed:
        return _last_resort(group, plan, ready)
    return group.primary if group.primary in ready else ready[0]


def _last_resort(group: Group, plan: RouteSet, ready: list[str]) -> str:
    for name in (plan.safe, *plan.fallbacks, group.primary):
        if name in ready:
            return name
    return ready[0]


def _normal(rates: dict[str, float]) -> dict[str, float]:
    total = sum(rates.values())
    return {name: rate / total for name, rate in rates.items() if rate > 0} if total > 0 else {}
