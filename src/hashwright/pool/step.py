"""The pool engine: `step(state, event, now=...)` says what follows from one event.

It knows which shares count and who is owed their work. It does not know sockets, upstreams, storage or the clock. The
state is changed in place and only here; the effects are values, performed by `runtime` and written down by `store`.
The same state and the same events give the same effects: live, at recovery, and in a replay.
"""

from hashwright.pool import blocks, channels, jobs, logins, members, reserve, sessions, shares, upstreams, vardiff
from hashwright.pool.effects import Alert, BroadcastJob, CloseSession, PoolEffect, WakeAt
from hashwright.pool.events import (
    AuthorizeAsked,
    BlockAnswered,
    BlockRecovered,
    BlockReleased,
    BlockSeen,
    ChannelClosed,
    ChannelOpened,
    ClockTicked,
    ConfigureAsked,
    DestinationRemoved,
    DestinationSet,
    DifficultyAsked,
    ExtranonceAsked,
    LoginAsked,
    NodeChanged,
    PoolEvent,
    ProcessStarted,
    ReserveMoved,
    SessionClosed,
    SessionOpened,
    ShareHashed,
    SharesAnswered,
    SubscribeAsked,
    TemplateSeen,
    UpstreamChanged,
    UpstreamJobSeen,
    UpstreamSet,
)
from hashwright.pool.records import OWN_CHANNEL, Destination, PoolState, Session
from hashwright.pool.worth import worth_of
from hashwright.signals import DestinationChanged, MoveMachine

TICK_MS = 10_000
TICK_KEY = "pool-idle"

SessionEvent = SubscribeAsked | AuthorizeAsked | ConfigureAsked | DifficultyAsked | ExtranonceAsked | LoginAsked
DestinationEvent = (
    TemplateSeen | NodeChanged | ChannelOpened | ChannelClosed | UpstreamJobSeen | SharesAnswered | UpstreamChanged
)


def step(state: PoolState, event: PoolEvent, *, now: int) -> tuple[PoolEffect, ...]:
    """Take one event and return what is to be done."""
    if type(event) is ShareHashed:
        return shares.take_share(state, event, now=now)
    if isinstance(event, SessionEvent):
        session = state.sessions.get(event.session)
        return () if session is None else _session_step(state, session, event, now=now)
    if isinstance(event, DestinationEvent):
        destination = state.destinations.get(event.destination)
        return () if destination is None else _destination_step(state, destination, event, now=now)
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
        case LoginAsked():
            return logins.log_in(state, session, event, now=now)


def _destination_step(
    state: PoolState, destination: Destination, event: DestinationEvent, *, now: int
) -> tuple[PoolEffect, ...]:
    match event:
        case SharesAnswered():
            return upstreams.take_verdicts(destination, event, now=now)
        case TemplateSeen():
            return _take_template(state, destination, event, now=now)
        case NodeChanged():
            return (*_change_node(destination, event), *_own_state(state, destination, event.detail))
        case UpstreamJobSeen():
            return upstreams.take_job(state, destination, event, now=now)
        case ChannelOpened():
            return () if destination.is_own else upstreams.open_channel(state, destination, event, now=now)
        case ChannelClosed():
            return upstreams.close_channel(state, destination, event, now=now)
        case UpstreamChanged():
            return upstreams.change_upstream(destination, event, now=now)


def _world_step(state: PoolState, event: PoolEvent, *, now: int) -> tuple[PoolEffect, ...]:
    match event:
        case SessionOpened():
            return sessions.open_session(state, event, now=now)
        case SessionClosed():
            return sessions.close_session(state, event, now=now)
        case MoveMachine():
            return _move(state, event, now=now)
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
        case UpstreamSet():
            return _set_upstream(state, event, now=now)
        case DestinationRemoved():
            return _remove_destination(state, event, now=now)
        case BlockAnswered():
            return blocks.take_answer(state, event, now=now)
        case BlockSeen():
            return (*blocks.take_sight(state, event, now=now), *_look_at_reserve(state, event.destination, now=now))
        case BlockRecovered():
            return blocks.take_recovered(state, event, now=now)
        case BlockReleased():
            return (*blocks.release(state, event, now=now), *_look_at_reserve(state, event.destination, now=now))
        case ReserveMoved():
            return _move_reserve(state, event, now=now)
        case _:
            raise AssertionError(f"the pool engine does not own {type(event).__name__}")


