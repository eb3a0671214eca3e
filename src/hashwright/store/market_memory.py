"""The market's long memory in tables: answers and deposits that the engine let go of. A row never changes.

Whoever moves something here reads it back in the same transaction: only what is there, word by word, may be forgotten.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hashwright.market.events import MemoryRecalled
from hashwright.store import migrations
from hashwright.store.connection import Connection
from hashwright.store.market import read_order

Answer = tuple[str, str, str, str, str]
"""Key (account and reference), digest, order, code, words."""
Deposit = tuple[str, str, int, int]
"""Origin, account, amount [minor units], time [ms]."""
Ended = tuple[str, str, str, str]
"""Order, account, state, reason."""
ENDED_STATES = ("cancelled", "fulfilled", "expired", "refused")
INSERT_ANSWER = "INSERT INTO market_answer (key, digest, order_id, code, words) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # fmt: skip  # noqa: E501
INSERT_DEPOSIT = "INSERT INTO market_deposit (origin, account, minor, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is looked for: an answer by its key, a deposit by its origin, an order by its id; empty for none."""

    answer: str = ""
    deposit: str = ""
    order: str = ""


def read_memory(connection: Connection, names: Names) -> MemoryRecalled:
    """Read what is here of it."""
    answer = read_answer(connection, names.answer) if names.answer else None
    deposit = read_deposit(connection, names.deposit) if names.deposit else None
    ended = read_ended(connection, names.order) if names.order else None
    return MemoryRecalled(
        () if answer is None else (answer,), () if deposit is None else (deposit,), () if ended is None else (ended,)
    )


def keep(connection: Connection, answers: Sequence[Answer], deposits: Sequence[Deposit]) -> None:
    """Write what is not there yet."""
    if answers:
        connection.executemany(INSERT_ANSWER, answers)
    if deposits:
        connection.executemany(INSERT_DEPOSIT, deposits)


def kept_answers(connection: Connection, answers: Iterable[Answer]) -> tuple[str, ...]:
    """Return the keys of those that are there word by word."""
    return tuple(it[0] for it in answers if read_answer(connection, it[0]) == it)


def kept_deposits(connection: Connection, deposits: Iterable[Deposit]) -> tuple[str, ...]:
    """Return the origins of those that are there."""
    return tuple(it[0] for it in deposits if read_deposit(connection, it[0]) == it)


def kept_ended(connection: Connection, ended: Iterable[Ended]) -> tuple[str, ...]:
    """Return the orders of those whose row says the same."""
    return tuple(it[0] for it in ended if read_ended(connection, it[0]) == it)


def read_answer(connection: Connection, key: str) -> Answer | None:
    """Read what a request got; None where it is not here."""
    if not migrations.has(connection, "market_memory"):
        return None
    row = connection.execute(
        "SELECT key, digest, order_id, code, words FROM market_answer WHERE key = ?", (key,)
    ).fetchone()
    return None if row is None else (key, *map(str, row[1:]))  # type: ignore[return-value]


def read_placed(connection: Connection, account: str, prefix: str) -> dict[str, str]:
    """Return the references of an account's requests that begin so, by the order that each was answered with."""
    if not migrations.has(connection, "market_memory"):
        return {}
    begin = f"{account}/{prefix}"
    rows = connection.execute(
        "SELECT key, order_id FROM market_answer WHERE substr(key, 1, ?) = ?", (len(begin), begin)
    )
    return {str(order): str(key).partition("/")[2] for key, order in rows.fetchall() if order}


def read_deposit(connection: Connection, origin: str) -> Deposit | None:
    """Read a deposit that was counted; None where it is not here."""
    if not migrations.has(connection, "market_memory"):
        return None
    row = connection.execute("SELECT account, minor, at_ms FROM market_deposit WHERE origin = ?", (origin,)).fetchone()
    return None if row is None else (origin, str(row[0]), int(row[1]), int(row[2]))


def read_ended(connection: Connection, order: str) -> Ended | None:
    """Read the last words about an order; None where it never was, or is not over."""
    row = read_order(connection, order)
    return None if row is None or row.state not in ENDED_STATES else (row.id, row.account, row.state, row.reason)


def read_moves(connection: Connection) -> Mapping[str, int]:
    """Count by output how often it was credited and taken back, of the deposits that are here (`output#number`)."""
    if not migrations.has(connection, "market_memory"):
        return {}
    counts: dict[str, int] = {}
    for (origin,) in connection.execute("SELECT origin FROM market_deposit").fetchall():
        count_move(counts, origin)
    return counts


def count_move(counts: dict[str, int], origin: str) -> None:
    """Note that a move of an output is here."""
    output, _, number = origin.rpartition("#")
    if output and number.isdigit():
        counts[output] = max(counts.get(output, 0), int(number))
