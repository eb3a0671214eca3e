"""Who searches where: machines take places in channels, change them, and leave.

A channel is one source of jobs with a search space of its own. An own node has one, wide enough for everybody; an
upstream has one a connection, and how many machines fit is what the upstream's extranonce2 leaves: it is shared while
four bytes or more stay for each machine (hash-power markets ask for that), else it carries one.

Rules
* A machine that enters a channel gets a prefix that nobody has used for ten minutes, itself included: firmware starts a
  job from the beginning, so a machine that comes back to the same job under the same prefix would do the same work
  again, and none of it would count.
* The order on the wire is mask, extranonce, difficulty, job (clean): each holds for what comes after it.
* A machine that cannot take a new extranonce keeps its prefix between own nodes; elsewhere it is asked to reconnect.
* The old place is left only when the new one is there.
"""

from hashwright.pool import jobs, vardiff
from hashwright.pool.effects import (
    Alert,
    AnswerSubscribe,
    AskReconnect,
    CloseSession,
    OpenChannel,
    PoolEffect,
    SendExtranonce,
    SendMask,
)
from hashwright.pool.events import ChannelOpened
from hashwright.pool.extranonce import PREFIX_BYTES, Prefixes
from hashwright.pool.records import NOWHERE, OWN_CHANNEL, Channel, Destination, PoolState, Session
from hashwright.pool.work import BLOB, WorkKind, kind_of
from hashwright.signals import MachineGone, MachineReady

VERSION_MASK = 0x1FFFE000
"""The bits that BIP 320 gives to miners."""
LEFT_BYTES_MIN = 4
"""What a shared channel leaves to a machine at least: NiceHash refuses less (reference stratum.md 2.4)."""
BLOB_REST_MS = 3 * 60_000
"""How long a nonce's top byte rests: CryptoNote upstreams give a new job at least with each block, and at two minutes
a block there are only 255 of them for machines in time slices."""
ALERT_EVERY_MS = 3_600_000
"""The same is told once an hour."""
QUICK_SHARES_PER_MINUTE = 60.0
"""A machine in time slices is measured by its shares: one a second, so that a slice of five holds some."""


def shares_wanted(session: Session, shares_per_minute: float) -> float:
    """Return how many shares a minute a machine should send."""
    return max(shares_per_minute, QUICK_SHARES_PER_MINUTE) if session.is_quick else shares_per_minute


def own_channel(destination: str, algorithm: str, *, now: int) -> Channel:
    """Return the channel of an own node: our whole extranonce, and every bit that may be rolled."""
    shape = kind_of(algorithm).own_shape()
    return Channel(
        id=OWN_CHANNEL,
        destination=destination,
        prefix=b"",
        own_bytes=shape.own_bytes,
        extranonce2_size=shape.extranonce2_size,
        mask=VERSION_MASK,
        room=256**shape.own_bytes,
        prefixes=Prefixes(space=0),
        opened_at=now,
    )


def upstream_channel(event: ChannelOpened, kind: WorkKind, *, now: int) -> Channel:
    """Return a channel for a connection to an upstream.

    One byte is kept even where only one machine fits, if two are left to it: it numbers the time slices.
    """
    return _blob_channel(event, now=now) if kind is BLOB else _header_channel(event, now=now)


def _blob_channel(event: ChannelOpened, *, now: int) -> Channel:
    """Share the top byte of the nonce, unless the upstream itself tells its clients apart by it.

    Zero is never handed out: a job whose nonce is zero leaves all of it to the machine.
    """
    own_bytes = min(event.extranonce2_size, 1)
    return Channel(
        id=event.channel,
        destination=event.destination,
        prefix=event.prefix,
        own_bytes=own_bytes,
        extranonce2_size=0,
        mask=0,
        room=255 if own_bytes else 1,
        prefixes=Prefixes(space=256**own_bytes, size=own_bytes, upcoming=own_bytes, live={0} if own_bytes else set(),
                          rest_ms=BLOB_REST_MS),
        opened_at=now,
    )  # fmt: skip


def _header_channel(event: ChannelOpened, *, now: int) -> Channel:
    own_bytes = min(max(event.extranonce2_size - LEFT_BYTES_MIN, 0), PREFIX_BYTES)
    room = 256**own_bytes if own_bytes else 1
    if not own_bytes and event.extranonce2_size >= 3:
        own_bytes = 1
    return Channel(
        id=event.channel,
        destination=event.destination,
        prefix=event.prefix,
        own_bytes=own_bytes,
        extranonce2_size=event.extranonce2_size - own_bytes,
        mask=event.mask & VERSION_MASK,
        room=room,
        prefixes=Prefixes(space=256**own_bytes, size=own_bytes),
        opened_at=now,
    )


