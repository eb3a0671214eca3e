"""The live shell: what machines say becomes events, what the engine wants becomes bytes.

Hashing comes before the event: the shell looks up the job, rebuilds the header and hashes, sha256d in the loop (a few
microseconds), a slow hash in a few worker threads with a bounded queue. Then the kernel judges from the hash.

This file performs effects and decides nothing. Nodes are behind `NodeLink`, one a destination.
"""

import asyncio
import itertools
import random
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import structlog

from hashwright.chain.proof import ALGORITHMS
from hashwright.clock import Clock
from hashwright.market import effects as trade
from hashwright.pool import effects as do
from hashwright.pool import events as seen
from hashwright.pool import judge
from hashwright.pool.records import Job, Terms
from hashwright.routing.effects import AskWork
from hashwright.runtime import engines
from hashwright.runtime.breather import Breather
from hashwright.runtime.engines import EngineEffect
from hashwright.runtime.kernel import Kernel
from hashwright.runtime.passthrough import PassThrough
from hashwright.runtime.tcp import Connection, StratumListener
from hashwright.signals import (
    Alert,
    BindMachine,
    CreditWork,
    DestinationChanged,
    MachineGone,
    MachineReady,
    MoveMachine,
    ReturnWork,
)
from hashwright.stratum import messages as said
from hashwright.stratum import server as wire
from hashwright.stratum.messages import Message

log = structlog.get_logger()

HASHES_WAITING_MAX = 2_000
"""Slow hashes queued: half a second of scrypt on two cores. Beyond it the sessions are not read for a while."""
RECONNECT_SPREAD_S = 1.0
"""Machines that are asked to come again are asked one by one within this time, so that they do not all come at once."""
RECONNECT_PATIENCE_S = 20.0
"""A machine that was asked to reconnect and stays is let go after this."""


class BlockDesk(Protocol):
    """Who takes a found block to its node at once."""

    def submit(self, effect: do.SubmitBlock) -> None:
        """Assemble and send; never blocks, never raises."""


class UpstreamDesk(Protocol):
    """Who takes shares to an upstream, and opens connections to it."""

    def submit(self, effect: do.SubmitUpstream) -> None:
        """Send a share; never blocks, never raises."""

    def open_channel(self, session: int) -> None:
        """Open one more connection."""

    def close_channel(self, channel: int, reason: str) -> None:
        """Close a connection."""


class MarketDesk(Protocol):
    """Who looks at buyers' pools, connects to them, and brings answers to who asked."""

    def answered(self, effect: trade.RequestAnswered) -> None:
        """Tell who asked."""

    def met(self, agent: str) -> None:
        """Note who connects: a look of our own that comes back to us is a loop."""

    def look_at(self, order: str) -> None:
        """Look whether the order's pool can be mined for."""

    def open_pool(self, order: str) -> None:
        """Connect to the order's pool."""

    def close_pool(self, order: str) -> None:
        """Let go of the order's pool."""


