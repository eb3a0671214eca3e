"""Prove a database: pages, hash chain, snapshots and readable numbers. Problems are findings, all of them at once.

The sums of work and delivery are recomputed from what stands beside them: a row's work is that of its shares at its
target, and an upstream can have answered no more shares than were sent to it. Whether the shares are those of the
journal is for `hw admin replay --verify`, which steps the engines again.
"""

import itertools
import sqlite3
from collections.abc import Callable, Iterator

from hashwright.errors import Finding, HashwrightError, InvariantBroken
from hashwright.store import migrations
from hashwright.store.commands import snapshot_digest
from hashwright.store.connection import Connection, errors_of, is_postgresql
from hashwright.store.hashchain import ANCHOR, read_chain, read_link
from hashwright.store.ledger import ledger_findings
from hashwright.store.projections import CREDITED, work_of_row

RESTORE_HINT = "Restore the last good backup: hw admin restore."
SELECT_ANSWERED = (
    "SELECT destination, sum(CASE WHEN state = 'submitted' THEN shares ELSE 0 END),"
    " sum(CASE WHEN state IN ('accepted', 'rejected', 'stale') THEN shares ELSE 0 END)"
    " FROM delivery GROUP BY destination ORDER BY destination"
)
"""What is lost may never have been sent."""

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
        _work_findings,
        _delivery_findings,
        _answer_findings,
        _ledger_findings,
    ]
    findings: list[Finding] = []
    readable: tuple[type[Exception], ...] = (InvariantBroken, sqlite3.DatabaseError, *errors_of(connection))
    for check in checks:
        try:
            findings.extend(check(connection, deep))
        except readable as problem:
            findings.append(_finding("database", str(problem)))
    return findings


def _page_findings(connection: Connection, deep: bool) -> Iterator[Finding]:
    if is_postgresql(connection):
        return  # its pages are the server's: data checksums, pg_amcheck
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


def _work_findings(connection: Connection, deep: bool) -> Iterator[Finding]:
    if not deep:
        return
    query = "SELECT minute, destination, worker, target, outcome, shares, work FROM work"
    wrong = (
        _finding(f"work {minute} {destination} {worker}", _wrong_work(outcome, shares, work))
        for minute, destination, worker, target, outcome, shares, work in connection.execute(query)
        if int(work) != (work_of_row(bytes.fromhex(target), shares) if outcome in CREDITED else 0)
    )
    yield from itertools.islice(wrong, MAX_FINDINGS_A_CHECK)


def _delivery_findings(connection: Connection, deep: bool) -> Iterator[Finding]:
    if not deep or not migrations.has(connection, "delivery"):
        return
    query = "SELECT minute, destination, worker, target, state, shares, work FROM delivery"
    wrong = (
        _finding(f"delivery {minute} {destination} {worker}", _wrong_work(state, shares, work))
        for minute, destination, worker, target, state, shares, work in connection.execute(query)
        if int(work) != work_of_row(bytes.fromhex(target), shares)
    )
    yield from itertools.islice(wrong, MAX_FINDINGS_A_CHECK)


def _answer_findings(connection: Connection, deep: bool) -> Iterator[Finding]:
    if not deep or not migrations.has(connection, "delivery"):
        return
    for destination, submitted, answered in connection.execute(SELECT_ANSWERED):
        if answered > submitted:
            yield _finding(
                f"delivery {destination}", f"{destination} answered {answered} shares, but {submitted} were sent to it."
            )


def _ledger_findings(connection: Connection, _deep: bool) -> Iterator[Finding]:
    if migrations.has(connection, "ledger"):
        yield from ledger_findings(connection)


def _wrong_work(kind: str, shares: int, work: str) -> str:
    return f"The work of {shares} {kind} shares is not {int(work)}."


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-604", place=place, message=message, hint=RESTORE_HINT)
