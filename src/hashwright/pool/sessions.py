"""A machine comes, says what it can, is given a place to search, and goes.

A session gets its first job when it is both subscribed and authorised, in whatever order: firmware does both.
Names are `account.rig`; a leading dot means the default account. The password is not a secret in Stratum and is not
checked; it may carry options (`d=1024`, `md=64`).
"""

import re

from hashwright.pool import channels, reserve, vardiff
from hashwright.pool.channels import VERSION_MASK
from hashwright.pool.effects import (
    Answer,
    AnswerAuthorize,
    AnswerConfigure,
    AnswerSubscribe,
    CloseSession,
    PoolEffect,
)
from hashwright.pool.events import (
    AuthorizeAsked,
    ConfigureAsked,
    DifficultyAsked,
    ExtranonceAsked,
    SessionClosed,
    SessionOpened,
    SubscribeAsked,
)
from hashwright.pool.jobs import clamp_difficulty
from hashwright.pool.records import OWN_CHANNEL, Channel, PoolState, Session
from hashwright.pool.shares import set_difficulty
from hashwright.pool.upstreams import end_channels
from hashwright.pool.workers import WORKER_MAX, worker_name
from hashwright.signals import MachineGone

KNOWN_EXTENSIONS = ("version-rolling", "minimum-difficulty", "subscribe-extranonce", "info")
RENTED_DIFFICULTY = {"sha256d": 524_288.0, "randomx": 280_000.0}
"""Where such a connection starts: what open pools give theirs (DATUM, monero-pool; reference stratum.md 2.4). Lower,
and its first minute is a flood."""
_OPTION = re.compile(r"(d|md)=([0-9]{1,18}(?:\.[0-9]{1,12})?)", re.ASCII)


def open_session(state: PoolState, event: SessionOpened, *, now: int) -> tuple[PoolEffect, ...]:
    """Make room for a machine."""
    destination = state.destinations.get(event.destination)
    if destination is None:
        return (CloseSession(event.session, "this address has no destination"),)
    settings = destination.settings
    state.sessions[event.session] = Session(
        id=event.session,
        destination=event.destination,
        listener=event.listener,
        peer=event.peer,
        agent="",
        prefix=b"",
        extranonce2_size=0,
        asked_mask=0,
        mask=0,
        difficulty=max(settings.start_difficulty, settings.minimum_difficulty),
        pace=vardiff.new_pace(now=now, minimum=0.0),
        terms=None,
        worker="",
        can_extranonce=False,
        is_subscribed=False,
        is_authorized=False,
        opened_at=now,
        sent={},
    )
    return ()


def close_session(state: PoolState, event: SessionClosed, *, now: int) -> tuple[PoolEffect, ...]:
    """Let a machine go; its prefix rests until its last job is dead."""
    session = state.sessions.get(event.session)
    if session is None:
        return ()
    channels.leave(state, session, now=now)
    del state.sessions[event.session]
    return (MachineGone(session.id),) if session.is_working and not session.is_leaving else ()


def end_all_sessions(state: PoolState, *, now: int) -> tuple[PoolEffect, ...]:
    """Forget every session, channel and job: no reply, no job and no connection outlives a process."""
    for session in state.sessions.values():
        channels.leave(state, session, now=now)
    state.sessions.clear()
    state.jobs.clear()
    effects: list[PoolEffect] = []
    for name, destination in state.destinations.items():
        effects.extend(end_channels(destination, reason="the process was started again"))
        if destination.is_own:
            destination.channels[OWN_CHANNEL] = channels.own_channel(name, destination.settings.algorithm, now=now)
        destination.template, destination.state = None, "waiting"
        destination.node_state = "unreachable" if destination.is_own else "connecting"
        destination.node_detail = "not asked yet"
    return tuple(effects)


def subscribe(state: PoolState, session: Session, event: SubscribeAsked, *, now: int) -> tuple[PoolEffect, ...]:
    """Hand out a prefix; asked again, the same one. While no channel has room the answer waits."""
    session.agent = event.agent
    suit_rented(state, session)
    if session.is_subscribed:
        return (AnswerSubscribe(session.id, event.request, session.prefix, session.extranonce2_size),)
    destination = state.destinations.get(session.destination)
    if destination is None:
        return (CloseSession(session.id, f"the destination {session.destination} was removed"),)
    session.subscribe_request, session.waits_for_subscribe = event.request, True
    return channels.settle(state, session, destination, now=now)


