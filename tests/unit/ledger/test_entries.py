"""Entries balance in every currency or do not exist; accounts take any name and give it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.errors import InvariantBroken
from hashwright.ledger import accounts
from hashwright.ledger.balances import balances_of, owed, under
from hashwright.ledger.entries import entry_of, reversal
from hashwright.money import Amount, Currency
from hashwright.store import ledger_schema

LTC, EUR = Currency("LTC", 8), Currency("EUR", 2)


def ltc(minor):
    return Amount(minor, LTC)


def test_a_balanced_entry_stands():
    entry = entry_of("a:1", "test", 5, ("asset:wallet:hot", ltc(7)), (accounts.OWNER, ltc(-7)), text="hello", link="x")
    assert [posting.amount.minor for posting in entry.postings] == [7, -7]


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ([("asset:wallet:hot", ltc(7)), (accounts.OWNER, ltc(-6))], "out of balance by 1"),
        ([("asset:wallet:hot", ltc(7)), (accounts.OWNER, Amount(-7, EUR))], "out of balance"),
        ([("asset:wallet:hot", ltc(7))], "has 1 postings"),
        ([], "has 0 postings"),
        ([("asset", ltc(7)), (accounts.OWNER, ltc(-7))], "is no account"),
        ([("money:hot", ltc(7)), (accounts.OWNER, ltc(-7))], "is no account"),
        ([("asset:a b", ltc(7)), (accounts.OWNER, ltc(-7))], "is no account"),
    ],
)
def test_anything_else_does_not(moves, words):
    with pytest.raises(InvariantBroken, match=words):
        entry_of("a:1", "test", 5, *moves)


def test_nothing_is_not_posted_and_a_source_is_needed():
    assert len(entry_of("a", "t", 0, ("asset:a", ltc(1)), ("asset:b", ltc(0)), ("asset:c", ltc(-1))).postings) == 2
    with pytest.raises(InvariantBroken, match="source"):
        entry_of("", "t", 0, ("asset:a", ltc(1)), ("asset:c", ltc(-1)))


def test_a_reversal_undoes():
    entry = entry_of("a:1", "test", 5, ("asset:wallet:hot", ltc(7)), (accounts.OWNER, ltc(-7)))
    undone = reversal(entry, "a:2", kind="undo", at_ms=6, text="it was wrong")
    assert balances_of([entry, undone]) == {}
    assert undone.link == "a:1"


def test_balances_are_sums_by_account_and_currency():
    first = entry_of("1", "t", 0, (accounts.member("p", "kai"), ltc(-5)), ("asset:wallet:p", ltc(5)))
    second = entry_of("2", "t", 0, (accounts.member("p", "mia"), ltc(-6)), ("asset:wallet:p", ltc(6)))
    balances = balances_of([first, second])
    assert owed(balances, "liability:member:p", LTC) == 11
    assert [account for account, _ in under(balances, "liability:member:p")] == [
        "liability:member:p:kai",
        "liability:member:p:mia",
    ]
    assert list(under(balances, "liability:mem")) == []


@given(st.text(min_size=1, max_size=30).filter(lambda text: not any(0xD800 <= ord(letter) < 0xE000 for letter in text)))
def test_any_name_is_one_part_of_an_account(name):
    account = accounts.member("pool", name)
    assert accounts.is_account(account)
    assert accounts.parts_of(account)[3] == name


def test_database_and_chart_agree_on_who_cannot_be_overdrawn():
    assert ledger_schema.OWED == accounts.NEVER_NEGATIVE
