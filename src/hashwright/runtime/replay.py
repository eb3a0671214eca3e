"""The replay shell: the journal's events through the same `step`, at their own times, with effects only compared.

`recover` is how every start begins: last snapshot, then the tail of the journal. `verify` goes through the whole
journal that is kept, recomputes every share's hash and compares each batch's effects with the checksum that the live
run left behind.
"""

import dataclasses
import functools
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from hashwright.chain.cryptonote.randomx import RandomX
from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import Finding, InvariantBroken, OperatorError
from hashwright.pool import judge, members
from hashwright.pool.duplicates import Duplicates
from hashwright.pool.events import ShareHashed
from hashwright.pool.records import Job
from hashwright.routing.snapshot import open_sealed, sealed
from hashwright.runtime.engines import EngineEffect, EngineEvent, Engines, step
from hashwright.runtime.kernel import POISONED, poisoned_effects, share_mark
from hashwright.store.journal import SCHEMA_VERSION, Snapshot, StoredBatch

_encode_effects = msgspec.msgpack.Encoder().encode
_encode_state = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(Engines).decode


class JournalReader(Protocol):
    """What a replay needs of the store."""

    def load_snapshot(self) -> Snapshot | None:
        """Return the newest snapshot."""

    def read_batches(self, after_seq: int) -> Iterator[StoredBatch]:
        """Return the batches that hold events after a sequence number, in order."""


