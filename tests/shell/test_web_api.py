"""The HTTP interface against its own document, and against a running program in this process."""

import asyncio
import json
import pathlib

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hashwright.errors import OperatorError, TimedOut, Unavailable
from hashwright.web import passwords
from hashwright.web.lab import Lab
from unit.web.world import NOW, PASSWORD, World

EXAMPLES = 5
LIMIT = 1e9


class Program:
    """Answers on the control socket's place: what a program would say, or the trouble that it is in."""

    def __init__(self):
        self.asked = []
        self.trouble = None

    async def ask(self, command, *, timeout_s=30.0, **arguments):
        self.asked.append((command, arguments))
        if self.trouble is not None:
            raise self.trouble
        if command in ("pool-members", "pool-check", "workers", "accounts", "notify-list", "autopilot-status"):
            return []
        if command == "market-depth":
            sums = dict.fromkeys(("wanted_hs", "matched_hs", "offered_hs"), 0.0)
            return {"at_ms": NOW, "algorithm": "sha256d", "unit": "", "currency": "", "bids": [], "asks": [], **sums}
        if command == "market-deposit":
            return {"account": "x", "address": "bcrt1qqq", "needed": 3, "free": "0", "deposits": []}
        if command == "backup":
            pathlib.Path(arguments["target"]).write_bytes(b"a copy")
        return {"done": command}


@pytest.fixture
def here(tmp_path, monkeypatch):
    import argon2

    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setattr("hashwright.web.shield.BURST", LIMIT)
    monkeypatch.setattr("hashwright.web.shield.SIGN_IN_BURST", LIMIT)
    world = World(tmp_path)
    world.program = Program()
    monkeypatch.setattr(world.site.live, "ask", world.program.ask)
    world.app._app.state["lab"] = Lab(tmp_path, clock=world.clock, command=("/bin/echo", "{}"))
    yield world
    world.database.close()


KEY = {"idempotency-key": "a-key-of-ours"}
ACTIONS = [
    ("PUT", "/api/v1/routes/sha256d", {"targets": ["home=100%"]}, "route-set"),
    ("DELETE", "/api/v1/routes/sha256d", None, "route-remove"),
    ("POST", "/api/v1/moves", {"worker": "kai.*", "destination": "home"}, "route-move"),
    ("PUT", "/api/v1/destinations/home", {"settings": {"coin": "bitcoin"}}, "pool-add"),
    ("DELETE", "/api/v1/destinations/home", None, "pool-remove"),
    ("PUT", "/api/v1/pools/home/members/kai/address", {"address": "bc1q"}, "pool-address"),
    ("DELETE", "/api/v1/pools/home/members/kai/address", None, "pool-address"),
    ("POST", "/api/v1/pools/home/payouts", {"approve": True}, "payout"),
    ("POST", "/api/v1/fleet/orders", {"devices": ["home-1"], "mode": "sleep"}, "fleet-order"),
    ("POST", "/api/v1/fleet/releases", {"devices": ["home-1"]}, "fleet-auto"),
    ("POST", "/api/v1/fleet/blinks", {"devices": ["home-1"]}, "fleet-blink"),
    ("PUT", "/api/v1/fleet/rules", {"changes": {"live": True}}, "fleet-rules"),
    ("POST", "/api/v1/market/orders/home/changes", {"what": "refill", "value": "1"}, "market-change"),
    ("PUT", "/api/v1/market/sales/home", {"floor": "1"}, "market-sell"),
    ("POST", "/api/v1/market/funds/home", {"amount": "1"}, "market-fund"),
    ("PUT", "/api/v1/market/settings/sha256d", {"changes": {"books": "home"}}, "market-settings"),
]
OPERATED = ("route-set", "route-remove", "route-move", "fleet-order", "fleet-auto", "fleet-blink", "fleet-rules")


OTHER = (
    {"/api/v1/moves": {"destination": "other"}}
    | {f"/api/v1/fleet/{name}": {"devices": ["other"]} for name in ("orders", "releases", "blinks")}
    | {"/api/v1/fleet/rules": {"changes": {"live": False}}}
)


async def send(client, method, path, body, **headers):
    content = None if body is None else json.dumps(body)
    return await client.request(method, path, content=content, headers={"content-type": "application/json"} | headers)


