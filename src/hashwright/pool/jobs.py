"""Templates and upstreams' jobs become jobs of ours, and jobs become terms. What kind of work it is, `pool.work` knows.

An own job's coinbase holds the boot and a counter, so no two jobs of one data folder can lead to the same header: a
share cannot be sold twice under two job ids, and no job id means two things, not even across a restart. An upstream's
job is taken over as it is, under an id of ours.

A job lives while its tip is the tip, and a while longer: a share of an older tip is stale, but if it is a block it is
still worth a try.
"""

import functools

import msgspec

from hashwright.chain import target
from hashwright.chain.proof import ALGORITHMS
from hashwright.pool.effects import BroadcastJob, PoolEffect, SendDifficulty, SendJob
from hashwright.pool.events import DestinationSet, TemplateSeen
from hashwright.pool.records import OWN_CHANNEL, Channel, Destination, Job, PoolState, Session, Terms
from hashwright.pool.work import kind_of

JOBS_MAX = 256
"""Jobs remembered per channel. Peers remember 4 to 8; ours come more often, one for a round of retargets or of slices:
with five machines in slices of five seconds these are four minutes."""
JOB_LIFE_MS = 5 * 60_000
"""An older job is forgotten even when its tip still stands: firmware does not work on one job that long."""
RENTED_EVERY_MS = 20_000
"""A market's buyer pays for restarts of the machines behind it, and each new job is one: between blocks they come as
rarely as this (reference stratum.md 2.4, attack 22)."""
RENTED_WORTH = 0.99
"""A job that is worth more than a percent more does not wait: the first one of a block may lack all fees."""
SENT_MAX = 128
DIFFICULTY_MAX = 2.0**60
"""A machine that finds one such share a minute has 8e25 H/s: nobody is near it."""


def make_job(state: PoolState, destination: Destination, seen: TemplateSeen, *, now: int) -> Job:
    """Build a new job from a template; each call gives another coinbase.

    Raises:
        ValueError: the coinbase script does not fit in 100 bytes, or a CryptoNote template has no room for us.
    """
    number = next_number(state)
    settings = destination.settings
    assert isinstance(settings, DestinationSet)
    unique = state.boot.to_bytes(3, "big") + number.to_bytes(5, "big")
    made = kind_of(settings.algorithm).make(settings, seen, unique)
    job = Job(
        id=job_id(state, number),
        destination=settings.destination,
        template=seen.template,
        height=seen.height,
        version=seen.version,
        prevhash_le=seen.prevhash_le,
        nbits=seen.nbits,
        ntime=seen.curtime,
        mintime=seen.mintime,
        network_target_be=made.network_target_be,
        coinbase_prefix=made.prefix,
        coinbase_suffix=made.suffix,
        branch=seen.branch,
        reward=seen.coinbase_value,
        made_at=now,
        number=number,
        blob=made.blob,
    )
    keep_job(state, destination.channels[OWN_CHANNEL], job, now=now)
    return job


def next_number(state: PoolState) -> int:
    """Count one more job."""
    state.jobs_made += 1
    return state.jobs_made


def job_id(state: PoolState, number: int) -> str:
    """Return the id of a job, never used twice in a data folder."""
    return f"{state.boot:x}{number:08x}"


def keep_job(state: PoolState, channel: Channel, job: Job, *, now: int) -> None:
    """Remember a channel's newest job, and forget those that are too old or too many."""
    state.jobs[job.id] = job
    channel.job = job.id
    channel.jobs.append(job.id)
    surplus = len(channel.jobs) - JOBS_MAX
    kept = []
    for index, id_ in enumerate(channel.jobs):
        old = state.jobs[id_]
        is_old = old.number < channel.base_number and now - old.made_at > JOB_LIFE_MS
        if id_ != channel.job and (index < surplus or is_old):
            del state.jobs[id_]
        else:
            kept.append(id_)
    channel.jobs = kept


def forget_jobs(state: PoolState, channel: Channel) -> None:
    """Drop all jobs of a channel."""
    for id_ in channel.jobs:
        state.jobs.pop(id_, None)
    channel.job, channel.jobs = "", []


def forget_orphans(state: PoolState, *, now: int) -> None:
    """Drop the jobs of channels that are gone, once no late share can name them any more."""
    held = {
        id_ for destination in state.destinations.values() for it in destination.channels.values() for id_ in it.jobs
    }
    for job in [job for job in state.jobs.values() if job.id not in held and now - job.made_at > JOB_LIFE_MS]:
        del state.jobs[job.id]


def take_template(
    state: PoolState, destination: Destination, seen: TemplateSeen, *, now: int
) -> tuple[PoolEffect, ...]:
    """Make a job of a new template and send it to every working session."""
    channel = destination.channels[OWN_CHANNEL]
    is_new_tip = seen.prevhash_le != channel.tip_le
    channel.tip_le = seen.prevhash_le
    note_template(destination, seen, now=now)
    return broadcast(state, channel, make_job(state, destination, seen, now=now), clean=is_new_tip)


def note_template(destination: Destination, seen: TemplateSeen, *, now: int) -> None:
    """Remember a template, whether or not a job is made of it."""
    destination.template = seen
    destination.templates_seen += 1
    destination.last_template_at = now


def broadcast(state: PoolState, channel: Channel, job: Job, *, clean: bool) -> tuple[PoolEffect, ...]:
    """Send a job to every working session of its channel; to a market's, what is not urgent only now and then."""
    channel.base_number, channel.job_at = job.number, job.made_at
    effects: list[PoolEffect] = []
    bounds = _bounds(state, job)
    for session_id in channel.working:
        session = state.sessions[session_id]
        if clean or not (session.is_rented and _is_fresh(state, session, job)):
            _note_sent(state, session, job, bounds, effects)
    effects.append(BroadcastJob(destination=job.destination, job=job.id, clean=clean))
    return tuple(effects)


