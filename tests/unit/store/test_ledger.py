"""The books in the database: posted once, proved from raw rows, defended by triggers."""

import pytest

from hashwright.errors import InvariantBroken
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount, Currency
from hashwright.store import ledger

LTC = Currency("LTC", 8)
HOT = accounts.wallet("hot")
KAI = accounts.member("p", "kai")


def ltc(minor):
    return Amount(minor, LTC)


def deposit(number, minor=10):
    return entry_of(f"d:{number}", "deposit", number, (HOT, ltc(minor)), (KAI, ltc(-minor)), link="story")


@pytest.fixture
def books(engine, tmp_path):
    store = engine.open(tmp_path)
    connection = store.connect()
    yield connection
    connection.close()
    store.close()


def test_entries_come_back_as_they_were_posted(books):
    entries = [deposit(1), deposit(2, 5)]
    assert [ledger.post(books, entry) for entry in entries] == [True, True]
    assert [entry for _, entry in ledger.read_entries(books)] == entries
    assert [number for number, _ in ledger.read_entries(books, after=1)] == [2]
    assert ledger.read_balance(books, KAI, "LTC") == -15
    assert ledger.read_balances(books) == {(KAI, LTC): -15, (HOT, LTC): 15}
    assert ledger.ledger_findings(books) == []


def test_posting_twice_is_one_movement_and_another_content_is_refused(books):
    assert ledger.post(books, deposit(1))
    assert not ledger.post(books, deposit(1))
    with pytest.raises(InvariantBroken, match="another content"):
        ledger.post(books, deposit(1, 11))
    assert ledger.read_balance(books, HOT, "LTC") == 10


def test_a_currency_has_one_exponent(books):
    ledger.post(books, deposit(1))
    other = Currency("LTC", 2)
    entry = entry_of("x", "t", 1, (HOT, Amount(1, other)), (KAI, Amount(-1, other)))
    with pytest.raises(InvariantBroken, match="places"):
        ledger.post(books, entry)


def test_nobody_is_overdrawn(engine, books):
    ledger.post(books, deposit(1))
    with pytest.raises(engine.integrity_error, match="not_overdrawn"):
        ledger.post(books, entry_of("out", "t", 2, (KAI, ltc(11)), (HOT, ltc(-11))))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET text = 'other'",
        "DELETE FROM entry",
        "UPDATE posting SET minor = minor + 1",
        "DELETE FROM posting",
        "INSERT INTO posting VALUES (1, 9, 'asset:wallet:hot', 'LTC', 1)",
        "UPDATE currency SET exponent = 9",
    ],
)
def test_history_never_changes(engine, books, statement):
    ledger.post(books, deposit(1))
    with pytest.raises(engine.integrity_error):
        books.execute(statement)


def test_the_database_refuses_an_entry_that_does_not_balance(engine, books):
    books.execute("INSERT INTO posting VALUES (1, 0, 'asset:wallet:hot', 'LTC', 5)")
    books.execute("INSERT INTO posting VALUES (1, 1, 'equity:owner', 'LTC', -4)")
    with pytest.raises(engine.integrity_error, match="balances"):
        books.execute(engine.sql("INSERT INTO entry VALUES (1, 's', 'k', 0, '', '', '{}', zeroblob(32), zeroblob(32))"))


@pytest.mark.parametrize(
    ("trigger", "statement", "words"),
    [
        ("posting_is_immutable", "UPDATE posting SET minor = minor + 1 WHERE entry = 1 AND line = 0", "out of balance"),
        (
            "posting_is_immutable",
            "UPDATE posting SET account = 'asset:wallet:evil' WHERE entry = 1 AND line = 0",
            "changed",
        ),
        ("entry_is_immutable", "UPDATE entry SET text = 'x' WHERE id = 1", "changed"),
        ("entry_is_kept", "DELETE FROM entry WHERE id = 2", "does not follow"),
        ("entry_is_kept", "DELETE FROM entry WHERE id = 3", "the last one posted"),
        ("entry_is_kept", "DELETE FROM entry WHERE id = 3", "belongs to no entry"),
        ("", "UPDATE balance SET minor = minor - 1 WHERE account = 'asset:wallet:hot'", "postings sum to 30"),
        ("", "INSERT INTO balance VALUES ('asset:x', 'LTC', 4)", "postings sum to 0"),
    ],
)
def test_what_gets_past_the_triggers_is_found_and_named(engine, books, trigger, statement, words):
    for number in (1, 2, 3):
        ledger.post(books, deposit(number))
    if trigger:
        engine.drop_trigger(books, trigger)
    books.execute(statement)
    findings = ledger.ledger_findings(books)
    assert any(words in finding.message for finding in findings), findings
    assert all(finding.code == "HW-621" for finding in findings)


def test_the_store_checks_the_books_too(engine, tmp_path):
    with_books = engine.open(tmp_path)
    connection = with_books.connect()
    ledger.post(connection, deposit(1))
    assert with_books.check() == []
    connection.execute("UPDATE balance SET minor = minor - 1 WHERE account = 'asset:wallet:hot'")
    assert [finding.code for finding in with_books.check()] == ["HW-621"]
    connection.close()
    with_books.close()
