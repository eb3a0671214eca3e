"""The pool engine: `step(state, event, now=...)` says what follows from one event.

It knows which shares count and who is owed their work. It does not know sockets, upstreams, storage or the clock. The
state is changed in place and only here; the effects are values, performed by `runtime` and written down by `store`.
The same state and the same events give the same effects: live, at recovery, and in a replay.
"""

from hashwright.pool import blocks, jobs, sessions, shares, vardiff
from hashwright.pool.effects import Alert, BroadcastJob, CloseSession, PoolEffect, WakeAt
from hashwright.pool.events import (
    AuthorizeAsked,
    BlockAnswered,
    BlockRecovered,
    BlockSeen,
    ClockTicked,
    ConfigureAsked,
    DestinationRemoved,
    DestinationSet,
    DifficultyAsked,
    ExtranonceAsked,
    NodeChanged,
    PoolEvent,
    ProcessStarted,
    SessionClosed,
    SessionOpened,
    ShareHashed,
    SubscribeAsked,
    TemplateSeen,
)
from hashwright.pool.records import Destination, PoolState, Session

TICK_MS = 10_000
TICK_KEY = "pool-idle"

SessionEvent = SubscribeAsked | AuthorizeAsked | ConfigureAsked | DifficultyAsked | ExtranonceAsked


def step(state: PoolState, event: PoolEvent, *, now: int) -> tuple[PoolEffect, ...]:
    """Take one event and return what is to be done."""
    if type(event) is ShareHashed:
        return shares.take_share(state, event, now=now)
    if isinstance(event, SessionEvent):
        session = state.sessions.get(event.session)
        return () if session is None else _session_step(state, session, event, now=now)
    return _world_step(state, event, now=now)


def _session_step(state: PoolState, session: Session, event: SessionEvent, *, now: int) -> tuple[PoolEffect, ...]:
    match event:
        case SubscribeAsked():
            return sessions.subscribe(state, session, event, now=now)
        case AuthorizeAsked():
            return sessions.authorize(state, session, event, now=now)
        case ConfigureAsked():
            return sessions.configure(state, session, event, now=now)
        case DifficultyAsked():
            return sessions.suggest_difficulty(state, session, event, now=now)
        case ExtranonceAsked():
            return sessions.subscribe_extranonce(state, session, event, now=now)


def _world_step(state: PoolState, event: PoolEvent, *, now: int) -> tuple[PoolEffect, ...]:
    match event:
        case SessionOpened():
            return sessions.open_session(state, event, now=now)
        case SessionClosed():
            return sessions.close_session(state, event, now=now)
        case TemplateSeen():
            destination = state.destinations.get(event.destination)
            return () if destination is None else jobs.take_template(state, destination, event, now=now)
        case ClockTicked():
            return _tick(state, event, now=now)
        case _:
            return _rare_step(state, event, now=now)


def _rare_step(state: PoolState, event: PoolEvent, *, now: int) -> tuple[PoolEffect, ...]:
    match event:
        case ProcessStarted():
            return _start_process(state, event, now=now)
        case DestinationSet():
            return _set_destination(state, event, now=now)
        case DestinationRemoved():
            return _remove_destination(state, event)
        case NodeChanged():
            return _change_node(state, event)
        case BlockAnswered():
            return blocks.take_answer(state, event, now=now)
        case BlockSeen():
            return blocks.take_sight(state, event, now=now)
        case BlockRecovered():
            return blocks.take_recovered(state, event, now=now)
        case _:
            raise AssertionError(f"the pool engine does not own {type(event).__name__}")


def _start_process(state: PoolState, event: ProcessStarted, *, now: int) -> tuple[PoolEffect, ...]:
    sessions.end_all_sessions(state, now=now)
    state.boot = event.boot
    state.started_at = now
    state.jobs_made = 0
    return (WakeAt(at=now + TICK_MS, key=TICK_KEY),)


def _set_destination(state: PoolState, event: DestinationSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Keep the sessions where only settings change; a new payout script or tag must show in the very next job."""
    known = state.destinations.get(event.destination)
    if known is None:
        state.destinations[event.destination] = Destination(
            settings=event,
            template=None,
            job="",
            tip_le=b"",
            node_state="unreachable",
            node_detail="not asked yet",
            working={},
            templates_seen=0,
            last_template_at=0,
        )
        return ()
    has_new_coinbase = (event.payout_script, event.coinbase_tag) != (
        known.settings.payout_script,
        known.settings.coinbase_tag,
    )
    known.settings = event
    if not has_new_coinbase or known.template is None:
        return ()
    effects = jobs.take_template(state, known, known.template, now=now)
    return tuple(_as_clean(effect) for effect in effects)


def _as_clean(effect: PoolEffect) -> PoolEffect:
    if isinstance(effect, BroadcastJob):
        return BroadcastJob(destination=effect.destination, job=effect.job, clean=True)
    return effect


def _remove_destination(state: PoolState, event: DestinationRemoved) -> tuple[PoolEffect, ...]:
    if state.destinations.pop(event.destination, None) is None:
        return ()
    for job in [job for job in state.jobs.values() if job.destination == event.destination]:
        del state.jobs[job.id]
    leaving = [session.id for session in state.sessions.values() if session.destination == event.destination]
    return tuple(CloseSession(id_, f"the destination {event.destination} was removed") for id_ in leaving)


def _change_node(state: PoolState, event: NodeChanged) -> tuple[PoolEffect, ...]:
    destination = state.destinations.get(event.destination)
    if destination is None or (destination.node_state, destination.node_detail) == (event.state, event.detail):
        return ()
    was_ready = destination.node_state == "ready"
    destination.node_state, destination.node_detail = event.state, event.detail
    if event.state == "ready":
        return (
            Alert(
                level="info", code="HW-407", text=f"The node of {event.destination} is ready. {event.detail}".strip()
            ),
        )
    level = "critical" if was_ready or event.state == "refused" else "warning"
    text = f"The node of {event.destination} is {event.state}: {event.detail}"
    return (Alert(level="critical" if level == "critical" else "warning", code="HW-414", text=text),)


def _tick(state: PoolState, event: ClockTicked, *, now: int) -> tuple[PoolEffect, ...]:
    """Look at the machines that have been silent, and come back."""
    if event.key != TICK_KEY:
        return ()
    effects: list[PoolEffect] = [WakeAt(at=now + TICK_MS, key=TICK_KEY)]
    for destination in state.destinations.values():
        wanted = destination.settings.shares_per_minute
        for session_id in tuple(destination.working):
            session = state.sessions[session_id]
            easier = vardiff.idle_difficulty(session.pace, session.difficulty, shares_per_minute=wanted, now=now)
            if easier != session.difficulty:
                effects.extend(shares.set_difficulty(state, session, easier, now=now))
    return tuple(effects)
