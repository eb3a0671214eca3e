import json

import pytest

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount, Currency
from hashwright.store import ledger
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw

LTC = Currency("LTC", 8)


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    store = SqliteStore.open(data)
    connection = store.connect()
    entry = entry_of(
        "mature:ab",
        "block-matured",
        1_790_000_000_000,
        (accounts.wallet("hot"), Amount(625_000_000, LTC)),
        (accounts.member("p", "kai"), Amount(-600_000_000, LTC)),
        (accounts.fee("p"), Amount(-25_000_000, LTC)),
        text="=Block 7 matured.",
        link="block:ab",
    )
    ledger.post(connection, entry)
    connection.close()
    store.close()
    return data


def test_balances_are_read_as_people_read_them(capsys, folder):
    said = hw(capsys, "--data-dir", folder, "--plain", "ledger", "balance")
    assert said.code == 0
    assert "liability:member:p:kai\twe owe\t6.00000000\tLTC" in said.out
    assert "income:fee:p\tearned\t0.25000000\tLTC" in said.out
    only = hw(capsys, "--data-dir", folder, "--json", "ledger", "balance", "asset")
    (row,) = json.loads(only.out)["balances"]
    assert (row["account"], row["amount"]) == ("asset:wallet:hot", "6.25000000")


def test_a_day_sums_what_was_earned_and_credited(capsys, folder):
    said = hw(capsys, "--data-dir", folder, "--json", "ledger", "day")
    (row,) = json.loads(said.out)["days"]
    assert row["day"] == "2026-09-21"
    assert (row["earned"], row["credited to members"], row["paid out"]) == ("0.25000000", "6.00000000", "0.00000000")


@pytest.mark.parametrize("name", ["1", "mature:ab", "block:ab", "ab"])
def test_a_story_is_found_by_any_of_its_names(capsys, folder, name):
    said = hw(capsys, "--data-dir", folder, "--plain", "ledger", "explain", name)
    assert said.code == 0
    assert "mature:ab" in said.out
    assert "-6.00000000" in said.out


def test_what_is_not_there_is_said(capsys, folder):
    said = hw(capsys, "--data-dir", folder, "ledger", "explain", "nothing")
    assert said.code == 1
    assert said.err.startswith("HW-626 ")


def test_exports_are_whole_and_harmless(capsys, folder):
    said = hw(capsys, "--data-dir", folder, "ledger", "export", "--format", "json")
    document = json.loads(said.out)
    assert sum(int(it["minor"]) for it in document["postings"]) == 0
    said = hw(capsys, "--data-dir", folder, "ledger", "export", "--format", "csv")
    assert len(said.out.splitlines()) == 4
    assert ",'=Block 7 matured.," in said.out


