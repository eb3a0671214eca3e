"""The writing statements, each a function on an open transaction. Only these change the database.

The writer thread calls them within its transactions, and the store calls them while no writer runs.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable

from hashwright.clock import Instant
from hashwright.errors import InvariantBroken
from hashwright.pool.effects import Alert, BlockChanged, SubmitBlock
from hashwright.store.connection import Connection
from hashwright.store.hashchain import ANCHOR, HEAD, Link, row_digest
from hashwright.store.journal import SCHEMA_VERSION, Batch

PRUNED_ROWS_AT_ONCE = 1_000
"""Bounds the transaction, so that shares wait no longer for a pruning than for a slow disk."""

INSERT_JOURNAL = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
UPSERT_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
UPSERT_WORK = (
    "INSERT INTO work VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (minute, destination, worker, target, outcome)"
    " DO UPDATE SET shares = excluded.shares, work = excluded.work"
)
UPSERT_DELIVERY = (
    "INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (minute, destination, worker, target, state, reason)"
    " DO UPDATE SET shares = excluded.shares, work = excluded.work"
)
UPSERT_ASKED = "INSERT INTO asked VALUES (?, ?, ?) ON CONFLICT (minute, destination) DO UPDATE SET work = excluded.work"
INSERT_ALERT = "INSERT INTO alert (at_ms, level, code, text) VALUES (?, ?, ?, ?)"
UPSERT_FOUND_BLOCK = (
    "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, 'found', '', 0) ON CONFLICT (destination, block_hash) DO UPDATE SET"
    " height = coalesce(block.height, excluded.height), worker = coalesce(block.worker, excluded.worker),"
    " reward = coalesce(block.reward, excluded.reward)"
)
UPSERT_CHANGED_BLOCK = (
    "INSERT INTO block VALUES (?, ?, NULL, NULL, NULL, ?, ?, ?, ?) ON CONFLICT (destination, block_hash) DO UPDATE SET"
    " state = excluded.state, detail = excluded.detail, confirmations = excluded.confirmations"
)
INSERT_OUTBOX = "INSERT INTO outbox VALUES (?, ?, ?, 'open', ?, NULL, NULL)"
CLOSE_OUTBOX = "UPDATE outbox SET state = 'done', done_ms = ?, answer = ? WHERE key = ? AND state = 'open'"
UPSERT_SETTING = (
    "INSERT INTO setting VALUES (?, ?, ?, ?) ON CONFLICT (kind, name)"
    " DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms"
)
INSERT_SNAPSHOT = "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING"
DROP_SNAPSHOTS = "DELETE FROM snapshot WHERE seq NOT IN (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT 2)"
"""Two are kept: the newest, and one before it should the newest prove unreadable; the journal reaches back to that."""

SELECT_COVERED = (
    "SELECT last_seq, digest, at_ms FROM journal WHERE last_seq <= (SELECT min(seq) FROM snapshot)"
    " ORDER BY first_seq LIMIT ?"
)


def last_at_ms(connection: Connection) -> Instant:
    """Read when the last batch was closed; 0 for an empty journal."""
    row = connection.execute("SELECT at_ms FROM journal ORDER BY first_seq DESC LIMIT 1").fetchone()
    return Instant(0 if row is None else row[0])


def is_row_end(connection: Connection, seq: int) -> bool:
    """Tell whether a journal row ends with this event: only there can a recovery begin."""
    return connection.execute("SELECT 1 FROM journal WHERE last_seq = ?", (seq,)).fetchone() is not None


def append_journal(connection: Connection, batch: Batch, head: Link) -> Link:
    """Write the row of a batch after `head`, and return the new head."""
    fields = (batch.first_seq, batch.last_seq, batch.at_ms, SCHEMA_VERSION, batch.effects_crc)
    digest = row_digest(head.digest, fields, batch.blob)
    connection.execute(INSERT_JOURNAL, (*fields, head.digest, digest, batch.blob))
    link = Link(seq=batch.last_seq, digest=digest)
    connection.execute(UPSERT_META, (HEAD, link.text()))
    return link


def write_blocks(connection: Connection, blocks: Iterable[tuple[Instant, SubmitBlock | BlockChanged]]) -> None:
    """Write block changes in order. A change of a block that was never seen found leaves its facts unknown."""
    for now, change in blocks:
        place = (change.destination, change.block_hash)
        if isinstance(change, SubmitBlock):
            connection.execute(UPSERT_FOUND_BLOCK, (*place, change.height, change.worker, str(change.reward), now))
        else:
            state = (change.state, change.detail, change.confirmations)
            connection.execute(UPSERT_CHANGED_BLOCK, (*place, now, *state))


def write_alerts(connection: Connection, alerts: Iterable[tuple[Instant, Alert]]) -> None:
    """Write alerts in order."""
    rows = [(now, alert.level, alert.code, alert.text) for now, alert in alerts]
    if rows:
        connection.executemany(INSERT_ALERT, rows)


def write_snapshot(connection: Connection, seq: int, at_ms: Instant, blob: bytes) -> None:
    """Write a snapshot and drop all but the newest two."""
    digest = snapshot_digest(seq, at_ms, SCHEMA_VERSION, blob)
    connection.execute(INSERT_SNAPSHOT, (seq, at_ms, SCHEMA_VERSION, digest, blob))
    connection.execute(DROP_SNAPSHOTS)


def snapshot_digest(seq: int, at_ms: int, schema_version: int, blob: bytes) -> bytes:
    """Compute sha256 over what a snapshot row holds."""
    digest = hashlib.sha256(f"{seq}:{at_ms}:{schema_version}:".encode())
    digest.update(blob)
    return digest.digest()


def write_outbox(connection: Connection, key: str, kind: str, payload: bytes, *, created_ms: Instant) -> None:
    """Note an effect that is about to leave a mark outside.

    The same key with the same payload is accepted again and changes nothing; with another payload it raises
    InvariantBroken before anything is written.
    """
    row = connection.execute("SELECT kind, payload FROM outbox WHERE key = ?", (key,)).fetchone()
    if row is None:
        connection.execute(INSERT_OUTBOX, (key, kind, payload, created_ms))
    elif (row[0], row[1]) != (kind, payload):
        raise InvariantBroken(
            f"Effect {key} is already noted with another content. The new one was not noted.",
            code="HW-608",
            hint="Report this with the log and what hw admin replay --verify says.",
        )


def close_outbox(connection: Connection, key: str, answer: str, *, done_ms: Instant) -> None:
    """Note the answer to an outside effect; the first answer is final. Raise InvariantBroken for an unknown key."""
    connection.execute(CLOSE_OUTBOX, (done_ms, answer, key))
    if connection.execute("SELECT 1 FROM outbox WHERE key = ?", (key,)).fetchone() is None:
        raise InvariantBroken(
            f"Effect {key} was answered but never noted.",
            code="HW-608",
            hint="Report this with the log and what hw admin replay --verify says.",
        )


def setting_text(value: object) -> str:
    """Write a setting as JSON text; raise TypeError or ValueError for what JSON cannot say."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_setting(connection: Connection, kind: str, name: str, text: str, *, updated_ms: Instant) -> None:
    """Write what a person chose, as `setting_text` gives it."""
    connection.execute(UPSERT_SETTING, (kind, name, text, updated_ms))


def erase_setting(connection: Connection, kind: str, name: str) -> None:
    """Remove a setting; one that does not exist is already removed."""
    connection.execute("DELETE FROM setting WHERE kind = ? AND name = ?", (kind, name))


def prune_journal(connection: Connection, keep_after_ms: Instant) -> int:
    """Delete up to `PRUNED_ROWS_AT_ONCE` rows older than that instant which every kept snapshot covers.

    Return how many. The anchor of the hash chain moves to the last of them.
    """
    covered = connection.execute(SELECT_COVERED, (PRUNED_ROWS_AT_ONCE,)).fetchall()
    old = list(itertools.takewhile(lambda row: row[2] < keep_after_ms, covered))
    if not old:
        return 0
    anchor = Link(seq=old[-1][0], digest=old[-1][1])
    connection.execute("DELETE FROM journal WHERE last_seq <= ?", (anchor.seq,))
    connection.execute(UPSERT_META, (ANCHOR, anchor.text()))
    return len(old)
