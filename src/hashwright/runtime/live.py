"""The live shell: what machines say becomes events, what the engine wants becomes bytes.

Hashing comes before the event: the shell looks up the job and rebuilds what was hashed; `hashing` gives it its hash,
sha256d at once, a slow one in a few worker threads with a bounded queue. Then the kernel judges from the hash. How a
machine is spoken to is its `dialect`.

This file performs effects and decides nothing. Nodes are behind `NodeLink`, one a destination.
"""

import asyncio
import itertools
import random
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import structlog

from hashwright.clock import Clock
from hashwright.fleet.effects import CommandDevice, ProtectDevice, RehearseCommand
from hashwright.market import effects as trade
from hashwright.pool import effects as do
from hashwright.pool import events as seen
from hashwright.pool import judge
from hashwright.pool.work import Rolled
from hashwright.routing.effects import AskWork
from hashwright.runtime import engines
from hashwright.runtime.breather import Breather
from hashwright.runtime.dialects import Submitted, dialect_of, rolled_of
from hashwright.runtime.engines import EngineEffect
from hashwright.runtime.hashing import Hashing
from hashwright.runtime.kernel import Kernel
from hashwright.runtime.passthrough import PassThrough
from hashwright.runtime.randomx import RandomXDesk
from hashwright.runtime.rented import RentedProof
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
from hashwright.stratum.cryptonote.messages import BlobShare
from hashwright.stratum.cryptonote.server import BlobServerSession
from hashwright.stratum.messages import Message

log = structlog.get_logger()

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


class FleetDesk(Protocol):
    """Who tells machines what the fleet engine wants of them."""

    def perform(self, effect: CommandDevice | ProtectDevice | RehearseCommand) -> None:
        """Send a command; never blocks, never raises."""


