"""Commands for machines, notices, copies and orders over HTTP: who may, what goes out, and what never comes back."""

import asyncio
import json
import stat

import pytest

from hashwright.errors import OperatorError, Unavailable
from hashwright.store.sqlite import SqliteStore
from hashwright.web import passwords
from unit.web.world import NOW, PASSWORD, World

KEY = {"idempotency-key": "a-key-of-ours"}
ADDRESS = "ntfys://token-of-mine@ntfy.example.org/farm"
MACHINE = {
    "name": "m-1", "kind": "cgminer", "settings": {"host": "10.0.0.1"},
    "password_from": "file:/etc/pw", "tags": ["old"],
}  # fmt: skip
ORDER = {"price": "0.0005", "limit": "5TH/s", "budget": "0.01", "pool": "stratum+tcp://p.example:3333", "user": "k"}


class Program:
    """What a running program would say to these commands."""

    def __init__(self):
        self.asked, self.targets, self.trouble = [], {}, {}

    async def ask(self, command, *, timeout_s=30.0, **arguments):
        self.asked.append((command, arguments))
        if command in self.trouble:
            raise self.trouble[command]
        if command == "notify-list":
            counts = {"sent": 0, "waiting": 0, "problem": ""}
            return [it | counts for it in self.targets.values()]
        if command == "notify-set":
            self.targets[arguments["notify"]["name"]] = arguments["notify"]
        if command == "notify-remove":
            del self.targets[arguments["name"]]
        return {"done": command, "order": "order-1", "text": "Taken."}

    def last(self, command):
        return [arguments for name, arguments in self.asked if name == command][-1]


@pytest.fixture
def here(tmp_path, monkeypatch):
    import argon2

    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setattr("hashwright.web.shield.SIGN_IN_BURST", 1e9)
    store = SqliteStore.open(tmp_path)
    store.put_setting("device", "m-1", MACHINE, now=NOW)
    store.close()
    world = World(tmp_path)
    world.folder, world.program = tmp_path, Program()
    monkeypatch.setattr(world.site.live, "ask", world.program.ask)
    yield world
    world.database.close()


async def send(client, method, path, body=None, **headers):
    content = None if body is None else json.dumps(body)
    words = {"content-type": "application/json"} | KEY | headers
    return await client.request(method, f"/api/v1{path}", content=content, headers=words)


async def signed_in(here, name, role, **names):
    await here.owner() if not here.site.accounts.has_owner() else None
    here.site.accounts.add(name, role, PASSWORD, now=NOW, **names)
    browser = here.client()
    answer = await browser.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    browser.headers["x-hw-csrf"] = answer.json()["csrf"]
    return browser


# ---------------------------------------------------------------- machines


def test_an_operator_lets_machines_sleep_in_his_own_name_and_the_trail_says_which(here):
    async def work():
        operator = await signed_in(here, "toni", "operator")
        body = {"devices": [f"m-{number}" for number in range(7)], "mode": "sleep", "minutes": 90}
        answer = await send(operator, "POST", "/fleet/orders", body)
        assert answer.status_code == 200, answer.text
        said = here.program.last("fleet-order")
        assert (said["mode"], said["for_s"], said["author"]) == ("sleep", 5400, "account:toni")
        row = here.site.audit.rows(before=10**9, limit=1)[0]
        assert row.target == "sleep: 7 machines: m-0, m-1, m-2, m-3, m-4 and 2 more"
        many = {"devices": ["m"] * 501, "mode": "run"}
        assert (
            await send(operator, "POST", "/fleet/orders", many, **{"idempotency-key": "another-key"})
        ).status_code == 400

    asyncio.run(work())


