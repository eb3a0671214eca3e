"""The hash chain over journal rows: each row's digest covers the row before it, so no row can change or go unseen.

Two rows of `meta` hold the ends: `journal.head` (last event and digest) and `journal.anchor` (the same of the last
pruned row). Works on any DBAPI-like connection.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hashwright.clock import Instant
from hashwright.errors import InvariantBroken, OperatorError
from hashwright.store.connection import Connection
from hashwright.store.journal import SCHEMA_VERSION, StoredBatch

GENESIS_DIGEST = bytes(32)
HEAD = "journal.head"
ANCHOR = "journal.anchor"
FIELDS = struct.Struct(">QQqII")
"""first_seq, last_seq, at_ms, schema_version, effects_crc"""

SELECT_ROWS = (
    "SELECT first_seq, last_seq, at_ms, schema_version, effects_crc, previous_digest, digest, blob"
    " FROM journal WHERE last_seq > ? ORDER BY first_seq"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An end of the chain: the last event of a row, and the row's digest."""

    seq: int
    digest: bytes

    def text(self) -> str:
        """Write it as `meta` holds it."""
        return f"{self.seq}:{self.digest.hex()}"


GENESIS = Link(seq=0, digest=GENESIS_DIGEST)


def row_digest(previous_digest: bytes, fields: tuple[int, int, int, int, int], blob: bytes) -> bytes:
    """Compute sha256 over the digest before, the fields in `FIELDS` order, and the blob."""
    digest = hashlib.sha256(previous_digest)
    digest.update(FIELDS.pack(*fields))
    digest.update(blob)
    return digest.digest()


def read_link(connection: Connection, key: str) -> Link:
    """Read `HEAD` or `ANCHOR`; where it was never written the chain has not begun."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        return GENESIS
    try:
        seq, digest = row[0].split(":")
        return Link(seq=int(seq), digest=bytes.fromhex(digest))
    except ValueError as problem:
        raise damaged(f"The entry {key} of the database is not readable.") from problem


def read_chain(connection: Connection, after_seq: int) -> Iterator[StoredBatch]:
    """Yield the batches after event `after_seq`, each proved by the chain; at the end prove that none is missing.

    Raise InvariantBroken naming the row for a wrong digest, a gap, a missing begin or end, and OperatorError for a row
    written by a newer program. `after_seq` must be the last event of a batch, or 0.
    """
    link = _link_at(connection, after_seq)
    for row in connection.execute(SELECT_ROWS, (after_seq,)):
        batch = _proved(row, link)
        link = Link(seq=batch.last_seq, digest=batch.digest)
        yield batch
    head = read_link(connection, HEAD)
    if link != head:
        raise damaged(f"The journal ends at event {link.seq}, but event {head.seq} was committed.")


def damaged(message: str) -> InvariantBroken:
    """Build the error for a journal that is not what was written."""
    return InvariantBroken(message, code="HW-604", hint="Restore the last good backup: hw admin restore.")


def _link_at(connection: Connection, after_seq: int) -> Link:
    row = connection.execute("SELECT digest FROM journal WHERE last_seq = ?", (after_seq,)).fetchone()
    if row is not None:
        return Link(seq=after_seq, digest=row[0])
    anchor = read_link(connection, ANCHOR)
    if anchor.seq != after_seq:
        raise damaged(f"Event {after_seq} is not the end of a journal row; rows begin after event {anchor.seq}.")
    return anchor


def _proved(row: tuple[int, int, int, int, int, bytes, bytes, bytes], link: Link) -> StoredBatch:
    first_seq, last_seq, at_ms, schema_version, effects_crc, previous_digest, digest, blob = row
    if first_seq != link.seq + 1 or last_seq < first_seq:
        raise damaged(f"Journal row {first_seq} does not follow event {link.seq}: rows are missing or doubled.")
    if previous_digest != link.digest:
        raise damaged(f"Journal row {first_seq} does not continue the hash chain.")
    if digest != row_digest(previous_digest, (first_seq, last_seq, at_ms, schema_version, effects_crc), blob):
        raise damaged(f"Journal row {first_seq} was changed after it was written.")
    if schema_version > SCHEMA_VERSION:
        raise OperatorError(
            f"Journal row {first_seq} was written by a newer program (journal version {schema_version},"
            f" this one reads {SCHEMA_VERSION}).",
            code="HW-603",
            hint="Start the newest version of Hashwright on this data folder.",
        )
    return StoredBatch(
        first_seq=first_seq,
        last_seq=last_seq,
        at_ms=Instant(at_ms),
        schema_version=schema_version,
        effects_crc=effects_crc,
        digest=digest,
        blob=blob,
    )
