"""A share arrived: judge it, credit it, submit it if it is a block, and look at the machine's pace."""

import functools

from hashwright.chain import target
from hashwright.chain.header import hash_display
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.pool import jobs, judge, vardiff
from hashwright.pool.effects import AnswerShare, CreditWork, Outcome, PoolEffect, SubmitBlock
from hashwright.pool.events import ShareHashed
from hashwright.pool.records import BlockRecord, Job, PoolState, Session, Terms
from hashwright.pool.workers import worker_name

NO_TARGET = bytes(32)
"""Stands where a share names no job of ours, so that its rejection can still be counted."""


def take_share(state: PoolState, event: ShareHashed, *, now: int) -> tuple[PoolEffect, ...]:
    """Judge one share and say what follows."""
    session = state.sessions.get(event.session)
    found = judge.find_job(state, event.session, event.job)
    outcome = judge.outcome_of(state, session, found, event)
    effects: list[PoolEffect] = []
    if found is not None and judge.is_block(found[0], event) and not judge.is_duplicate(state, event):
        effects.append(_submit(state, found, event, now=now))
        state.duplicates.add(event.hash_le, now=now)
    elif outcome == "accepted":
        state.duplicates.add(event.hash_le, now=now)
    effects.append(AnswerShare(event.session, event.request, outcome))
    if session is not None:
        effects.append(_credit(session, found, event, outcome))
        if found is not None and outcome in ("accepted", "block"):
            effects.extend(_follow_pace(state, session, found[1], now=now))
    return tuple(effects)


def _credit(session: Session, found: tuple[Job, Terms] | None, event: ShareHashed, outcome: Outcome) -> CreditWork:
    """Credit what the hash proves: a block that misses the harder share target is worth the network's work only."""
    if found is None:
        return CreditWork(session.worker or "unknown", session.destination, NO_TARGET, outcome)
    job, terms = found
    target_be = terms.target_be
    if outcome == "block" and event.hash_le[::-1] > target_be:
        target_be = job.network_target_be
    return CreditWork(worker_name(event.worker) or session.worker, job.destination, target_be, outcome)


def _submit(state: PoolState, found: tuple[Job, Terms], event: ShareHashed, *, now: int) -> SubmitBlock:
    job, terms = found
    header = judge.header_of(
        job, terms, event.extranonce2, ntime=event.ntime, nonce=event.nonce, version_bits=event.version_bits
    )
    block_hash = hash_display(sha256d(header))
    state.blocks[block_hash] = BlockRecord(
        destination=job.destination,
        block_hash=block_hash,
        height=job.height,
        worker=event.worker,
        reward=job.reward,
        state="candidate",
        found_at=now,
    )
    return SubmitBlock(
        destination=job.destination,
        template=job.template,
        height=job.height,
        block_hash=block_hash,
        header=header,
        coinbase=judge.coinbase_of(job, terms, event.extranonce2),
        worker=event.worker,
        reward=job.reward,
    )


def _follow_pace(state: PoolState, session: Session, terms: Terms, *, now: int) -> tuple[PoolEffect, ...]:
    pace = session.pace
    vardiff.count_share(pace, weight=terms.difficulty / session.difficulty, now=now)
    wanted = state.destinations[session.destination].settings.shares_per_minute
    if not vardiff.is_due(pace, shares_per_minute=wanted, now=now):
        return ()
    difficulty = vardiff.next_difficulty(pace, session.difficulty, shares_per_minute=wanted, now=now)
    return set_difficulty(state, session, difficulty, now=now)


def set_difficulty(state: PoolState, session: Session, difficulty: float, *, now: int) -> tuple[PoolEffect, ...]:
    """Give a session another difficulty, with a job for which it holds; nothing where it stays the same."""
    difficulty = clamp_difficulty(state, session, difficulty)
    if difficulty == session.difficulty:
        return ()
    session.difficulty = difficulty
    if not (session.is_subscribed and session.is_authorized):
        return ()
    return jobs.send_job(state, session, clean=False, now=now)


def clamp_difficulty(state: PoolState, session: Session, difficulty: float) -> float:
    """Keep a difficulty above the destination's floor and the session's own, and below the network's.

    A share harder than a block would hide blocks' work; only the floor, an operator's word, goes above the network.
    """
    destination = state.destinations[session.destination]
    floor = max(destination.settings.minimum_difficulty, session.pace.minimum)
    ceiling = DIFFICULTY_MAX
    if destination.template is not None:
        ceiling = _network_difficulty(destination.template.nbits, destination.settings.algorithm)
    return max(min(difficulty, ceiling, DIFFICULTY_MAX), floor)


DIFFICULTY_MAX = 2.0**60
"""A machine that finds one such share a minute has 8e25 H/s: nobody is near it."""


@functools.lru_cache(maxsize=64)
def _network_difficulty(nbits: int, algorithm: str) -> float:
    return target.difficulty_of_target(target.target_of_bits(nbits), ALGORITHMS[algorithm].diff1_target)
