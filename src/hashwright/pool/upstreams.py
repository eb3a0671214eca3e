"""Work from somebody else's pool: channels come and go, jobs arrive, shares go out and are answered.

What counts is the upstream's own answer. A share that meets its target is forwarded at once and stands open until the
answer comes; when the channel closes first, or the process ends, it is lost. The machine's reply never waits for that
and is never changed by it.

Must not know: sockets, names of accounts, TLS, back-off; that is `runtime.upstream`.
"""

from hashwright.chain.cryptonote.share import NONCE_AT, NONCE_BYTES, read_hashing_blob
from hashwright.chain.target import target_of_bits
from hashwright.pool import channels, jobs, payees
from hashwright.pool.effects import Alert, CloseChannel, OpenChannel, PoolEffect, SubmitUpstream
from hashwright.pool.events import (
    ChannelClosed,
    ChannelOpened,
    ShareHashed,
    SharesAnswered,
    ShareVerdict,
    UpstreamChanged,
    UpstreamJobSeen,
    UpstreamSet,
)
from hashwright.pool.records import NOWHERE, BlobWork, Channel, Destination, Job, OpenShare, PoolState, Terms
from hashwright.pool.work import BLOB, kind_of
from hashwright.signals import Delivery, DestinationChanged, DestinationState, ReturnWork

OPEN_MAX = 4096
"""Shares of one channel without an answer; beyond it the oldest is given up."""
NTIME_BEHIND_S = 600
"""An upstream does not say how far back a time may lie; its nodes take nothing below the median of eleven blocks."""
EMPTY_CHANNEL_MS = 10 * 60_000
"""A connection that has had no machine for this long is closed, unless it is the upstream's only one."""
STALE_CODE = 21
NO_BLOCK = bytes(32)
"""The network's target where a job does not tell it: no hash meets it, and a block is the upstream's anyway."""