def test_the_same_key_is_done_once_and_answered_the_same(here):
    async def work():
        owner = await here.owner()
        for number, action in enumerate(ACTIONS):
            here.program.asked.clear()
            await sent_twice(here, owner, *action, key={"idempotency-key": f"key-number-{number}"})

    asyncio.run(work())


async def sent_twice(here, owner, method, path, body, command, *, key):
    first = await send(owner, method, path, body, **key)
    again = await send(owner, method, path, body, **key)
    assert (first.status_code, first.json()) == (200, {"result": {"done": command}}), path
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert [it[0] for it in here.program.asked] == [command]
    elsewhere = path.replace("home", "other").replace("sha256d", "scrypt")
    other = await send(owner, method, elsewhere, body and {**body, **OTHER.get(path, {})}, **key)
    assert (other.status_code, other.json()["code"]) == (422, "HW-752"), path
    assert (await send(owner, method, path, body)).status_code == 400


def test_who_may_not_is_refused_before_anything_is_asked(here):
    async def work():
        stranger, reader = here.client(), await here.key("view", "money")
        operator = await here.key("view", "operate")
        for method, path, body, command in ACTIONS:
            nobody = await send(stranger, method, path, body, **KEY)
            assert (nobody.status_code, nobody.json()["code"]) == (401, "HW-740"), path
            looked = await send(reader, method, path, body, **KEY)
            assert (looked.status_code, looked.json()["code"]) == (403, "HW-741"), path
            if command not in OPERATED:
                assert (await send(operator, method, path, body, **KEY)).status_code == 403, path
        assert here.program.asked == []

    asyncio.run(work())


def test_a_refusal_is_stored_as_well(here):
    async def work():
        owner = await here.owner()
        here.program.trouble = OperatorError("There is no such pool.", code="HW-708", hint="List them.")
        first = await send(owner, *ACTIONS[7][:3], **KEY)
        here.program.trouble = None
        again = await send(owner, *ACTIONS[7][:3], **KEY)
        assert (first.status_code, first.json()["code"]) == (404, "HW-708")
        assert again.content == first.content
        assert len(here.program.asked) == 1

    asyncio.run(work())


def test_what_was_not_done_may_be_asked_again_with_the_same_key(here):
    async def work():
        owner = await here.owner()
        here.program.trouble = Unavailable("No Hashwright runs.", code="HW-704")
        assert (await send(owner, *ACTIONS[7][:3], **KEY)).status_code == 503
        here.program.trouble = None
        assert (await send(owner, *ACTIONS[7][:3], **KEY)).status_code == 200

    asyncio.run(work())


def test_what_nobody_knows_is_not_repeated(here):
    async def work():
        owner = await here.owner()
        here.program.trouble = TimedOut("It did not answer.", code="HW-704")
        assert (await send(owner, *ACTIONS[7][:3], **KEY)).status_code == 503
        here.program.trouble = None
        again = await send(owner, *ACTIONS[7][:3], **KEY)
        assert (again.status_code, again.json()["code"]) == (409, "HW-753")
        assert len(here.program.asked) == 1

    asyncio.run(work())


def test_every_action_stands_in_the_trail(here):
    async def work():
        owner = await here.owner()
        await send(owner, *ACTIONS[2][:3], **KEY)
        rows = (await owner.get("/api/v1/audit")).json()["rows"]
        assert (rows[0]["who"], rows[0]["action"], rows[0]["outcome"]) == ("account:kai", "route-move", "done")
        assert rows[0]["target"] == "kai.* to home"

    asyncio.run(work())


def test_a_member_sees_and_moves_only_his_own(here):
    async def work():
        await here.owner()
        here.site.accounts.add("mia", "member", PASSWORD, pool="home", member="mia", now=NOW)
        browser = here.client()
        signed = await browser.post("/api/v1/session", json={"name": "mia", "password": PASSWORD})
        browser.headers["x-hw-csrf"] = signed.json()["csrf"]
        assert (await browser.get("/api/v1/own")).json()["member"] == "mia"
        for path in ("/status", "/workers", "/ledger/balances", "/people", "/pools/home/members", "/events"):
            assert (await browser.get(f"/api/v1{path}")).status_code == 403, path
        await send(browser, "PUT", "/api/v1/own/address", {"address": "bc1q"}, **KEY)
        assert here.program.asked[-1] == ("pool-address", {"pool": "home", "member": "mia", "address": "bc1q"})

    asyncio.run(work())


