"""Batches for the tests of the store: shares whose effects can be recomputed from the journal alone."""

import zlib
from collections import Counter

from hashwright.pool.effects import CreditWork, ReturnWork
from hashwright.pool.events import ShareHashed
from hashwright.routing.effects import AskWork
from hashwright.store.journal import Batch, decode_entries, encode_entry
from hashwright.store.projections import MINUTE_MS, Accumulator

START_MS = 1_700_000_000_000
DESTINATION = "own"
TARGET_BE = (2**224 - 1).to_bytes(32, "big")
WORK = 2**32


def make_share(seq, worker="acme.rig1"):
    return ShareHashed(1, seq, worker, "job-1", seq.to_bytes(8, "big"), 1_700_000_000, seq % 2**32, None, bytes(32))


def make_batch(first_seq, count=1, *, worker="acme.rig1", outcome="accepted", now=None):
    """A batch of `count` shares of one worker, with the rows that they cause."""
    accumulator, blob = Accumulator(), bytearray()
    for seq in range(first_seq, first_seq + count):
        at = START_MS + seq * 1_000 if now is None else now
        encode_entry(blob, at, make_share(seq, worker), outcome)
        accumulator.add(at, CreditWork(worker, DESTINATION, TARGET_BE, outcome))
    return Batch(
        first_seq=first_seq,
        last_seq=first_seq + count - 1,
        at_ms=at,
        effects_crc=zlib.crc32(blob),
        blob=bytes(blob),
        rows=accumulator.take(),
    )


def delivered(seq, *, minute=0, destination="pool", worker="acme.rig1", **counts):
    """A batch of one event whose effects return shares: `submitted=3, rejected=1`; a reason after `__`."""
    accumulator, at = Accumulator(), START_MS + minute * MINUTE_MS
    for name, count in counts.items():
        state, _, reason = name.partition("__")
        for _ in range(count):
            accumulator.add(at, ReturnWork(destination, worker, TARGET_BE, state, reason))
    return batch_with(seq, at, accumulator.take())


def asked_batch(seq, *amounts, minute=0, destination="pool"):
    """A batch of one event whose effects ask for work."""
    accumulator, at = Accumulator(), START_MS + minute * MINUTE_MS
    for amount in amounts:
        accumulator.add(at, AskWork(destination, amount.to_bytes(32, "big")))
    return batch_with(seq, at, accumulator.take())


def batch_with(seq, at, rows):
    """A batch of one event with these rows."""
    blob = bytearray()
    encode_entry(blob, at, make_share(seq), "accepted")
    return Batch(first_seq=seq, last_seq=seq, at_ms=at, effects_crc=0, blob=bytes(blob), rows=rows)


def sums_of_journal(batches):
    """Recompute table `work` from stored batches: (minute, worker, outcome) to (shares, work)."""
    shares = Counter()
    for batch in batches:
        for now, event, mark in decode_entries(batch.blob):
            shares[now // MINUTE_MS, event.worker, mark] += 1
    return {key: (count, count * WORK if key[2] in ("accepted", "block") else 0) for key, count in shares.items()}


def sums_of_table(connection):
    """Read table `work` in the same form."""
    rows = connection.execute("SELECT minute, worker, outcome, shares, work FROM work")
    return {(minute, worker, outcome): (shares, int(work)) for minute, worker, outcome, shares, work in rows}
