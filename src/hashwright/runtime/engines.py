"""The engines as one: which event goes to which, and what they tell each other.

An event goes to the engine that owns it. What comes out is done by the shell, except for the signals: those are handed
to the other engine in the same step. They need no journal entries, because the same event gives the same signals again.

    ShareHashed --> pool --> AnswerShare, CreditWork --> routing --> (MoveMachine --> pool --> SendExtranonce ...)
                                                     --> market  --> (BindMachine --> routing --> MoveMachine ...)

**A bug in routing must not stop hashing.** When it raises, it is switched off until the next start: everything that is
placed stays, new machines go to the first destination that is ready, and a person is told. That is part of the state,
so that a replay does the same. So it is with a bug in the market: no order gets anything and nothing is paid until the
next start. And with one in the fleet engine: machines stay as they are.
"""

from collections import deque
from typing import get_args

import msgspec

from hashwright.fleet import events as fleet_events
from hashwright.fleet.effects import FleetEffect
from hashwright.fleet.records import FleetState
from hashwright.fleet.step import step as fleet_step
from hashwright.market.effects import MarketEffect
from hashwright.market.events import MarketEvent, MarketJournaled
from hashwright.market.records import MarketState
from hashwright.market.step import step as market_step
from hashwright.pool.effects import PoolEffect
from hashwright.pool.events import PoolEvent, ShareHashed
from hashwright.pool.records import PoolState
from hashwright.pool.step import step as pool_step
from hashwright.routing.effects import AskWork, RoutingEffect
from hashwright.routing.events import PinSet, PlanFailed, PlanRestored, RouteSet, RoutingEvent
from hashwright.routing.records import RoutingState
from hashwright.routing.step import place as routing_place
from hashwright.routing.step import step as routing_step
from hashwright.signals import (
    Alert,
    BindMachine,
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineGone,
    MachineReady,
    MoveMachine,
    ProcessStarted,
    ReturnWork,
)

EngineEvent = PoolEvent | RouteSet | PlanFailed | PlanRestored | PinSet | MarketJournaled | fleet_events.JOURNALED
EngineEffect = PoolEffect | RoutingEffect | MarketEffect | FleetEffect

TO_ROUTING = frozenset((CreditWork, ReturnWork, MachineReady, MachineGone, DestinationChanged))
ROUTING_KEY = "routing-"
MARKET_KEY = "market-"
MARKET_EVENTS = get_args(MarketJournaled)
FLEET_KEY = "fleet-"
SIGNALS_MAX = 1_000_000
"""Signals of one step: 10,000 machines that all move make some 40,000. Beyond it two engines talk in a circle."""


class Engines(msgspec.Struct, array_like=True):
    """Everything that the engines know: what a snapshot holds."""

    pool: PoolState = msgspec.field(default_factory=PoolState)
    routing: RoutingState = msgspec.field(default_factory=RoutingState)
    routing_fault: str = ""
    market: MarketState = msgspec.field(default_factory=MarketState)
    market_fault: str = ""
    fleet: FleetState = msgspec.field(default_factory=FleetState)
    fleet_fault: str = ""


def step(engines: Engines, event: EngineEvent, *, now: int) -> tuple[EngineEffect, ...]:
    """Take one event and return what is to be done, by all engines that it concerns."""
    if type(event) is ShareHashed:
        return _share_step(engines, event, now=now)
    if type(event) in fleet_events.OWN or (type(event) is ClockTicked and event.key.startswith(FLEET_KEY)):
        return _drive(engines, event, now=now)  # type: ignore[arg-type]
    effects: list[EngineEffect] = []
    queue: deque[EngineEffect] = deque()
    match event:
        case RouteSet() | PlanFailed() | PlanRestored() | PinSet():
            queue.extend(_route(engines, event, now=now))
        case ProcessStarted():
            engines.routing_fault = engines.market_fault = engines.fleet_fault = ""
            queue.extend(pool_step(engines.pool, event, now=now))
            queue.extend(_route(engines, event, now=now))
            queue.extend(_trade(engines, event, now=now))
            queue.extend(_drive(engines, event, now=now))
        case ClockTicked() if event.key.startswith(ROUTING_KEY):
            queue.extend(_route(engines, event, now=now))
        case ClockTicked() if event.key.startswith(MARKET_KEY):
            queue.extend(_trade(engines, event, now=now))
        case _ if isinstance(event, MARKET_EVENTS):
            queue.extend(_trade(engines, event, now=now))
        case _:
            queue.extend(pool_step(engines.pool, event, now=now))  # type: ignore[arg-type]
    _exchange(engines, queue, effects, now=now)
    return tuple(effects)