class KeptJournal(JournalReader, Protocol):
    """What a verification needs beside: whether the journal reaches back to the first event."""

    def pruned_seq(self) -> int:
        """Return the last event whose journal row is gone; 0 while the journal is whole."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A state as it was at the last durable event."""

    state: Engines
    last_seq: int
    events: int
    snapshot_seq: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification saw."""

    batches: int
    events: int
    shares: int
    findings: tuple[Finding, ...]


def snapshot_of(state: Engines) -> bytes:
    """Encode a state. The duplicate hashes are left out: the journal holds them for their whole window."""
    pool = state.pool
    duplicates, pool.duplicates = pool.duplicates, Duplicates()
    books, pool.books = pool.books, {name: members.sealed(it) for name, it in pool.books.items()}
    try:
        with sealed(state.routing):
            return _encode_state(state)
    finally:
        pool.duplicates, pool.books = duplicates, books


def state_of(snapshot: bytes) -> Engines:
    """Decode a state.

    Raises:
        InvariantBroken: the snapshot is damaged.
    """
    try:
        state = _decode_state(snapshot)
        open_sealed(state.routing)
        for books in state.pool.books.values():
            members.unseal(books)
        return state
    except (msgspec.DecodeError, ValueError) as error:
        raise InvariantBroken(
            f"A snapshot cannot be read: {error}.",
            code="HW-607",
            hint="Restore the last good backup: hw admin restore.",
        ) from error


def recover(reader: JournalReader) -> Recovered:
    """Rebuild the state from the newest snapshot and the tail of the journal."""
    snapshot = reader.load_snapshot()
    _refuse_older(snapshot)
    state = Engines() if snapshot is None else state_of(snapshot.blob)
    known_seq = last_seq = 0 if snapshot is None else snapshot.seq
    events = 0
    for batch in reader.read_batches(0):
        for seq, (now, event, mark) in enumerate(batch.entries(), start=batch.first_seq):
            if seq <= known_seq:
                remember_share(state, event, mark, now=now)
                continue
            replay_entry(state, event, mark, now=now)
            events += 1
        last_seq = max(last_seq, batch.last_seq)
    return Recovered(state=state, last_seq=last_seq, events=events, snapshot_seq=known_seq)


def _refuse_older(snapshot: Snapshot | None) -> None:
    if snapshot is not None and snapshot.schema_version < SCHEMA_VERSION:
        raise OperatorError(
            f"This data folder is of a version before the first release (form {snapshot.schema_version}).",
            code="HW-603",
            hint="Its tables can still be read by that version. Start with a new --data-dir.",
        )


def remember_share(state: Engines, event: EngineEvent, mark: str, *, now: int) -> None:
    """Put a credited share of before the snapshot back into the duplicate window."""
    if type(event) is ShareHashed and mark in ("accepted", "block"):
        state.pool.duplicates.add(event.hash_le, now=now)


def replay_entry(state: Engines, event: EngineEvent, mark: str, *, now: int) -> tuple[EngineEffect, ...]:
    """Step one journaled event again; a poisoned one changes nothing."""
    if mark == POISONED:
        return poisoned_effects(event)
    return step(state, event, now=now)


def verify(batches: Iterable[StoredBatch], *, state: Engines, after_seq: int = 0) -> Verified:
    """Step the batches again and compare: verdicts, hashes, and the checksum over all effects.

    Args:
        state: the state before the first event, changed in place.
        after_seq: events up to this one are in the state already.
    """
    findings: list[Finding] = []
    counts = {"batches": 0, "events": 0, "shares": 0}
    for batch in batches:
        if batch.last_seq <= after_seq:
            continue
        counts["batches"] += 1
        crc = 0
        for seq, (now, event, mark) in enumerate(batch.entries(), start=batch.first_seq):
            counts["events"] += 1
            counts["shares"] += type(event) is ShareHashed
            findings.extend(_check_hash(state, event, mark, seq))
            effects = replay_entry(state, event, mark, now=now)
            if type(event) is ShareHashed and mark not in (POISONED, share_mark(effects)):
                findings.append(_finding(seq, f"the live run judged {mark!r}, the replay {share_mark(effects)!r}"))
            crc = zlib.crc32(_encode_effects(effects), crc)
        if crc != batch.effects_crc:
            findings.append(
                _finding(batch.first_seq, f"the effects up to {batch.last_seq} are not those of the live run")
            )
    return Verified(findings=tuple(findings), **counts)


def verify_journal(reader: KeptJournal) -> Verified:
    """Verify all that is kept: from the first event, or where older rows are pruned, from the newest snapshot."""
    if reader.pruned_seq() == 0:
        return verify(reader.read_batches(0), state=Engines())
    snapshot = reader.load_snapshot()
    state = Engines() if snapshot is None else state_of(snapshot.blob)
    known_seq = 0 if snapshot is None else snapshot.seq
    for batch in reader.read_batches(0):
        if batch.first_seq > known_seq:
            break
        for seq, (now, event, mark) in enumerate(batch.entries(), start=batch.first_seq):
            if seq <= known_seq:
                remember_share(state, event, mark, now=now)
    return verify(reader.read_batches(0), state=state, after_seq=known_seq)


def _check_hash(state: Engines, event: EngineEvent, mark: str, seq: int) -> list[Finding]:
    """Hash a journaled share again from its job."""
    if type(event) is not ShareHashed or not event.hash_le or mark == POISONED:
        return []
    found = judge.find_job(state.pool, event.session, event.job)
    if found is None:
        return []
    destination = state.pool.destinations.get(found[0].destination)
    if destination is None or event.is_believed:
        return []
    hashed = judge.input_of(found, judge.rolled_of(event))
    hash_le = _hash_of(destination.settings.algorithm, found[0], hashed)
    return [] if hash_le == event.hash_le else [_finding(seq, "the hash of the share is another one")]


def _hash_of(algorithm: str, job: Job, hashed: bytes) -> bytes:
    if job.blob is None:
        return ALGORITHMS[algorithm].hash(hashed)
    return _randomx(job.blob.seed).hash(hashed)


@functools.lru_cache(maxsize=1)
def _randomx(seed: bytes) -> RandomX:
    """Keep the newest only: each takes 256 MiB."""
    return RandomX(seed)


def _finding(seq: int, message: str) -> Finding:
    return Finding(
        code="HW-614", place=f"journal event {seq}", message=message, hint="Keep the data folder and report this."
    )


__all__ = ["SCHEMA_VERSION", "Recovered", "Verified", "recover", "snapshot_of", "state_of", "verify", "verify_journal"]
