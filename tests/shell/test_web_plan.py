"""The plan and the switch: from kept decisions and a stand-in of the program to the documents of the pages."""

import asyncio
import json
import re

import msgspec
import pytest

from hashwright.errors import NotSupported, Unavailable
from hashwright.fleet.events import Reading
from hashwright.planner.autopilot import Limits, Seen, SeenWay, think
from hashwright.runtime.opening import open_store
from hashwright.store import commands as store_commands
from hashwright.store import decisions as rows
from hashwright.store import fleet as fleet_rows
from hashwright.store import power
from hashwright.web import passwords
from hashwright.web.plan import row_document as document_of
from unit.web.power_state import FLEET, power_state
from unit.web.world import NOW, World

STEP = 0.25
MINUTE = 60_000


def way(name, usd, **changes):
    base = {
        "destination": name, "coin": "bitcoin", "is_ready": True, "coins_per_hash": 9e-24, "price_usd": usd,
        "price_at_ms": NOW, "price_source": "test", "net": 1.0,
    }  # fmt: skip
    return SeenWay(**(base | changes))


def seen(*, at_ms=NOW, held=None, ways=()):
    return Seen(
        at_ms=at_ms, algorithm="sha256d", hashrate_hs=2e15, efficiency_j_th=17.5, power_price_usd_kwh=0.08,
        ways=ways or tuple(
            way(name, usd, is_ready=name != "dead", price_at_ms=at_ms)
            for name, usd in (("near", 60_000.0), ("far", 90_000.0), ("dead", 1.0))
        ),
        held=held or {"near": 1.0, "far": 0.0, "dead": 0.0}, limits=Limits(step=STEP),
    )  # fmt: skip


def row_of(what, *, mode="dry-run", state="rehearsed", note="DRY RUN: nothing was changed"):
    return rows.DecisionRow(
        id=0, at_ms=what.at_ms, algorithm="sha256d", mode=mode, state=state,
        seen=msgspec.json.encode(what).decode(), thought=msgspec.json.encode(think(what)).decode(), note=note,
    )  # fmt: skip


class Program:
    """Answers on the control socket's place, with one autopilot."""

    def __init__(self):
        self.asked, self.is_there, self.last, self.power = [], True, None, None
        self.told = {}
        self.settings = {"algorithm": "sha256d", "mode": "advise", "every_s": 300}

    async def ask(self, command, *, timeout_s=30.0, **arguments):
        if not self.is_there:
            raise Unavailable("No Hashwright runs.", code="HW-704")
        self.asked.append((command, arguments))
        if command == "power-status" and self.power is not None:
            return self.power
        if command == "fleet-status":
            rows = FLEET if self.power else []
            return {"now": NOW, "total": len(rows), "is_live": False, "devices": rows[arguments["offset"] :][:2]}
        if command in ("power-status", "autopilot-decisions", "autopilot-learned") and command not in self.told:
            raise NotSupported(f"There is no command {command}.", code="HW-703")
        if command in self.told:
            return self.told[command]
        if command == "autopilot-status":
            return [{"settings": self.settings, "problem": "", "last": self.last}]
        return {"done": command}


@pytest.fixture
def here(tmp_path, monkeypatch):
    import argon2

    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    world = World(tmp_path)
    world.program = Program()
    monkeypatch.setattr(world.site.live, "ask", world.program.ask)
    yield world
    world.database.close()


@pytest.fixture
def books(here):
    """A database with a day of decisions, every half hour."""
    store = open_store(here.site.live.folder)

    def fill(connection):
        for number in range(48):
            far = min(number * 0.02, 1.0)
            what = seen(at_ms=NOW - (48 - number) * 30 * MINUTE, held={"near": 1 - far, "far": far, "dead": 0.0})
            rows.write(connection, row_of(what, state="applied" if number % 2 else "asked"))

    store.change_books(fill)
    yield store
    store.close()


