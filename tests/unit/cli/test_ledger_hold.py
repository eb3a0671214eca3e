"""`hw ledger hold` and `hw ledger sale`, on books of the last days."""

import csv
import io
import json
import time
from decimal import Decimal

import msgspec
import pytest

from hashwright.cli.documents_books import HoldDocument
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.prices import PriceSeen
from hashwright.money import Amount, Currency
from hashwright.store.ledger import post
from hashwright.store.prices import write_prices
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw

BTC = Currency("BTC", 8)
EUR = Currency("EUR", 2)
DAY = 86_400_000


@pytest.fixture
def folder(tmp_path):
    """Ten days of 0.001 BTC each, which ocean paid out, at 90,000 EUR; 40.00 EUR of power on the fifth."""
    data = tmp_path / "data"
    store = SqliteStore.open(data)
    now = int(time.time() * 1000)
    start = now - 10 * DAY
    coins, bill = Amount(100_000, BTC), Amount(4_000, EUR)
    paid, credited, mined = (
        accounts.receivable("ocean", "paid"),
        accounts.receivable("ocean", "credited"),
        accounts.mined("ocean"),
    )
    entries = [
        entry
        for day in range(10)
        for entry in (
            entry_of(f"c:{day}", "upstream", start + day * DAY, (credited, coins), (mined, -coins)),
            entry_of(f"p:{day}", "upstream", start + day * DAY + 1, (paid, coins), (credited, -coins)),
        )
    ]
    entries.append(
        entry_of(
            "bill", "cost-energy", start + 5 * DAY, (accounts.energy("home"), bill), (accounts.cash("bank"), -bill)
        )
    )
    seen = [
        PriceSeen(feed="f", base="BTC", quote="EUR", at_ms=start + day * DAY, value=Decimal(90_000))
        for day in range(11)
    ]

    def write(connection):
        for entry in entries:
            post(connection, entry)
        write_prices(connection, seen, now=now)

    store.change_books(write)
    store.close()
    return data


def ask(capsys, folder, *words, form="--json"):
    return hw(capsys, "--data-dir", folder, form, "ledger", *words)


def test_a_rule_is_set_shown_and_changed(capsys, folder):
    before = ask(capsys, folder, "hold", form="--plain")
    assert before.code == 0
    assert before.out.startswith("No coin has a rule. Set one: hw ledger hold set BTC cover")
    said = ask(capsys, folder, "hold", "set", "bitcoin", "share", "--part", "50%", form="--plain")
    assert said.out == "From now on: BTC, sell 50%. It recommends; selling stays with you.\n"
    assert json.loads(ask(capsys, folder, "hold", "set", "BTC", "share", "--part", "50.0%").out)["is_new"] is False
    now = ask(capsys, folder, "hold", form="--plain")
    assert now.out.startswith("Sell no BTC now. The rule: sell 50%.\n"), "a rule counts from its time on"
    document = json.loads(ask(capsys, folder, "hold").out)
    msgspec.convert(document, HoldDocument, strict=True)
    assert [it["rule"] for it in document["rules"]] == ["sell 50%"]
    assert len(document["periods"]) == 10


def test_a_rule_can_be_tried_on_the_past_and_a_sale_counts_against_it(capsys, folder):
    (coin,) = json.loads(ask(capsys, folder, "hold", "--try", "cover").out)["coins"]
    assert (coin["sell_now"], coin["sell_now_worth"]) == ("0.00044444", "40.00")
    assert coin["by_rule"]["kept"] == "0.00955556"
    words = ("sale", "ocean", "0.0003 BTC", "27.00 EUR", "--reference", "order 1")
    assert ask(capsys, folder, *words, form="--plain").out == "Booked: hw ledger explain sale:ocean:order%201\n"
    assert json.loads(ask(capsys, folder, *words).out)["is_new"] is False
    document = json.loads(ask(capsys, folder, "hold", "--try", "cover").out)
    assert msgspec.convert(document, HoldDocument, strict=True).coins[0].price.value == "90000"
    (coin,) = document["coins"]
    assert (coin["sell_now"], coin["really"]["brought"], coin["really"]["lots_sold_from"]) == ("0.00014444", "27.00", 1)
    assert document["power_bill"] == {"booked": "40.00", "covered": "40.00", "open": "0.00"}
    shown = ask(capsys, folder, "hold", "--try", "cover", form="--plain")
    assert shown.out.startswith("Sell 0.00014444 BTC, worth 13.00 EUR at 90000 EUR a BTC (f, ")
    assert "A recommendation: nothing is sold by it." in shown.err


def test_it_is_exported_as_csv(capsys, folder):
    assert ask(capsys, folder, "export", "--format", "hold").code == 2, "a currency is asked for"
    said = hw(capsys, "--data-dir", folder, "ledger", "export", "--format", "hold", "--currency", "EUR")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [it["mined"] for it in rows] == ["0.00100000"] * 10
    assert sum(Decimal(it["power_bill"]) for it in rows) == 40
    month = json.loads(ask(capsys, folder, "hold", "--by", "month").out)["periods"]
    assert sum(Decimal(it["mined"]) for it in month) == Decimal("0.01")


def test_other_money_and_unknown_worth_are_said(capsys, folder):
    said = ask(capsys, folder, "hold", "--try", "cover", "--currency", "usd", form="--plain")
    assert "Power bills in EUR are left out: --currency EUR shows them." in said.err
    assert "unknown" in said.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("hold", "set", "BTC", "share"), "HW-652"),
        (("hold", "set", "BTC", "keep", "--part", "5%"), "HW-652"),
        (("hold", "set", "bitcoyn", "keep"), "HW-801"),
        (("hold", "--try", "hodl"), "HW-652"),
        (("sale", "ocean", "1 BTC", "90000 EUR", "--reference", "x"), "HW-653"),
    ],
)
def test_mistakes_are_named(capsys, folder, words, code):
    said = hw(capsys, "--data-dir", folder, "ledger", *words)
    assert said.code == 1
    assert said.err.startswith(f"{code} ")
