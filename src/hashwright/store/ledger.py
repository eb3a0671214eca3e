"""The books in the database: post an entry once, read entries and balances back, prove them.

Posting happens inside of the caller's transaction, so that an entry and what it comes from stand or fall together.
Each entry's digest covers the one before it: a row that was changed, taken out or put in is found.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator

from hashwright.errors import Finding, InvariantBroken
from hashwright.ledger.accounts import NEVER_NEGATIVE, is_account
from hashwright.ledger.balances import Balances
from hashwright.ledger.entries import Entry, Posting
from hashwright.money import Amount, Currency
from hashwright.store.connection import Connection

GENESIS = bytes(32)
HEAD = "ledger.head"
"""Row of `meta`: number and digest of the last entry, so that a cut-off end is seen."""
MAX_FINDINGS = 20

UPSERT_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
SELECT_ENTRIES = (
    "SELECT id, source, kind, at_ms, text, link, facts, previous_digest, digest FROM entry WHERE id > ? ORDER BY id"
)
SELECT_POSTINGS = "SELECT entry, account, currency, minor FROM posting WHERE entry > ? ORDER BY entry, line"
Line = tuple[str, str, int]
"""Account, currency, minor units."""
Head = tuple[str, str, int, str, str, str]
"""Source, kind, time, text, link, facts."""


def post(connection: Connection, entry: Entry) -> bool:
    """Write an entry within the open transaction; return False where these books hold it already.

    Raises:
        InvariantBroken: the same source stands there with another content (HW-620).
    """
    lines = _lines(entry)
    known = connection.execute("SELECT id, previous_digest, digest FROM entry WHERE source = ?", (entry.source,))
    row = known.fetchone()
    if row is not None:
        if bytes(row[2]) != digest_of(bytes(row[1]), row[0], _head_of(entry), lines):
            raise InvariantBroken(
                f"Entry {entry.source} stands in the books with another content. Nothing was posted.",
                code="HW-620",
                hint="Report this with the log and what hw ledger explain says.",
            )
        return False
    number, previous = read_head(connection)
    number += 1
    _write_currencies(connection, entry)
    # Credits first: an account that cannot be overdrawn is filled before the same entry takes from it.
    order = sorted(enumerate(lines), key=lambda item: (item[1][2], item[0]))
    connection.executemany(
        "INSERT INTO posting VALUES (?, ?, ?, ?, ?)", [(number, place, *line) for place, line in order]
    )
    digest = digest_of(previous, number, _head_of(entry), lines)
    connection.execute(
        "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (number, *_head_of(entry), previous, digest)
    )
    connection.execute(UPSERT_META, (HEAD, f"{number}:{digest.hex()}"))
    return True


def read_head(connection: Connection) -> tuple[int, bytes]:
    """Return number and digest of the last entry."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (HEAD,)).fetchone()
    if row is None:
        return 0, GENESIS
    number, digest = row[0].split(":")
    return int(number), bytes.fromhex(digest)


def digest_of(previous: bytes, number: int, head: Head, lines: list[Line]) -> bytes:
    """Compute sha256 over the digest before and everything that an entry says, as JSON without blanks."""
    content = json.dumps([number, *head, lines], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous + content.encode()).digest()


def read_entries(connection: Connection, *, after: int = 0) -> Iterator[tuple[int, Entry]]:
    """Yield entries with their numbers, oldest first, as they were posted."""
    exponents = read_currencies(connection)
    for number, head, _previous, _digest, lines in _rows(connection, after):
        postings = tuple(
            Posting(account=account, amount=Amount(minor, Currency(code, exponents[code])))
            for account, code, minor in lines
        )
        source, kind, at_ms, text, link, facts = head
        yield (
            number,
            Entry(
                source=source, kind=kind, at_ms=at_ms, postings=postings, text=text, link=link, facts=json.loads(facts)
            ),
        )


def read_digests(connection: Connection) -> dict[int, tuple[str, str]]:
    """Return by number the digest of the entry before and the entry's own [hex]."""
    rows = connection.execute("SELECT id, previous_digest, digest FROM entry ORDER BY id")
    return {row[0]: (bytes(row[1]).hex(), bytes(row[2]).hex()) for row in rows}


def read_balances(connection: Connection) -> Balances:
    """Return the balances that the triggers keep; accounts with nothing on them are left out."""
    exponents = read_currencies(connection)
    rows = connection.execute("SELECT account, currency, minor FROM balance WHERE minor <> 0")
    return {(account, Currency(code, exponents[code])): minor for account, code, minor in rows}


def read_balance(connection: Connection, account: str, currency: str) -> int:
    """Return the balance of one account [minor units]."""
    query = "SELECT minor FROM balance WHERE account = ? AND currency = ?"
    row = connection.execute(query, (account, currency)).fetchone()
    return 0 if row is None else int(row[0])


