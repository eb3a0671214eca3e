"""A share arrived: judge it, credit it, pass it on, submit it if it is a block, and look at the machine's pace."""

from hashwright.chain.target import work_of_target
from hashwright.pool import blocks, channels, jobs, judge, members, penalties, reserve, upstreams, vardiff
from hashwright.pool.effects import AnswerShare, CreditWork, Outcome, PoolEffect, SubmitBlock
from hashwright.pool.events import ShareHashed
from hashwright.pool.records import BlockRecord, Job, PoolState, Session, Terms
from hashwright.pool.work import kind_of_job
from hashwright.pool.workers import worker_name
from hashwright.signals import ReturnWork

NO_TARGET = bytes(32)
"""Stands where a share names no job of ours, so that its rejection can still be counted."""
SWITCH_MS = 15_000
"""A share that comes too late within this time of a move was lost by the move."""


def take_share(state: PoolState, event: ShareHashed, *, now: int) -> tuple[PoolEffect, ...]:
    """Judge one share and say what follows."""
    session = state.sessions.get(event.session)
    found = judge.find_job(state, event.session, event.job)
    outcome = judge.outcome_of(state, session, found, event)
    effects: list[PoolEffect] = []
    if found is not None:
        effects.extend(_pass_on(state, session, found, event, outcome, now=now))
    effects.append(AnswerShare(event.session, event.request, outcome))
    if session is not None:
        worker = worker_name(event.worker) or session.worker
        effects.extend(penalties.punish(state, worker, event, outcome))
        is_owed = found is not None and outcome in ("accepted", "block")
        credited = "penalty" if is_owed and penalties.pays_off(state, worker) else outcome
        effects.append(_credit(session, found, event, credited))
        if found is not None and is_owed:
            if credited != "penalty":
                _note_work(state, found[0], effects)
            effects.extend(_follow_pace(state, session, found[1], now=now))
    _divide_blocks(state, effects)
    return tuple(effects)


def _note_work(state: PoolState, job: Job, effects: list[PoolEffect]) -> None:
    """Count credited work in the window of the pool that the job is of.

    A share harder than a block counts as one block: a machine that asks for such a difficulty hides the blocks below
    it, and must not be paid for them.
    """
    books = state.books.get(job.destination)
    if books is None or not job.is_own:
        return
    credit = effects[-1]
    assert isinstance(credit, CreditWork)
    network_work = work_of_target(int.from_bytes(job.network_target_be, "big"))
    work = min(work_of_target(int.from_bytes(credit.target_be, "big")), network_work)
    members.note_work(books, credit.worker, work, network_work=network_work)
    reserve.note_work(state, job.destination, credit.worker, work)


def _divide_blocks(state: PoolState, effects: list[PoolEffect]) -> None:
    """Divide a block that was just found, its own share among the work."""
    divided: list[PoolEffect] = []
    for effect in effects:
        if type(effect) is SubmitBlock:
            block = state.blocks[effect.block_hash]
            divided.extend(blocks.divide(state, block))
            if block.destination in state.books:
                members.note_found(state.books[block.destination], block.worker)
    effects.extend(divided)


def _pass_on(
    state: PoolState,
    session: Session | None,
    found: tuple[Job, Terms],
    event: ShareHashed,
    outcome: Outcome,
    *,
    now: int,
) -> tuple[PoolEffect, ...]:
    """Take a block to the node, and what the upstream wants to the upstream, unless it went there before.

    A block goes out whatever our own rules say to the share.
    """
    job = found[0]
    is_block = judge.is_block(job, event)
    if not is_block and outcome != "accepted":
        return _lost_by_move(session, job, outcome, now=now)
    if judge.is_duplicate(state, event):
        return ()
    state.duplicates.add(event.hash_le, now=now)
    if job.is_own:
        return (_submit(state, found, event, now=now),) if is_block else ()
    if is_block or event.hash_le[::-1] <= job.upstream_target_be:
        worker = worker_name(event.worker) or (session.worker if session is not None else "unknown")
        return upstreams.forward(state, found, event, worker)
    return ()


def _lost_by_move(session: Session | None, job: Job, outcome: Outcome, *, now: int) -> tuple[PoolEffect, ...]:
    """Note the share that came too late because its machine was moved."""
    if outcome != "stale" or job.is_own or session is None or now - session.moved_at > SWITCH_MS:
        return ()
    return (
        ReturnWork(job.destination, session.worker, session.sent[job.id].target_be, "late", "found after a switch"),
    )


def _credit(session: Session, found: tuple[Job, Terms] | None, event: ShareHashed, outcome: Outcome) -> CreditWork:
    """Credit what the hash proves: a block that misses the harder share target is worth the network's work only."""
    if found is None:
        return CreditWork(session.worker or "unknown", session.destination, NO_TARGET, outcome, session.id)
    job, terms = found
    target_be = terms.target_be
    if outcome == "block" and event.hash_le[::-1] > target_be:
        target_be = job.network_target_be
    worker = worker_name(event.worker) or session.worker
    return CreditWork(worker, job.destination, target_be, outcome, session.id)


def _submit(state: PoolState, found: tuple[Job, Terms], event: ShareHashed, *, now: int) -> SubmitBlock:
    job, terms = found
    kind, rolled = kind_of_job(job), judge.rolled_of(event)
    hashed = kind.input_of(job, terms, rolled)
    block_hash = kind.block_name(hashed)
    state.blocks[block_hash] = BlockRecord(
        destination=job.destination,
        block_hash=block_hash,
        height=job.height,
        worker=event.worker,
        reward=job.reward,
        state="candidate",
        found_at=now,
        network_work_be=work_of_target(int.from_bytes(job.network_target_be, "big")).to_bytes(32, "big"),
    )
    return SubmitBlock(
        destination=job.destination,
        template=job.template,
        height=job.height,
        block_hash=block_hash,
        header=hashed,
        coinbase=kind.coinbase_of(job, terms, rolled),
        worker=event.worker,
        reward=job.reward,
    )


def _follow_pace(state: PoolState, session: Session, terms: Terms, *, now: int) -> tuple[PoolEffect, ...]:
    pace = session.pace
    destination = state.destinations.get(session.destination)
    if destination is None:
        return ()
    vardiff.count_share(pace, weight=terms.difficulty / session.difficulty, now=now)
    wanted = channels.shares_wanted(session, destination.settings.shares_per_minute)
    if not vardiff.is_due(pace, shares_per_minute=wanted, now=now):
        return ()
    difficulty = vardiff.next_difficulty(pace, session.difficulty, shares_per_minute=wanted, now=now)
    return set_difficulty(state, session, difficulty, now=now)


def set_difficulty(state: PoolState, session: Session, difficulty: float, *, now: int) -> tuple[PoolEffect, ...]:
    """Give a session another difficulty, with a job for which it holds; nothing where it stays the same.

    An upstream's job cannot be made anew: there the difficulty comes with the next job.
    """
    difficulty = jobs.clamp_difficulty(state, session, difficulty)
    if difficulty == session.difficulty:
        return ()
    session.difficulty = difficulty
    channel = channels.channel_of(state, session)
    if not session.is_working or channel is None:
        return ()
    return jobs.send_job(state, session, channel, clean=False, now=now)
