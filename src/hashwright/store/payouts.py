"""Payouts and addresses in the database. Each function is one change on the caller's open transaction.

A payout and its entry stand or fall together. Every change names the state that it starts from: a step that was done
already does nothing the second time, and a step out of order is refused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hashwright.errors import InvariantBroken
from hashwright.ledger import accounts
from hashwright.money import Currency
from hashwright.pool import payouts
from hashwright.pool.payouts import MemberAddress, Part, Payout, PayoutState
from hashwright.store import ledger
from hashwright.store.connection import Connection

PAYOUT_COLUMNS = "id, pool, wallet, currency, state, fee_payer, total, fee_limit, created_ms, detail"
OPEN = "state IN ('planned', 'signed', 'sent')"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTransaction:
    """A transaction that was signed for a payout. `inputs` are (txid as shown, output).

    `fee` is what the network gets, `pool_fee` the part of it that is on top of the payout.
    """

    attempt: int
    txid_display: str
    raw: bytes
    fee: int
    pool_fee: int
    inputs: tuple[tuple[str, int], ...]


def next_id(connection: Connection, pool: str) -> str:
    """Return a payout id that was never used: `POOL-000001`."""
    count = connection.execute("SELECT count(*) FROM payout WHERE pool = ?", (pool,)).fetchone()[0]
    return f"{pool}-{count + 1:06d}"


def write_planned(connection: Connection, payout: Payout) -> None:
    """Write the intent and its entry; the same again changes nothing."""
    known = read_payout(connection, payout.id)
    if known is not None:
        if known.parts != payout.parts:
            raise _broken(payout.id, "it is planned already, for other parts")
        return
    connection.execute(
        "INSERT INTO payout VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(payout.id, payout.pool, payout.wallet, payout.currency.code, "planned", payout.fee_payer),
            *(payout.total, payout.fee_limit, payout.created_ms, payout.created_ms, payout.detail),
        ),
    )
    connection.executemany(
        "INSERT INTO payout_part VALUES (?, ?, ?, ?)",
        [(payout.id, part.member, part.address, part.minor) for part in payout.parts],
    )
    ledger.post(connection, payouts.planned_entry(payout))


def write_signed(connection: Connection, payout: Payout, signed: StoredTransaction, *, now: int) -> None:
    """Store what was signed, and reserve what it spends, before anything is sent.

    Raises:
        InvariantBroken: one of its inputs is reserved for another payout, or something is signed already.
    """
    _require(connection, payout.id, "planned")
    for txid, output in signed.inputs:
        query = "SELECT payout FROM payout_input WHERE wallet = ? AND txid = ? AND output = ?"
        row = connection.execute(query, (payout.wallet, txid, output)).fetchone()
        if row is not None:
            raise _broken(payout.id, f"its input {txid}:{output} is reserved for {row[0]}")
    connection.executemany(
        "INSERT INTO payout_input VALUES (?, ?, ?, ?)",
        [(payout.wallet, txid, output, payout.id) for txid, output in signed.inputs],
    )
    connection.execute(
        "INSERT INTO payout_transaction VALUES (?, ?, ?, ?, ?, ?, ?)",
        (payout.id, signed.attempt, signed.txid_display, signed.raw, signed.fee, signed.pool_fee, now),
    )
    _set_state(connection, payout.id, "signed", "", now)


def write_sent(connection: Connection, payout_id: str, *, detail: str, now: int) -> None:
    """Note that the node took the transaction; only what is signed can be sent."""
    state = _state(connection, payout_id)
    if state == "sent":
        return
    _require(connection, payout_id, "signed")
    _set_state(connection, payout_id, "sent", detail, now)


def write_detail(connection: Connection, payout_id: str, *, detail: str, now: int) -> None:
    """Note what is in the way of a payout."""
    state = _state(connection, payout_id)
    if state in ("planned", "signed", "sent"):
        _set_state(connection, payout_id, state, detail, now)


def write_settled(
    connection: Connection, payout: Payout, stored: StoredTransaction, *, txid_display: str, now: int
) -> None:
    """Note that the chain holds it deep enough, with the entry that takes it out of the wallet."""
    if _state(connection, payout.id) == "settled":
        return
    _require(connection, payout.id, "signed", "sent")
    entry = payouts.settled_entry(
        payout, txid_display=txid_display, fee=stored.fee, pool_fee=stored.pool_fee, at_ms=now
    )
    ledger.post(connection, entry)
    _set_state(connection, payout.id, "settled", txid_display, now)


def write_cancelled(connection: Connection, payout: Payout, *, reason: str, now: int) -> None:
    """Give members their money back. The caller has proved that nothing of it can ever confirm."""
    if _state(connection, payout.id) == "cancelled":
        return
    _require(connection, payout.id, "planned", "signed", "sent")
    ledger.post(connection, payouts.cancelled_entry(payout, reason=reason, at_ms=now))
    connection.execute("DELETE FROM payout_input WHERE payout = ?", (payout.id,))
    _set_state(connection, payout.id, "cancelled", reason, now)


def write_undone(
    connection: Connection, payout: Payout, stored: StoredTransaction, *, txid_display: str, now: int
) -> None:
    """Give members back what was settled. The caller has proved that nothing of it can ever confirm again."""
    _require(connection, payout.id, "settled")
    if not is_undone(connection, payout.id):
        entry = payouts.undone_entry(payout, txid_display=txid_display, pool_fee=stored.pool_fee, at_ms=now)
        ledger.post(connection, entry)


def is_undone(connection: Connection, payout_id: str) -> bool:
    """Tell whether the chain undid a settled payout."""
    query = "SELECT 1 FROM entry WHERE source = ?"
    return connection.execute(query, (f"payout:{payout_id}:undone",)).fetchone() is not None


def settled_since(connection: Connection, pool: str, since_ms: int) -> list[tuple[Payout, StoredTransaction]]:
    """Read what was begun since then, is settled, and was not undone, oldest first."""
    found = []
    for payout in _read(connection, "pool = ? AND state = 'settled' AND created_ms > ?", (pool, since_ms)):
        stored = read_transaction(connection, payout.id)
        if stored is not None and not is_undone(connection, payout.id):
            found.append((payout, stored))
    return found


def read_payout(connection: Connection, payout_id: str) -> Payout | None:
    """Read one payout."""
    found = _read(connection, "id = ?", (payout_id,))
    return found[0] if found else None


def open_payouts(connection: Connection, pool: str) -> list[Payout]:
    """Read what is on its way, oldest first."""
    return _read(connection, f"pool = ? AND {OPEN}", (pool,))


def last_payouts(connection: Connection, pool: str, limit: int) -> list[Payout]:
    """Read the newest payouts, newest first."""
    return _read(connection, "pool = ?", (pool,))[::-1][:limit]


def read_transaction(connection: Connection, payout_id: str) -> StoredTransaction | None:
    """Read what was signed last for a payout."""
    query = (
        "SELECT attempt, txid, raw, fee, pool_fee FROM payout_transaction WHERE payout = ?"
        " ORDER BY attempt DESC LIMIT 1"
    )
    row = connection.execute(query, (payout_id,)).fetchone()
    if row is None:
        return None
    inputs = connection.execute(
        "SELECT txid, output FROM payout_input WHERE payout = ? ORDER BY txid, output", (payout_id,)
    ).fetchall()
    return StoredTransaction(
        attempt=row[0],
        txid_display=row[1],
        raw=bytes(row[2]),
        fee=row[3],
        pool_fee=row[4],
        inputs=tuple((it[0], it[1]) for it in inputs),
    )


def reserved_inputs(connection: Connection, wallet: str) -> set[tuple[str, int]]:
    """Return what payouts spend or will spend: the database owns the choice of coins, not the node."""
    rows = connection.execute("SELECT txid, output FROM payout_input WHERE wallet = ?", (wallet,))
    return {(txid, output) for txid, output in rows}


def known_txids(connection: Connection, wallet: str) -> set[str]:
    """Return the transactions of a wallet that an intent, a buyer's deposit, or a person explains."""
    ours = connection.execute(
        "SELECT t.txid FROM payout_transaction t JOIN payout p ON p.id = t.payout WHERE p.wallet = ?", (wallet,)
    )
    explained = connection.execute("SELECT txid FROM explained WHERE wallet = ?", (wallet,))
    deposits = connection.execute(
        "SELECT e.source FROM entry e JOIN posting p ON p.entry = e.id"
        " WHERE e.kind = 'market-funded' AND p.account = ?",
        (accounts.wallet(wallet),),
    )
    return {row[0] for row in ours} | {row[0] for row in explained} | {row[0].split(":")[1] for row in deposits}