def _is_fresh(state: PoolState, session: Session, job: Job) -> bool:
    """Tell whether a session got a job of the same tip a little while ago that is worth nearly as much."""
    last = state.jobs.get(next(reversed(session.sent), ""))
    if last is None or (last.destination, last.prevhash_le) != (job.destination, job.prevhash_le):
        return False
    is_poor = len(last.branch) == 0 < len(job.branch) or last.reward < job.reward * RENTED_WORTH
    return not is_poor and job.made_at - last.made_at < RENTED_EVERY_MS


def send_job(state: PoolState, session: Session, channel: Channel, *, clean: bool, now: int) -> tuple[PoolEffect, ...]:
    """Send one session a job it has not seen, preceded by its difficulty; nothing where there is no job yet.

    A session that already holds the newest job gets a new one: firmware starts a job from the beginning, so the same
    job again would give the same shares again. Sessions that are retargeted in one round share the new job. Of an
    upstream's job only a copy under a new id can be made, and it is new work only under a new prefix.
    """
    job = state.jobs.get(channel.job)
    if job is None:
        return ()
    known = session.sent.get(job.id)
    is_spent = not channel.own_bytes and channel.spent_job == job.upstream_job
    if is_spent or (not job.is_own and known is not None and known.prefix == session.prefix):
        return ()
    channel.spent_job = job.upstream_job
    if known is not None:
        job = _job_again(state, channel, job, now=now)
    effects: list[PoolEffect] = []
    _note_sent(state, session, job, _bounds(state, job), effects)
    effects.append(SendJob(session=session.id, job=job.id, clean=clean))
    return tuple(effects)


def _job_again(state: PoolState, channel: Channel, job: Job, *, now: int) -> Job:
    destination = state.destinations[channel.destination]
    if job.is_own and destination.template is not None:
        return make_job(state, destination, destination.template, now=now)
    number = next_number(state)
    copy = msgspec.structs.replace(job, id=job_id(state, number), number=number, made_at=now)
    keep_job(state, channel, copy, now=now)
    return copy


def clamp_difficulty(state: PoolState, session: Session, difficulty: float) -> float:
    """Keep a difficulty above the destination's floor and the session's own, and below the network's.

    A share harder than a block would hide blocks' work; only the floor, an operator's word, goes above the network.
    """
    destination = state.destinations.get(session.destination)
    if destination is None:
        return difficulty
    floor = max(destination.settings.minimum_difficulty, session.pace.minimum)
    ceiling = DIFFICULTY_MAX
    if destination.template is not None:
        ceiling = network_difficulty(destination.template, destination.settings.algorithm)
    return max(min(difficulty, ceiling, DIFFICULTY_MAX), floor)


def network_difficulty(seen: TemplateSeen, algorithm: str) -> float:
    """Return the difficulty of a block."""
    if seen.blob is not None:
        return _difficulty_of_blob(seen.blob.network_target_be, algorithm)  # asked twice a login: a number costs more
    return _difficulty_of(seen.network_target, algorithm)


@functools.lru_cache(maxsize=64)
def _difficulty_of(network_target: int, algorithm: str) -> float:
    return target.difficulty_of_target(network_target, ALGORITHMS[algorithm].diff1_target)


@functools.lru_cache(maxsize=64)
def _difficulty_of_blob(network_target_be: bytes, algorithm: str) -> float:
    return _difficulty_of(int.from_bytes(network_target_be, "big"), algorithm)


@functools.lru_cache(maxsize=4096)
def target_be_of(difficulty: float, algorithm: str) -> bytes:
    """Return the share target of a difficulty: 32 bytes, big-endian."""
    return kind_of(algorithm).target_of(difficulty, algorithm).to_bytes(32, "big")


def _bounds(state: PoolState, job: Job) -> tuple[str, float, float]:
    """Return algorithm, floor and ceiling for the difficulties of a job.

    The ceiling is the upstream's own difficulty: it credits a share with no more, so a harder one would be given away.
    """
    settings = state.destinations[job.destination].settings
    floor, ceiling = settings.minimum_difficulty, DIFFICULTY_MAX
    if not job.is_own:
        ceiling = min(job.upstream_difficulty, DIFFICULTY_MAX)
    return settings.algorithm, floor, ceiling


def _note_sent(
    state: PoolState, session: Session, job: Job, bounds: tuple[str, float, float], effects: list[PoolEffect]
) -> None:
    """Fix the terms of a job for a session; announce the difficulty where it is not the one of the last job sent."""
    algorithm, floor, ceiling = bounds
    difficulty = session.difficulty
    if difficulty > ceiling:
        difficulty = ceiling
    elif difficulty < floor:
        difficulty = min(floor, ceiling)
    terms = session.terms
    if (terms is None or terms.difficulty != difficulty) and kind_of(algorithm).announces_difficulty:
        effects.append(SendDifficulty(session=session.id, difficulty=difficulty))
    if terms is None or terms.difficulty != difficulty or terms.mask != session.mask or terms.prefix != session.prefix:
        terms = session.terms = Terms(
            prefix=session.prefix,
            extranonce2_size=session.extranonce2_size,
            difficulty=difficulty,
            target_be=target_be_of(difficulty, algorithm),
            mask=session.mask,
        )
    sent = session.sent
    sent[job.id] = terms
    if len(sent) > SENT_MAX:
        session.sent = {id_: terms for id_, terms in sent.items() if id_ in state.jobs}