def _start_process(state: PoolState, event: ProcessStarted, *, now: int) -> tuple[PoolEffect, ...]:
    effects = sessions.end_all_sessions(state, now=now)
    state.boot = event.boot
    state.started_at = now
    state.jobs_made = 0
    return (*effects, WakeAt(at=now + TICK_MS, key=TICK_KEY))


def _move(state: PoolState, event: MoveMachine, *, now: int) -> tuple[PoolEffect, ...]:
    """Move a machine as routing says; never to another algorithm."""
    session, destination = state.sessions.get(event.session), state.destinations.get(event.destination)
    present = None if session is None else state.destinations.get(session.destination)
    if session is None or destination is None:
        return ()
    if present is not None and present.settings.algorithm != destination.settings.algorithm:
        return ()
    session.is_sliced = event.is_sliced
    channels.set_pace(state, session, is_quick=event.is_quick or event.is_sliced)
    return channels.move(state, session, destination, now=now)


def _take_template(
    state: PoolState, destination: Destination, event: TemplateSeen, *, now: int
) -> tuple[PoolEffect, ...]:
    settings = destination.settings
    if not isinstance(settings, DestinationSet):
        return ()
    newest = worth_of(settings, event)
    known = state.worths.setdefault(event.destination, newest)
    if known is not newest:
        known.take(newest)
    effects = reserve.renew(state, settings, now=now)
    if reserve.is_stopped(state, event.destination):
        jobs.note_template(destination, event, now=now)
    else:
        effects = (*effects, *jobs.take_template(state, destination, event, now=now))
    return (*effects, *_own_state(state, destination, ""))


def _look_at_reserve(
    state: PoolState, name: str, *, now: int, was_stopped: bool | None = None
) -> tuple[PoolEffect, ...]:
    """Credit what is due and stop or go on, where a pool pays for work."""
    destination = state.destinations.get(name)
    if destination is None or not isinstance(destination.settings, DestinationSet):
        return ()
    if was_stopped is None:
        was_stopped = reserve.is_stopped(state, name)
    effects = reserve.renew(state, destination.settings, now=now)
    if was_stopped and not reserve.is_stopped(state, name) and destination.template is not None:
        effects = (*effects, *jobs.take_template(state, destination, destination.template, now=now))
    return (*effects, *_own_state(state, destination, "")) if was_stopped or effects else ()


def _move_reserve(state: PoolState, event: ReserveMoved, *, now: int) -> tuple[PoolEffect, ...]:
    destination = state.destinations.get(event.destination)
    if destination is None or not isinstance(destination.settings, DestinationSet):
        return ()
    moved = reserve.move(state, destination.settings, event, now=now)
    return (*moved, *_look_at_reserve(state, event.destination, now=now))