def place(engines: Engines, algorithm: str, *, number: int) -> str:
    """Return where a machine should begin, the `number`th that connects; an empty string where there is nothing."""
    if not engines.routing_fault:
        name = routing_place(engines.routing, algorithm, number=number)
        if name in engines.pool.destinations:
            return name
    mine = [(name, it) for name, it in engines.pool.destinations.items() if it.settings.algorithm == algorithm]
    ready = [name for name, it in mine if it.state == "ready"]
    return (ready or [name for name, _ in mine] or [""])[0]


def _share_step(engines: Engines, event: ShareHashed, *, now: int) -> tuple[EngineEffect, ...]:
    """Take a share: nearly all events are shares, and nearly none of them moves anything."""
    effects = pool_step(engines.pool, event, now=now)
    more: list[EngineEffect] = []
    for effect in effects:
        if type(effect) in TO_ROUTING:
            more.extend(_route(engines, effect, now=now))  # type: ignore[arg-type]
            more.extend(_trade(engines, effect, now=now))  # type: ignore[arg-type]
    if not more:
        return effects
    done: list[EngineEffect] = list(effects)
    _exchange(engines, deque(more), done, now=now)
    return tuple(done)


def _exchange(engines: Engines, queue: deque[EngineEffect], effects: list[EngineEffect], *, now: int) -> None:
    """Hand signals over until nobody has more to say; all that was said is returned in order."""
    signals = 0
    while queue:
        effect = queue.popleft()
        effects.append(effect)
        kind = type(effect)
        if kind is MoveMachine:
            queue.extend(pool_step(engines.pool, effect, now=now))  # type: ignore[arg-type]
        elif kind is BindMachine:
            queue.extend(_route(engines, effect, now=now))  # type: ignore[arg-type]
        elif kind in TO_ROUTING:
            queue.extend(_route(engines, effect, now=now))  # type: ignore[arg-type]
            queue.extend(_trade(engines, effect, now=now))  # type: ignore[arg-type]
        else:
            continue
        signals += 1
        if signals > SIGNALS_MAX:
            raise AssertionError(f"engines talk in a circle: {kind.__name__}")


def _drive(engines: Engines, event: fleet_events.FleetEvent, *, now: int) -> tuple[FleetEffect, ...]:
    """Let the fleet engine take an event. It tells the others nothing: a machine that sleeps disconnects by itself."""
    if engines.fleet_fault:
        return ()
    try:
        return fleet_step(engines.fleet, event, now=now)
    except Exception as fault:  # whatever it is: hashing goes on
        engines.fleet_fault = f"{type(event).__name__}: {type(fault).__name__}: {fault}"[:200]
        text = f"Power control failed at {engines.fleet_fault}. Machines stay as they are until the next start."
        return (Alert(level="critical", code="HW-901", text=text),)


def _route(engines: Engines, event: RoutingEvent, *, now: int) -> tuple[RoutingEffect, ...]:
    if engines.routing_fault:
        return ()
    try:
        return routing_step(engines.routing, event, now=now)
    except Exception as fault:  # whatever it is: hashing goes on
        engines.routing_fault = f"{type(event).__name__}: {type(fault).__name__}: {fault}"[:200]
        text = f"Routing failed at {engines.routing_fault}. Machines stay where they are until the next start."
        return (Alert(level="critical", code="HW-901", text=text),)


def _trade(engines: Engines, event: MarketEvent, *, now: int) -> tuple[MarketEffect, ...]:
    if engines.market_fault:
        return ()
    try:
        return market_step(engines.market, event, now=now)
    except Exception as fault:  # whatever it is: hashing goes on
        engines.market_fault = f"{type(event).__name__}: {type(fault).__name__}: {fault}"[:200]
        text = f"The market failed at {engines.market_fault}. Orders get nothing and pay nothing until the next start."
        home = (BindMachine(session, "") for session in engines.market.machines)  # nobody works for an order unpaid
        return (Alert(level="critical", code="HW-901", text=text), *home)


__all__ = ["AskWork", "EngineEffect", "EngineEvent", "Engines", "place", "step"]
