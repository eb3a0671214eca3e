"""The routing engine: `step(state, event, now=...)` says who moves, and why.

Facts come from the pool engine: machines, work, what upstreams answered, which destinations are there. Plans and pins
come from people. A tick each second does the rest, in this order: try rested destinations again, ask for work, move
whoever is in the wrong place, look at the whole arrangement when it is time, cut slices.

Rules
* Nobody waits for a tick when a destination goes away: all its machines move in the same step.
* Everything else is slow: few machines a tick, each at most twice an hour, and nothing goes back and forth.
* No event makes it raise, and unknown names change nothing.

Must not know: jobs, sockets, accounts of people, prices.
"""

from hashwright.routing import accounts, health, lending, moves, plan, rates, review
from hashwright.routing.effects import RoutingEffect
from hashwright.routing.events import PinSet, PlanFailed, PlanRestored, RouteSet, RoutingEvent
from hashwright.routing.pins import pin_of
from hashwright.routing.records import Account, Group, Health, Machine, RoutingState
from hashwright.signals import (
    Alert,
    BindMachine,
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineGone,
    MachineReady,
    ProcessStarted,
    ReturnWork,
    WakeAt,
    is_order,
)

TICK_MS = 1_000
TICK_KEY = "routing-tick"
GOLDEN = 0.6180339887498949


def step(state: RoutingState, event: RoutingEvent, *, now: int) -> tuple[RoutingEffect, ...]:
    """Take one event and return what is to be done."""
    match event:
        case CreditWork():
            group = state.groups.get(state.where.get(event.session, "")) or _group_of(state, event.destination)
            if group is not None:
                accounts.take_credit(group, event, now=now)
            return ()
        case ReturnWork():
            return _take_return(state, event, now=now)
        case ClockTicked():
            return _tick(state, now=now) if event.key == TICK_KEY else ()
        case MachineReady():
            return _take_machine(state, event, now=now)
        case MachineGone():
            return _lose_machine(state, event, now=now)
        case _:
            return _rare_step(state, event, now=now)


def place(state: RoutingState, algorithm: str, *, number: int) -> str:
    """Return where a machine that connects now begins; an empty string where nothing is known.

    Machines are spread by the multiples of the golden ratio: any run of them falls on the shares as evenly as can be,
    and nothing must be remembered of those that have not said yet who they are.

    Args:
        state: the engine's state, not changed.
        algorithm: the machine's.
        number: a count of connections.
    """
    group = state.groups.get(algorithm)
    if group is None:
        return ""
    shares = plan.shares_of(group, total_hs=group.total_hs, now=group.booked_at)
    point = number * GOLDEN % 1.0
    for name, share in shares.items():
        point -= share
        if point < 0:
            return name
    named = [target.destination for target in group.plan.targets] if group.plan is not None else []
    others = (name for name in group.accounts if not is_order(name))
    candidates = (*shares, *(name for name in named if name in group.accounts), *others)
    return next((name for name in candidates if group.accounts[name].state != "removed"), "")


# ---------------------------------------------------------------- people and plans


def _rare_step(state: RoutingState, event: RoutingEvent, *, now: int) -> tuple[RoutingEffect, ...]:
    match event:
        case ProcessStarted():
            return _start_process(state, now=now)
        case DestinationChanged():
            return _change_destination(state, event, now=now)
        case RouteSet():
            return _set_route(state, event, now=now)
        case PlanFailed():
            groups = [group for name, group in state.groups.items() if event.algorithm in ("", name)]
            return tuple(effect for group in groups for effect in _fail(state, group, event.reason, now=now))
        case PlanRestored():
            groups = [group for name, group in state.groups.items() if event.algorithm in ("", name)]
            return tuple(effect for group in groups for effect in _restore(group, now=now))
        case PinSet():
            return _set_pin(state, event, now=now)
        case BindMachine():
            return lending.bind(state, event, now=now)
        case _:
            return ()


def _start_process(state: RoutingState, *, now: int) -> tuple[RoutingEffect, ...]:
    state.where.clear()
    for group in state.groups.values():
        group.machines.clear()
        group.lent.clear()
        group.total_hs, group.fresh = 0.0, max(group.fresh, 0)
        for account in group.accounts.values():
            account.state, account.reason, account.was_down = "waiting", "", False
            account.debt = 0
    return (WakeAt(at=now + TICK_MS, key=TICK_KEY),)


