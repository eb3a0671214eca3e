"""What to keep and what to sell on the page: the recommendation of the rule, a sale that is booked, and who may."""

import asyncio
from decimal import Decimal

import pytest

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.prices import PriceSeen
from hashwright.money import Amount, Currency
from hashwright.store import ledger
from hashwright.store.hold import book_sale, set_rule
from hashwright.store.prices import write_prices
from hashwright.store.sqlite import SqliteStore
from unit.web.world import NOW, PASSWORD, world

BTC = Currency("BTC", 8)
SALE = {"upstream": "ocean", "coins": "0.01 BTC", "money": "900.00 EUR", "at_ms": NOW - 5_000, "reference": "order 7"}
KEY = {"idempotency-key": "a-key-of-ours"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Books with a coin mined, a rule that sells half of it, and a price."""
    store = SqliteStore.open(tmp_path)
    mined = Amount(2_000_000, BTC)
    paid = entry_of(
        "paid",
        "upstream",
        NOW - 9_000,
        (accounts.receivable("ocean", "paid"), mined),
        (accounts.mined("ocean"), -mined),
    )
    price = PriceSeen(feed="f", base="BTC", quote="EUR", at_ms=NOW - 9_500, value=Decimal(90_000))

    def fill(connection):
        set_rule(connection, {"coin": "BTC", "kind": "share", "part": "50%"}, now_ms=NOW - 99_000)
        ledger.post(connection, paid)
        write_prices(connection, [price], now=NOW)

    store.change_books(fill)
    store.close()

    class Program:
        async def ask(self, command, *, timeout_s=30.0, **arguments):
            change = {"ledger-hold": set_rule, "ledger-sale": book_sale}[command]
            books = SqliteStore.open(tmp_path)
            try:
                return books.change_books(lambda it: change(it, arguments, now_ms=NOW))
            finally:
                books.close()

    with world(tmp_path) as item:
        monkeypatch.setattr(item.site.live, "ask", Program().ask)
        yield item


def test_the_rule_says_what_to_sell_and_a_booked_sale_is_beside_it_and_in_the_export(here):
    async def work():
        owner = await here.owner()
        (coin,) = (await owner.get("/api/v1/ledger/hold?currency=EUR")).json()["coins"]
        assert (coin["coin"], coin["rule"], coin["sell"], coin["worth"]) == ("BTC", "sell 50%", "0.01000000", "900.00")
        booked = await owner.post("/api/v1/ledger/sales", json=SALE, headers=KEY)
        assert booked.json()["result"]["is_new"], booked.text
        found = (await owner.get("/api/v1/ledger/hold?currency=EUR")).json()
        assert (found["coins"][0]["sell"], found["coins"][0]["really"]["sold"]) == ("0.00000000", "0.01000000")
        changed = await owner.put(
            "/api/v1/ledger/hold/BTC", json={"kind": "keep"}, headers={"idempotency-key": "key-of-rule"}
        )
        assert changed.json()["result"]["is_new"]
        text = (await owner.get("/api/v1/ledger/exports/hold?currency=EUR")).text
        assert text.startswith("period,coin,rule,")
        assert "0.01000000" in text
        for path in ("exports/hold", "hold?currency=E"):
            assert (await owner.get(f"/api/v1/ledger/{path}")).json()["code"] == "HW-745"

    asyncio.run(work())


def test_a_sale_that_cannot_be_is_refused_in_words_and_nobody_else_may(here):
    async def work():
        owner = await here.owner()
        more = await owner.post("/api/v1/ledger/sales", json=SALE | {"coins": "5 BTC"}, headers=KEY)
        assert (more.status_code, more.json()["code"]) == (409, "HW-653")
        here.site.accounts.add("toni", "operator", PASSWORD, now=NOW)
        browser = here.client()
        answer = await browser.post("/api/v1/session", json={"name": "toni", "password": PASSWORD})
        browser.headers["x-hw-csrf"] = answer.json()["csrf"]
        assert (await browser.get("/api/v1/ledger/hold")).status_code == 403
        assert (await browser.post("/api/v1/ledger/sales", json=SALE, headers=KEY)).status_code == 403
        assert (await browser.put("/api/v1/ledger/hold/BTC", json={"kind": "keep"}, headers=KEY)).status_code == 403

    asyncio.run(work())
