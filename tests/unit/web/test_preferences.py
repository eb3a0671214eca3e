"""The owner's money on all pages: only where a rate is stored, with its day, and never one that was made up."""

import asyncio
import sqlite3
from decimal import Decimal

from hashwright.economics.coin_facts import CoinFacts, Fact
from hashwright.web import database
from hashwright.web.database import AccessDatabase
from hashwright.web.preferences import Preferences, rate_of
from unit.web.world import NOW, PASSWORD, world

KEY = {"idempotency-key": "a-key-of-ours"}
EURO = Fact(value=Decimal("1.08"), at_ms=NOW - 5, known_at_ms=NOW - 4, sources=("Frankfurter",))


def test_a_rate_is_that_which_is_stored_or_none():
    market = CoinFacts(facts={("EUR", "price_usd"): EURO})
    assert rate_of(market, "EUR", now_ms=NOW).usd == 1.08
    assert rate_of(market, "CHF", now_ms=NOW) is None
    assert rate_of(market, "USD", now_ms=NOW).usd == 1.0


def test_accounts_of_before_are_kept_when_the_file_gets_its_new_table(tmp_path):
    wire = sqlite3.connect(tmp_path / database.NAME, isolation_level=None)
    for statement in database._statements(database.TABLES):
        wire.execute(statement)
    wire.execute("PRAGMA user_version = 1")
    wire.execute("INSERT INTO account VALUES ('kai', 'owner', 'x', '', 0, '', '', 1, NULL)")
    wire.close()
    for _ in range(2):
        found = AccessDatabase.open(tmp_path)
        assert found.read("SELECT name FROM account") == [("kai",)]
        assert Preferences(found).currency == "USD"
        found.close()


def test_an_owner_chooses_and_nobody_else_and_only_money_that_has_rates(tmp_path):
    async def work(here):
        owner = await here.owner()
        here.site.accounts.add("toni", "operator", PASSWORD, now=NOW)
        here.site.accounts.add("mia", "member", PASSWORD, now=NOW, pool="home", member="mia")
        path = "/api/v1/prices/currency"
        found = await owner.put(path, json={"currency": "eur"}, headers=KEY)
        assert (found.status_code, found.json()["currency"]) == (200, "EUR")
        assert Preferences(here.database).currency == "EUR"
        for code in ("DOGE", "", "EUR'; --"):
            refused = await owner.put(path, json={"currency": code}, headers={"idempotency-key": f"key-of-{len(code)}"})
            assert (refused.status_code, refused.json()["code"]) == (400, "HW-745")
        for name, may_read in (("toni", 200), ("mia", 200)):
            browser = here.client()
            answer = await browser.post("/api/v1/session", json={"name": name, "password": PASSWORD})
            browser.headers["x-hw-csrf"] = answer.json()["csrf"]
            assert (await browser.get("/api/v1/prices")).status_code == may_read
            assert (await browser.put(path, json={"currency": "USD"}, headers=KEY)).status_code == 403

    with world(tmp_path) as here:
        asyncio.run(work(here))


def test_who_sees_only_his_own_is_told_the_mode_and_nothing_else_of_it(tmp_path):
    async def work(here):
        await here.owner()
        here.site.accounts.add("kim", "buyer", PASSWORD, now=NOW)
        browser = here.client()
        assert (await browser.get("/api/v1/mode")).status_code == 401
        await browser.post("/api/v1/session", json={"name": "kim", "password": PASSWORD})
        found = (await browser.get("/api/v1/mode")).json()
        assert set(found) == {"at_ms", "is_running", "mode", "mode_text"}
        assert (found["mode"], found["is_running"]) == ("PAUSED", False)
        assert (await browser.get("/api/v1/status")).status_code == 403

    with world(tmp_path) as here:
        asyncio.run(work(here))
