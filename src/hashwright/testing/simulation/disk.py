"""A disk with a store on it: what is synced stays, what is only buffered may be gone after a crash.

It is the store's port in memory, for whole-program runs; real SQLite under simulated power cuts is tested beside the
store. It keeps the promises of `store.writer`, and no better ones:

- One queue and one commit at a time: a group is what was queued when the commit before it ended. Batches, snapshots and
  outbox notes keep their order; `on_commit` comes only for what is synced.
- A commit takes a seeded time. The disk can freeze (no commit ends), be full for a span (reported once, tried again),
  or break (reported as fatal, nothing is written any more).
- A crash loses what is queued. The group whose commit is under way is found whole or not at all, by chance: on a real
  disk as well it may be durable though nobody was told.

`lies` plants the bug that the whole program is built to avoid: `on_commit` before it is true.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from hashwright.clock import Instant
from hashwright.errors import InvariantBroken, Unavailable
from hashwright.store.base import OutboxItem
from hashwright.store.journal import SCHEMA_VERSION, Batch, Snapshot, StoredBatch
from hashwright.store.writer import (
    MAX_COMMANDS_A_COMMIT,
    MAX_PENDING_COMMANDS,
    RETRY_FIRST_S,
    RETRY_LAST_S,
    WriteFailure,
)
from hashwright.testing.simulation.loop import SimLoop

FAULTS = ("lost_batches", "kept_batches", "freezes", "full_disks", "broken_disks")
COMMIT_S = (0.003, 0.02, 0.1, 0.4)
"""A commit takes one of these, give or take half: a good disk, a slow one, a busy one, a bad moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    apply: Callable[[], None]
    done: "Future[None]"
    last_seq: int = 0