def _set_destination(state: PoolState, event: DestinationSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Keep the sessions where only settings change; what was promised under the old ones is credited first."""
    known = state.destinations.get(event.destination)
    before = None if known is None else known.settings
    effects: list[PoolEffect] = []
    if isinstance(before, DestinationSet):
        effects.extend(_end_terms(state, before, event, now=now))
    was_stopped = reserve.is_stopped(state, event.destination)
    if event.scheme:
        members.begin(
            state.books.setdefault(event.destination, members.Books()), event.scheme, event.scheme_settings, now=now
        )
    else:
        state.books.pop(event.destination, None)
    effects.extend(_keep_destination(state, event, now=now))
    return (*effects, *_look_at_reserve(state, event.destination, now=now, was_stopped=was_stopped))


def _end_terms(state: PoolState, before: DestinationSet, event: DestinationSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Pay the work that waits where the terms change under which it was accepted, and say so."""
    has_new_coin = (before.coin, before.network) != (event.coin, event.network)
    has_new_scheme = (before.scheme, before.scheme_settings) != (event.scheme, event.scheme_settings)
    effects = reserve.credit(state, before, now=now) if has_new_coin or has_new_scheme else ()
    if has_new_coin:
        state.worths.pop(event.destination, None)
        reserve.forget_terms(state, event.destination)
    if not has_new_scheme:
        return effects
    text = f"{event.destination} divides anew from now on: {event.scheme or 'all is the owner'}."
    return (*effects, Alert(level="info", code="HW-649", text=f"{text} What was earned before stays as it is."))


def _keep_destination(state: PoolState, event: DestinationSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Make a destination, or change it: a new payout script or tag must show in the very next job."""
    known = state.destinations.get(event.destination)
    if known is None or not isinstance(known.settings, DestinationSet):
        removed = _remove_destination(state, DestinationRemoved(event.destination), now=now)
        state.destinations[event.destination] = Destination(
            settings=event,
            template=None,
            node_state="unreachable",
            node_detail="not asked yet",
            templates_seen=0,
            last_template_at=0,
            channels={OWN_CHANNEL: channels.own_channel(event.destination, event.algorithm, now=now)},
            waiting={},
        )
        return (*removed, DestinationChanged(event.destination, event.algorithm, "waiting", "set up"))
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


def _set_upstream(state: PoolState, event: UpstreamSet, *, now: int) -> tuple[PoolEffect, ...]:
    known = state.destinations.get(event.destination)
    removed: tuple[PoolEffect, ...] = ()
    if known is not None and known.is_own:
        removed = _remove_destination(state, DestinationRemoved(event.destination), now=now)
    return (*removed, *upstreams.set_upstream(state, event, now=now))


def _remove_destination(state: PoolState, event: DestinationRemoved, *, now: int) -> tuple[PoolEffect, ...]:
    destination = state.destinations.get(event.destination)
    if destination is None:
        return ()
    effects: list[PoolEffect] = list(upstreams.lose_open_shares(destination, "the destination was removed"))
    if isinstance(destination.settings, DestinationSet):
        effects.extend(reserve.credit(state, destination.settings, now=now))
        state.worths.pop(event.destination, None)
    leaving = [session for session in state.sessions.values() if session.destination == event.destination]
    for session in leaving:
        channels.leave(state, session, now=now)
    for channel in destination.channels.values():
        jobs.forget_jobs(state, channel)
    del state.destinations[event.destination]
    effects.extend(CloseSession(it.id, f"the destination {event.destination} was removed") for it in leaving)
    effects.append(DestinationChanged(event.destination, destination.settings.algorithm, "removed", "removed"))
    return tuple(effects)


def _own_state(state: PoolState, destination: Destination, reason: str) -> tuple[PoolEffect, ...]:
    """Tell routing how it goes with an own node."""
    if not destination.is_own:
        return ()
    if destination.node_state != "ready" and destination.node_detail != "not asked yet":
        return upstreams.change_state(destination, "down", reason)
    if reserve.is_stopped(state, destination.settings.destination):
        return upstreams.change_state(destination, "down", reserve.STOPPED)
    return upstreams.change_state(destination, "ready" if destination.job else "waiting", reason)


def _change_node(destination: Destination, event: NodeChanged) -> tuple[PoolEffect, ...]:
    if (destination.node_state, destination.node_detail) == (event.state, event.detail):
        return ()
    was_ready = destination.node_state == "ready"
    destination.node_state, destination.node_detail = event.state, event.detail
    if event.state == "ready":
        text = f"The node of {event.destination} is ready. {event.detail}".strip()
        return (Alert(level="info", code="HW-407", text=text),)
    text = f"The node of {event.destination} is {event.state}: {event.detail}"
    is_critical = was_ready or event.state == "refused"
    return (Alert(level="critical" if is_critical else "warning", code="HW-414", text=text),)


def _tick(state: PoolState, event: ClockTicked, *, now: int) -> tuple[PoolEffect, ...]:
    """Look at the machines that have been silent, and come back."""
    if event.key != TICK_KEY:
        return ()
    effects: list[PoolEffect] = [WakeAt(at=now + TICK_MS, key=TICK_KEY)]
    for destination in state.destinations.values():
        wanted = destination.settings.shares_per_minute
        for session_id in destination.working:
            session = state.sessions[session_id]
            pace = channels.shares_wanted(session, wanted)
            easier = vardiff.idle_difficulty(session.pace, session.difficulty, shares_per_minute=pace, now=now)
            if easier != session.difficulty:
                effects.extend(shares.set_difficulty(state, session, easier, now=now))
        if not destination.is_own:
            effects.extend(upstreams.close_empty_channels(destination, now=now))
    for name in list(state.reserves):
        effects.extend(_look_at_reserve(state, name, now=now))
    jobs.forget_orphans(state, now=now)
    return tuple(effects)
