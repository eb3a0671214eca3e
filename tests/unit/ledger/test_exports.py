"""Exports, judged by other programs: beancount, the stand-alone checker, csv; hledger in the functional group."""

import csv
import json
import pathlib
import subprocess
import sys

import pytest

from hashwright.ledger.export_beancount import Names, export_beancount
from hashwright.ledger.export_csv import export_csv
from hashwright.ledger.export_json import export_json
from hashwright.ledger.export_tax import (
    COINTRACKER,
    KOINLY,
    books_of_member,
    export_cointracker,
    export_gains,
    export_koinly,
    tax_rows,
    txid_of,
)
from hashwright.ledger.lots import first_in_first_out
from hashwright.ledger.prices import Valuer, read_price_rows
from hashwright.store import ledger
from hashwright.store.sqlite import SqliteStore
from unit.ledger.books import LTC, TXID, every_kind, ltc, numbered, reserve_books

CHECKER = pathlib.Path(__file__).parents[3] / "scripts" / "ledger_checker.py"
PRICES = ["date,base,quote,price", "2026-09-20,LTC,EUR,80.00", "2026-09-21,LTC,EUR,85.00"]
"""The close of 09-20 is good on 09-21 (START), that of 09-21 on 09-22; on 10-01 both are too old."""


def valuer():
    return Valuer(read_price_rows(PRICES, feed="test-feed"), quote="EUR")


def bean_check(tmp_path, lines):
    path = tmp_path / "books.beancount"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program = pathlib.Path(sys.executable).with_name("bean-check")
    return subprocess.run([program, "--no-cache", path], capture_output=True, text=True, timeout=60, check=False)


def test_beancount_finds_no_error(tmp_path):
    prices = read_price_rows(PRICES, feed="test-feed")
    done = bean_check(tmp_path, export_beancount(numbered(), prices=prices, quote="EUR"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_beancount_judges_the_sums_too(tmp_path):
    lines = list(export_beancount(numbered()))
    place = next(at for at, line in enumerate(lines) if " balance " in line and "11.49999000" in line)
    lines[place] = lines[place].replace("11.49999000", "11.49999001")
    done = bean_check(tmp_path, lines)
    assert done.returncode != 0
    assert "Balance failed" in done.stdout + done.stderr


def test_two_accounts_never_share_a_name():
    names = Names()
    given = [names.of(f"liability:member:home:{it}") for it in ("kai", "Kai", "k%C3%A4i", "k-ai", "-kai", "@")]
    assert len(set(given)) == len(given)
    assert names.of("liability:member:home:kai") == given[0] == "Liabilities:Member:Home:Kai"


@pytest.fixture
def exported(tmp_path):
    store = SqliteStore.open(tmp_path / "data")
    connection = store.connect()
    for entry in every_kind():
        ledger.post(connection, entry)
    lines = list(export_json(ledger.read_entries(connection), ledger.read_digests(connection), valuer()))
    connection.close()
    store.close()
    return lines


def judge(lines):
    done = subprocess.run(
        [sys.executable, "-I", CHECKER],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_checker_from_outside_agrees(exported):
    assert judge(exported) == (0, "6 entries, 12 balances, 0 findings\n")


def _changed(lines, number, **changes):
    document = json.loads(lines[number - 1]) | changes
    return [*lines[: number - 1], json.dumps(document), *lines[number:]]


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda it: [*it[:1], *it[2:]], "does not follow entry 1"),
        (lambda it: [*it, it[-1]], "its event is booked twice"),
        (lambda it: _changed(it, 4, text="other"), "was changed after it was posted"),
        (lambda it: [line.replace("-600000000", "-600000001") for line in it], "out of balance by -1"),
        (lambda it: [line.replace("12.50000000", "12.50000001") for line in it], "not the same amount"),
        (lambda it: _changed(it, 5, kind="payout-planned"), "was changed"),
        (lambda it: [it[0], *it[2:]], "does not continue the chain"),
        (lambda it: it[1:], "a block matures that is not in the books"),
        (lambda it: [*it[:3], *it[4:]], "payout-settled follows nothing"),
        (lambda it: [line.replace("liability:member:home:Kai", "nobody:Kai") for line in it], "is no posting"),
    ],
)
def test_the_checker_finds_what_was_tampered_with(exported, tamper, words):
    code, said = judge(tamper(exported))
    assert code == 1
    assert words in said


def test_what_is_valued_names_its_feed(exported):
    rows = [json.loads(line)["postings"][0] for line in exported]
    assert rows[0]["worth"] == "1000.00"
    assert "by test-feed at 2026-09-20T23:59:59" in rows[0]["valuation"]
    assert "worth" not in rows[5], "no price of that time: not valued"
    cells = list(csv.DictReader(export_csv(numbered(), valuer())))
    assert cells[0]["worth"] == "1000.00"
    assert cells[-1]["valuation"] == "not valued: no measured price of that time"


def test_tax_programs_get_their_columns():
    rows = list(csv.reader(export_koinly(numbered(), valuer())))
    assert tuple(rows[0]) == KOINLY
    mined = [dict(zip(KOINLY, row, strict=True)) for row in rows[1:] if row[9] == "mining"]
    assert [(it["Received Amount"], it["Net Worth Amount"]) for it in mined] == [
        ("2.50000000", "200.00"),
        ("10.00000000", "850.00"),
    ]
    assert mined[0]["Date"] == "2026-09-21 14:13:20 UTC"
    sale = dict(zip(KOINLY, rows[-1], strict=True))
    assert (sale["Sent Amount"], sale["Received Amount"], sale["Received Currency"]) == ("5.00000000", "450.00", "EUR")
    assert sale["TxHash"] == TXID == txid_of(f"spent:{TXID}")
    rows = list(csv.reader(export_cointracker(numbered())))
    assert tuple(rows[0]) == COINTRACKER
    assert rows[1] == ["09/21/2026 14:13:20", "2.50000000", "LTC", "", "", "", "", "mined"]


def test_a_reserve_is_the_owners_and_what_it_pays_is_a_cost():
    rows = [(it.label, it.received or it.sent) for it in tax_rows(reserve_books())]
    assert rows == [("mining", ltc(10**9)), ("cost", ltc(6 * 10**8)), ("transfer", ltc(5 * 10**7))]
    lots = first_in_first_out(reserve_books(), valuer())
    assert [(it.left, it.cost) for it in lots.open[LTC]] == [(4 * 10**8, 80_000), (5 * 10**7, None)]
    assert lots.uncovered == {}


def test_a_member_gets_what_he_earned_as_his_own():
    books = books_of_member(numbered([*every_kind(), *reserve_books()]), "kai")
    rows = list(csv.DictReader(export_koinly(books, valuer())))
    assert [(it["Received Amount"], it["Label"]) for it in rows] == [("6.00000000", "mining"), ("4.00000000", "mining")]
    assert books_of_member(numbered(), "nobody") == []


def test_gains_are_first_in_first_out():
    rows = list(csv.DictReader(export_gains(numbered(), valuer())))
    assert [(it["way"], it["amount"], it["cost"], it["proceeds"], it["gain"]) for it in rows] == [
        ("spent", "0.00001000", "", "", ""),
        ("sold", "2.49999000", "200.00", "224.99", "24.99"),
        ("sold", "2.50001000", "212.50", "225.01", "12.51"),
    ]


def test_a_cost_that_was_not_measured_is_unknown_never_zero():
    rows = list(csv.DictReader(export_gains(numbered(), Valuer([], quote="EUR"))))
    assert {it["gain"] for it in rows if it["way"] == "sold"} == {"unknown"}
