"""The live shell: what machines say becomes events, what the engine wants becomes bytes.

Hashing comes before the event: the shell looks up the job, rebuilds the header and hashes, sha256d in the loop (a few
microseconds), a slow hash in a few worker threads with a bounded queue. Then the kernel judges from the hash.

This file performs effects and decides nothing. Nodes are behind `NodeLink`, one a destination.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Protocol

import structlog

from hashwright.chain.proof import ALGORITHMS
from hashwright.clock import Clock
from hashwright.pool import effects as do
from hashwright.pool import events as seen
from hashwright.pool import judge
from hashwright.pool.effects import PoolEffect
from hashwright.pool.records import Job, PoolState, Terms
from hashwright.runtime.breather import Breather
from hashwright.runtime.kernel import Kernel
from hashwright.runtime.tcp import Connection, StratumListener
from hashwright.stratum import messages as said
from hashwright.stratum import server as wire
from hashwright.stratum.messages import Message

log = structlog.get_logger()

HASHES_WAITING_MAX = 2_000
"""Slow hashes queued: half a second of scrypt on two cores. Beyond it the sessions are not read for a while."""


class BlockDesk(Protocol):
    """Who takes a found block to its node at once."""

    def submit(self, effect: do.SubmitBlock) -> None:
        """Assemble and send; never blocks, never raises."""


class LiveShell:
    """The desk of every listener, and the hands of the kernel."""

    def __init__(self, *, clock: Clock, executor: Executor, first_session: int = 1) -> None:
        self.kernel: Kernel
        self.connections: dict[int, Connection] = {}
        self.nodes: dict[str, BlockDesk] = {}
        self.listeners: list[StratumListener] = []
        self.breather: Breather | None = None
        self.alerts: Callable[[do.Alert], None] = log_alert
        self._clock = clock
        self._executor = executor
        self._sessions = itertools.count(first_session)
        self._hashing = 0
        self._is_paused = False
        self._performers = self._table()

    # ---------------------------------------------------------------- from the machines

    def opened(self, connection: Connection) -> None:
        """Give the connection a session."""
        connection.id = next(self._sessions)
        self.connections[connection.id] = connection
        listener = connection.listener
        destination = self.destination_for(listener.algorithm)
        self.kernel.handle(
            seen.SessionOpened(connection.id, listener.name, destination, connection.peer),
        )

    def heard(self, connection: Connection, message: Message) -> None:
        """Make an event of a message; shares first, they are nearly all."""
        if self.breather is not None:
            self.breather.count()
        if type(message) is said.Submit:
            self._take_share(connection, message)
            return
        event = event_of(connection.id, message)
        if event is not None:
            self.kernel.handle(event)

    def closed(self, connection: Connection, reason: str) -> None:
        """End the session."""
        if self.connections.pop(connection.id, None) is not None:
            self.kernel.handle(seen.SessionClosed(connection.id, reason))

    def destination_for(self, algorithm: str) -> str:
        """Return where machines of an algorithm mine: the first destination set up for it, or the empty string."""
        for name, destination in self.kernel.state.destinations.items():
            if destination.settings.algorithm == algorithm:
                return name
        return ""

    def _take_share(self, connection: Connection, submit: said.Submit) -> None:
        state = self.kernel.state
        found = judge.find_job(state, connection.id, submit.job)
        if found is None or not judge.check_sizes(found[1], submit.extranonce2):
            self._judge(connection.id, submit, b"")
            return
        header = header_of(found, submit)
        algorithm = ALGORITHMS[state.destinations[found[0].destination].settings.algorithm]
        if algorithm.is_slow:
            self._hash_aside(connection.id, submit, header, algorithm.hash)
        else:
            self._judge(connection.id, submit, algorithm.hash(header))

    def _hash_aside(
        self, session: int, submit: said.Submit, header: bytes, hash_header: Callable[[bytes], bytes]
    ) -> None:
        self._hashing += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, hash_header, header)

        def judge_it(done: "asyncio.Future[bytes]") -> None:
            self._hashing -= 1
            if not done.cancelled():
                self._judge(session, submit, done.result())
            self._ease()

        future.add_done_callback(judge_it)
        if self._hashing > HASHES_WAITING_MAX:
            self._hold_back()

    def _judge(self, session: int, submit: said.Submit, hash_le: bytes) -> None:
        self.kernel.handle(
            seen.ShareHashed(
                session,
                submit.request,
                submit.worker,
                submit.job,
                submit.extranonce2,
                submit.ntime,
                submit.nonce,
                submit.version_bits,
                hash_le,
            )
        )
        if self.kernel.is_congested:
            self._hold_back()

    # ---------------------------------------------------------------- bounds

    def _hold_back(self) -> None:
        """Read no machine until the queues are short again."""
        if not self._is_paused:
            self._is_paused = True
            log.warning("too much work waits: machines are not read for a while", hashing=self._hashing)
            for listener in self.listeners:
                listener.pause()

    def _ease(self) -> None:
        if self._is_paused and self._hashing < HASHES_WAITING_MAX // 2 and not self.kernel.is_congested:
            self._is_paused = False
            for listener in self.listeners:
                listener.resume()

    # ---------------------------------------------------------------- from the kernel

    def perform(self, effect: PoolEffect) -> None:
        """Do one effect."""
        self._performers[type(effect)](effect)

    def committed(self, last_seq: int) -> None:
        """Let go what waited for a commit."""
        self.kernel.committed(last_seq)
        self._ease()

    def _table(self) -> dict[type, Callable[..., None]]:
        return {
            do.AnswerShare: self._answer_share,
            do.CreditWork: nothing,
            do.AnswerSubscribe: self._answer_subscribe,
            do.AnswerConfigure: self._answer_configure,
            do.AnswerAuthorize: self._answer_authorize,
            do.Answer: self._answer,
            do.SendDifficulty: self._send_difficulty,
            do.SendJob: self._send_job,
            do.BroadcastJob: self._broadcast_job,
            do.CloseSession: self._close_session,
            do.SubmitBlock: self._submit_block,
            do.BlockChanged: nothing,
            do.Alert: lambda effect: self.alerts(effect),
            do.WakeAt: self._wake_at,
        }

    def _answer_share(self, effect: do.AnswerShare) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(connection.session.share_answer(effect.request, effect.outcome))

    def _answer_subscribe(self, effect: do.AnswerSubscribe) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(connection.session.subscribed(effect.request, effect.prefix, effect.extranonce2_size))

    def _answer_configure(self, effect: do.AnswerConfigure) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(
                connection.session.configured(effect.request, effect.extensions, effect.mask, effect.minimum_difficulty)
            )

    def _answer_authorize(self, effect: do.AnswerAuthorize) -> None:
        connection = self.connections.get(effect.session)
        if connection is None:
            return
        if effect.problem:
            connection.send(connection.session.refused(effect.request, 24, effect.problem))
        else:
            connection.send(connection.session.authorized(effect.request, effect.user))

    def _answer(self, effect: do.Answer) -> None:
        connection = self.connections.get(effect.session)
        if connection is None:
            return
        if effect.problem:
            connection.send(connection.session.refused(effect.request, 20, effect.problem))
        else:
            connection.send(connection.session.true(effect.request))

    def _send_difficulty(self, effect: do.SendDifficulty) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(wire.set_difficulty_line(effect.difficulty))

    def _send_job(self, effect: do.SendJob) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(notify_of(self.kernel.state.jobs[effect.job], clean=effect.clean))

    def _broadcast_job(self, effect: do.BroadcastJob) -> None:
        """Serialise once, write to all: the new-block path."""
        line = notify_of(self.kernel.state.jobs[effect.job], clean=effect.clean)
        connections = self.connections
        for session_id in tuple(self.kernel.state.destinations[effect.destination].working):
            connection = connections.get(session_id)
            if connection is not None:
                connection.send_now(line)

    def _close_session(self, effect: do.CloseSession) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.close(effect.reason)

    def _submit_block(self, effect: do.SubmitBlock) -> None:
        desk = self.nodes.get(effect.destination)
        if desk is None:
            log.critical("a block has no node to go to", destination=effect.destination, block=effect.block_hash)
            return
        desk.submit(effect)

    def _wake_at(self, effect: do.WakeAt) -> None:
        delay_s = max(effect.at - self._clock.now(), 0) / 1000
        loop = asyncio.get_running_loop()
        loop.call_later(delay_s, self.kernel.handle, seen.ClockTicked(effect.key))


def header_of(found: tuple[Job, Terms], submit: said.Submit) -> bytes:
    """Rebuild the header of a submitted share."""
    job, terms = found
    return judge.header_of(
        job, terms, submit.extranonce2, ntime=submit.ntime, nonce=submit.nonce, version_bits=submit.version_bits
    )


def event_of(session: int, message: Message) -> seen.PoolEvent | None:
    """Translate a message into an event; None where it asks nothing of the engine."""
    match message:
        case said.Subscribe():
            return seen.SubscribeAsked(session, message.request, message.agent)
        case said.Authorize():
            return seen.AuthorizeAsked(session, message.request, message.user, message.password)
        case said.Configure():
            return seen.ConfigureAsked(
                session, message.request, message.extensions, message.mask, message.minimum_difficulty
            )
        case said.SuggestDifficulty():
            return seen.DifficultyAsked(session, message.request, message.difficulty)
        case said.ExtranonceSubscribe():
            return seen.ExtranonceAsked(session, message.request)
        case _:
            return None


def notify_of(job: Job, *, clean: bool) -> bytes:
    """Serialise a job for the wire."""
    return wire.notify_line(
        said.Notify(
            job=job.id,
            prevhash_le=job.prevhash_le,
            coinbase_prefix=job.coinbase_prefix,
            coinbase_suffix=job.coinbase_suffix,
            branch=job.branch,
            version=job.version,
            nbits=job.nbits,
            ntime=job.ntime,
            is_clean=clean,
        )
    )


def log_alert(effect: do.Alert) -> None:
    """Write an alert to the log; the store keeps it as a record."""
    getattr(log, effect.level)(effect.text, code=effect.code)


def nothing(_: PoolEffect) -> None:
    """Perform an effect that the store alone carries out."""


def working_sessions(state: PoolState) -> Iterable[int]:
    """List the sessions that get jobs."""
    return itertools.chain.from_iterable(destination.working for destination in state.destinations.values())
