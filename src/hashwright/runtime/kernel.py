"""The kernel: one loop on one thread. Take an event, step the engine that owns it, note it, perform the effects.

    event --> step(state) --> effects --+--> immediate ones: at once (a job, a block, an answer that promises nothing)
                 |                      +--> held ones: when the batch that holds the event is durable
                 +--> entry in the open batch --> one commit for the whole batch (group commit)

**Nothing is acknowledged before it is durable.** A batch is whatever came while the last commit ran, and at least
`COMMIT_GAP_S` long, because a commit costs the same for one share as for a hundred. The kernel never waits: the store
writes on its own thread and calls back.

An event whose step raises is marked *poisoned* in the journal, and recovery skips it: money of that engine stops, the
sessions go on (design: "a bug may stop payouts and orders; it must not stop hashing").

This file knows no sockets, no nodes and no SQL.
"""

import dataclasses
import zlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from hashwright.clock import Clock
from hashwright.fleet.effects import CommandDevice, RehearseCommand
from hashwright.fleet.records import FleetState
from hashwright.market.effects import BOOKED as MARKET_BOOKED
from hashwright.market.effects import HELD as MARKET_HELD
from hashwright.pool.effects import BOOKED as POOL_BOOKED
from hashwright.pool.effects import HELD as POOL_HELD
from hashwright.pool.effects import AnswerShare
from hashwright.pool.events import ShareHashed
from hashwright.pool.records import PoolState
from hashwright.routing.effects import AskWork
from hashwright.routing.records import RoutingState
from hashwright.runtime.engines import EngineEffect, EngineEvent, Engines, step
from hashwright.signals import Alert
from hashwright.store.journal import Batch, encode_entry
from hashwright.store.projections import Accumulator

log = structlog.get_logger()

COMMIT_GAP_S = 0.025
"""Commits start at least this far apart. A commit costs the same for one share as for a hundred: at 1,000 shares/s one
carries 25, and a share waits 12 ms on average for company. Under load the last commit's own time is longer."""
BACKLOG_BYTES_MAX = 32 * 1024 * 1024
"""Entries kept in memory while the store cannot write: some 300,000 shares. Beyond it the sessions are not read."""

BOOKED = POOL_BOOKED | MARKET_BOOKED | {AskWork}
"""Those that change a table."""
HELD = POOL_HELD | MARKET_HELD | {CommandDevice, RehearseCommand}
"""Those that wait until what caused them is durable."""
POISONED = "poisoned"
_encode_effects = msgspec.msgpack.Encoder().encode


class BatchWriter(Protocol):
    """What the kernel needs of the store: take a batch now, report later through `Kernel.committed`."""

    def submit(self, batch: Batch) -> None:
        """Queue a batch; never blocks, never raises for a full disk."""