def test_a_decision_says_targets_reasons_limits_and_the_second_best(here):
    async def work():
        owner = await here.owner()
        here.program.last = document_of(row_of(seen(), mode="advise", state="asked")) | {"number": 7}
        page = (await owner.get("/api/v1/plan")).json()
        (plan,) = page["plans"]
        assert (plan["mode"], plan["asks"], plan["next_ms"]) == ("ADVISE", 7, NOW + 300_000)
        last = plan["last"]
        assert [(it["destination"], it["has"], it["should"]) for it in last["targets"]] == [
            ("far", 0.0, STEP), ("near", 1.0, 1 - STEP), ("dead", 0.0, 0.0),
        ]  # fmt: skip
        assert last["targets"][2]["left_out"] == "it is not ready"
        assert (last["best"], last["second"]) == ("far", "near")
        worth = {it["destination"]: it["worth_usd_day"] for it in last["targets"]}
        assert last["second_loss_usd_day"] == pytest.approx(worth["far"] - worth["near"])
        assert re.match("at most 25% of (the|all) work moves", last["binds"][0].lower())
        assert last["power_usd_day"] == pytest.approx(17.5 * 2000 / 1000 * 24 * 0.08)
        assert last["reasons"]

    asyncio.run(work())


def test_decisions_come_in_pages_and_are_thought_again(here, books):
    async def work():
        owner = await here.owner()
        first = (await owner.get("/api/v1/decisions", params={"limit": 30})).json()
        rest = (await owner.get("/api/v1/decisions", params={"limit": 30, "cursor": first["next_cursor"]})).json()
        numbers = [it["number"] for it in first["decisions"] + rest["decisions"]]
        assert (numbers, rest["next_cursor"]) == (list(range(48, 0, -1)), None)
        one = (await owner.get("/api/v1/decisions/12")).json()
        assert (one["decision"]["number"], one["is_repeated"]) == (12, True)
        assert (await owner.get("/api/v1/decisions/4800")).json()["code"] == "HW-748"
        assert (await owner.get(f"/api/v1/decisions/{2**70}")).status_code == 404
        other = (await owner.get("/api/v1/decisions", params={"algorithm": "scrypt"})).json()
        assert other["decisions"] == []

    asyncio.run(work())


def test_parts_and_money_over_time_are_thinned_and_the_newest_is_kept(here, books, monkeypatch):
    monkeypatch.setattr("hashwright.web.api_plan.POINTS_MAX", 10)

    async def work():
        owner = await here.owner()
        plot = (await owner.get("/api/v1/plan/history", params={"hours": 48})).json()
        assert len(plot["times_s"]) <= 10
        assert (plot["numbers"][-1], plot["times_s"] == sorted(plot["times_s"])) == (48, True)
        assert set(plot["destinations"]) == {"near", "far", "dead"}
        assert all(len(it) == len(plot["times_s"]) for it in plot["destinations"].values())
        parts = think(seen(held={"near": 0.06, "far": 0.94, "dead": 0.0})).parts
        wanted = parts.get("far", 0) / 10_000 if parts else 0.94
        assert plot["destinations"]["far"][-1] == pytest.approx(wanted, abs=1e-3)

    asyncio.run(work())


def test_without_a_program_the_last_decision_is_shown_as_history(here, books):
    async def work():
        owner = await here.owner()
        here.program.is_there = False
        page = (await owner.get("/api/v1/plan")).json()
        assert (page["is_running"], page["plans"][0]["mode"], page["plans"][0]["next_ms"]) == (False, "PAUSED", None)
        assert page["missing"] == ["The program does not run: hw up"]

    asyncio.run(work())


def test_an_empty_page_says_what_a_plan_needs(here):
    async def work():
        owner = await here.owner()
        here.program.is_there = False
        page = (await owner.get("/api/v1/plan")).json()
        assert (page["plans"], page["stored"], len(page["missing"])) == ([], None, 1)
        assert (await owner.get("/api/v1/decisions/1")).json()["code"] == "HW-748"
        assert (await owner.get("/api/v1/decisions")).json()["decisions"] == []
        assert (await owner.get("/api/v1/plan/history")).json()["times_s"] == []

    asyncio.run(work())


def test_a_row_of_another_program_is_shown_as_far_as_it_can_be_read(here, books):
    odd = rows.DecisionRow(
        id=0, at_ms=NOW, algorithm="sha256d", mode="martian", state="kept", note="x",
        seen='{"ways": [{"destination": "near", "of_tomorrow": 1}], "held": {"near": 1}}', thought='{"worth": {}}',
    )  # fmt: skip
    books.change_books(lambda connection: rows.write(connection, odd))

    async def work():
        owner = await here.owner()
        one = (await owner.get("/api/v1/decisions/49")).json()
        assert (one["is_repeated"], one["decision"]["expected_usd_day"], one["targets"][0]["coin"]) == (None, None, "")

    asyncio.run(work())