def set_upstream(state: PoolState, event: UpstreamSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Set an upstream up, or again: its channels go, for the settings are theirs."""
    known = state.destinations.get(event.destination)
    if known is None:
        state.destinations[event.destination] = Destination(
            settings=event,
            template=None,
            node_state="connecting",
            node_detail="not asked yet",
            templates_seen=0,
            last_template_at=0,
            channels={},
            waiting={},
        )
        return (DestinationChanged(event.destination, event.algorithm, "waiting", "set up"),)
    known.settings = event
    known.alerted.clear()
    effects: list[PoolEffect] = []
    for channel in tuple(known.channels.values()):
        effects.extend(drop_channel(state, known, channel, "its settings changed", now=now))
    return tuple(effects)


def open_channel(
    state: PoolState, destination: Destination, event: ChannelOpened, *, now: int
) -> tuple[PoolEffect, ...]:
    """Take a connection into use, or note that its extranonce or mask changed."""
    known = destination.channels.get(event.channel)
    fresh = channels.upstream_channel(event, kind_of(destination.settings.algorithm), now=now)
    if known is None:
        destination.channels[event.channel] = fresh
        return (*_split_upstream(destination, fresh, now=now), *channels.admit_waiting(state, destination, now=now))
    shape = (fresh.prefix, fresh.own_bytes, fresh.extranonce2_size)
    if (known.prefix, known.own_bytes, known.extranonce2_size) == shape:
        known.mask = fresh.mask
        told = [channels.tell_mask(state, state.sessions[id_]) for id_ in known.working]
        return tuple(effect for effects in told for effect in effects)
    known.prefix, known.own_bytes, known.extranonce2_size = shape
    known.room, known.mask, known.prefixes = fresh.room, fresh.mask, fresh.prefixes
    known.is_renewed, known.spent_job = True, ""
    return ()


def _split_upstream(destination: Destination, channel: Channel, *, now: int) -> tuple[PoolEffect, ...]:
    """Say that an upstream itself tells its clients apart by the nonce, so that nothing is left to share."""
    is_taken = kind_of(destination.settings.algorithm) is BLOB and not channel.own_bytes
    if not is_taken or now - destination.alerted.get("split", -channels.ALERT_EVERY_MS) < channels.ALERT_EVERY_MS:
        return ()
    destination.alerted["split"] = now
    text = f"{channel.destination} is itself a proxy that splits the nonce, and only one can be in a chain."
    return (Alert(level="warning", code="HW-310", text=f"{text} Each machine gets a connection of its own there."),)


def close_channel(
    state: PoolState, destination: Destination, event: ChannelClosed, *, now: int
) -> tuple[PoolEffect, ...]:
    """Forget a connection that is gone; its machines wait, or are moved by routing when none is left."""
    channel = destination.channels.get(event.channel)
    return () if channel is None else drop_channel(state, destination, channel, event.reason, now=now)


def drop_channel(
    state: PoolState, destination: Destination, channel: Channel, reason: str, *, now: int
) -> tuple[PoolEffect, ...]:
    """Take a channel away: open shares are lost, its machines wait for another place."""
    effects: list[PoolEffect] = list(_lose_open(destination, channel, reason))
    del destination.channels[channel.id]
    for session_id in channel.members:
        session = state.sessions[session_id]
        session.channel = NOWHERE
        destination.waiting[session_id] = None
    if any(other.job for other in destination.channels.values()):
        effects.extend(channels.admit_waiting(state, destination, now=now))
        effects.extend(_ask_for_room(destination))
    else:
        effects.extend(change_state(destination, "down", reason))
    return tuple(effects)


def take_job(state: PoolState, destination: Destination, event: UpstreamJobSeen, *, now: int) -> tuple[PoolEffect, ...]:
    """Take over an upstream's job, look whom it pays, and send it to the channel's machines."""
    channel = destination.channels.get(event.channel)
    settings = destination.settings
    if channel is None or not isinstance(settings, UpstreamSet):
        return ()
    effects = list(_watch_payee(destination, settings, channel, event, now=now))
    if channel.is_shunned:
        return tuple(effects)
    try:
        job = _job_of(state, channel, event, settings.algorithm, now=now)
    except ValueError as problem:
        text = f"a job of its cannot be read, {problem}; the job is left out"
        return (*effects, *payees.alert_of(destination, "target", text, now=now))
    if event.is_clean or event.prevhash_le != channel.tip_le:
        channel.clean_from = job.number
    channel.tip_le = event.prevhash_le
    destination.templates_seen += 1
    destination.last_template_at = now
    jobs.keep_job(state, channel, job, now=now)
    channel.spent_job = job.upstream_job if channel.working else ""
    effects.extend(_renew_members(state, channel, now=now))
    effects.extend(change_state(destination, "ready", ""))
    effects.extend(jobs.broadcast(state, channel, job, clean=event.is_clean))
    effects.extend(channels.admit_waiting(state, destination, now=now))
    return tuple(effects)


def take_verdicts(destination: Destination, event: SharesAnswered, *, now: int) -> tuple[PoolEffect, ...]:
    """Note what the upstream said to shares of ours."""
    channel = destination.channels.get(event.channel)
    if channel is None:
        return ()
    effects = []
    for verdict in event.verdicts:
        share = channel.open.pop(verdict.share, None)
        if share is not None:
            effects.append(
                ReturnWork(
                    event.destination,
                    share.worker,
                    share.target_be,
                    _delivery_of(verdict),
                    verdict.reason[:64],
                    verdict.latency_ms,
                )
            )
    return tuple(effects)


def change_upstream(destination: Destination, event: UpstreamChanged, *, now: int) -> tuple[PoolEffect, ...]:
    """Note how it goes with an upstream, in words."""
    if (destination.node_state, destination.node_detail) == (event.state, event.detail):
        return ()
    had_trouble = destination.node_state in ("unreachable", "refused")
    destination.node_state, destination.node_detail = event.state, event.detail
    if event.state in ("unreachable", "refused"):
        text = f"The upstream {event.destination} is {event.state}: {event.detail}"
        if event.state == "refused":
            return (Alert(level="critical", code="HW-431", text=text),)
        return () if had_trouble else (Alert(level="warning", code="HW-430", text=text),)
    if event.state == "connected" and had_trouble:
        text = f"The upstream {event.destination} is back. {event.detail}".strip()
        return (Alert(level="info", code="HW-407", text=text),)
    return ()


def forward(state: PoolState, found: tuple[Job, Terms], event: ShareHashed, worker: str) -> tuple[PoolEffect, ...]:
    """Send a share on to the upstream of its job, if the connection still stands."""
    job, terms = found
    destination = state.destinations.get(job.destination)
    channel = destination.channels.get(job.channel) if destination is not None else None
    if destination is None or channel is None:
        return (ReturnWork(job.destination, worker, job.upstream_target_be, "late", "its connection is gone"),)
    channel.shares_sent += 1
    effects: list[PoolEffect] = []
    if len(channel.open) >= OPEN_MAX:
        oldest = channel.open.pop(next(iter(channel.open)))
        effects.append(ReturnWork(job.destination, oldest.worker, oldest.target_be, "lost", "no answer"))
    channel.open[channel.shares_sent] = OpenShare(worker, job.upstream_target_be)
    extranonce = terms.prefix + event.extranonce2
    effects.append(
        SubmitUpstream(
            destination=job.destination,
            channel=job.channel,
            share=channel.shares_sent,
            worker=worker,
            job=job.upstream_job,
            extranonce2=extranonce[len(job.upstream_prefix) :],
            ntime=event.ntime,
            nonce=event.nonce,
            version_bits=event.version_bits,
            hash_le=event.hash_le if job.blob is not None else b"",
        )
    )
    effects.append(ReturnWork(job.destination, "", job.upstream_target_be, "submitted", ""))
    return tuple(effects)


def end_channels(destination: Destination, *, reason: str) -> tuple[PoolEffect, ...]:
    """Forget every connection at a start: what was open then is lost, as far as we will ever know."""
    effects = lose_open_shares(destination, reason)
    destination.channels.clear()
    destination.waiting.clear()
    return effects


def lose_open_shares(destination: Destination, reason: str) -> tuple[PoolEffect, ...]:
    """Give up every share that has no answer."""
    lost = [_lose_open(destination, channel, reason) for channel in destination.channels.values()]
    return tuple(effect for effects in lost for effect in effects)


def close_empty_channels(destination: Destination, *, now: int) -> tuple[PoolEffect, ...]:
    """Close connections that nobody has used for long; one stays, as a warm stand-by."""
    idle = [
        channel
        for channel in destination.channels.values()
        if not channel.members
        and not channel.open
        and now - max(channel.empty_since, channel.opened_at) > EMPTY_CHANNEL_MS
    ]
    if len(idle) == len(destination.channels):
        idle = idle[1:]
    name = destination.settings.destination
    return tuple(CloseChannel(name, channel.id, "no machine has used it for ten minutes") for channel in idle)


def change_state(destination: Destination, state: DestinationState, reason: str) -> tuple[PoolEffect, ...]:
    """Tell routing where a destination's state is another one than before."""
    if destination.state == state:
        return ()
    destination.state = state
    settings = destination.settings
    return (DestinationChanged(settings.destination, settings.algorithm, state, reason),)


def _lose_open(destination: Destination, channel: Channel, reason: str) -> tuple[PoolEffect, ...]:
    name = destination.settings.destination
    lost = tuple(
        ReturnWork(name, share.worker, share.target_be, "lost", reason[:64]) for share in channel.open.values()
    )
    channel.open.clear()
    return lost


def _ask_for_room(destination: Destination) -> tuple[PoolEffect, ...]:
    name = destination.settings.destination
    return tuple(OpenChannel(name, session_id) for session_id in destination.waiting)


def _renew_members(state: PoolState, channel: Channel, *, now: int) -> tuple[PoolEffect, ...]:
    """After a new extranonce: every machine gets a prefix of the new kind, before the job that it holds for."""
    if not channel.is_renewed:
        return ()
    channel.is_renewed = False
    effects: list[PoolEffect] = []
    for session_id in tuple(channel.members):
        effects.extend(channels.renew(state, state.sessions[session_id], channel, now=now))
    return tuple(effects)


def _watch_payee(
    destination: Destination, settings: UpstreamSet, channel: Channel, event: UpstreamJobSeen, *, now: int
) -> tuple[PoolEffect, ...]:
    if event.blob is not None:
        return ()  # a blob hides whom it pays
    seen = payees.read_coinbase(settings, channel, event)
    last = max(destination.channels.values(), key=lambda other: other.job_at).coinbase
    channel.coinbase = seen
    mismatch = payees.mismatch_of(settings, seen)
    channel.is_shunned = bool(mismatch) and settings.leaves_on_mismatch
    if not mismatch:
        return payees.alert_of(destination, "change", payees.change_of(last, seen), now=now)
    alerts = payees.alert_of(destination, "mismatch", mismatch, now=now)
    if not channel.is_shunned:
        return alerts
    closing = CloseChannel(event.destination, channel.id, mismatch)
    return (*alerts, *change_state(destination, "down", mismatch), closing)


def _job_of(state: PoolState, channel: Channel, event: UpstreamJobSeen, algorithm: str, *, now: int) -> Job:
    """Take an upstream's job over under an id of ours.

    Raises:
        ValueError: it stands for no work that we know.
    """
    work, target_be, network_target_be = _blob_of(event), b"", NO_BLOCK
    if event.blob is None:
        network_target_be = target_of_bits(event.nbits).to_bytes(32, "big")
    else:
        target_be = event.blob.target_be
    number = jobs.next_number(state)
    height = channel.coinbase.height if channel.coinbase is not None else None
    return Job(
        id=jobs.job_id(state, number),
        destination=event.destination,
        template=0,
        height=height or (event.blob.height if event.blob is not None else 0),
        version=event.version,
        prevhash_le=event.prevhash_le,
        nbits=event.nbits,
        ntime=event.ntime,
        mintime=event.ntime - NTIME_BEHIND_S if event.blob is None else event.ntime,
        network_target_be=network_target_be,
        coinbase_prefix=event.coinbase_prefix,
        coinbase_suffix=event.coinbase_suffix,
        branch=event.branch,
        reward=0,
        made_at=now,
        number=number,
        channel=channel.id,
        upstream_job=event.job,
        upstream_prefix=channel.prefix,
        upstream_target_be=target_be or jobs.target_be_of(event.difficulty, algorithm),
        upstream_difficulty=event.difficulty,
        blob=work,
    )


def _blob_of(event: UpstreamJobSeen) -> BlobWork | None:
    """Take a blob apart, so far as we must.

    Raises:
        ValueError: it does not parse: no machine works on something that nobody understands.
    """
    told = event.blob
    if told is None:
        return None
    read_hashing_blob(told.blob)
    return BlobWork(told.blob[:NONCE_AT], told.blob[NONCE_AT + NONCE_BYTES :], 0, told.seed, told.next_seed)


def _delivery_of(verdict: ShareVerdict) -> Delivery:
    if verdict.is_accepted:
        return "accepted"
    is_stale = verdict.code == STALE_CODE or "stale" in verdict.reason.lower()
    return "stale" if is_stale else "rejected"
