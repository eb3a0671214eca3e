"""Templates become jobs, and jobs become terms.

A job's coinbase holds the boot and a counter, so no two jobs of one data folder can lead to the same header: a share
cannot be sold twice under two job ids, and no job id means two things, not even across a restart.

A job lives while its tip is the tip, and a while longer: a share of an older tip is stale, but if it is a block it is
still worth a try.
"""

from hashwright.chain import coinbase, target
from hashwright.chain.proof import ALGORITHMS
from hashwright.pool.effects import BroadcastJob, PoolEffect, SendDifficulty, SendJob
from hashwright.pool.events import TemplateSeen
from hashwright.pool.extranonce import EXTRANONCE2_BYTES, PREFIX_BYTES
from hashwright.pool.records import Destination, Job, PoolState, Session, Terms

JOBS_MAX = 32
"""Jobs remembered per destination. Peers remember 4 to 8; ours come more often, one for a round of retargets."""
JOB_LIFE_MS = 5 * 60_000
"""An older job is forgotten even when its tip still stands: firmware does not work on one job that long."""
SENT_MAX = 2 * JOBS_MAX


def make_job(state: PoolState, destination: Destination, seen: TemplateSeen, *, now: int) -> Job:
    """Build a new job from a template; each call gives another coinbase.

    Raises:
        ValueError: the coinbase script does not fit in 100 bytes.
    """
    state.jobs_made += 1
    settings = destination.settings
    unique = state.boot.to_bytes(3, "big") + state.jobs_made.to_bytes(5, "big")
    parts = coinbase.build_coinbase(
        seen.height,
        ((seen.coinbase_value, settings.payout_script),),
        tag=settings.coinbase_tag,
        extra=unique,
        extranonce_size=PREFIX_BYTES + EXTRANONCE2_BYTES,
        witness_commitment=seen.witness_commitment,
    )
    job = Job(
        id=f"{state.boot:x}{state.jobs_made:08x}",
        destination=settings.destination,
        template=seen.template,
        height=seen.height,
        version=seen.version,
        prevhash_le=seen.prevhash_le,
        nbits=seen.nbits,
        ntime=seen.curtime,
        mintime=seen.mintime,
        network_target_be=target.target_of_bits(seen.nbits).to_bytes(32, "big"),
        coinbase_prefix=parts.prefix,
        coinbase_suffix=parts.suffix,
        branch=seen.branch,
        reward=seen.coinbase_value,
        made_at=now,
    )
    state.jobs[job.id] = job
    destination.job = job.id
    forget_old_jobs(state, destination, now=now)
    return job


def forget_old_jobs(state: PoolState, destination: Destination, *, now: int) -> None:
    """Drop the jobs that are too old or too many; never the newest."""
    mine = [job for job in state.jobs.values() if job.destination == destination.settings.destination]
    surplus = len(mine) - JOBS_MAX
    for index, job in enumerate(mine):
        if job.id != destination.job and (index < surplus or now - job.made_at > JOB_LIFE_MS):
            del state.jobs[job.id]


def take_template(
    state: PoolState, destination: Destination, seen: TemplateSeen, *, now: int
) -> tuple[PoolEffect, ...]:
    """Make a job of a new template and send it to every working session."""
    is_new_tip = seen.prevhash_le != destination.tip_le
    destination.template = seen
    destination.tip_le = seen.prevhash_le
    destination.templates_seen += 1
    destination.last_template_at = now
    job = make_job(state, destination, seen, now=now)
    effects: list[PoolEffect] = []
    for session_id in destination.working:
        session = state.sessions[session_id]
        _tell_difficulty(session, effects)
        _note_sent(state, session, job)
    effects.append(BroadcastJob(destination=job.destination, job=job.id, clean=is_new_tip))
    return tuple(effects)


def send_job(state: PoolState, session: Session, *, clean: bool, now: int) -> tuple[PoolEffect, ...]:
    """Send one session a job it has not seen, preceded by its difficulty; nothing where there is no job yet.

    A session that already holds the newest job gets a new one: firmware starts a job from the beginning, so the same
    job again would give the same shares again. Sessions that are retargeted in one round share the new job.
    """
    destination = state.destinations[session.destination]
    if destination.template is None:
        return ()
    job = state.jobs[destination.job]
    if job.id in session.sent:
        job = make_job(state, destination, destination.template, now=now)
    effects: list[PoolEffect] = []
    _tell_difficulty(session, effects)
    _note_sent(state, session, job)
    effects.append(SendJob(session=session.id, job=job.id, clean=clean))
    return tuple(effects)


def terms_of(session: Session, algorithm: str) -> Terms:
    """Return the terms under which a session would be sent a job now."""
    diff1 = ALGORITHMS[algorithm].diff1_target
    share_target = target.target_of_difficulty(session.difficulty, diff1)
    return Terms(
        prefix=session.prefix,
        extranonce2_size=EXTRANONCE2_BYTES,
        difficulty=session.difficulty,
        target_be=share_target.to_bytes(32, "big"),
        mask=session.mask,
    )


def _tell_difficulty(session: Session, effects: list[PoolEffect]) -> None:
    """Announce the difficulty where it differs from the one of the last job sent."""
    if session.terms is None or session.terms.difficulty != session.difficulty:
        effects.append(SendDifficulty(session=session.id, difficulty=session.difficulty))


def _note_sent(state: PoolState, session: Session, job: Job) -> None:
    terms = session.terms
    if terms is None or terms.difficulty != session.difficulty or terms.mask != session.mask:
        algorithm = state.destinations[session.destination].settings.algorithm
        terms = session.terms = terms_of(session, algorithm)
    sent = session.sent
    sent[job.id] = terms
    if len(sent) > SENT_MAX:
        session.sent = {id_: terms for id_, terms in sent.items() if id_ in state.jobs}