def test_a_key_cannot_let_others_in(here):
    async def work():
        program = await here.key("view", "money", "operate", "pay")
        for path in ("/people", "/keys", "/links", "/audit"):
            assert (await program.get(f"/api/v1{path}")).status_code == 403
        owner = await here.owner()
        answer = await send(owner, "POST", "/api/v1/keys", {"note": "x", "scopes": ["manage"]})
        assert answer.status_code == 400

    asyncio.run(work())


@pytest.mark.parametrize("cursor", ["", "x", "ä", "MTI=", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "a" * 401, "%00"])
def test_a_cursor_that_is_none_of_ours_is_refused(here, cursor):
    async def work():
        owner = await here.owner()
        answer = await owner.get("/api/v1/audit", params={"cursor": cursor})
        assert answer.status_code in (200, 400)
        assert answer.status_code == 400 or cursor == "MTI="

    asyncio.run(work())


def test_pages_of_the_trail_meet_without_a_gap(here):
    async def work():
        owner = await here.owner()
        for number in range(25):
            here.site.audit.note("x", "y", f"a{number}", "", "", now=NOW)
        found, cursor = [], None
        while True:
            page = (
                await owner.get("/api/v1/audit", params={"limit": 10} | ({"cursor": cursor} if cursor else {}))
            ).json()
            found += [row["id"] for row in page["rows"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == list(range(26, 0, -1))

    asyncio.run(work())


HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE account; --",
    "a\nforged log line",
    "\x00",
    "../../etc/passwd",
    "\u202e",
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_data_everywhere(here, text):
    async def work():
        from urllib.parse import quote

        owner = await here.owner()
        word = quote(text, safe="")
        for path in (
            f"/workers/{word}",
            f"/ledger/explain/{word}",
            f"/workers?q={word}",
            f"/ledger/balances?account={word}",
        ):
            answer = await owner.get(f"/api/v1{path}")
            assert answer.status_code < 500 or answer.json()["code"] == "HW-612", path
            assert answer.headers["content-type"].startswith("application/")
        move = await send(owner, "POST", "/api/v1/moves", {"worker": text, "destination": "home"}, **KEY)
        assert move.status_code in (200, 400)
        rows = (await owner.get("/api/v1/audit")).json()["rows"]
        assert here.site.accounts.has_owner()
        assert all(len(row["target"]) <= 200 for row in rows)

    asyncio.run(work())


# ---------------------------------------------------------------- schemathesis


@pytest.mark.timeout(240)
def test_schemathesis_finds_no_500_and_no_undocumented_answer(here):
    """Every operation, with words of the schema and beside it: no fault, and every answer is as the document says."""
    word = here.site.keys.add_key("schemathesis", ("view", "money", "operate", "pay"), days=None, by="test", now=NOW)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", here.app, headers={"host": "127.0.0.1"})
    owner = asyncio.run(here.owner())
    by_key = {"host": "127.0.0.1", "authorization": f"Bearer {word}"}
    by_cookie = {"host": "127.0.0.1", "x-hw-csrf": owner.headers["x-hw-csrf"]}
    by_cookie["cookie"] = f"hw_session={owner.cookies['hw_session']}"
    found, count = [], 0

    def judge(case):
        nonlocal count
        count += 1
        answer = case.call(headers=by_cookie if {"people", "care"} & set(case.operation.tags) else by_key)
        if answer.status_code >= 500 and not (answer.status_code == 503 and "HW-612" in answer.text):
            found.append(f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:300]}")
        for check in (status_code_conformance, content_type_conformance, response_schema_conformance):
            try:
                case.validate_response(answer, checks=[check])
            except BaseException as problem:
                found.append(f"{case.method} {case.formatted_path} {case.body!r}: {problem}"[:1500])

    quick = settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck), database=None,
    )  # fmt: skip
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path == "/api/v1/events":
            continue  # a stream has no end; its own test reads it
        quick(_given(operation.as_strategy())(judge))()
    assert found[:5] == []
    assert count > 150


def _given(strategy):
    from hypothesis import given

    return given(case=strategy)