def channel_of(state: PoolState, session: Session) -> Channel | None:
    """Return the channel that a session has a place in."""
    destination = state.destinations.get(session.destination)
    return None if destination is None else destination.channels.get(session.channel)


def splitter_alert(state: PoolState, session: Session, channel: Channel, *, now: int) -> tuple[Alert, ...]:
    """Say that a proxy that tells its machines apart by the nonce mines on a channel that does so too.

    Only one can be in a chain: the shares of its machines have another's byte, and are refused.
    """
    destination = state.destinations[channel.destination]
    is_split = kind_of(destination.settings.algorithm) is BLOB and bool(channel.own_bytes) and not destination.is_own
    if not is_split or "proxy" not in session.agent.lower():
        return ()
    if now - destination.alerted.get("splitter", -ALERT_EVERY_MS) < ALERT_EVERY_MS:
        return ()
    destination.alerted["splitter"] = now
    text = f"{session.worker} ({session.agent[:40]}) splits the nonce for its machines, and so do we for"
    text += f" {channel.destination}: its shares will be refused. Point its machines here without it."
    return (Alert(level="critical", code="HW-311", text=text),)


def settle(state: PoolState, session: Session, destination: Destination, *, now: int) -> tuple[PoolEffect, ...]:
    """Give a session a place at a destination, or let it wait for one."""
    found = _find_room(state, destination, now=now)
    if found is not None:
        return _join(state, session, *found, now=now)
    if destination.is_own:
        return (CloseSession(session.id, "every extranonce is in use"),)
    destination.waiting[session.id] = None
    return (OpenChannel(destination.settings.destination, session.id),)


def set_pace(state: PoolState, session: Session, *, is_quick: bool) -> None:
    """Let a machine send shares more often, or as usual again: the next job carries the difficulty for it."""
    if session.is_quick == is_quick:
        return
    destination = state.destinations.get(session.destination)
    session.is_quick = is_quick
    if destination is None or session.pace.is_fixed:
        return
    factor = max(QUICK_SHARES_PER_MINUTE / destination.settings.shares_per_minute, 1.0)
    wished = session.difficulty / factor if is_quick else session.difficulty * factor
    session.difficulty = vardiff.nearest_step(wished)
    session.pace.shares = 0.0


def move(state: PoolState, session: Session, destination: Destination, *, now: int) -> tuple[PoolEffect, ...]:
    """Let a session mine for a destination from now on."""
    name = destination.settings.destination
    stop_waiting(state, session)
    if session.is_leaving or (session.destination == name and session.channel != NOWHERE):
        return ()
    if session.prefix and session.is_subscribed and not session.can_extranonce:
        return _move_by_firmware(state, session, destination, now=now)
    return settle(state, session, destination, now=now)


def _move_by_firmware(
    state: PoolState, session: Session, destination: Destination, *, now: int
) -> tuple[PoolEffect, ...]:
    """Move a machine that keeps its extranonce for life: own nodes can build jobs for it, upstreams cannot."""
    channel = destination.channels.get(OWN_CHANNEL)
    shape = kind_of(destination.settings.algorithm).own_shape()
    is_own_shape = (len(session.prefix), session.extranonce2_size) == (shape.own_bytes, shape.extranonce2_size)
    if channel is not None and is_own_shape and session.channel == OWN_CHANNEL:
        _change_membership(state, session, channel)
        return (*_tell_mask(session, channel), *_begin(state, session, channel, now=now))
    return ask_reconnect(session)


def ask_reconnect(session: Session) -> tuple[PoolEffect, ...]:
    """Ask a machine to come again; it is placed anew when it does."""
    if session.is_leaving:
        return ()
    session.is_leaving = True
    return (AskReconnect(session.id, 0), MachineGone(session.id))


def leave(state: PoolState, session: Session, *, now: int) -> None:
    """Give up a session's place; its prefix rests until its last job is dead."""
    channel = channel_of(state, session)
    stop_waiting(state, session)
    if channel is None:
        return
    channel.working.pop(session.id, None)
    channel.members.pop(session.id, None)
    if not channel.members:
        channel.empty_since = now
    own_part = session.prefix[len(channel.prefix) :]
    _allocator(state, channel).give_back(own_part, now=now)
    session.channel = NOWHERE


def stop_waiting(state: PoolState, session: Session) -> None:
    """Take a session from the queue of every destination."""
    for destination in state.destinations.values():
        destination.waiting.pop(session.id, None)


def admit_waiting(state: PoolState, destination: Destination, *, now: int) -> tuple[PoolEffect, ...]:
    """Give the sessions that wait for this destination the places that are free now."""
    effects: list[PoolEffect] = []
    for session_id in tuple(destination.waiting):
        session = state.sessions.get(session_id)
        if session is None:
            destination.waiting.pop(session_id, None)
            continue
        if session.prefix and session.is_subscribed and not session.can_extranonce:
            destination.waiting.pop(session_id, None)
            effects.extend(ask_reconnect(session))
            continue
        found = _find_room(state, destination, now=now)
        if found is None:
            break
        effects.extend(_join(state, session, *found, now=now))
    return tuple(effects)