def read_currencies(connection: Connection) -> dict[str, int]:
    """Return the exponent of each currency in the books."""
    return dict(connection.execute("SELECT code, exponent FROM currency").fetchall())


def ledger_findings(connection: Connection) -> list[Finding]:
    """Recompute everything from the raw rows and list where it breaks (reliability.md I1 to I5).

    Nothing is taken from what the triggers or this program computed before.
    """
    findings: list[Finding] = []
    sums: dict[tuple[str, str], int] = {}
    link = (0, GENESIS)
    for number, head, previous, digest, lines in _rows(connection, 0):
        findings.extend(_entry_findings(number, head, previous, digest, lines, link))
        findings.extend(_account_findings(number, lines, sums))
        link = (number, digest)
        if len(findings) >= MAX_FINDINGS:
            return findings[:MAX_FINDINGS]
    if link != read_head(connection):
        findings.append(_finding("ledger", f"The books end with entry {link[0]}, and another was the last one posted."))
    findings.extend(_balance_findings(connection, sums))
    return findings[:MAX_FINDINGS]


def _entry_findings(
    number: int, head: Head, previous: bytes, digest: bytes, lines: list[Line], link: tuple[int, bytes]
) -> Iterator[Finding]:
    place = f"entry {number} ({head[0]})"
    if number != link[0] + 1 or previous != link[1]:
        yield _finding(place, f"It does not follow entry {link[0]}: entries are missing, added or in another order.")
    if digest != digest_of(previous, number, head, lines):
        yield _finding(place, "It was changed after it was posted.")
    sums: dict[str, int] = {}
    for _account, code, minor in lines:
        sums[code] = sums.get(code, 0) + minor
    for code, minor in sums.items():
        if minor:
            yield _finding(place, f"It is out of balance by {minor} minor units of {code}.")
    if len(lines) < 2:
        yield _finding(place, f"It has {len(lines)} postings.")


def _account_findings(number: int, lines: list[Line], sums: dict[tuple[str, str], int]) -> Iterator[Finding]:
    for account, code, minor in lines:
        if not is_account(account):
            yield _finding(f"entry {number}", f"{account[:80]!r} is no account.")
        sums[account, code] = sums.get((account, code), 0) + minor
    for account, code in {(line[0], line[1]) for line in lines if line[0].startswith(NEVER_NEGATIVE)}:
        if sums[account, code] > 0:
            yield _finding(f"entry {number}", f"{account} is overdrawn by {sums[account, code]} minor units of {code}.")


def _balance_findings(connection: Connection, sums: dict[tuple[str, str], int]) -> Iterator[Finding]:
    kept = {(account, code): minor for account, code, minor in connection.execute("SELECT * FROM balance")}
    for key in sorted(sums.keys() | kept.keys()):
        if sums.get(key, 0) != kept.get(key, 0):
            stands, is_right = kept.get(key, 0), sums.get(key, 0)
            yield _finding(f"balance {key[0]}", f"It stands at {stands}, its postings sum to {is_right} ({key[1]}).")
    closed = "SELECT DISTINCT entry FROM posting WHERE entry NOT IN (SELECT id FROM entry) ORDER BY entry"
    for (number,) in connection.execute(closed):
        yield _finding(f"posting of entry {number}", "It belongs to no entry.")


def _rows(connection: Connection, after: int) -> Iterator[tuple[int, Head, bytes, bytes, list[Line]]]:
    postings = iter(connection.execute(SELECT_POSTINGS, (after,)))
    pending = next(postings, None)
    for row in connection.execute(SELECT_ENTRIES, (after,)):
        lines: list[Line] = []
        while pending is not None and pending[0] <= row[0]:
            if pending[0] == row[0]:
                lines.append((pending[1], pending[2], pending[3]))
            pending = next(postings, None)
        yield row[0], tuple(row[1:7]), bytes(row[7]), bytes(row[8]), lines


def _lines(entry: Entry) -> list[Line]:
    return [(it.account, it.amount.currency.code, it.amount.minor) for it in entry.postings]


def _head_of(entry: Entry) -> Head:
    facts = json.dumps(dict(entry.facts), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return entry.source, entry.kind, entry.at_ms, entry.text, entry.link, facts


def _write_currencies(connection: Connection, entry: Entry) -> None:
    currencies: Iterable[Currency] = {it.amount.currency for it in entry.postings}
    for currency in sorted(currencies, key=lambda it: it.code):
        query = "SELECT exponent FROM currency WHERE code = ?"
        row = connection.execute(query, (currency.code,)).fetchone()
        if row is None:
            connection.execute("INSERT INTO currency VALUES (?, ?)", (currency.code, currency.exponent))
        elif row[0] != currency.exponent:
            raise InvariantBroken(
                f"{currency.code} has {row[0]} places in the books, and {currency.exponent} in entry {entry.source}.",
                code="HW-620",
                hint="Report this with the log: it is a fault of ours.",
            )


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-621", place=place, message=message, hint="Pay nobody before this is understood.")