def test_exports_say_what_is_valued_and_by_whom(capsys, folder, tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text("date,base,quote,price\n2026-09-20,LTC,EUR,80.00\n")
    said = hw(capsys, "--data-dir", folder, "ledger", "prices", prices, "--feed", "mine")
    assert (said.code, said.out) == (0, "1 new prices of mine; 0 were known.\n")
    again = hw(capsys, "--data-dir", folder, "--json", "ledger", "prices", prices, "--feed", "mine")
    assert json.loads(again.out)["new"] == 0
    for form in ("json", "csv", "beancount", "hledger", "koinly", "cointracker", "gains"):
        said = hw(capsys, "--data-dir", folder, "ledger", "export", "--format", form, "--currency", "EUR")
        assert (said.code, bool(said.out)) == (0, True), form
        words = "nothing here is valued" if form == "cointracker" else "3 of 3 amounts have a measured price in EUR"
        assert words in said.err
    said = hw(capsys, "--data-dir", folder, "ledger", "export", "--format", "koinly")
    assert "No valuations" in said.err
    assert hw(capsys, "--data-dir", folder, "ledger", "export", "--format", "gains").code == 2


def test_bad_prices_are_refused_whole(capsys, folder, tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text("date,base,quote,price\n2026-09-20,LTC,EUR,80.00\n2026-09-20,LTC,EUR,81.00\n")
    said = hw(capsys, "--data-dir", folder, "ledger", "prices", prices, "--feed", "mine")
    assert said.code == 1
    assert said.err.startswith("HW-628 ")
    said = hw(capsys, "--data-dir", folder, "ledger", "export", "--format", "csv", "--currency", "EUR")
    assert "0 of 3 amounts" in said.err, "nothing of a refused file is taken"


@pytest.mark.parametrize("deep", [[], ["--deep"]])
def test_a_check_proves_and_finds(capsys, folder, deep):
    good = hw(capsys, "--data-dir", folder, "ledger", "check", *deep)
    assert (good.code, good.out) == (0, "The books hold: 1 entries proved from their raw rows.\n")
    store = SqliteStore.open(folder)
    connection = store.connect()
    connection.execute("UPDATE balance SET minor = minor + 1 WHERE account = 'asset:wallet:hot'")
    connection.close()
    store.close()
    bad = hw(capsys, "--data-dir", folder, "ledger", "check", *deep)
    assert bad.code == 1
    assert "HW-621" in bad.out


def test_empty_books_say_so(capsys, tmp_path):
    SqliteStore.open(tmp_path).close()
    said = hw(capsys, "--data-dir", tmp_path, "--plain", "ledger", "balance")
    assert "The books are empty" in said.out + said.err
    assert hw(capsys, "--data-dir", tmp_path, "ledger", "export", "--format", "csv").code == 4


def test_workers_stand_beside_what_was_earned(capsys, folder):
    rows = json.loads(hw(capsys, "--data-dir", folder, "--json", "ledger", "workers", "--days", "3650").out)["workers"]
    assert rows
    assert {it["worker"] for it in rows} == {""}, "these books hold no work"
    assert (
        "(nobody worked in these days)" in hw(capsys, "--data-dir", folder, "ledger", "workers", "--days", "3650").out
    )


def test_costs_are_booked_once_and_stand_in_the_books(capsys, folder):
    words = ("ledger", "cost", "energy", "home", "120.50 EUR", "--date", "2026-10-31", "--reference", "invoice 4711")
    said = hw(capsys, "--data-dir", folder, *words)
    assert (said.code, said.out) == (0, "Booked: hw ledger explain cost:energy:home:invoice%204711\n")
    again = hw(capsys, "--data-dir", folder, "--json", *words)
    assert json.loads(again.out)["is_new"] is False
    hw(capsys, "--data-dir", folder, "ledger", "cost", "hardware", "S21 #1", "2300 EUR", "--date", "2026-09-01")
    rows = json.loads(hw(capsys, "--data-dir", folder, "--json", "ledger", "balance").out)["balances"]
    sums = {it["account"]: it["amount"] for it in rows if it["currency"] == "EUR"}
    assert sums["expense:energy:home"] == "120.50"
    assert sums["asset:hardware:S21%20%231"] == "2300.00"
    assert sums["asset:cash:bank"] == "-2420.50"
    assert hw(capsys, "--data-dir", folder, "ledger", "check").code == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("home", "121 EUR", "--reference", "r"), "is booked already"),
        (("home", "12 LTC2", "--reference", "x"), "no money of a state"),
        (("home", "0 EUR"), "no money of a state"),
        (("home", "1.234 EUR"), "has no smaller unit"),
        (("x" * 65, "1 EUR"), "the name has 1 to 64 characters"),
        (("home", "1 EUR", "--date", "2100-01-01"), "lies in the future"),
    ],
)
def test_a_cost_that_cannot_be_booked_says_why(capsys, folder, words, problem):
    first = ("ledger", "cost", "energy", "home", "120 EUR", "--reference", "r", "--date", "2026-10-31")
    assert hw(capsys, "--data-dir", folder, *first).code == 0
    said = hw(capsys, "--data-dir", folder, "ledger", "cost", "energy", *words)
    assert said.code != 0
    assert problem in said.err
    assert "HW-651" in said.err