def suit_rented(state: PoolState, session: Session) -> None:
    """Start a market's connection at a difficulty for many machines; on test chains everybody stays where he is."""
    destination = state.destinations.get(session.destination)
    if destination is None or not session.is_rented or session.pace.is_fixed:
        return
    settings = destination.settings
    if settings.network == "main" and not settings.is_practice:
        least = RENTED_DIFFICULTY.get(settings.algorithm, 0.0)
        session.difficulty = clamp_difficulty(state, session, max(session.difficulty, least))


def authorize(state: PoolState, session: Session, event: AuthorizeAsked, *, now: int) -> tuple[PoolEffect, ...]:
    """Admit a worker name and read the password's options."""
    worker = worker_name(event.user)
    if not worker:
        problem = f"Worker names have 1 to {WORKER_MAX} of these characters: a-z A-Z 0-9 . _ - @ + :"
        return (AnswerAuthorize(session.id, event.request, event.user, problem),)
    if reserve.is_stopped(state, session.destination):
        problem = f"{session.destination}: {reserve.STOPPED}"
        return (AnswerAuthorize(session.id, event.request, event.user, problem),)
    was_authorized = session.is_authorized
    session.is_authorized = True
    session.worker = worker
    _read_options(state, session, event.password)
    answer = AnswerAuthorize(session.id, event.request, event.user, "")
    return (answer, *(() if was_authorized else _start(state, session, now=now)))


def configure(state: PoolState, session: Session, event: ConfigureAsked, *, now: int) -> tuple[PoolEffect, ...]:
    """Grant what we can of BIP 310: version bits, a floor for the difficulty, new extranonces on the way."""
    granted = tuple(name for name in event.extensions if name in KNOWN_EXTENSIONS)
    mask = None
    if "version-rolling" in granted and event.mask is not None:
        session.asked_mask = event.mask & VERSION_MASK
        mask = session.mask = session.asked_mask & _mask_at(state, session)
    if "minimum-difficulty" in granted and event.minimum_difficulty is not None:
        session.pace.minimum = event.minimum_difficulty
        session.difficulty = clamp_difficulty(state, session, session.difficulty)
    if "subscribe-extranonce" in granted:
        session.can_extranonce = True
    answer = AnswerConfigure(session.id, event.request, granted, mask, event.minimum_difficulty)
    return (answer, *_tell_routing(state, session))


def suggest_difficulty(
    state: PoolState, session: Session, event: DifficultyAsked, *, now: int
) -> tuple[PoolEffect, ...]:
    """Start from the machine's own idea of its speed, within our bounds; vardiff goes on from there."""
    return (
        Answer(session.id, event.request, ""),
        *set_difficulty(state, session, event.difficulty, now=now),
    )


def subscribe_extranonce(
    state: PoolState, session: Session, event: ExtranonceAsked, *, now: int
) -> tuple[PoolEffect, ...]:
    """Note that this machine takes a new extranonce while it runs."""
    session.can_extranonce = True
    return (Answer(session.id, event.request, ""), *_tell_routing(state, session))


def _read_options(state: PoolState, session: Session, password: str) -> None:
    for option in password.split(","):
        match = _OPTION.fullmatch(option.strip())
        if match is None or float(match[2]) <= 0:
            continue
        if match[1] == "md":
            session.pace.minimum = float(match[2])
        else:
            session.pace.is_fixed = True
            session.difficulty = float(match[2])
    session.difficulty = clamp_difficulty(state, session, session.difficulty)


def _mask_at(state: PoolState, session: Session) -> int:
    """Return the bits that may be rolled where a machine mines; before it has a place, where it will."""
    destination = state.destinations.get(session.destination)
    places: dict[int, Channel] = {} if destination is None else destination.channels
    if session.channel in places:
        return places[session.channel].mask
    return next((channel.mask for channel in places.values()), VERSION_MASK)


def _tell_routing(state: PoolState, session: Session) -> tuple[PoolEffect, ...]:
    is_known = session.is_working and not session.is_leaving and session.destination in state.destinations
    return (channels.ready_signal(state, session),) if is_known else ()


def _start(state: PoolState, session: Session, *, now: int) -> tuple[PoolEffect, ...]:
    """Begin to send jobs, once the session is ready for them."""
    if not session.is_working or session.destination not in state.destinations:
        return ()
    if not session.pace.is_fixed:
        session.pace = vardiff.new_pace(now=now, minimum=session.pace.minimum)
    return channels.begin(state, session, now=now)
