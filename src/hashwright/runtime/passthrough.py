"""Shares while the journal cannot be written: through to the upstream, and its own answer back.

Nothing is acknowledged that is not durable (design.md), but a machine may still earn. While the disk is full or the
database stands still, a route's safe upstream takes every machine; good shares for upstreams are sent on without an
event, and the machine gets the upstream's word. We credit nothing and keep no books of it; every screen says so.

Rules
* A share is judged before it is sent on: a machine that sends rubbish must not have the upstream close on the others.
  What we refuse is refused at once, for a no promises nothing.
* Only the upstream can say yes now, and it answers nothing below its own difficulty. So that is what machines get, with
  their next job. Shares from before that, and those for an own node, go the usual way and wait for the journal; when
  no more can be kept, they are refused. Blocks always go the usual way, which is at once.
* A machine is moved only to a safe destination that is an upstream: at an own node its shares would wait.
* Vardiff sees no shares now, so its clock stands still; it would take every machine for a slow one.
* The route is followed again only when the journal has held for a while: a disk that fills and empties by the minute
  would move every machine with it.

These shares are numbered below zero, so that an answer to one of them is never taken for one of the engine's. The
machine gets one answer to each, whatever happens: the upstream's, or an error when that is lost or late.
"""

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import structlog

from hashwright.pool import effects as do
from hashwright.pool import judge
from hashwright.pool.events import RequestId, ShareHashed, SharesAnswered, ShareVerdict
from hashwright.pool.records import Job, Terms
from hashwright.pool.step import TICK_KEY
from hashwright.pool.workers import worker_name
from hashwright.routing.events import PlanFailed, PlanRestored
from hashwright.signals import ClockTicked, Outcome

if TYPE_CHECKING:
    from hashwright.runtime.live import LiveShell

log = structlog.get_logger()

JOURNAL_FAULT = "the journal cannot be written"
CALM_S = 10.0
"""So long must the journal hold before the route is followed again."""
OPEN_MAX = 20_000
"""Shares on their way at once; beyond it the oldest is given up, with an error."""
ANSWER_S = 120.0
"""A share without an answer is given up after this: twice what a whole connection may be silent."""
SENT_MAX = 100_000
"""Header hashes remembered, so that no share is sent twice; also not through the engine, when the journal is back."""
OTHER_CODE = 20
LOST = "the connection to the pool was lost"
LATE = "the pool did not answer in time"
FULL = "this share cannot be kept: the journal cannot be written"


class Passed(NamedTuple):
    """A share that was sent on: whose it is, by which connection, and when (the loop's time [s])."""

    session: int
    request: RequestId
    channel: int
    sent_s: float


