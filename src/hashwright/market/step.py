"""The market engine: `step(state, event, now=...)` says who is to work for whom, and who is owed what.

Facts come from the pool engine: machines, accepted work, what buyers' pools answered, whether they are there. Orders,
prices and offers come from people. A tick each second does the rest: expire, settle, clear, steer.

Rules
* Money is held before an order can get anything, and nothing is paid that is not held.
* Only work that our own judge accepted on a live job of the order is paid; claims are not asked for.
* A buyer's pool that goes away loses its hash power in the same step; the router sends the machines home.
* No event makes it raise, and unknown names change nothing.

Must not know: sockets, the pool engine's inside, storage.
"""

from hashwright.market import delivery, memory, orders, quote, settlement, steering
from hashwright.market.effects import MarketEffect
from hashwright.market.events import (
    ChangeAsked,
    FundsAsked,
    FundsMoved,
    MarketEvent,
    MarketSet,
    MemoryMoved,
    MemoryRecalled,
    OrderAsked,
    OrderBarred,
    OrderChecked,
    SaleSet,
)
from hashwright.market.records import Machine, MarketState, Order, Sale
from hashwright.money import BOUND
from hashwright.signals import (
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineGone,
    MachineReady,
    ProcessStarted,
    ReturnWork,
    WakeAt,
)

TICK_MS = 1_000
TICK_KEY = "market-tick"

Effects = tuple[MarketEffect, ...]


def step(state: MarketState, event: MarketEvent, *, now: int) -> Effects:
    """Take one event and return what is to be done."""
    match event:
        case CreditWork():
            return delivery.take_credit(state, event, now=now)
        case ReturnWork():
            return delivery.take_return(state, event, now=now)
        case ClockTicked():
            return _tick(state, now=now) if event.key == TICK_KEY else ()
        case MachineReady():
            return _take_machine(state, event, now=now)
        case MachineGone():
            state.is_dirty = state.machines.pop(event.session, None) is not None or state.is_dirty
            return ()
        case DestinationChanged():
            return _change_destination(state, event, now=now)
        case _:
            return _rare_step(state, event, now=now)


def _rare_step(state: MarketState, event: MarketEvent, *, now: int) -> Effects:
    match event:
        case ProcessStarted():
            return _start_process(state, now=now)
        case OrderAsked():
            return tuple(orders.take_order(state, event, least_fixed=_least_fixed(state, event, now=now), now=now))
        case OrderChecked():
            return tuple(orders.take_check(state, event, now=now))
        case ChangeAsked():
            return tuple(orders.take_change(state, event, now=now))
        case FundsMoved():
            return tuple(orders.take_funds(state, event, now=now))
        case FundsAsked():
            return tuple(orders.take_withdrawal(state, event, now=now))
        case SaleSet():
            return _set_sale(state, event, now=now)
        case MarketSet():
            return _set_market(state, event)
        case _:
            return _memory_step(state, event)


def _memory_step(state: MarketState, event: MarketEvent) -> Effects:
    match event:
        case OrderBarred():
            return tuple(orders.bar_order(state, event))
        case MemoryMoved():
            memory.let_go(state, event)
        case MemoryRecalled():
            memory.recall(state, event)
        case _:
            pass
    return ()


def _least_fixed(state: MarketState, event: OrderAsked, *, now: int) -> int | None:
    """Return what a fixed order must pay at least: the price that wins its whole limit now; None where none does."""
    terms = state.terms.get(event.algorithm)
    if event.kind != "fixed" or terms is None:
        return None
    return quote.full_price(state, terms, event.limit_hs, now=now)


