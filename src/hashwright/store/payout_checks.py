"""Prove the payouts against the books, from raw rows: I11 to I14 of reliability.md, as far as the database tells."""

from collections.abc import Iterator

from hashwright.errors import Finding
from hashwright.store.connection import Connection

SELECT_PAYOUTS = "SELECT id, pool, currency, state, total FROM payout ORDER BY id"
SELECT_POSTED = "SELECT source FROM entry WHERE source LIKE 'payout:%'"
EXPECTED = {
    "planned": ("planned",),
    "signed": ("planned",),
    "sent": ("planned",),
    "settled": ("planned", "settled"),
    "cancelled": ("planned", "cancelled"),
}
"""The entries that a payout in each state has."""


def payout_findings(connection: Connection) -> list[Finding]:
    """List what does not hold: totals, entries of each state, stored transactions, addresses and their delay."""
    posted = {row[0] for row in connection.execute(SELECT_POSTED)}
    findings: list[Finding] = []
    known: set[str] = set()
    for payout, pool, _currency, state, total in connection.execute(SELECT_PAYOUTS).fetchall():
        expected = {f"payout:{payout}:{step}" for step in EXPECTED[state]}
        known |= expected | ({f"payout:{payout}:undone"} if state == "settled" else set())
        findings.extend(_entries(payout, state, posted, expected))
        findings.extend(_parts(connection, payout, total))
        findings.extend(_transaction(connection, payout, state))
        findings.extend(_addresses(connection, payout, pool))
    unknown = sorted(posted - known)
    findings.extend(_finding(source, "No payout in that state explains this entry.") for source in unknown)
    return findings


def _entries(payout: str, state: str, posted: set[str], expected: set[str]) -> Iterator[Finding]:
    for source in sorted(expected - posted):
        yield _finding(f"payout {payout}", f"It is {state}, but the books have no entry {source}.")


def _parts(connection: Connection, payout: str, total: int) -> Iterator[Finding]:
    parts = sum(row[0] for row in connection.execute("SELECT minor FROM payout_part WHERE payout = ?", (payout,)))
    if parts != total:
        yield _finding(f"payout {payout}", f"Its parts sum to {parts}, not {total} minor units.")


def _transaction(connection: Connection, payout: str, state: str) -> Iterator[Finding]:
    count = connection.execute("SELECT count(*) FROM payout_transaction WHERE payout = ?", (payout,)).fetchone()[0]
    if (state in ("signed", "sent", "settled")) and count == 0:
        yield _finding(f"payout {payout}", f"It is {state}, but no transaction is stored.")
    if count > 1:
        yield _finding(f"payout {payout}", f"{count} transactions were signed for it; one intent has one.")


def _addresses(connection: Connection, payout: str, pool: str) -> Iterator[Finding]:
    rows = connection.execute(
        "SELECT t.member, t.address FROM payout_part t JOIN payout p ON p.id = t.payout WHERE p.id = ?"
        " AND NOT EXISTS (SELECT 1 FROM member_address a WHERE a.pool = ? AND a.member = t.member"
        " AND a.address = t.address AND a.active_ms <= p.created_ms)",
        (payout, pool),
    )
    for member, address in rows.fetchall():
        yield _finding(f"payout {payout}", f"{address} was not an address of {member} in force then.")


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-621", place=place, message=message, hint="Pay nobody before this is understood.")