class PassThrough:
    """Sends shares on and relays the answers, from `begin` to `end`."""

    def __init__(self, shell: "LiveShell", *, calm_s: float = CALM_S) -> None:
        self.is_on = False
        self.passed = 0
        """Shares sent on since the process began."""
        self.relayed = 0
        """Answers of upstreams among them that reached a machine."""
        self.raised: dict[int, float] = {}
        """Sessions that were told another difficulty than their terms say, and which."""
        self.calm_s = calm_s
        self._shell = shell
        self._open: dict[int, Passed] = {}
        self._sent: dict[bytes, None] = {}
        self._tick: ClockTicked | None = None

    def __repr__(self) -> str:
        return f"<PassThrough {'on' if self.is_on else 'off'}, {self.passed} passed, {self.waiting} waiting>"

    @property
    def has_work(self) -> bool:
        """Tell whether a share may concern it."""
        return self.is_on or bool(self._sent)

    @property
    def waiting(self) -> int:
        """Count the shares without an answer."""
        return len(self._open)

    # ---------------------------------------------------------------- begin and end

    def begin(self) -> None:
        """Send shares on from now."""
        self.is_on = True
        self._shell.ease()
        self.go_safe()
        for session in tuple(self._shell.kernel.pool.sessions.values()):
            self.adjust(session.id, next(reversed(session.sent), ""))

    def go_safe(self) -> None:
        """Let each route's safe upstream take over; after another route was set, once more."""
        kernel = self._shell.kernel
        for algorithm, group in tuple(kernel.routing.groups.items()):
            safe = None if group.plan is None else kernel.pool.destinations.get(group.plan.safe)
            if safe is not None and not safe.is_own:
                kernel.handle(PlanFailed(algorithm, JOURNAL_FAULT))

    def end(self) -> None:
        """Go the usual way again; the answers that are still out come as they come."""
        self.is_on = False
        self._lower_all()
        tick, self._tick = self._tick, None
        if tick is not None:
            self._shell.kernel.handle(tick)
        asyncio.get_running_loop().call_later(self.calm_s, self._follow_again)

    def _follow_again(self) -> None:
        if self.is_on:
            return
        kernel = self._shell.kernel
        for algorithm, group in tuple(kernel.routing.groups.items()):
            if group.failed == JOURNAL_FAULT:
                kernel.handle(PlanRestored(algorithm))

    def holds_tick(self, event: ClockTicked) -> bool:
        """Keep vardiff's tick until the end; tell whether it was kept."""
        if self.is_on and event.key == TICK_KEY:
            self._tick = event
            return True
        return False

    # ---------------------------------------------------------------- difficulty

    def adjust(self, session: int, job: str) -> None:
        """Tell a machine the difficulty that holds for a job now, where it is not what it was told last."""
        connection, found = self._shell.connections.get(session), judge.find_job(self._shell.kernel.pool, session, job)
        if connection is None or found is None:
            return
        work, terms = found
        wanted = work.upstream_difficulty if self.is_on and not work.is_own else terms.difficulty
        if wanted != self.raised.pop(session, terms.difficulty):
            connection.send(connection.dialect.difficulty(wanted))
        if wanted != terms.difficulty:
            self.raised[session] = wanted

    def _lower_all(self) -> None:
        """Tell the machines what their terms say again; it holds from their next job."""
        for session_id in self.raised:
            session = self._shell.kernel.pool.sessions.get(session_id)
            connection = self._shell.connections.get(session_id)
            if session is not None and session.terms is not None and connection is not None:
                connection.send(connection.dialect.difficulty(session.terms.difficulty))
        self.raised.clear()

    # ---------------------------------------------------------------- shares

    def take(self, event: ShareHashed) -> bool:
        """Deal with a share without the journal; False where it must go the usual way."""
        if not self.is_on:
            return self._refuse_repeat(event)
        found = judge.find_job(self._shell.kernel.pool, event.session, event.job)
        if found is not None and found[0].is_own:
            return not judge.is_block(found[0], event) and self._refuse_if_full(event)
        outcome = self._outcome_of(found, event)
        if found is None or outcome != "accepted":
            self._refuse(event, outcome)
            return True
        if not is_wanted(found[0], event):
            return self._refuse_if_full(event)
        self._send(*found, event)
        return True

    def _outcome_of(self, found: tuple[Job, Terms] | None, event: ShareHashed) -> Outcome:
        """Judge as the engine would; what an upstream might take as a block is not held to rules about shares."""
        state = self._shell.kernel.pool
        outcome = judge.outcome_of(state, state.sessions.get(event.session), found, event)
        if event.hash_le in self._sent:
            return "duplicate"
        if found is None or outcome in ("duplicate", "unauthorized"):
            return outcome
        job = found[0]
        destination = state.destinations.get(job.destination)
        channels = {} if destination is None else destination.channels
        if job.channel not in channels or job.destination not in self._shell.upstreams:
            return "stale"
        return "accepted" if judge.is_block(job, event) else outcome

    def _send(self, job: Job, terms: Terms, event: ShareHashed) -> None:
        now_s = asyncio.get_running_loop().time()
        self._give_up(now_s)
        self._sent[event.hash_le] = None
        if len(self._sent) > SENT_MAX:
            del self._sent[next(iter(self._sent))]
        self.passed += 1
        self._open[-self.passed] = Passed(event.session, event.request, job.channel, now_s)
        self._shell.upstreams[job.destination].submit(self._effect(job, terms, event))

    def _give_up(self, now_s: float) -> None:
        """Answer for the shares that are too old, or too many."""
        while self._open:
            number, oldest = next(iter(self._open.items()))
            if len(self._open) < OPEN_MAX and now_s - oldest.sent_s < ANSWER_S:
                return
            self._answer(ShareVerdict(number, False, OTHER_CODE, LATE, -1))

    def _refuse_repeat(self, event: ShareHashed) -> bool:
        """Refuse what went through before the journal was back: the upstream has it already."""
        if event.hash_le not in self._sent:
            return False
        self._refuse(event, "duplicate")
        return True

    def _refuse(self, event: ShareHashed, outcome: Outcome) -> None:
        connection = self._shell.connections.get(event.session)
        if connection is not None:
            connection.send(connection.session.share_answer(event.request, outcome))

    def _refuse_if_full(self, event: ShareHashed) -> bool:
        """Let a share wait for the journal, unless no more can be kept."""
        if not self._shell.kernel.is_congested:
            return False
        connection = self._shell.connections.get(event.session)
        if connection is not None:
            connection.send(connection.session.refused(event.request, OTHER_CODE, FULL))
        return True

    # ---------------------------------------------------------------- answers

    def relay(self, event: SharesAnswered) -> SharesAnswered | None:
        """Answer the machines whose shares were sent on; return what is left for the engine, if anything."""
        ours = [verdict for verdict in event.verdicts if verdict.share < 0]
        if not ours:
            return event
        for verdict in ours:
            self.relayed += self._answer(verdict)
        rest = tuple(verdict for verdict in event.verdicts if verdict.share >= 0)
        return SharesAnswered(event.destination, event.channel, rest) if rest else None

    def lose(self, channel: int) -> None:
        """Answer the machines whose shares were on a connection that is gone."""
        for number in [number for number, share in self._open.items() if share.channel == channel]:
            self._answer(ShareVerdict(number, False, OTHER_CODE, LOST, -1))

    def _answer(self, verdict: ShareVerdict) -> bool:
        """Answer a machine, once; tell whether there was one to answer."""
        share = self._open.pop(verdict.share, None)
        connection = None if share is None else self._shell.connections.get(share.session)
        if share is None or connection is None:
            return False
        if verdict.is_accepted:
            connection.send(connection.session.true(share.request))
        else:
            connection.send(connection.session.refused(share.request, verdict.code, verdict.reason))
        return True

    def _effect(self, job: Job, terms: Terms, event: ShareHashed) -> do.SubmitUpstream:
        return do.SubmitUpstream(
            destination=job.destination,
            channel=job.channel,
            share=-self.passed,
            worker=worker_name(event.worker) or "unknown",
            job=job.upstream_job,
            extranonce2=(terms.prefix + event.extranonce2)[len(job.upstream_prefix) :],
            ntime=event.ntime,
            nonce=event.nonce,
            version_bits=event.version_bits,
            hash_le=event.hash_le if job.blob is not None else b"",
        )


def is_wanted(job: Job, event: ShareHashed) -> bool:
    """Tell whether an upstream takes a share of this hash."""
    return judge.is_block(job, event) or event.hash_le[::-1] <= job.upstream_target_be
