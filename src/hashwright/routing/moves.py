"""Moves: what is told to machines, and what keeps it from being told too often.

A move is a wish until the machine is seen at its new place; meanwhile it is left alone. A machine that cannot take a
new extranonce reconnects, and where it lands is not certain: after three tries in an hour it is left where it is.
"""

from hashwright.routing import plan, rates, slices
from hashwright.routing.assignment import spread
from hashwright.routing.effects import RoutingEffect
from hashwright.routing.records import Group, Machine, RoutingState, Tries
from hashwright.signals import Alert, MoveMachine

FEW_MACHINES = 16
"""With so few, the split hangs on the chance of each one's shares: all send them often."""
WISH_MS = 15_000
"""After this a wish that did not come true is forgotten, and may be said again."""
TRIES_MAX = 3
TRIES_SPAN_MS = 3_600_000
TRIES_KEPT = 20_000


def move(group: Group, machine: Machine, destination: str, *, is_sliced: bool, now: int) -> tuple[RoutingEffect, ...]:
    """Tell a machine where to mine, and how; nothing where it is so already."""
    is_quick = is_sliced or (len(group.machines) <= FEW_MACHINES and group.is_split)
    aim = machine.wish or machine.destination
    if (aim, machine.is_sliced, machine.is_quick) == (destination, is_sliced, is_quick):
        return ()
    if machine.destination == destination:
        machine.wish = ""
    elif aim != destination:
        machine.wish, machine.wish_at = destination, now
        if not is_sliced:
            machine.moved_at = now
    machine.is_sliced, machine.is_quick = is_sliced, is_quick
    return (MoveMachine(machine.session, destination, is_sliced, is_quick),)


def is_waiting(machine: Machine, *, now: int) -> bool:
    """Tell whether a machine is on its way; a wish that is too old is forgotten."""
    if machine.wish and now - machine.wish_at >= WISH_MS:
        machine.wish = ""
    return bool(machine.wish)


def may_reconnect(state: RoutingState, machine: Machine, *, now: int) -> bool:
    """Tell whether a machine can be moved at all: freely, or by a reconnect that was not tried too often."""
    tries = state.tries.get(machine.worker)
    is_spent = tries is not None and tries.count >= TRIES_MAX and now - tries.since < TRIES_SPAN_MS
    return machine.moves_freely or not is_spent


def note_try(state: RoutingState, machine: Machine, *, now: int) -> tuple[RoutingEffect, ...]:
    """Count a reconnect that was asked for."""
    tries = state.tries.get(machine.worker)
    if tries is None or now - tries.since >= TRIES_SPAN_MS:
        if len(state.tries) >= TRIES_KEPT:
            state.tries.pop(next(iter(state.tries)))
        tries = state.tries[machine.worker] = Tries(since=now, count=0)
    tries.count += 1
    if tries.count < TRIES_MAX or tries.is_told:
        return ()
    tries.is_told = True
    text = f"{machine.worker} was asked {tries.count} times to reconnect for {machine.wish}. It is left where it is."
    return (Alert(level="warning", code="HW-443", text=f"{text} Its firmware takes no new extranonce while it runs."),)


def leave(group: Group, destination: str, *, now: int) -> tuple[RoutingEffect, ...]:
    """Move every machine away from a destination that is gone, at once, so that the shares hold over the others."""
    there = {
        id_: machine for id_, machine in group.machines.items() if destination in (machine.wish, machine.destination)
    }
    return place_all(group, there, now=now)


def rescue(group: Group, *, now: int) -> tuple[RoutingEffect, ...]:
    """Move everybody who has nothing to do at once, because there is work again; those that must reconnect follow."""
    ready = plan.available(group)
    stranded = {
        id_: machine
        for id_, machine in group.machines.items()
        if machine.moves_freely and (machine.wish or machine.destination) not in ready
    }
    return place_all(group, stranded, now=now)


def place_all(group: Group, there: dict[int, Machine], *, now: int) -> tuple[RoutingEffect, ...]:
    """Give machines a place by the shares at once; nothing where there is none."""
    shares = plan.shares_of(group, total_hs=group.total_hs, now=now)
    if not there or not shares:
        return ()
    known = rates.rates(group, now=now)
    total = sum(known.values())
    load = dict.fromkeys(shares, 0.0)
    for id_, machine in group.machines.items():
        if id_ not in there and machine.destination in load:
            load[machine.destination] += known[id_]
    places = spread(list(there), {name: share * total for name, share in shares.items()}, load, known)
    effects: list[RoutingEffect] = []
    for id_, machine in there.items():
        machine.wish = ""
        effects.extend(move(group, machine, places[id_], is_sliced=machine.is_sliced, now=now))
    return tuple(effects)


def settle_newcomer(state: RoutingState, group: Group, machine: Machine, *, now: int) -> tuple[RoutingEffect, ...]:
    """Send a machine that came to the wrong place on: pinned elsewhere, or to a destination that is away."""
    if is_waiting(machine, now=now) or not may_reconnect(state, machine, now=now):
        return ()
    pin = machine.pin
    ready = plan.available(group)
    if pin in ready:
        return move(group, machine, pin, is_sliced=False, now=now) if machine.destination != pin else ()
    if machine.destination in ready or not ready:
        return ()
    shares = plan.shares_of(group, total_hs=group.total_hs, now=now)
    best = max(shares, key=lambda name: shares[name] - _crowd(group, name), default=ready[0])
    return move(group, machine, best, is_sliced=machine.is_sliced, now=now)


def obey_pins(state: RoutingState, group: Group, *, now: int) -> tuple[RoutingEffect, ...]:
    """Send pinned machines home where their destination is there."""
    effects: list[RoutingEffect] = []
    if not state.pins:
        return ()
    for machine in group.machines.values():
        pin = machine.pin
        account = group.accounts.get(pin) if pin else None
        if account is None or account.state != "ready" or is_waiting(machine, now=now):
            continue
        if machine.destination != pin and may_reconnect(state, machine, now=now):
            effects.extend(move(group, machine, pin, is_sliced=False, now=now))
    return tuple(effects)


def cut_slices(
    group: Group, shares: dict[str, float], known: dict[int, float], *, now: int
) -> tuple[RoutingEffect, ...]:
    """Move the sliced machines whose slice is over to who is owed most."""
    debts = {name: float(group.accounts[name].debt) for name in shares}
    effects: list[RoutingEffect] = []
    length_s = slices.slice_ms(group, now=now) / 1000
    for id_, machine in group.machines.items():
        if not machine.is_sliced or is_waiting(machine, now=now):
            continue
        if machine.destination in debts and not slices.is_over(group, machine, now=now):
            debts[machine.destination] -= known[id_] * length_s / 2
            continue
        name = slices.next_place(machine, debts)
        if name:
            debts[name] -= known[id_] * length_s
            effects.extend(move(group, machine, name, is_sliced=True, now=now))
    return tuple(effects)


def _crowd(group: Group, destination: str) -> float:
    """Return the part of all machines that is at a destination."""
    there = sum(1 for machine in group.machines.values() if destination in (machine.wish, machine.destination))
    return there / max(len(group.machines), 1)