def test_a_label_is_put_onto_the_stored_settings_and_no_other_setting_can_be_sent(here):
    async def work():
        operator = await signed_in(here, "toni", "operator")
        body = {"devices": ["m-1"], "add": ["rack-7"], "remove": ["old"], "site": "barn"}
        assert (await send(operator, "POST", "/fleet/labels", body)).status_code == 200
        (saved,) = here.program.last("fleet-set")["devices"]
        assert saved == MACHINE | {"tags": ["rack-7"], "site": "barn"}
        missing = await send(
            operator, "POST", "/fleet/labels", {"devices": ["m-9"]}, **{"idempotency-key": "key-number-2"}
        )
        assert (missing.status_code, missing.json()["code"]) == (404, "HW-116")
        for path in ("/openapi.json",):
            document = (await operator.get(f"/api{path}")).text
        assert "/etc/pw" not in document
        table = (await operator.get("/api/v1/machines")).text
        assert "/etc/pw" not in table

    asyncio.run(work())


# ---------------------------------------------------------------- notices


def test_an_address_goes_in_and_never_comes_back(here):
    async def work():
        owner = await here.owner()
        set_ = await send(owner, "PUT", "/notify/phone", {"address": ADDRESS, "also": ["HW-304"]})
        assert set_.status_code == 200, set_.text
        file = here.folder / "secrets" / "notify-phone"
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (ADDRESS, 0o600)
        assert here.program.targets["phone"]["address_from"] == f"file:{file}"
        listed = await owner.get("/api/v1/notify")
        assert listed.json()["targets"][0]["also"] == ["HW-304"]
        trail = (await owner.get("/api/v1/audit")).text
        for text in (set_.text, listed.text, trail):
            assert "token-of-mine" not in text
            assert str(here.folder) not in text
        kept = await send(owner, "PUT", "/notify/phone", {"level": "critical"}, **{"idempotency-key": "key-number-2"})
        assert kept.status_code == 200
        assert file.read_text() == ADDRESS
        assert (await send(owner, "DELETE", "/notify/phone", **{"idempotency-key": "key-number-3"})).status_code == 200
        assert not file.exists()

    asyncio.run(work())


def test_an_address_that_is_not_taken_leaves_the_old_one(here):
    async def work():
        owner = await here.owner()
        await send(owner, "PUT", "/notify/phone", {"address": ADDRESS})
        here.program.trouble["notify-set"] = OperatorError("Apprise knows no address of that form.", code="HW-762")
        answer = await send(
            owner, "PUT", "/notify/phone", {"address": "nonsense"}, **{"idempotency-key": "key-number-2"}
        )
        assert answer.json()["code"] == "HW-762"
        assert (here.folder / "secrets" / "notify-phone").read_text() == ADDRESS
        fresh = await send(owner, "PUT", "/notify/desk", {"address": "nonsense"}, **{"idempotency-key": "key-number-3"})
        assert fresh.json()["code"] == "HW-762"
        assert not (here.folder / "secrets" / "notify-desk").exists()

    asyncio.run(work())


def test_a_targets_name_is_never_a_path(here):
    async def work():
        owner = await here.owner()
        for name in ("..", "a%2Fb", "%2e%2e%2fweb.sqlite", "x" * 65, "a b", "-a"):
            answer = await send(owner, "PUT", f"/notify/{name}", {"address": ADDRESS})
            assert answer.status_code in (400, 404, 405, 422), answer.text
        assert not (here.folder / "secrets").exists()

    asyncio.run(work())


def test_a_reference_to_a_file_is_not_taken_from_a_page_and_only_an_owner_is_asked(here):
    async def work():
        operator = await signed_in(here, "toni", "operator")
        body = {"address_from": "file:/etc/shadow", "address": ""}
        assert (await send(operator, "PUT", "/notify/phone", body)).status_code == 403
        owner_answer = await send(await here.owner("kai"), "PUT", "/notify/phone", body)
        assert (owner_answer.status_code, owner_answer.json()["code"]) == (422, "HW-973")
        assert here.program.targets == {}

    asyncio.run(work())


# ---------------------------------------------------------------- copies


