"""Machines lent to buyers: the market says which machine works for which order, and routing sees that it gets there.

A lent machine is out of its group: it counts in no split, no arrangement and no slice, and what it does for an order is
nobody's debt. It comes back when the market gives it back, and at once when the order's pool goes away. A person's pin
is stronger than the market, and a machine that would have to reconnect is not lent.
"""

from hashwright.routing import moves
from hashwright.routing.effects import RoutingEffect
from hashwright.routing.records import Group, Machine, RoutingState
from hashwright.signals import BindMachine, MoveMachine, is_order


def bind(state: RoutingState, event: BindMachine, *, now: int) -> tuple[RoutingEffect, ...]:
    """Lend a machine, lend it elsewhere, or take it back."""
    group = state.groups.get(state.where.get(event.session, ""))
    if group is None:
        return ()
    if not event.destination:
        return give_back(group, [event.session], now=now)
    account = group.accounts.get(event.destination)
    if account is None or account.state != "ready" or not is_order(event.destination):
        return ()
    machine = group.lent.get(event.session) or group.machines.get(event.session)
    if machine is None or machine.pin or not machine.moves_freely:
        return ()
    group.machines.pop(event.session, None)
    group.lent[event.session] = machine
    machine.lent_to = event.destination
    return _send(machine, now=now)


def give_back(group: Group, sessions: list[int], *, now: int) -> tuple[RoutingEffect, ...]:
    """Take machines back into their group, and send them where its route has a place."""
    back = _reclaim(group, sessions)
    return moves.place_all(group, back, now=now) if back else ()


def lose_order(group: Group, destination: str, *, now: int) -> tuple[RoutingEffect, ...]:
    """Send everybody home at once who works for an order whose pool is gone, or is on the way there."""
    _reclaim(group, [session for session, machine in group.lent.items() if machine.lent_to == destination])
    return moves.leave(group, destination, now=now)


def _reclaim(group: Group, sessions: list[int]) -> dict[int, Machine]:
    """Put machines back among those of the route."""
    back = {}
    for session in sessions:
        machine = group.lent.pop(session, None)
        if machine is not None:
            machine.lent_to, machine.is_sliced, machine.is_quick = "", False, False
            group.machines[session] = back[session] = machine
    return back


def remind(group: Group, *, now: int) -> tuple[RoutingEffect, ...]:
    """Send those again that did not arrive."""
    effects: list[RoutingEffect] = []
    for machine in group.lent.values():
        if machine.destination != machine.lent_to and not moves.is_waiting(machine, now=now):
            effects.extend(_send(machine, now=now))
    return tuple(effects)


def _send(machine: Machine, *, now: int) -> tuple[RoutingEffect, ...]:
    """Tell a machine to mine for its order; its shares come often, since it may be gone in five seconds."""
    if machine.destination == machine.lent_to:
        machine.wish = ""
        return ()
    machine.wish, machine.wish_at = machine.lent_to, now
    machine.is_sliced, machine.is_quick = False, True
    return (MoveMachine(machine.session, machine.lent_to, is_sliced=False, is_quick=True),)