ACTIONS = [
    ("PUT", "/api/v1/steering/pause", {"is_paused": True}, "autopilot-pause"),
    ("POST", "/api/v1/steering/wake", None, "autopilot-wake"),
    ("PUT", "/api/v1/autopilots/sha256d", {"mode": "live"}, "autopilot-set"),
    ("POST", "/api/v1/autopilots/sha256d/turns", None, "autopilot-turn"),
    ("POST", "/api/v1/decisions/7/apply", None, "autopilot-apply"),
    ("PUT", "/api/v1/power-autopilots/home", {"mode": "live"}, "power-set"),
    ("POST", "/api/v1/power-autopilots/home/turns", None, "power-turn"),
    ("POST", "/api/v1/power-decisions/31/apply", None, "power-apply"),
]


@pytest.mark.parametrize(("method", "path", "body", "command"), ACTIONS)
def test_the_switch_acts_once_for_who_may_and_stands_in_the_trail(here, method, path, body, command):
    async def work():
        key = {"idempotency-key": "a-key-of-ours"}
        nobody = await here.client().request(method, path, json=body, headers=key)
        reader = await (await here.key("view", "money", "pay")).request(method, path, json=body, headers=key)
        assert (nobody.status_code, reader.status_code, here.program.asked) == (401, 403, [])
        owner = await here.owner()
        assert (await owner.request(method, path, json=body)).status_code == 400
        first = await owner.request(method, path, json=body, headers=key)
        again = await owner.request(method, path, json=body, headers=key)
        assert (first.status_code, again.content) == (200, first.content)
        assert [it[0] for it in here.program.asked].count(command) == 1
        assert (await owner.get("/api/v1/audit")).json()["rows"][0]["outcome"] == "done"
        operator = await (await here.key("view", "operate")).request(method, path, json=body, headers=key)
        assert operator.status_code == 200

    asyncio.run(work())


def test_who_sees_no_money_sees_no_amounts(here, books):
    async def work():
        await here.owner()
        here.program.last = document_of(row_of(seen())) | {"number": 7}
        guest = await here.key("view")
        page = (await guest.get("/api/v1/plan")).json()
        last = page["plans"][0]["last"]
        assert last["targets"][0]["has"] == 0.0
        assert {it["worth_usd_day"] for it in last["targets"]} == {None}
        assert (last["reasons"], last["second_loss_usd_day"], last["decision"]["expected_usd_day"]) == ([], None, None)
        listed = (await guest.get("/api/v1/decisions")).json()["decisions"]
        assert {it["expected_usd_day"] for it in listed} == {None}
        assert {it["note"] for it in listed} == {""}
        one = (await guest.get("/api/v1/decisions/12")).json()
        assert one["power_usd_day"] is None
        plot = (await guest.get("/api/v1/plan/history")).json()
        assert set(plot["expected_usd_day"]) == {None}

    asyncio.run(work())


def test_prices_have_their_age_and_source(here):
    async def work():
        owner = await here.owner()
        prices = (await owner.get("/api/v1/prices")).json()["prices"]
        bitcoin = next(it for it in prices if it["ticker"] == "BTC")
        assert bitcoin["usd"] > 0
        assert bitcoin["at_ms"] < NOW
        assert bitcoin["sources"]

    asyncio.run(work())