class Timer(Protocol):
    """What the kernel needs of the event loop."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        """Call back after a delay [s]."""


@dataclasses.dataclass(slots=True)
class Flight:
    """A batch on its way to the disk, with the effects that wait for it."""

    last_seq: int
    held: list[EngineEffect]


class Kernel:
    """The engines' state, one open batch, and the batches on their way to the disk."""

    def __init__(
        self,
        engines: Engines,
        *,
        clock: Clock,
        writer: BatchWriter,
        timer: Timer,
        perform: Callable[[EngineEffect], None],
        next_seq: int,
    ) -> None:
        self.engines = engines
        self.poisoned = 0
        self.events = 0
        self._clock = clock
        self._writer = writer
        self._timer = timer
        self._perform = perform
        self._next_seq = next_seq
        self._first_seq = next_seq
        self._durable_seq = next_seq - 1
        self._buffer = bytearray()
        self._held: list[EngineEffect] = []
        self._crc = 0
        self._rows = Accumulator()
        self._flights: deque[Flight] = deque()
        self._is_timed = False
        self._is_closed = False
        self._last_commit = float("-inf")
        self.tap: Callable[[int, EngineEvent, tuple[EngineEffect, ...]], None] | None = None
        """Sees each event with its effects; for tests that compare live with replay."""

    @property
    def pool(self) -> PoolState:
        """What the pool engine knows."""
        return self.engines.pool

    @property
    def routing(self) -> RoutingState:
        """What the routing engine knows."""
        return self.engines.routing

    @property
    def fleet(self) -> FleetState:
        """What the fleet engine knows."""
        return self.engines.fleet

    @property
    def last_seq(self) -> int:
        """The sequence number of the newest event taken."""
        return self._next_seq - 1

    @property
    def is_congested(self) -> bool:
        """Tell whether the store has fallen so far behind that no more should be read."""
        return len(self._buffer) > BACKLOG_BYTES_MAX

    @property
    def unwritten(self) -> int:
        """Count the events that are not durable yet."""
        return self.last_seq - self._durable_seq

    def handle(self, event: EngineEvent) -> None:
        """Take one event: step, note, perform. After `close` nothing is taken: it could not be kept."""
        if self._is_closed:
            return
        now = self._clock.now()
        effects, mark = self._step(event, now)
        encode_entry(self._buffer, now, event, mark)
        self._crc = zlib.crc32(_encode_effects(effects), self._crc)
        self._next_seq += 1
        self.events += 1
        if self.tap is not None:
            self.tap(now, event, effects)
        for effect in effects:
            kind = type(effect)
            if kind in BOOKED:
                self._rows.add(now, effect)
            if kind in HELD:
                self._held.append(effect)
            else:
                self._perform(effect)
        if not self._is_timed and not self._flights:
            self._time_commit()

    def committed(self, last_seq: int) -> None:
        """The store says that everything up to this sequence number is durable: let the held effects go."""
        self._durable_seq = max(self._durable_seq, last_seq)
        while self._flights and self._flights[0].last_seq <= last_seq:
            for effect in self._flights.popleft().held:
                self._perform(effect)
        if self._buffer and not self._flights and not self._is_timed:
            self._time_commit()

    def commit_now(self) -> None:
        """Send the open batch to the store, without waiting for company."""
        self._is_timed = False
        if not self._buffer:
            return
        self._last_commit = self._clock.monotonic()
        batch = Batch(
            first_seq=self._first_seq,
            last_seq=self.last_seq,
            at_ms=self._clock.now(),
            effects_crc=self._crc,
            blob=bytes(self._buffer),
            rows=self._rows.take(),
        )
        self._flights.append(Flight(last_seq=self.last_seq, held=self._held))
        self._first_seq, self._crc, self._held = self._next_seq, 0, []
        self._buffer.clear()
        self._writer.submit(batch)

    def close(self) -> None:
        """Send the last batch, and take no more events."""
        self.commit_now()
        self._is_closed = True

    def _step(self, event: EngineEvent, now: int) -> tuple[tuple[EngineEffect, ...], str]:
        try:
            effects = step(self.engines, event, now=now)
        except Exception:
            log.exception("an event broke its engine", event_type=type(event).__name__)
            self.poisoned += 1
            return poisoned_effects(event), POISONED
        if type(event) is ShareHashed:
            return effects, share_mark(effects)
        return effects, ""

    def _time_commit(self) -> None:
        self._is_timed = True
        wait = self._last_commit + COMMIT_GAP_S - self._clock.monotonic()
        self._timer.call_later(max(wait, 0), self.commit_now)


def share_mark(effects: tuple[EngineEffect, ...]) -> str:
    """Return the verdict on a share, for its journal entry."""
    for effect in effects:
        if type(effect) is AnswerShare:
            return effect.outcome
    return ""


def poisoned_effects(event: EngineEvent) -> tuple[EngineEffect, ...]:
    """Return what is done about an event whose step raised: a person is told, and a machine gets an answer."""
    alert = Alert(
        level="critical",
        code="HW-901",
        text=f"{type(event).__name__} broke its engine. It is marked and skipped; payouts stop, hashing goes on.",
    )
    if type(event) is ShareHashed:
        return (AnswerShare(event.session, event.request, "malformed"), alert)
    return (alert,)
