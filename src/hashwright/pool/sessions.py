"""A machine comes, says what it can, is given a place to search, and goes.

A session gets its first job when it is both subscribed and authorised, in whatever order: firmware does both.
Names are `account.rig`; a leading dot means the default account. The password is not a secret in Stratum and is not
checked; it may carry options (`d=1024`, `md=64`).
"""

import re

from hashwright.pool import jobs, vardiff
from hashwright.pool.effects import (
    Alert,
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
from hashwright.pool.extranonce import EXTRANONCE2_BYTES
from hashwright.pool.records import PoolState, Session
from hashwright.pool.shares import clamp_difficulty, set_difficulty
from hashwright.pool.workers import WORKER_MAX, worker_name

VERSION_MASK = 0x1FFFE000
"""The bits that BIP 320 gives to miners."""
KNOWN_EXTENSIONS = ("version-rolling", "minimum-difficulty", "subscribe-extranonce", "info")
_OPTION = re.compile(r"(d|md)=([0-9]{1,18}(?:\.[0-9]{1,12})?)", re.ASCII)


def open_session(state: PoolState, event: SessionOpened, *, now: int) -> tuple[PoolEffect, ...]:
    """Make room for a machine."""
    destination = state.destinations.get(event.destination)
    if destination is None:
        return (CloseSession(event.session, "this address has no destination"),)
    prefix = state.prefixes.take(now=now)
    if prefix is None:
        return (CloseSession(event.session, "every extranonce is in use"),)
    settings = destination.settings
    state.sessions[event.session] = Session(
        id=event.session,
        destination=event.destination,
        listener=event.listener,
        peer=event.peer,
        agent="",
        prefix=prefix,
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
    session = state.sessions.pop(event.session, None)
    if session is None:
        return ()
    state.prefixes.give_back(session.prefix, now=now)
    destination = state.destinations.get(session.destination)
    if destination is not None:
        destination.working.pop(session.id, None)
    return ()


def end_all_sessions(state: PoolState, *, now: int) -> None:
    """Forget every session and job: no reply and no job outlives a process."""
    for session in state.sessions.values():
        state.prefixes.give_back(session.prefix, now=now)
    state.sessions.clear()
    state.jobs.clear()
    for destination in state.destinations.values():
        destination.working.clear()
        destination.template, destination.job, destination.tip_le = None, "", b""
        destination.node_state, destination.node_detail = "unreachable", "not asked yet"


def subscribe(state: PoolState, session: Session, event: SubscribeAsked, *, now: int) -> tuple[PoolEffect, ...]:
    """Hand out the prefix; asked again, the same one."""
    was_subscribed = session.is_subscribed
    session.is_subscribed = True
    session.agent = event.agent
    answer = AnswerSubscribe(session.id, event.request, session.prefix, EXTRANONCE2_BYTES)
    return (answer, *(() if was_subscribed else _start(state, session, now=now)))


def authorize(state: PoolState, session: Session, event: AuthorizeAsked, *, now: int) -> tuple[PoolEffect, ...]:
    """Admit a worker name and read the password's options."""
    worker = worker_name(event.user)
    if not worker:
        problem = f"Worker names have 1 to {WORKER_MAX} of these characters: a-z A-Z 0-9 . _ - @ + :"
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
        mask = session.mask = event.mask & VERSION_MASK
    if "minimum-difficulty" in granted and event.minimum_difficulty is not None:
        session.pace.minimum = event.minimum_difficulty
        session.difficulty = clamp_difficulty(state, session, session.difficulty)
    if "subscribe-extranonce" in granted:
        session.can_extranonce = True
    return (AnswerConfigure(session.id, event.request, granted, mask, event.minimum_difficulty),)


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
    return (Answer(session.id, event.request, ""),)


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


def _start(state: PoolState, session: Session, *, now: int) -> tuple[PoolEffect, ...]:
    """Begin to send jobs, once the session is ready for them."""
    if not (session.is_subscribed and session.is_authorized):
        return ()
    destination = state.destinations[session.destination]
    destination.working[session.id] = None
    session.pace = (
        vardiff.new_pace(now=now, minimum=session.pace.minimum) if not session.pace.is_fixed else session.pace
    )
    effects = jobs.send_job(state, session, clean=True, now=now)
    if not effects:
        text = f"{session.worker} waits for work: {destination.settings.destination} has no template yet."
        return (Alert(level="warning", code="HW-406", text=text),)
    return effects
