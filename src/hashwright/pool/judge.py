"""Is this share good? One question, six functions, in one fixed order.

    find_job -> fits -> input_of -> (hash) -> network target -> stale -> duplicate -> time, version -> work

The network target is asked first of all rules: whoever breaks a share rule with a block in hand still brings us the
block (reference stratum.md 6, row 11). Everything is compared as whole numbers, with no tolerance. This is the only
place that returns an outcome that is credited.

The shell calls `find_job`, `fits` and `input_of`, hashes, and hands the hash in with the event; `outcome_of` then
judges from the state alone, so that a replay judges the same. Headers and blobs are judged by the same rules: a blob
has no version bits, and its time is the job's.
"""

from hashwright.pool.events import ShareHashed
from hashwright.pool.records import Job, PoolState, Session, Terms
from hashwright.pool.work import Rolled, kind_of_job
from hashwright.signals import Outcome

NTIME_AHEAD_S = 7200
"""Consensus lets a header run two hours ahead of the network's clock; a share may not run further ahead of its job."""


def find_job(state: PoolState, session_id: int, job_id: str) -> tuple[Job, Terms] | None:
    """Return the job and the terms under which this session was sent it, or None."""
    session = state.sessions.get(session_id)
    job = state.jobs.get(job_id)
    if session is None or job is None:
        return None
    terms = session.sent.get(job_id)
    return None if terms is None else (job, terms)


def fits(found: tuple[Job, Terms], rolled: Rolled) -> bool:
    """Tell whether a share keeps to the room that this machine was given."""
    return kind_of_job(found[0]).fits(*found, rolled)


def input_of(found: tuple[Job, Terms], rolled: Rolled) -> bytes:
    """Rebuild what was hashed for a share: the header, or the blob."""
    return kind_of_job(found[0]).input_of(*found, rolled)


def rolled_of(event: ShareHashed) -> Rolled:
    """Return what the machine chose."""
    return Rolled(event.extranonce2, event.ntime, event.nonce, event.version_bits)


def is_block(job: Job, event: ShareHashed) -> bool:
    """Tell whether a share meets the network's target."""
    return bool(event.hash_le) and event.hash_le[::-1] <= job.network_target_be


def is_stale(state: PoolState, job: Job) -> bool:
    """Tell whether a job's work is worth nothing any more: another tip, a clean job since, or no connection."""
    destination = state.destinations.get(job.destination)
    channel = None if destination is None else destination.channels.get(job.channel)
    return channel is None or channel.tip_le != job.prevhash_le or job.number < channel.clean_from


def is_duplicate(state: PoolState, event: ShareHashed) -> bool:
    """Tell whether this very header was credited or submitted before."""
    return state.duplicates.has(event.hash_le)


def outcome_of(
    state: PoolState, session: Session | None, found: tuple[Job, Terms] | None, event: ShareHashed
) -> Outcome:
    """Judge a share.

    Args:
        session: the session, or None where it is gone.
        found: what `find_job` returned.
    """
    if session is None or not session.is_authorized:
        return "unauthorized"
    if found is None:
        return "unknown-job"
    job, terms = found
    if not event.hash_le:
        return "malformed"
    if event.claimed_le and event.claimed_le != event.hash_le:
        return "bad-hash"
    if is_stale(state, job):
        return "stale"
    if is_duplicate(state, event):
        return "duplicate"
    if not job.mintime <= event.ntime <= job.ntime + NTIME_AHEAD_S:
        return "bad-time"
    if event.version_bits is not None and event.version_bits & ~terms.mask:
        return "bad-version"
    return work_of(job, terms, event)


def work_of(job: Job, terms: Terms, event: ShareHashed) -> Outcome:
    """Compare the hash with the targets: of the network, then of the share. An upstream's block is the upstream's."""
    hash_be = event.hash_le[::-1]
    if hash_be <= job.network_target_be and job.is_own:
        return "block"
    return "accepted" if hash_be <= terms.target_be else "low-difficulty"
