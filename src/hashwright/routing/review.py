"""When the whole arrangement is looked at again, and how much of it may change at once.

Soon after a change (plan, destinations, pins), at doubling times while the rates of new machines become known, and then
every ten minutes. At most a tenth of the machines move in one tick; the rest follows in the next.
"""

from hashwright.routing import assignment, moves, plan, rates
from hashwright.routing.effects import RoutingEffect
from hashwright.routing.records import Group, Machine, RoutingState

REVIEWS_MS = (30_000, 60_000, 120_000, 240_000)
REGULAR_MS = 600_000
HURRY_MS = 60_000
NEWCOMER_MS = 30_000
MOVED_PART_MAX = 0.1
GAP_MS = 20_000
"""Reviews that only an error asks for come no closer."""


def hurry(group: Group, *, now: int) -> None:
    """Look at the arrangement in the next tick, and let machines move that came a moment ago."""
    group.review_at = now
    group.reviews = 0
    group.hurry_until = now + HURRY_MS


def note_newcomer(group: Group, *, now: int) -> None:
    """Look again soon after machines came or went."""
    if group.review_at > now + NEWCOMER_MS:
        group.review_at, group.reviews = now + NEWCOMER_MS, 0


def is_off(group: Group, *, now: int) -> bool:
    """Tell whether the split is so far from the plan that it should not wait for the next regular review."""
    if now - group.reviewed_at < GAP_MS:
        return False
    asked = sum(account.asked for account in group.accounts.values())
    return any(abs(account.debt) > assignment.TOLERANCE * asked for account in group.accounts.values())


def arrange(
    state: RoutingState, group: Group, *, now: int, part_max: float = MOVED_PART_MAX
) -> tuple[RoutingEffect, ...]:
    """Bring the machines nearer to the arrangement that fits the plan now, at most a part of them at once."""
    group.review_at = now + (REVIEWS_MS[group.reviews] if group.reviews < len(REVIEWS_MS) else REGULAR_MS)
    group.reviews += 1
    group.reviewed_at = now
    shares = plan.shares_of(group, total_hs=group.total_hs, now=now)
    if not shares or not group.machines:
        return ()
    group.is_split = len(shares) > 1
    known = rates.rates(group, now=now)
    goals = assignment.goals_of(group, shares, sum(known.values()), now=now)
    fixed = {id_ for id_, it in group.machines.items() if _is_fixed(state, group, it, goals, now=now)}
    old = [id_ for id_ in fixed if _may_be_asked(state, group, group.machines[id_], now=now)]
    wanted = assignment.arrange(group, goals, known, fixed, old, now=now)
    return _carry_out(group, wanted, max(int(len(group.machines) * part_max), 1), now=now)


def _is_fixed(state: RoutingState, group: Group, machine: Machine, goals: dict[str, float], *, now: int) -> bool:
    """Tell whether a machine stays where it is: on its way, pinned, of unknown rate, or not to be moved."""
    if moves.is_waiting(machine, now=now):
        return True
    pin = machine.pin
    if pin in goals or (pin == machine.destination and pin in plan.available(group)):
        return True
    if machine.destination not in goals:
        return not moves.may_reconnect(state, machine, now=now)
    if not machine.moves_freely:
        return True
    return len(goals) > 1 and rates.rate_of(machine, now=now) is None


def _may_be_asked(state: RoutingState, group: Group, machine: Machine, *, now: int) -> bool:
    """Tell whether a machine of old firmware may be asked to reconnect: soon after a change, else twice an hour."""
    if machine.moves_freely or machine.pin or moves.is_waiting(machine, now=now):
        return False
    if rates.rate_of(machine, now=now) is None or not moves.may_reconnect(state, machine, now=now):
        return False
    if now < group.hurry_until:
        return True
    tries = state.tries.get(machine.worker)
    is_fresh = tries is not None and now - tries.since < assignment.DWELL_MS
    return not is_fresh and assignment.may_leave(group, machine, now=now)


def _carry_out(group: Group, wanted: assignment.Arrangement, most: int, *, now: int) -> tuple[RoutingEffect, ...]:
    effects: list[RoutingEffect] = []
    moved = 0
    for id_ in wanted.sliced:
        machine = group.machines[id_]
        effects.extend(moves.move(group, machine, machine.destination, is_sliced=True, now=now))
    for id_, name in wanted.whole.items():
        machine = group.machines[id_]
        if name != (machine.wish or machine.destination):
            if moved >= most:
                group.review_at = min(group.review_at, now + 1)
                continue
            moved += 1
        effects.extend(moves.move(group, machine, name, is_sliced=False, now=now))
    return tuple(effects)
