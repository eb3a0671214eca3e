"""Prove a database: pages, hash chain, snapshots and readable numbers. Problems are findings, all of them at once."""

import sqlite3
from collections.abc import Callable, Iterator

from hashwright.errors import Finding, HashwrightError, InvariantBroken
from hashwright.store.commands import snapshot_digest
from hashwright.store.connection import Connection
from hashwright.store.hashchain import ANCHOR, read_chain, read_link

RESTORE_HINT = "Restore the last good backup: hw admin restore."
MAX_FINDINGS_A_CHECK = 20
"""One damaged page makes thousands; the first ones tell."""


def database_findings(connection: Connection, *, deep: bool) -> list[Finding]:
    """List what is wrong. `deep` also decodes every entry and reads every page against its index.

    The connection must be in a transaction, so that all checks see the same moment.
    """
    checks: list[Callable[[Connection, bool], Iterator[Finding]]] = [
        _page_findings,
        _journal_findings,
        _snapshot_findings,
    ]
    findings: list[Finding] = []
    for check in checks:
        try:
            findings.extend(check(connection, deep))
        except (InvariantBroken, sqlite3.DatabaseError) as problem:
            findings.append(_finding("database", str(problem)))
    return findings


def _page_findings(connection: Connection, deep: bool) -> Iterator[Finding]:
    pragma = "integrity_check" if deep else "quick_check"
    for (line,) in connection.execute(f"PRAGMA {pragma}({MAX_FINDINGS_A_CHECK})"):
        if line != "ok":
            yield _finding("database file", line)


def _journal_findings(connection: Connection, deep: bool) -> Iterator[Finding]:
    try:
        for batch in read_chain(connection, read_link(connection, ANCHOR).seq):
            if deep:
                for _ in batch.entries():
                    pass
    except HashwrightError as problem:
        yield _finding("journal", str(problem))


def _snapshot_findings(connection: Connection, _deep: bool) -> Iterator[Finding]:
    for seq, at_ms, version, digest, blob in connection.execute(
        "SELECT seq, at_ms, schema_version, digest, blob FROM snapshot ORDER BY seq"
    ):
        if digest != snapshot_digest(seq, at_ms, version, blob):
            yield _finding(f"snapshot {seq}", f"The snapshot after event {seq} was changed after it was written.")


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-604", place=place, message=message, hint=RESTORE_HINT)
