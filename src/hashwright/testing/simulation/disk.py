"""A disk with a store on it: what is synced stays, what is only buffered may be gone after a crash.

It is the store's port in memory, for whole-program runs; real SQLite under simulated power cuts is tested beside the
store. A commit takes a seeded time; the disk can freeze. After a crash a random part of what was under way is found
written after all, as on a real disk: durable, though nobody was told.
"""

from collections.abc import Callable, Iterator

from hashwright.store.journal import SCHEMA_VERSION, Batch, Snapshot, StoredBatch
from hashwright.testing.simulation.loop import SimLoop


class SimDisk:
    """What survives. `lies` plants the bug that the whole program is built to avoid: yes before it is true."""

    def __init__(self, loop: SimLoop, *, lies: bool = False) -> None:
        self.loop = loop
        self.lies = lies
        self.synced: list[Batch] = []
        self.buffered: list[Batch] = []
        self.outbox: dict[str, tuple[str, bytes, str]] = {}
        self.snapshot: Snapshot | None = None
        self.boots = 0
        self.frozen_until = 0.0
        self.counts = {"commits": 0, "lost_batches": 0, "kept_batches": 0, "freezes": 0}
        self._handle: SimStore | None = None

    def open(self, on_commit: Callable[[int], None]) -> "SimStore":
        """Open the store for one process; the handle of an earlier one is dead."""
        self._handle = SimStore(self, on_commit)
        return self._handle

    def freeze(self, seconds: float) -> None:
        """Let no commit end for a while."""
        self.frozen_until = self.loop.time() + seconds
        self.counts["freezes"] += 1

    def crash(self) -> None:
        """Lose what was under way, but for a random beginning of it."""
        if self._handle is not None:
            self._handle.is_alive = False
        kept = self.loop.rng.randint(0, len(self.buffered))
        self.synced += self.buffered[:kept]
        self.counts["kept_batches"] += kept
        self.counts["lost_batches"] += len(self.buffered) - kept
        self.buffered.clear()


class SimStore:
    """The store as one process sees it: the writer's port and the reader's."""

    def __init__(self, disk: SimDisk, on_commit: Callable[[int], None]) -> None:
        self.is_alive = True
        self._disk = disk
        self._on_commit = on_commit

    def submit(self, batch: Batch) -> None:
        """Take a batch; it is durable after a while."""
        if not self.is_alive:
            return
        disk = self._disk
        disk.buffered.append(batch)
        delay = disk.loop.rng.choice((0.003, 0.02, 0.1, 0.4)) * disk.loop.rng.uniform(0.5, 1.5)
        if disk.lies:
            disk.loop.call_soon(self._on_commit, batch.last_seq)
        disk.loop.call_at(max(disk.loop.time() + delay, disk.frozen_until), self._sync, batch)

    def _sync(self, batch: Batch) -> None:
        disk = self._disk
        if not self.is_alive or batch not in disk.buffered:
            return
        upto = disk.buffered.index(batch) + 1
        disk.synced += disk.buffered[:upto]
        del disk.buffered[:upto]
        disk.counts["commits"] += 1
        if not disk.lies:
            self._on_commit(batch.last_seq)

    def put_outbox(self, key: str, kind: str, payload: bytes) -> None:
        """Note an outside effect; kept simple: durable at once."""
        if self.is_alive:
            self._disk.outbox.setdefault(key, (kind, payload, ""))

    def outbox_done(self, key: str, answer: str) -> None:
        """Note its answer."""
        if self.is_alive and key in self._disk.outbox:
            kind, payload, _ = self._disk.outbox[key]
            self._disk.outbox[key] = (kind, payload, answer or "accepted")

    def pending(self) -> list[bytes]:
        """Return the outside effects without an answer."""
        return [payload for _, payload, answer in self._disk.outbox.values() if not answer]

    def next_boot(self) -> int:
        """Count a start."""
        self._disk.boots += 1
        return self._disk.boots

    def submit_snapshot(self, seq: int, blob: bytes) -> None:
        """Keep a snapshot, if its event is durable."""
        if self.is_alive and any(batch.last_seq == seq for batch in self._disk.synced):
            self._disk.snapshot = Snapshot(
                seq=seq, at_ms=self._disk.synced[-1].at_ms, schema_version=SCHEMA_VERSION, blob=blob
            )

    def load_snapshot(self) -> Snapshot | None:
        """Return the snapshot."""
        return self._disk.snapshot

    def read_batches(self, after_seq: int) -> Iterator[StoredBatch]:
        """Return what is durable."""
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
