"""Readings of accounts: one transaction with their entries, kept for ever, on both databases."""

from contextlib import closing

import pytest

from hashwright.ledger import accounts
from hashwright.money import Currency
from hashwright.pool.receivables import Reading
from hashwright.runtime.receivables import DAY_MS, days_of
from hashwright.store import ledger
from hashwright.store.receivables import accepted_work, last_reading, readings_since, write_reading
from unit.store.making import START_MS, WORK, delivered
from unit.store.test_sqlite import write

BTC = Currency("BTC", 8)
MINUTE = START_MS // 60_000


@pytest.fixture
def store(engine, tmp_path):
    store = engine.open(tmp_path / "data")
    yield store
    store.close()


def reading(at, unpaid, paid, expected=0):
    return Reading(
        upstream="ocean",
        read_ms=at,
        until_minute=at // 60_000,
        work=10**30,
        expected=expected,
        unpaid=unpaid,
        paid=paid,
        hashrate=10**20,
    )


def test_work_is_counted_once_and_only_what_was_accepted(store):
    write(
        store,
        delivered(1, submitted=3, accepted=2, rejected=1, destination="ocean"),
        delivered(2, minute=1, submitted=1, accepted=1, destination="ocean"),
        delivered(3, minute=1, submitted=1, accepted=1, destination="other"),
    )
    ask = store.read_books
    assert ask(lambda it: accepted_work(it, "ocean", after=MINUTE, until=MINUTE + 2)) == 3 * WORK
    assert ask(lambda it: accepted_work(it, "ocean", after=MINUTE, until=MINUTE + 1)) == 2 * WORK
    assert ask(lambda it: accepted_work(it, "ocean", after=MINUTE + 1, until=MINUTE + 1)) == 0


def test_readings_become_entries(store):
    with closing(store.connect()) as connection:
        told = [reading(1_000, 50, 1_000), reading(2_000, 80, 1_000, 40), reading(3_000, 5, 1_090, 10)]
        for it in told:
            write_reading(connection, it, BTC)
        assert last_reading(connection, "ocean") == told[-1]
        assert readings_since(connection, "ocean", 2_000) == told

        def balance(account):
            return ledger.read_balance(connection, account, "BTC")

        assert balance(accounts.receivable("ocean", "credited")) == 5, "what it owes now"
        assert balance(accounts.receivable("ocean", "paid")) == 90
        assert balance(accounts.mined("ocean")) == -(30 + 15)
        assert balance(accounts.OWNER) == -50, "what it owed before we looked is no income of ours"
        assert store.check(deep=True) == []


def test_what_is_not_told_changes_nothing(store):
    with closing(store.connect()) as connection:
        write_reading(connection, reading(1_000, None, None), BTC)
        write_reading(connection, reading(2_000, 7, 0), BTC)
        write_reading(connection, reading(3_000, None, None), BTC)
        assert [entry.kind for _, entry in ledger.read_entries(connection)] == ["upstream-opening"]


def test_credit_that_is_taken_back_is_said(store):
    with closing(store.connect()) as connection:
        for at, unpaid in ((1_000, 100), (2_000, 40)):
            write_reading(connection, reading(at, unpaid, 0), BTC)
        assert ledger.read_balance(connection, accounts.mined("ocean"), "BTC") == 60
        assert ledger.read_balance(connection, accounts.receivable("ocean", "credited"), "BTC") == 40


def test_days_are_learned_from_readings(store):
    with closing(store.connect()) as connection:
        for day, (unpaid, expected) in enumerate([(0, 0), (90, 100), (200, 100)]):
            write_reading(connection, reading(START_MS + day * DAY_MS, unpaid, 0, expected), BTC)
        found = days_of(connection, "ocean", now=START_MS + 2 * DAY_MS)
    assert [(it.age_days, it.expected, it.credited) for it in found] == [(1, 100, 90), (0, 100, 110)]


def test_a_reading_never_changes(engine, store):
    with closing(store.connect()) as connection:
        write_reading(connection, reading(1_000, 1, 1), BTC)
        for statement in ("UPDATE account_reading SET unpaid = 0", "DELETE FROM account_reading"):
            with pytest.raises(engine.integrity_error):
                connection.execute(statement)