def _set_route(state: RoutingState, event: RouteSet, *, now: int) -> tuple[RoutingEffect, ...]:
    group = _group(state, event.algorithm, now=now)
    group.plan = event if event.targets or event.safe or event.fallbacks else None
    group.failed = ""
    accounts.begin_anew(group, now=now)
    review.hurry(group, now=now)
    return ()


def _fail(state: RoutingState, group: Group, reason: str, *, now: int) -> tuple[RoutingEffect, ...]:
    if group.failed:
        return ()
    group.failed = reason or "no reason given"
    review.hurry(group, now=now)
    text = f"The route of {group.algorithm} cannot be followed: {group.failed}. The safe destination takes over."
    return (Alert(level="critical", code="HW-440", text=text), *review.arrange(state, group, now=now, part_max=1.0))


def _restore(group: Group, *, now: int) -> tuple[RoutingEffect, ...]:
    if not group.failed:
        return ()
    group.failed = ""
    accounts.begin_anew(group, now=now)
    review.hurry(group, now=now)
    return (Alert(level="info", code="HW-441", text=f"The route of {group.algorithm} is followed again."),)


def _set_pin(state: RoutingState, event: PinSet, *, now: int) -> tuple[RoutingEffect, ...]:
    if event.destination:
        state.pins[event.pattern] = event.destination
    else:
        state.pins.pop(event.pattern, None)
    effects: list[RoutingEffect] = []
    for group in state.groups.values():
        for machine in (*group.machines.values(), *group.lent.values()):
            machine.pin = pin_of(state.pins, machine.worker)
        pinned = [session for session, machine in group.lent.items() if machine.pin]
        effects.extend(lending.give_back(group, pinned, now=now))
        review.hurry(group, now=now)
        effects.extend(moves.obey_pins(state, group, now=now))
    return tuple(effects)


# ---------------------------------------------------------------- destinations


def _change_destination(state: RoutingState, event: DestinationChanged, *, now: int) -> tuple[RoutingEffect, ...]:
    group = _group(state, event.algorithm, now=now)
    account = group.accounts.get(event.destination)
    if account is None:
        account = group.accounts[event.destination] = Account(
            destination=event.destination, state="waiting", reason="", health=Health()
        )
    if is_order(event.destination):
        return _change_order(group, account, event, now=now)
    before = plan.shares_of(group, total_hs=group.total_hs, now=now)
    had = account.state
    account.state, account.reason = event.state, event.reason
    alerts: tuple[RoutingEffect, ...] = ()
    if event.state == "ready":
        alerts = _welcome(group, account, had_others=len(plan.available(group)) > 1, now=now)
    elif had == "ready":
        account.was_down, account.debt = True, 0
        health.note_fall(account, now=now)
    if event.state == "removed":
        del group.accounts[event.destination]
    _choose_primary(group)
    if plan.shares_of(group, total_hs=group.total_hs, now=now) != before:
        review.hurry(group, now=now)  # one that has no part in the route may come and go unnoticed
    if event.state == "ready":
        return alerts if before else (*alerts, *moves.rescue(group, now=now))
    return moves.leave(group, event.destination, now=now)


def _change_order(group: Group, account: Account, event: DestinationChanged, *, now: int) -> tuple[RoutingEffect, ...]:
    """Note how a buyer's pool is; whoever is there goes home at once when it is gone."""
    account.state, account.reason = event.state, event.reason
    if event.state == "ready":
        return ()
    if event.state == "removed":
        del group.accounts[event.destination]
    return lending.lose_order(group, event.destination, now=now)


def _welcome(group: Group, account: Account, *, had_others: bool, now: int) -> tuple[RoutingEffect, ...]:
    """Fill a destination that comes back slowly, unless it is the only one; let one that comes and goes rest first."""
    was_down, account.was_down = account.was_down, False
    if not was_down or not had_others or account.health.is_degraded:
        return ()
    if health.is_restless(account, now=now):
        return _empty(account, f"it went away {account.falls} times in short order", now=now)
    health.forgive(account, now=now)
    return ()


def _empty(account: Account, why: str, *, now: int) -> tuple[RoutingEffect, ...]:
    health.degrade(account.health, why, now=now)
    text = f"{account.destination} is emptied for a while: {why}."
    return (Alert(level="warning", code="HW-442", text=text),)


def _choose_primary(group: Group) -> None:
    """Keep to one destination while there is no plan; go to the next only when it is away."""
    ready = plan.available(group)
    if ready and group.primary not in ready:
        group.primary = ready[0]