def test_what_became_of_decisions_is_shown_a_day(here, books):
    brief = {"number": 48, "seconds": 1800, "span_expected_usd_est": 2.0, "span_earned_usd_est": 1.5}
    pools = {
        "destination": "near", "accepted_factor": 0.99, "answered_days": 3.0, "credited_factor": 0.9,
        "credited_days": 4,
    }  # fmt: skip
    days = {"day": 20_000, "expected_usd_est": 10.0, "earned_usd_est": 9.0, "paper_earned_usd_est": None}
    here.program.told = {
        "autopilot-decisions": {"decisions": [brief], "next": None},
        "autopilot-learned": {"autopilots": [{"algorithm": "sha256d", "days": [days], "pools": [pools]}]},
    }

    async def work():
        owner = await here.owner()
        plot = (await owner.get("/api/v1/plan/history")).json()
        assert (plot["span_expected_usd_day"][-1], plot["span_earned_usd_day"][-1]) == (96.0, 72.0)
        assert set(plot["span_earned_usd_day"][:-1]) == {None}
        (learned,) = (await owner.get("/api/v1/plan")).json()["learned"]
        assert (learned["days"][0]["earned_usd"], learned["pools"][0]["credited"]) == (9.0, 0.9)
        guest = await here.key("view")
        assert (await guest.get("/api/v1/plan")).json()["learned"] == []

    asyncio.run(work())


def test_without_a_program_the_page_energy_shows_how_sites_were_left(here, books):
    turn = power.PowerTurnRow(id=0, at_ms=NOW - 90 * MINUTE, name="home", mode="live", state="failed", seen="null",
                              thought="null", note="HW-844 silent")  # fmt: skip
    books.change_books(lambda connection: power.write(connection, turn))

    async def work():
        owner = await here.owner()
        here.program.is_there = False
        page = (await owner.get("/api/v1/energy")).json()
        (site,) = page["sites"]
        assert (page["is_running"], site["is_stored"], site["stored_ms"]) == (False, True, NOW - 90 * MINUTE)
        assert (site["name"], site["plan"], site["battery"], site["earned"]) == ("home", None, None, None)
        assert [(it["number"], it["note"]) for it in site["turns"]] == [(1, "HW-844 silent")]
        guest = (await (await here.key("view")).get("/api/v1/energy")).json()["sites"][0]
        assert guest["turns"][0]["note"] == ""

    asyncio.run(work())


def test_the_page_energy_has_sites_the_fleet_and_what_is_missing(here):
    async def work():
        owner = await here.owner()
        empty = (await owner.get("/api/v1/energy")).json()
        assert (empty["sites"], empty["fleet"], len(empty["missing"])) == ([], None, 2)
        here.program.power = [power_state()]
        here.clock.advance(10_000)
        page = (await owner.get("/api/v1/energy")).json()
        assert [it["name"] for it in page["sites"]] == ["home"]
        assert sum(it["measured"] + it["estimated"] + it["unknown"] for it in page["fleet"]["groups"]) == len(FLEET)
        assert page["missing"] == []
        steers = (await owner.get("/api/v1/steering")).json()["steers"]
        assert [(it["kind"], it["name"], it["mode"]) for it in steers] == [
            ("route", "sha256d", "ADVISE"), ("power", "home", "ADVISE"),
        ]  # fmt: skip
        guest = (await (await here.key("view")).get("/api/v1/energy")).json()["sites"][0]["plan"]
        assert (guest["gain"], guest["break_even"], guest["totals"]) == (None, {}, {"import_kwh": 5.0})
        assert guest["stretches"][0]["earns"] is None

    asyncio.run(work())


def test_without_a_program_the_fleet_s_last_readings_are_shown_with_their_age(here, books):
    def fill(connection):
        lines = []
        for number, (name, watts) in enumerate((("a", 3000.0), ("b", None), ("c", 1000.0))):
            value = json.dumps({"name": name, "kind": "cgminer", "group": "hall"})
            store_commands.write_setting(connection, "device", name, value, updated_ms=NOW)
            reading = Reading(device=name, at=NOW - (number + 1) * MINUTE, answer="ok", power_w=watts)
            lines.append((name, reading.at, msgspec.json.encode(reading).decode()))
        store_commands.write_setting(connection, "device", "d", json.dumps({"name": "d"}), updated_ms=NOW)
        fleet_rows.write_readings(connection, lines)

    books.change_books(fill)

    async def work():
        here.program.is_there = False
        owner = await here.owner()
        fleet = (await owner.get("/api/v1/energy")).json()["fleet"]
        assert fleet["oldest_ms"] == 3 * MINUTE
        groups = {it["group"]: (it["measured_w"], it["measured"], it["unknown"]) for it in fleet["groups"]}
        assert groups == {"hall": (4000.0, 2, 1), "no group": (0, 0, 1)}

    asyncio.run(work())