def test_a_copy_is_made_by_the_program_and_holds_accounts_as_well(here):
    async def work():
        owner = await here.owner()

        async def ask(command, *, timeout_s, target):
            store = SqliteStore.open(here.folder, readonly=True)
            try:
                store.backup(__import__("pathlib").Path(target))
            finally:
                store.close()

        here.site.live.ask = ask
        made = await send(owner, "POST", "/backups")
        assert made.status_code == 200, made.text
        assert made.json()["has_web"] is True
        listed = (await owner.get("/api/v1/backups")).json()["backups"]
        assert [it["name"] for it in listed] == [made.json()["name"]]
        assert (here.folder / "backups" / made.json()["name"]).exists()

    asyncio.run(work())


def test_where_nothing_runs_no_copy_is_said_to_be_made(here):
    async def work():
        owner = await here.owner()
        here.program.trouble["backup"] = Unavailable("No Hashwright runs.", code="HW-704")
        assert (await send(owner, "POST", "/backups")).status_code == 503
        assert (await owner.get("/api/v1/backups")).json()["backups"] == []

    asyncio.run(work())


# ---------------------------------------------------------------- the market


def test_a_buyer_buys_by_the_account_of_his_name_and_for_nobody_else(here):
    async def work():
        buyer = await signed_in(here, "kim", "buyer")
        placed = await send(buyer, "POST", "/market/orders", ORDER)
        assert placed.status_code == 200, placed.text
        said = here.program.last("market-order")
        assert (said["account"], said["pool"]) == ("kim", ORDER["pool"])
        assert said["reference"].startswith("web-")
        other = await send(
            buyer, "POST", "/market/orders", ORDER | {"account": "lee"}, **{"idempotency-key": "key-number-2"}
        )
        assert (other.status_code, other.json()["code"]) == (403, "HW-741")
        await send(
            buyer, "POST", "/market/orders/order-9/changes", {"what": "cancel"}, **{"idempotency-key": "key-number-3"}
        )
        assert here.program.last("market-change")["account"] == "kim"
        for path in ("/status", "/workers", "/ledger/balances", "/net", "/next", "/overview", "/backups", "/notify"):
            assert (await buyer.get(f"/api/v1{path}")).status_code == 403, path
        assert (await send(buyer, "PUT", "/market/sales/kai", {})).status_code == 403

    asyncio.run(work())


def test_the_same_key_is_the_same_request_for_the_engine_as_well(here):
    async def work():
        buyer = await signed_in(here, "kim", "buyer")
        here.program.trouble["market-order"] = Unavailable("No Hashwright runs.", code="HW-704")
        assert (await send(buyer, "POST", "/market/orders", ORDER)).status_code == 503
        here.program.trouble.clear()
        assert (await send(buyer, "POST", "/market/orders", ORDER)).status_code == 200
        references = {arguments["reference"] for name, arguments in here.program.asked if name == "market-order"}
        assert len(references) == 1

    asyncio.run(work())


def test_who_operates_may_end_an_order_and_spend_nothing(here):
    async def work():
        operator = await signed_in(here, "toni", "operator")
        ended = await send(operator, "POST", "/market/orders/order-1/changes", {"what": "cancel"})
        assert ended.status_code == 200
        assert here.program.last("market-change")["account"] == ""
        more = {"what": "refill", "value": "1"}
        refused = await send(
            operator, "POST", "/market/orders/order-1/changes", more, **{"idempotency-key": "key-number-2"}
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "HW-741")
        assert (await send(operator, "POST", "/market/orders", ORDER)).status_code == 403

    asyncio.run(work())


def test_a_member_sells_his_own_machines_and_an_owner_names_whose_funds_are_held(here):
    async def work():
        member = await signed_in(here, "mia", "member", pool="home", member="mia.m")
        answer = await send(member, "PUT", "/market/sale", {"floor": "0.0004"})
        assert (answer.status_code, answer.json()["code"]) == (422, "HW-972")
        other = await signed_in(here, "leo", "member", pool="home", member="leo")
        assert (await send(other, "PUT", "/market/sale", {"floor": "0.0004"})).status_code == 200
        assert here.program.last("market-sell")["account"] == "leo"
        owner = await here.owner("eva")
        assert (await send(owner, "POST", "/market/orders", ORDER)).json()["code"] == "HW-972"

    asyncio.run(work())