def _take_return(state: RoutingState, event: ReturnWork, *, now: int) -> tuple[RoutingEffect, ...]:
    for group in state.groups.values():
        account = group.accounts.get(event.destination)
        if account is not None:
            accounts.take_return(group, account, event, now=now)
    return ()


def _watch_health(group: Group, *, now: int) -> tuple[RoutingEffect, ...]:
    effects: list[RoutingEffect] = []
    shares = plan.shares_of(group, total_hs=group.total_hs, now=now)
    for account in group.accounts.values():
        if is_order(account.destination):
            continue  # the market judges the pools of its buyers
        trouble = health.trouble_of(account.health, now=now)
        if health.may_try_again(account.health, now=now):
            health.forgive(account, now=now)
        elif trouble and not account.health.is_degraded:
            effects.extend(_empty(account, trouble, now=now))
            _choose_primary(group)
        is_filling = account.refilled_at and now - account.refilled_at <= health.REFILL_MS
        if is_filling and account.destination in shares:
            review.hurry(group, now=now)
    if plan.shares_of(group, total_hs=group.total_hs, now=now) != shares:
        review.hurry(group, now=now)
    return tuple(effects)


# ---------------------------------------------------------------- machines


def _take_machine(state: RoutingState, event: MachineReady, *, now: int) -> tuple[RoutingEffect, ...]:
    group = _group(state, event.algorithm, now=now)
    machine = group.machines.get(event.session) or group.lent.get(event.session)
    if machine is None:
        machine = group.machines[event.session] = Machine(
            session=event.session,
            worker=event.worker,
            destination=event.destination,
            moves_freely=event.moves_freely,
            joined_at=now,
            since=now,
            decayed_at=now,
        )
        state.where[event.session] = event.algorithm
        review.note_newcomer(group, now=now)
    elif machine.destination != event.destination:
        machine.destination, machine.since, machine.slice_work = event.destination, now, 0
    machine.worker, machine.moves_freely = event.worker, event.moves_freely
    machine.pin = pin_of(state.pins, event.worker)
    if machine.wish == machine.destination:
        machine.wish = ""
    if machine.lent_to:
        return ()
    return moves.settle_newcomer(state, group, machine, now=now)


def _lose_machine(state: RoutingState, event: MachineGone, *, now: int) -> tuple[RoutingEffect, ...]:
    group = state.groups.get(state.where.pop(event.session, ""))
    if group is not None and group.lent.pop(event.session, None) is not None:
        return ()
    machine = None if group is None else group.machines.pop(event.session, None)
    if group is None or machine is None:
        return ()
    review.note_newcomer(group, now=now)
    if machine.wish and not machine.moves_freely:
        return moves.note_try(state, machine, now=now)
    return ()


def _tick(state: RoutingState, *, now: int) -> tuple[RoutingEffect, ...]:
    effects: list[RoutingEffect] = [WakeAt(at=now + TICK_MS, key=TICK_KEY)]
    for group in state.groups.values():
        effects.extend(_tick_group(state, group, now=now))
    return tuple(effects)


def _tick_group(state: RoutingState, group: Group, *, now: int) -> tuple[RoutingEffect, ...]:
    effects: list[RoutingEffect] = []
    if group.plan is not None and 0 < group.plan.valid_until <= now:
        effects.extend(_fail(state, group, "the plan has run out", now=now))
    effects.extend(_watch_health(group, now=now))
    known = rates.rates(group, now=now)
    group.total_hs = rates.total_of(group, known, now=now)
    shares = plan.shares_of(group, total_hs=group.total_hs, now=now)
    accounts.ask(group, shares)
    accounts.bound_debts(group)
    effects.extend(accounts.book(group, now=now))
    effects.extend(moves.obey_pins(state, group, now=now))
    effects.extend(lending.remind(group, now=now))
    if now >= group.review_at or review.is_off(group, now=now):
        effects.extend(review.arrange(state, group, now=now))
    effects.extend(moves.cut_slices(group, shares, known, now=now))
    return tuple(effects)


def _group_of(state: RoutingState, destination: str) -> Group | None:
    """Return the group of a destination: a machine that was asked to reconnect is forgotten, and still works for it."""
    return next((group for group in state.groups.values() if destination in group.accounts), None)


def _group(state: RoutingState, algorithm: str, *, now: int) -> Group:
    group = state.groups.get(algorithm)
    if group is None:
        group = state.groups[algorithm] = Group(
            algorithm=algorithm, plan=None, machines={}, accounts={}, planned_at=now, review_at=now
        )
    return group