def known_blocks(connection: Connection) -> set[str]:
    """Return the hashes of all blocks that were ever found through us: what they pay has entries of its own."""
    return {row[0] for row in connection.execute("SELECT block_hash FROM block")}


def explain(connection: Connection, wallet: str, txid: str, *, reason: str, now: int) -> None:
    """Note a person's word on a transaction of the wallet that is none of ours."""
    query = "SELECT 1 FROM explained WHERE wallet = ? AND txid = ?"
    if connection.execute(query, (wallet, txid)).fetchone() is None:
        connection.execute("INSERT INTO explained VALUES (?, ?, ?, ?)", (wallet, txid, reason, now))


def paid_since(connection: Connection, pool: str, since_ms: int) -> int:
    """Sum what was planned since then and not cancelled [minor units]."""
    rows = connection.execute(
        "SELECT total FROM payout WHERE pool = ? AND created_ms > ? AND state <> 'cancelled'", (pool, since_ms)
    )
    return sum(row[0] for row in rows)


# ---------------------------------------------------------------- addresses


def write_address(connection: Connection, pool: str, member: str, wish: MemberAddress) -> None:
    """Note where a member wants his money; earlier wishes stay on record."""
    connection.execute(
        "INSERT INTO member_address VALUES (?, ?, ?, ?, ?, NULL)",
        (pool, member, wish.asked_ms, wish.address, wish.active_ms),
    )