class LiveShell:
    """The desk of every listener, and the hands of the kernel."""

    def __init__(self, *, clock: Clock, executor: Executor, rng: random.Random, first_session: int = 1) -> None:
        self.kernel: Kernel
        self.connections: dict[int, Connection] = {}
        self.nodes: dict[str, BlockDesk] = {}
        self.upstreams: dict[str, UpstreamDesk] = {}
        self.market: MarketDesk | None = None
        self.passing = PassThrough(self)
        self.listeners: list[StratumListener] = []
        self.breather: Breather | None = None
        self.alerts: Callable[[Alert], None] = log_alert
        self._clock = clock
        self._executor = executor
        self._rng = rng
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
        destination = engines.place(self.kernel.engines, listener.algorithm, number=connection.id & 0xFFFFFFFF)
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
        if type(message) is said.Subscribe and self.market is not None:
            self.market.met(message.agent)
        event = event_of(connection.id, message)
        if event is not None:
            self.kernel.handle(event)

    def closed(self, connection: Connection, reason: str) -> None:
        """End the session."""
        if self.connections.pop(connection.id, None) is not None:
            self.kernel.handle(seen.SessionClosed(connection.id, reason))

    def _take_share(self, connection: Connection, submit: said.Submit) -> None:
        state = self.kernel.pool
        found = judge.find_job(state, connection.id, submit.job)
        if found is None or not judge.check_sizes(found[1], submit.extranonce2):
            self._judge(connection.id, submit, b"")
            return
        header = header_of(found, submit)
        algorithm = ALGORITHMS[connection.listener.algorithm]
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
            self.ease()

        future.add_done_callback(judge_it)
        if self._hashing > HASHES_WAITING_MAX:
            self._hold_back()

    def _judge(self, session: int, submit: said.Submit, hash_le: bytes) -> None:
        event = seen.ShareHashed(
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
        if self.passing.has_work and self.passing.take(event):
            return
        self.kernel.handle(event)
        if self._is_congested:
            self._hold_back()

    # ---------------------------------------------------------------- bounds

    def _hold_back(self) -> None:
        """Read no machine until the queues are short again."""
        if not self._is_paused:
            self._is_paused = True
            log.warning("too much work waits: machines are not read for a while", hashing=self._hashing)
            for listener in self.listeners:
                listener.pause()

    @property
    def _is_congested(self) -> bool:
        """Tell whether the journal has too much to write; while shares pass through, `passing` deals with that."""
        return self.kernel.is_congested and not self.passing.is_on

    def ease(self) -> None:
        """Read the machines again, when there is room."""
        if self._is_paused and self._hashing < HASHES_WAITING_MAX // 2 and not self._is_congested:
            self._is_paused = False
            for listener in self.listeners:
                listener.resume()

    # ---------------------------------------------------------------- from the kernel

    def perform(self, effect: EngineEffect) -> None:
        """Do one effect."""
        self._performers[type(effect)](effect)

    def committed(self, last_seq: int) -> None:
        """Let go what waited for a commit."""
        self.kernel.committed(last_seq)
        self.ease()

    def _table(self) -> dict[type, Callable[..., None]]:
        return {
            do.AnswerShare: self._answer_share,
            do.AnswerSubscribe: self._answer_subscribe,
            do.AnswerConfigure: self._answer_configure,
            do.AnswerAuthorize: self._answer_authorize,
            do.Answer: self._answer,
            do.SendDifficulty: self._send_difficulty,
            do.SendJob: self._send_job,
            do.BroadcastJob: self._broadcast_job,
            do.CloseSession: self._close_session,
            do.SubmitBlock: self._submit_block,
            do.SendExtranonce: self._send_extranonce,
            do.SendMask: self._send_mask,
            do.AskReconnect: self._ask_reconnect,
            do.SubmitUpstream: self._submit_upstream,
            do.OpenChannel: self._open_channel,
            do.CloseChannel: self._close_channel,
            Alert: lambda effect: self.alerts(effect),
            do.WakeAt: self._wake_at,
            trade.RequestAnswered: self._tell_market,
            trade.LookAtPool: self._tell_market,
            trade.PoolWanted: self._tell_market,
            trade.PoolUnwanted: self._tell_market,
            **dict.fromkeys(INSIDE, nothing),
        }

    def _tell_market(self, effect: EngineEffect) -> None:
        """Hand an effect to the market's desk, after this step: it may tell the kernel something in turn."""
        desk = self.market
        if desk is None:
            return
        later = asyncio.get_running_loop().call_soon
        match effect:
            case trade.RequestAnswered():
                later(desk.answered, effect)
            case trade.LookAtPool():
                later(desk.look_at, effect.order)
            case trade.PoolWanted():
                later(desk.open_pool, effect.order)
            case trade.PoolUnwanted():
                later(desk.close_pool, effect.order)
            case _:
                pass

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
        self.passing.raised.pop(effect.session, None)
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(wire.set_difficulty_line(effect.difficulty))

    def _send_job(self, effect: do.SendJob) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            if self.passing.is_on:
                self.passing.adjust(effect.session, effect.job)
            connection.send(notify_of(self.kernel.pool.jobs[effect.job], clean=effect.clean))

    def _broadcast_job(self, effect: do.BroadcastJob) -> None:
        """Serialise once, write to all: the new-block path."""
        job = self.kernel.pool.jobs[effect.job]
        line = notify_of(job, clean=effect.clean)
        connections = self.connections
        for session_id in tuple(self.kernel.pool.destinations[effect.destination].channels[job.channel].working):
            connection = connections.get(session_id)
            if connection is not None:
                if self.passing.is_on:
                    self.passing.adjust(session_id, job.id)
                connection.send_now(line)

    def _send_extranonce(self, effect: do.SendExtranonce) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(connection.session.set_extranonce(effect.prefix, effect.extranonce2_size))

    def _send_mask(self, effect: do.SendMask) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(wire.set_mask_line(effect.mask))

    def _ask_reconnect(self, effect: do.AskReconnect) -> None:
        """Ask politely, one after the other; a machine that stays all the same is let go later."""
        connection = self.connections.get(effect.session)
        if connection is not None:
            wait_s = effect.wait_ms / 1000 + self._rng.uniform(0.0, RECONNECT_SPREAD_S)
            loop = asyncio.get_running_loop()
            loop.call_later(wait_s, connection.send, wire.reconnect_line())
            loop.call_later(wait_s + RECONNECT_PATIENCE_S, connection.close, "it was asked to reconnect and stayed")

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

    def _submit_upstream(self, effect: do.SubmitUpstream) -> None:
        desk = self.upstreams.get(effect.destination)
        if desk is not None:
            desk.submit(effect)

    def _open_channel(self, effect: do.OpenChannel) -> None:
        desk = self.upstreams.get(effect.destination)
        if desk is not None:
            desk.open_channel(effect.session)

    def _close_channel(self, effect: do.CloseChannel) -> None:
        desk = self.upstreams.get(effect.destination)
        if desk is not None:
            desk.close_channel(effect.channel, effect.reason)

    def _wake_at(self, effect: do.WakeAt) -> None:
        delay_s = max(effect.at - self._clock.now(), 0) / 1000
        loop = asyncio.get_running_loop()
        loop.call_later(delay_s, self._wake, seen.ClockTicked(effect.key))

    def _wake(self, event: seen.ClockTicked) -> None:
        if not self.passing.holds_tick(event):
            self.kernel.handle(event)


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


def log_alert(effect: Alert) -> None:
    """Write an alert to the log; the store keeps it as a record."""
    getattr(log, effect.level)(effect.text, code=effect.code)


def nothing(_: EngineEffect) -> None:
    """Perform an effect that the store or another engine carries out."""


INSIDE: tuple[type, ...] = (
    AskWork,
    trade.OrderNoted,
    trade.TradeNoted,
    BindMachine,
    do.PostEntry,
    CreditWork,
    ReturnWork,
    do.BlockChanged,
    MachineReady,
    MachineGone,
    DestinationChanged,
    MoveMachine,
)
"""Effects that leave no mark outside: they change tables, or are from one engine to the other."""