def _set_market(state: MarketState, event: MarketSet) -> Effects:
    """Take new terms. The coin of buyers' money stays while there is any; the unit of prices while orders stand."""
    terms, before = event.terms, state.terms.get(event.terms.algorithm)
    if before is not None:
        has_orders = any(order.algorithm == terms.algorithm for order in state.orders.values())
        is_same_money = (before.currency, before.exponent, before.books) == (
            terms.currency,
            terms.exponent,
            terms.books,
        )
        if not is_same_money and (has_orders or has_money(state, terms.algorithm)):
            return ()
        if before.unit != terms.unit and has_orders:
            return ()
    state.terms[terms.algorithm] = terms
    state.is_dirty = True
    return ()


def has_money(state: MarketState, algorithm: str) -> bool:
    """Tell whether buyers of a market have free funds, or owe something."""
    owes = any(key.startswith(f"{algorithm}/") for key in state.owed)
    return owes or any(state.funds.get(algorithm, {}).values())


def _set_sale(state: MarketState, event: SaleSet, *, now: int) -> Effects:
    key = steering.sale_key(event.account, event.algorithm)
    state.is_dirty = True
    if not event.is_on:
        state.sales.pop(key, None)
    elif 0 <= event.floor < BOUND:
        known = state.sales.get(key)
        since = now if known is None else known.since
        state.sales[key] = Sale(account=event.account, algorithm=event.algorithm, floor=event.floor, since=since)
    return ()


def _start_process(state: MarketState, *, now: int) -> Effects:
    state.machines.clear()
    state.is_dirty = True
    state.ticked_at = now
    for order in state.orders.values():
        order.is_ready, order.matched_hs, order.debt, order.answers.open = False, 0.0, 0.0, 0
    return (WakeAt(at=now + TICK_MS, key=TICK_KEY),)


def _take_machine(state: MarketState, event: MachineReady, *, now: int) -> Effects:
    machine = state.machines.get(event.session)
    account = delivery.seller_of(event.worker)
    if machine is None:
        machine = state.machines[event.session] = Machine(
            session=event.session,
            account=account,
            algorithm=event.algorithm,
            destination=event.destination,
            moves_freely=event.moves_freely,
            joined_at=now,
            decayed_at=now,
        )
        state.is_dirty = True
    machine.account, machine.destination, machine.moves_freely = account, event.destination, event.moves_freely
    return ()


def _change_destination(state: MarketState, event: DestinationChanged, *, now: int) -> Effects:
    order = state.orders.get(event.destination)
    if order is None:
        return ()
    was_ready, order.is_ready = order.is_ready, event.state == "ready"
    state.is_dirty = True
    if order.is_ready:
        return tuple(orders.resume(state, order, now=now)) if order.paused_by == "pool" else ()
    steering.forget(state, order.id)
    if not was_ready:
        return ()
    effects = orders.pause(state, order, "pool", f"its pool is away: {event.reason or event.state}", now=now)
    steering.clear_all(state, now=now)
    return (*effects, *steering.steer(state, now=now))


def _tick(state: MarketState, *, now: int) -> Effects:
    effects: list[MarketEffect] = [WakeAt(at=now + TICK_MS, key=TICK_KEY)]
    steering.accrue(state, min(max(now - state.ticked_at, 0), 10 * TICK_MS))
    state.ticked_at = now
    for order in list(state.orders.values()):
        effects.extend(_look_at(state, order, now=now))
    if now - state.settled_at >= min((it.window_ms for it in state.terms.values()), default=TICK_MS):
        state.settled_at = now
        for order in state.orders.values():
            effects.extend(orders.settle(state, order, now=now))
    if steering.is_due(state, now=now):
        steering.clear_all(state, now=now)
    return (*effects, *steering.steer(state, now=now))


def _look_at(state: MarketState, order: Order, *, now: int) -> list[MarketEffect]:
    if order.state == "closing":
        return orders.finish(state, order, now=now) if now >= order.closes_at else []
    if now >= order.expires_at:
        return orders.close(state, order, "expired", "its time is over", now=now)
    return delivery.watch_silence(state, order, now=now)


__all__ = ["TICK_KEY", "settlement", "step"]