class LiveShell:
    """The desk of every listener, and the hands of the kernel."""

    def __init__(
        self,
        *,
        clock: Clock,
        executor: Executor,
        rng: random.Random,
        first_session: int = 1,
        randomx: RandomXDesk | None = None,
    ) -> None:
        self.kernel: Kernel
        self.connections: dict[int, Connection] = {}
        self.nodes: dict[str, BlockDesk] = {}
        self.upstreams: dict[str, UpstreamDesk] = {}
        self.market: MarketDesk | None = None
        self.rented: RentedProof | None = None
        self.fleet: FleetDesk | None = None
        self.passing = PassThrough(self)
        self.listeners: list[StratumListener] = []
        self.breather: Breather | None = None
        self.alerts: Callable[[Alert], None] = log_alert
        self.hashing = Hashing(executor, randomx or RandomXDesk(threads=1), rng)
        self._clock = clock
        self._rng = rng
        self._sessions = itertools.count(first_session)
        self._is_paused = False
        self._performers = self._table()

    # ---------------------------------------------------------------- from the machines

    def opened(self, connection: Connection) -> None:
        """Give the connection a session."""
        connection.id = next(self._sessions)
        if isinstance(connection.session, BlobServerSession):
            connection.session.name = f"{connection.id:x}"
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
        if isinstance(message, said.Submit | BlobShare):
            self._take_share(connection, message)
            return
        if type(message) is said.Subscribe:
            if self.rented is not None:
                message = self.rented.judged(message, now_ms=self._clock.now())
            if self.market is not None:
                self.market.met(message.agent)
        event = connection.dialect.event_of(connection.id, message)
        if event is not None:
            self.kernel.handle(event)

    def closed(self, connection: Connection, reason: str) -> None:
        """End the session."""
        self.hashing.forget(connection.id)
        if self.connections.pop(connection.id, None) is not None:
            self.kernel.handle(seen.SessionClosed(connection.id, reason))

    def _take_share(self, connection: Connection, submit: Submitted) -> None:
        found = judge.find_job(self.kernel.pool, connection.id, submit.job)
        rolled = rolled_of(None if found is None else found[0], submit)
        if found is None or not judge.fits(found, rolled):
            self._judge(connection, submit, rolled, b"", 1.0, False)
            return
        claimed = submit.result_le if isinstance(submit, BlobShare) else b""

        def judge_it(hash_le: bytes, chance: float, is_believed: bool) -> None:
            self._judge(connection, submit, rolled, hash_le, chance, is_believed)

        hashed = judge.input_of(found, rolled)
        self.hashing.take(connection.id, connection.listener.algorithm, found, hashed, claimed, judge_it)
        if self.hashing.is_full:
            self._hold_back()

    def _judge(
        self,
        connection: Connection,
        submit: Submitted,
        rolled: Rolled,
        hash_le: bytes,
        chance: float,
        is_believed: bool,
    ) -> None:
        blob = submit if isinstance(submit, BlobShare) else None
        event = seen.ShareHashed(
            connection.id,
            submit.request,
            submit.worker if isinstance(submit, said.Submit) else next(iter(connection.session.workers), ""),
            submit.job,
            rolled.extranonce2,
            rolled.ntime,
            rolled.nonce,
            rolled.version_bits,
            hash_le,
            blob.result_le if blob is not None and hash_le else b"",
            chance,
            is_believed,
        )
        if not (self.passing.has_work and self.passing.take(event)):
            self.kernel.handle(event)
        if self._is_congested:
            self._hold_back()
        else:
            self.ease()

    # ---------------------------------------------------------------- bounds

    def _hold_back(self) -> None:
        """Read no machine until the queues are short again."""
        if not self._is_paused:
            self._is_paused = True
            log.warning("too much work waits: machines are not read for a while", hashing=self.hashing.waiting)
            for listener in self.listeners:
                listener.pause()

    @property
    def _is_congested(self) -> bool:
        """Tell whether the journal has too much to write; while shares pass through, `passing` deals with that."""
        return self.kernel.is_congested and not self.passing.is_on

    def ease(self) -> None:
        """Read the machines again, when there is room."""
        if self._is_paused and self.hashing.is_short and not self._is_congested:
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
            CommandDevice: self._command_device,
            ProtectDevice: self._command_device,
            RehearseCommand: self._command_device,
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
            connection.send(connection.dialect.subscribed(connection.session, effect))

    def _answer_configure(self, effect: do.AnswerConfigure) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(connection.dialect.configured(connection.session, effect))

    def _answer_authorize(self, effect: do.AnswerAuthorize) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(connection.dialect.authorized(connection.session, effect))

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
            connection.send(connection.dialect.difficulty(effect.difficulty))

    def _send_job(self, effect: do.SendJob) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            if self.passing.is_on:
                self.passing.adjust(effect.session, effect.job)
            job, terms = self.kernel.pool.jobs[effect.job], self.kernel.pool.sessions[effect.session].sent[effect.job]
            self.hashing.prepare(job)
            connection.send(connection.dialect.job(connection.session, job, terms, clean=effect.clean))

    def _broadcast_job(self, effect: do.BroadcastJob) -> None:
        """Serialise once, write to all: the new-block path. Where each machine has a job of its own, once for each."""
        pool = self.kernel.pool
        job, destination = pool.jobs[effect.job], pool.destinations[effect.destination]
        self.hashing.prepare(job)
        line = dialect_of(destination.settings.algorithm).shared_job(job, clean=effect.clean)
        connections = self.connections
        for session_id in tuple(destination.channels[job.channel].working):
            connection = connections.get(session_id)
            if connection is not None and (effect.clean or job.id in pool.sessions[session_id].sent):
                if self.passing.is_on:
                    self.passing.adjust(session_id, job.id)
                connection.send_now(line or self._own_job(connection, effect))

    def _own_job(self, connection: Connection, effect: do.BroadcastJob) -> bytes:
        pool = self.kernel.pool
        terms = pool.sessions[connection.id].sent[effect.job]
        return connection.dialect.job(connection.session, pool.jobs[effect.job], terms, clean=effect.clean)

    def _send_extranonce(self, effect: do.SendExtranonce) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(connection.dialect.extranonce(connection.session, effect))

    def _send_mask(self, effect: do.SendMask) -> None:
        connection = self.connections.get(effect.session)
        if connection is not None:
            connection.send(connection.dialect.mask(effect.mask))

    def _ask_reconnect(self, effect: do.AskReconnect) -> None:
        """Ask politely, one after the other; a machine that stays all the same is let go later."""
        connection = self.connections.get(effect.session)
        if connection is not None:
            wait_s = effect.wait_ms / 1000 + self._rng.uniform(0.0, RECONNECT_SPREAD_S)
            loop = asyncio.get_running_loop()
            loop.call_later(wait_s, connection.send, connection.dialect.reconnect())
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

    def _command_device(self, effect: CommandDevice | ProtectDevice | RehearseCommand) -> None:
        if self.fleet is not None:
            self.fleet.perform(effect)

    def _wake_at(self, effect: do.WakeAt) -> None:
        delay_s = max(effect.at - self._clock.now(), 0) / 1000
        loop = asyncio.get_running_loop()
        loop.call_later(delay_s, self._wake, seen.ClockTicked(effect.key))

    def _wake(self, event: seen.ClockTicked) -> None:
        if not self.passing.holds_tick(event):
            self.kernel.handle(event)


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
