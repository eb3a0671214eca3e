"""Looking for machines from a page: whose networks, one at a time, watched and cancelled, and added by word."""

import asyncio
import json

import pytest

from hashwright.errors import HashwrightError
from hashwright.runtime.scan import Found
from hashwright.web import scans
from hashwright.web.fleet import Fleet, device_of
from hashwright.web.live import Picture
from hashwright.web.scans import networks_of
from unit.web.world import NOW, PASSWORD, world

BASE = {"kind": "cgminer", "settings": {"host": "x"}, "model": "<b>S19</b>", "hashrate_hs": 1e14, "power_w": 3000.0}


def found(host, **changes):
    return Found(**(BASE | {"host": host, "settings": {"host": host}} | changes))


@pytest.mark.parametrize("text", [
    "127.0.0.0/24", "169.254.169.254", "100.64.0.0/24", "8.8.8.0/24", "0.0.0.0/0", "::1/128", "192.168.1.0/33", "x",
    "10.0.0.0/8", "' OR 1=1", "192.0.2.0/24",
])  # fmt: skip
def test_only_networks_of_homes_and_farms_are_looked_at_and_not_too_much_of_them(text):
    with pytest.raises(HashwrightError, match=r"."):
        networks_of([text])


def test_several_small_networks_together_may_be_too_many():
    assert len(networks_of(["192.168.1.0/24", "10.21.7.4"])) == 2
    with pytest.raises(HashwrightError, match="65536"):
        networks_of(["10.0.0.0/16", "10.1.0.0/16"])
    with pytest.raises(HashwrightError, match="1 to 8"):
        networks_of(["10.0.0.1"] * 9)


class Program:
    def __init__(self):
        self.asked = []

    async def ask(self, command, *, timeout_s=30.0, **arguments):
        self.asked.append((command, arguments))
        return {"saved": len(arguments["devices"])}


@pytest.fixture
def here(tmp_path, monkeypatch):
    with world(tmp_path) as item:
        item.program, item.going = Program(), asyncio.Event()
        monkeypatch.setattr(item.site.live, "ask", item.program.ask)
        known = device_of({"device": "old", "host": "10.21.7.9", "state": "hashing"})
        item.site.live.picture = Picture(number=1, at_ms=NOW, fleet=Fleet(devices={"old": known}))

        async def looked(network, *, tell, tried):
            for last in (4, 9, 12):
                tell(found(f"10.21.7.{last}", problem="HTTP 401" if last == 12 else ""))
                tried()
            await item.going.wait()

        monkeypatch.setattr(scans, "looked", looked)
        yield item


async def send(client, method, path, body=None, key="a-key-of-ours"):
    content = None if body is None else json.dumps(body)
    words = {"content-type": "application/json", "idempotency-key": key}
    return await client.request(method, f"/api/v1/fleet{path}", content=content, headers=words)


async def signed_in(here, name, role):
    names = {"pool": "home", "member": name} if role == "member" else {}
    here.site.accounts.add(name, role, PASSWORD, now=NOW, **names)
    browser = here.client()
    answer = await browser.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    browser.headers["x-hw-csrf"] = answer.json()["csrf"]
    return browser


def test_an_operator_looks_watches_it_to_its_end_and_adds_what_he_chose(here):
    async def work():
        await here.owner()
        toni = await signed_in(here, "toni", "operator")
        begun = await send(toni, "POST", "/scans", {"ranges": ["10.21.7.0/24"]})
        assert (begun.status_code, begun.json()["total"]) == (200, 254), begun.text
        again = await send(toni, "POST", "/scans", {"ranges": ["10.21.8.0/24"]}, key="another-key")
        assert (again.status_code, again.json()["code"]) == (409, "HW-437")
        asyncio.get_running_loop().call_later(0.05, here.going.set)
        stream = (await toni.get("/api/v1/fleet/scans/1/events")).text
        events = [json.loads(line.partition(": ")[2]) for line in stream.splitlines() if line.startswith("data")]
        assert [it["host"] for event in events for it in event["found"]] == ["10.21.7.4", "10.21.7.9", "10.21.7.12"]
        assert (events[-1]["state"], events[-1]["tried"]) == ("done", 3)
        body = {"hosts": ["10.21.7.4", "10.21.7.9"], "group": "barn", "tags": ["rack-7"]}
        added = (await send(toni, "POST", "/scans/1/machines", body, key="key-to-add")).json()["result"]
        assert (added["added"], added["known"]) == (["m-10-21-7-4"], 1)
        ((command, arguments),) = here.program.asked
        assert command == "fleet-set"
        assert arguments["devices"] == [
            {"name": "m-10-21-7-4", "kind": "cgminer", "settings": {"host": "10.21.7.4"}, "group": "barn", "site": "",
             "tags": ["rack-7"]}
        ]  # fmt: skip
        for host in ("10.21.7.12", "10.21.7.77"):  # refuses us; was never found
            refused = await send(toni, "POST", "/scans/1/machines", {"hosts": [host]}, key=f"key-{host}")
            assert (refused.status_code, refused.json()["code"]) == (409, "HW-439")
        assert here.site.audit.rows(before=10**9, limit=1)[0].who == "account:toni"

    asyncio.run(work())


def test_a_scan_that_is_cancelled_keeps_what_it_found_and_a_new_page_finds_it(here):
    async def work():
        owner = await here.owner()
        assert (await owner.get("/api/v1/fleet/scans")).json() == {"scans": []}
        await send(owner, "POST", "/scans", {"ranges": ["10.21.7.0/24"]})
        await asyncio.sleep(0)
        ended = (await send(owner, "DELETE", "/scans/1", key="key-to-cancel")).json()
        assert (ended["state"], len(ended["found"])) == ("cancelled", 3)
        assert (await owner.get("/api/v1/fleet/scans")).json()["scans"][0]["number"] == 1
        assert (await owner.get("/api/v1/fleet/scans/2/events")).status_code == 404

    asyncio.run(work())


def test_nobody_else_looks_and_only_who_pays_says_where_machines_mine(here):
    async def work():
        owner = await here.owner()
        body = {"devices": ["m-1"], "urls": ["stratum+tcp://192.168.1.5:3333"], "user": "kai.{name}"}
        for name, role, looks in (("toni", "operator", 200), ("mia", "member", 403), ("bo", "buyer", 403)):
            browser = await signed_in(here, name, role)
            assert (await browser.get("/api/v1/fleet/scans")).status_code == looks
            assert (await send(browser, "POST", "/pools", body)).status_code == 403
        assert (await send(owner, "POST", "/pools", body)).status_code == 200
        assert here.program.asked[-1] == (
            "fleet-pools",
            {"devices": ("m-1",), "pools": [{"url": "stratum+tcp://192.168.1.5:3333", "user": "kai.{name}"}]},
        )
        wrong = await send(owner, "POST", "/pools", body | {"urls": ["http://192.168.1.5/"]}, key="another-key")
        assert wrong.json()["code"] == "HW-104"

    asyncio.run(work())