def renew(state: PoolState, session: Session, channel: Channel, *, now: int) -> tuple[PoolEffect, ...]:
    """Give a session a prefix that fits after its channel got another extranonce; its next job comes after this."""
    if not session.can_extranonce:
        return ask_reconnect(session)
    own_part = _allocator(state, channel).take(now=now)
    if own_part is None or len(channel.members) > channel.room:
        channel.working.pop(session.id, None)
        channel.members.pop(session.id, None)
        session.channel = NOWHERE
        destination = state.destinations[channel.destination]
        destination.waiting[session.id] = None
        return (OpenChannel(channel.destination, session.id),)
    return tuple(_take_prefix(session, channel, own_part))


def tell_mask(state: PoolState, session: Session) -> tuple[PoolEffect, ...]:
    """Tell a session the version bits of its channel, where they are not what it knows."""
    channel = channel_of(state, session)
    return () if channel is None else tuple(_tell_mask(session, channel))


def ready_signal(state: PoolState, session: Session) -> MachineReady:
    """Tell routing about a machine."""
    algorithm = state.destinations[session.destination].settings.algorithm
    return MachineReady(session.id, session.worker, algorithm, session.destination, session.can_extranonce)


def begin(state: PoolState, session: Session, *, now: int) -> tuple[PoolEffect, ...]:
    """Send the first job to a session that is ready for it and has a place."""
    channel = channel_of(state, session)
    if channel is None:
        return (ready_signal(state, session),)
    return _begin(state, session, channel, now=now)


def _find_room(state: PoolState, destination: Destination, *, now: int) -> tuple[Channel, bytes] | None:
    for channel in destination.channels.values():
        if len(channel.members) < channel.room and not (channel.is_renewed or channel.is_shunned):
            own_part = _allocator(state, channel).take(now=now)
            if own_part is not None:
                return channel, own_part
    return None


def _join(state: PoolState, session: Session, channel: Channel, own_part: bytes, *, now: int) -> tuple[PoolEffect, ...]:
    leave(state, session, now=now)
    _change_membership(state, session, channel)
    effects: list[PoolEffect] = []
    if session.waits_for_subscribe:
        session.waits_for_subscribe, session.is_subscribed = False, True
        session.prefix, session.extranonce2_size = channel.prefix + own_part, channel.extranonce2_size
        effects.append(AnswerSubscribe(session.id, session.subscribe_request, session.prefix, session.extranonce2_size))
        effects.extend(_tell_mask(session, channel))
    elif session.is_subscribed:
        effects.extend(_tell_mask(session, channel))
        effects.extend(_take_prefix(session, channel, own_part))
    else:
        session.prefix, session.extranonce2_size = channel.prefix + own_part, channel.extranonce2_size
    effects.extend(_begin(state, session, channel, now=now))
    return tuple(effects)


def _change_membership(state: PoolState, session: Session, channel: Channel) -> None:
    before = channel_of(state, session)
    if before is not None:
        before.working.pop(session.id, None)
        before.members.pop(session.id, None)
    session.destination, session.channel = channel.destination, channel.id
    channel.members[session.id] = None


def _begin(state: PoolState, session: Session, channel: Channel, *, now: int) -> tuple[PoolEffect, ...]:
    if not session.is_working:
        return ()
    channel.working[session.id] = None
    session.moved_at = now
    effects: tuple[PoolEffect, ...] = jobs.send_job(state, session, channel, clean=True, now=now)
    if not effects and not channel.job:
        text = f"{session.worker} waits for work: {channel.destination} has no job yet."
        effects = (Alert(level="warning", code="HW-406", text=text),)
    return (*effects, ready_signal(state, session), *splitter_alert(state, session, channel, now=now))


def _take_prefix(session: Session, channel: Channel, own_part: bytes) -> list[PoolEffect]:
    place = (channel.prefix + own_part, channel.extranonce2_size)
    if place == (session.prefix, session.extranonce2_size):
        return []
    session.prefix, session.extranonce2_size = place
    return [SendExtranonce(session.id, session.prefix, session.extranonce2_size)]


def _tell_mask(session: Session, channel: Channel) -> list[PoolEffect]:
    mask = session.asked_mask & channel.mask
    if mask == session.mask or not session.asked_mask:
        return []
    session.mask = mask
    return [SendMask(session.id, mask)]


def _allocator(state: PoolState, channel: Channel) -> Prefixes:
    """Return who hands out prefixes: all own nodes share one, so that a machine can keep its own between them."""
    return state.prefixes if channel.id == OWN_CHANNEL else channel.prefixes