class SimDisk:
    """What survives."""

    def __init__(self, loop: SimLoop, *, lies: bool = False) -> None:
        self.loop = loop
        self.lies = lies
        self.rng = loop.chance_of("disk")
        self.counts = loop.coverage
        self.synced: list[Batch] = []
        self.outbox: dict[str, tuple[OutboxItem, str | None]] = {}
        """Every effect that was noted, with its answer, or None while there is none."""
        self.snapshot: Snapshot | None = None
        self.boots = 0
        self.frozen_until = self.full_until = 0.0
        self.is_broken = False
        self._handle: SimStore | None = None

    def open(
        self, on_commit: Callable[[int], None], on_failure: Callable[[WriteFailure], None] | None = None
    ) -> "SimStore":
        """Open the store for one process; the handle of an earlier one is dead."""
        if self._handle is not None:
            self._handle.is_alive = False
        self._handle = SimStore(self, on_commit, on_failure)
        return self._handle

    def freeze(self, seconds: float) -> None:
        """Let no commit end for a while."""
        self.frozen_until = self.loop.time() + seconds
        self.loop.record("freezes", f"{seconds:.3f}s")

    def fill(self, seconds: float) -> None:
        """Have no room for a while."""
        self.full_until = self.loop.time() + seconds
        self.loop.record("full_disks", f"{seconds:.3f}s")

    def break_down(self) -> None:
        """Fail every commit from now on, as after an I/O error."""
        self.is_broken = True
        self.loop.record("broken_disks")

    def crash(self) -> None:
        """Lose what was queued; the commit under way may have reached the disk."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        handle.is_alive = False
        kept = handle.committing if self.rng.random() < 0.5 and not self.is_broken else 0
        for number, command in enumerate(handle.queue):
            if number < kept:
                with contextlib.suppress(InvariantBroken):
                    command.apply()
            if command.last_seq:
                self.loop.record("kept_batches" if number < kept else "lost_batches", command.last_seq)


class SimStore:
    """The store as one process sees it: the writer's port and the reader's."""

    def __init__(
        self,
        disk: SimDisk,
        on_commit: Callable[[int], None],
        on_failure: Callable[[WriteFailure], None] | None = None,
    ) -> None:
        self.is_alive = True
        self.failure: WriteFailure | None = None
        self.queue: deque[_Command] = deque()
        """What is buffered: handed over and not yet synced."""
        self._disk = disk
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._submitted_seq = disk.synced[-1].last_seq if disk.synced else 0
        self.committing = 0
        """How many commands, from the front, the commit under way holds."""
        self._retry_s = RETRY_FIRST_S

    # ---------------------------------------------------------------- the writer's port

    def submit(self, batch: Batch) -> None:
        """Queue a batch; `on_commit(batch.last_seq)` follows.

        Raise InvariantBroken unless it continues the last one; Unavailable when the queue is full or the disk broke.
        """
        if not self.is_alive:
            return
        if batch.first_seq != self._submitted_seq + 1 or batch.last_seq < batch.first_seq:
            raise InvariantBroken(
                f"events {batch.first_seq} to {batch.last_seq} were given after {self._submitted_seq}", code="HW-604"
            )
        self._put(lambda: self._disk.synced.append(batch), last_seq=batch.last_seq)
        self._submitted_seq = batch.last_seq
        if self._disk.lies:
            self._disk.loop.call_soon(self._on_commit, batch.last_seq)

    def submit_snapshot(self, seq: int, blob: bytes) -> "Future[None]":
        """Queue the state after event `seq`, which ends a batch that was submitted before."""
        return self._put(lambda: self._keep_snapshot(seq, blob))

    def put_outbox(self, key: str, kind: str, payload: bytes) -> "Future[None]":
        """Queue the note of an outside effect; the first of a key counts."""
        created_ms = self._disk.synced[-1].at_ms if self._disk.synced else Instant(0)
        item = OutboxItem(key=key, kind=kind, payload=payload, created_ms=created_ms)
        return self._put(lambda: self._note_effect(item))

    def outbox_done(self, key: str, answer: str) -> "Future[None]":
        """Queue the answer to an outside effect."""
        return self._put(lambda: self._note_answer(key, answer))

    # ---------------------------------------------------------------- the reader's port

    def next_boot(self) -> int:
        """Count a start."""
        self._disk.boots += 1
        return self._disk.boots

    def load_snapshot(self) -> Snapshot | None:
        """Return the snapshot."""
        return self._disk.snapshot

    def pruned_seq(self) -> int:
        """Nothing is ever pruned here."""
        return 0

    def read_batches(self, after_seq: int) -> Iterator[StoredBatch]:
        """Return what is durable; the hash chain is the real store's business."""
        for batch in self._disk.synced:
            if batch.last_seq > after_seq:
                yield StoredBatch(
                    first_seq=batch.first_seq,
                    last_seq=batch.last_seq,
                    at_ms=batch.at_ms,
                    schema_version=SCHEMA_VERSION,
                    effects_crc=batch.effects_crc,
                    digest=b"",
                    blob=batch.blob,
                )

    def pending_outbox(self) -> list[OutboxItem]:
        """Return the outside effects without an answer, oldest first."""
        return [item for item, answer in self._disk.outbox.values() if answer is None]

    def pending(self) -> list[bytes]:
        """Return their payloads."""
        return [item.payload for item in self.pending_outbox()]

    # ---------------------------------------------------------------- the queue

    def _put(self, apply: Callable[[], None], *, last_seq: int = 0) -> "Future[None]":
        if self.is_alive and (len(self.queue) >= MAX_PENDING_COMMANDS or self._has_died()):
            raise Unavailable("the simulated disk takes nothing at present", code="HW-605")
        command = _Command(apply=apply, done=Future(), last_seq=last_seq)
        if self.is_alive:
            self.queue.append(command)
            self._begin()
        return command.done

    def _has_died(self) -> bool:
        return self.failure is not None and self.failure.kind == "fatal"

    def _begin(self) -> None:
        if self.committing or not self.queue:
            return
        self.committing = min(len(self.queue), MAX_COMMANDS_A_COMMIT)
        rng = self._disk.rng
        self._disk.loop.call_later(rng.choice(COMMIT_S) * rng.uniform(0.5, 1.5), self._end)

    def _end(self) -> None:
        disk = self._disk
        now = disk.loop.time()
        if not self.is_alive:
            return
        if disk.is_broken:
            self._fail(WriteFailure(kind="fatal", detail="disk I/O error"))
        elif now < disk.frozen_until:
            disk.loop.call_at(disk.frozen_until, self._end)
        elif now < disk.full_until:
            self._fail(WriteFailure(kind="full", detail="database or disk is full"))
            disk.loop.call_later(self._retry_s, self._end)
            self._retry_s = min(2 * self._retry_s, RETRY_LAST_S)
        else:
            self._sync()

    def _sync(self) -> None:
        group = [self.queue.popleft() for _ in range(self.committing)]
        self.failure, self._retry_s, self.committing = None, RETRY_FIRST_S, 0
        for command in group:
            self._apply(command)
        self._disk.loop.note("commit", *(command.last_seq for command in group))
        self._disk.counts["commits"] += 1
        self._begin()
        for command in group:
            if command.last_seq and not self._disk.lies:
                self._on_commit(command.last_seq)

    def _apply(self, command: _Command) -> None:
        try:
            command.apply()
        except InvariantBroken as problem:
            command.done.set_exception(problem)
        else:
            command.done.set_result(None)

    def _fail(self, failure: WriteFailure) -> None:
        is_news = self.failure is None or self.failure.kind != failure.kind
        self.failure = failure
        if failure.kind == "fatal":
            while self.queue:
                self.queue.popleft().done.set_exception(Unavailable(failure.detail, code="HW-605"))
        if is_news and self._on_failure is not None:
            self._on_failure(failure)

    # ---------------------------------------------------------------- what the commands do

    def _keep_snapshot(self, seq: int, blob: bytes) -> None:
        ends = {batch.last_seq: batch.at_ms for batch in self._disk.synced}
        if seq not in ends:
            raise InvariantBroken(f"event {seq} is not the last of a committed batch", code="HW-604")
        self._disk.snapshot = Snapshot(seq=seq, at_ms=ends[seq], schema_version=SCHEMA_VERSION, blob=blob)

    def _note_effect(self, item: OutboxItem) -> None:
        known, _ = self._disk.outbox.setdefault(item.key, (item, None))
        if (known.kind, known.payload) != (item.kind, item.payload):
            raise InvariantBroken(f"effect {item.key} is already noted with another content", code="HW-608")

    def _note_answer(self, key: str, answer: str) -> None:
        item, known = self._disk.outbox.get(key, (None, None))
        if item is None:
            raise InvariantBroken(f"effect {key} was answered but never noted", code="HW-608")
        if known is None:
            self._disk.outbox[key] = (item, answer)