def cancel_addresses(connection: Connection, pool: str, member: str, *, now: int) -> int:
    """Take back the wishes of a member whose delay is not over; return how many."""
    rows = connection.execute(
        "SELECT asked_ms FROM member_address WHERE pool = ? AND member = ? AND active_ms > ? AND cancelled_ms IS NULL",
        (pool, member, now),
    ).fetchall()
    connection.executemany(
        "UPDATE member_address SET cancelled_ms = ? WHERE pool = ? AND member = ? AND asked_ms = ?",
        [(now, pool, member, row[0]) for row in rows],
    )
    return len(rows)


def read_addresses(connection: Connection, pool: str) -> dict[str, list[MemberAddress]]:
    """Read the addresses of each member, oldest first."""
    rows = connection.execute(
        "SELECT member, address, asked_ms, active_ms, cancelled_ms FROM member_address WHERE pool = ?"
        " ORDER BY member, asked_ms",
        (pool,),
    )
    found: dict[str, list[MemberAddress]] = {}
    for member, address, asked_ms, active_ms, cancelled_ms in rows:
        wish = MemberAddress(address=address, asked_ms=asked_ms, active_ms=active_ms, cancelled_ms=cancelled_ms)
        found.setdefault(member, []).append(wish)
    return found


# ---------------------------------------------------------------- the high-water mark of a wallet's chain


def read_mark(connection: Connection, wallet: str) -> tuple[int, str]:
    """Return the highest block that the wallet's node ever showed us: height and hash."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (f"tip.{wallet}",)).fetchone()
    height, block_hash = json.loads(row[0]) if row is not None else (0, "")
    return height, block_hash


def write_mark(connection: Connection, wallet: str, height: int, block_hash: str) -> None:
    """Raise the mark; it never goes back."""
    if height >= read_mark(connection, wallet)[0]:
        connection.execute(ledger.UPSERT_META, (f"tip.{wallet}", json.dumps([height, block_hash])))


def _read(connection: Connection, condition: str, values: Sequence[object]) -> list[Payout]:
    exponents = ledger.read_currencies(connection)
    query = f"SELECT {PAYOUT_COLUMNS} FROM payout WHERE {condition} ORDER BY created_ms, id"  # noqa: S608 (constants)
    return [
        Payout(
            id=row[0],
            pool=row[1],
            wallet=row[2],
            currency=Currency(row[3], exponents[row[3]]),
            state=row[4],
            fee_payer=row[5],
            total=row[6],
            fee_limit=row[7],
            created_ms=row[8],
            detail=row[9],
            parts=_parts(connection, row[0]),
        )
        for row in connection.execute(query, values).fetchall()
    ]


def _parts(connection: Connection, payout_id: str) -> tuple[Part, ...]:
    rows = connection.execute("SELECT member, address, minor FROM payout_part WHERE payout = ?", (payout_id,))
    parts = [Part(member=row[0], address=row[1], minor=row[2]) for row in rows]
    return tuple(sorted(parts, key=lambda it: (-it.minor, it.member)))  # a server sorts text in an order of its own


def _state(connection: Connection, payout_id: str) -> PayoutState:
    row = connection.execute("SELECT state FROM payout WHERE id = ?", (payout_id,)).fetchone()
    if row is None:
        raise _broken(payout_id, "there is no such payout")
    state: PayoutState = row[0]
    return state


def _require(connection: Connection, payout_id: str, *states: PayoutState) -> None:
    state = _state(connection, payout_id)
    if state not in states:
        raise _broken(payout_id, f"it is {state}, and must be {' or '.join(states)} for this step")


def _set_state(connection: Connection, payout_id: str, state: PayoutState, detail: str, now: int) -> None:
    connection.execute(
        "UPDATE payout SET state = ?, detail = ?, changed_ms = ? WHERE id = ?", (state, detail, now, payout_id)
    )


def _broken(payout_id: str, problem: str) -> InvariantBroken:
    return InvariantBroken(
        f"Payout {payout_id}: {problem}. Nothing was changed.",
        code="HW-621",
        hint="Report this with the log and what hw ledger check says.",
    )
