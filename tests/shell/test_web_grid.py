"""The grid of hours by groups, and pins over HTTP: from a real plan, with rights, once each, and taken back."""

import asyncio
import uuid

import msgspec
import pytest

from hashwright.planner.power_pins import Pin
from hashwright.runtime.opening import open_store
from hashwright.store import power as rows
from hashwright.web import grid, passwords
from shell.test_web_plan import Program, document_of, row_of, seen
from unit.web.power_turn import HOUR, hall_at, start_of, turn_at
from unit.web.world import NOW, World

START = start_of(NOW)
PINS = "/api/v1/power-autopilots/hall/pins"


@pytest.fixture
def here(tmp_path, monkeypatch):
    import argon2

    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    world = World(tmp_path)
    world.program = Program()
    world.program.power = [hall_at(NOW)]
    monkeypatch.setattr(world.site.live, "ask", world.program.ask)
    yield world
    world.database.close()


def hour(page, group, number):
    (found,) = page["grids"]
    row = next(it for it in found["rows"] if it["group"] == group)
    return next(it for it in row["cells"] if it["from_ms"] == START + number * HOUR)


def test_each_cell_says_what_why_worth_and_the_second_best_and_where_the_work_goes(here):
    async def work():
        owner = await here.owner()
        here.program.last = document_of(row_of(seen(), mode="live", state="applied")) | {"number": 7}
        page = (await owner.get("/api/v1/plan/grid")).json()
        (found,) = page["grids"]
        assert (found["mode"], found["currency"], found["number"], found["problem"]) == ("DRY RUN", "EUR", 7, "")
        assert [(it["group"], it["machines"], len(it["cells"])) for it in found["rows"]] == [
            ("old", 2, 24),
            ("new", 3, 24),
        ]
        cheap, dear = hour(page, "new", 1), hour(page, "new", 8)
        assert (cheap["does"], cheap["power_w"], cheap["second"]) == ("run", 9000.0, "run at 67%")
        assert (dear["does"], dear["why"], dear["value"]) == ("rest", "too dear", 0.0)
        assert 0 < cheap["second_loss"] < cheap["value"]
        assert dear["second_loss"] > 0
        assert found["work"]["places"][0]["ticker"] == "BTC"
        assert {it["destination"] for it in found["work"]["places"]} <= {"near", "far"}
        assert (found["work"]["second"], found["work"]["decision"]) == ("near", 7)
        assert found["course"]["low"][-1] < found["course"]["mean"][-1] < found["course"]["high"][-1]

    asyncio.run(work())


def test_cells_are_reckoned_once_a_turn(here, monkeypatch):
    async def work():
        owner = await here.owner()
        reckoned = []
        monkeypatch.setattr(grid, "reckoned", lambda plan: (reckoned.append(plan["number"]), ((), None, ""))[1])
        for _ in range(3):
            await owner.get("/api/v1/plan/grid")
        assert reckoned == [7]

    asyncio.run(work())


def test_a_pin_is_the_program_s_and_is_taken_back_by_its_number(here):
    async def work():
        owner = await here.owner()
        pin = {
            "group": "new",
            "from_ms": START + 2 * HOUR,
            "to_ms": START + 4 * HOUR,
            "want": "rest",
            "author": "account:kai",
        }
        here.program.told = {"power-pin": {"change": 3, "pins": [pin]}, "power-pin-undo": {"change": 4, "pins": []}}
        wish = {name: it for name, it in pin.items() if name != "author"}
        key = {"idempotency-key": str(uuid.uuid4())}
        first = await owner.post(PINS, json=wish, headers=key)
        again = await owner.post(PINS, json=wish, headers=key)
        assert (first.status_code, first.json(), again.json()) == (200, {"change": 3, "pins": [pin]}, first.json())
        assert [it for it in here.program.asked if it[0] == "power-pin"] == [
            ("power-pin", {"name": "hall", "pin": pin})
        ]
        free = await owner.post(PINS, json=wish | {"want": "plan"}, headers={"idempotency-key": str(uuid.uuid4())})
        assert free.status_code == 200
        assert here.program.asked[-1][1]["pin"]["want"] is None
        undone = await owner.post(f"{PINS}/undo", json={"change": 3}, headers={"idempotency-key": str(uuid.uuid4())})
        assert undone.json() == {"change": 4, "pins": []}
        trail = [it["action"] for it in (await owner.get("/api/v1/audit")).json()["rows"]]
        assert trail[:3] == ["power-pin-undo", "power-pin", "power-pin"]
        for bad in ({"want": "sleep"}, {"group": ""}, {"from_ms": -1}, {"group": "a\nb"}, {"until": 3}):
            answer = await owner.post(PINS, json=wish | bad, headers={"idempotency-key": str(uuid.uuid4())})
            assert answer.status_code == 400, bad

    asyncio.run(work())


def test_who_only_looks_pins_nothing_and_sees_no_money(here):
    async def work():
        guest = await here.key("view")
        page = (await guest.get("/api/v1/plan/grid")).json()
        cell = hour(page, "new", 1)
        assert (cell["does"], cell["value"], cell["earns"], cell["second_loss"]) == ("run", None, None, None)
        assert page["grids"][0]["course"] is None
        wish = {"group": "new", "from_ms": START, "to_ms": START + HOUR, "want": "rest"}
        refused = await guest.post(PINS, json=wish, headers={"idempotency-key": str(uuid.uuid4())})
        assert (refused.status_code, refused.json()["code"]) == (403, "HW-741")

    asyncio.run(work())


def test_with_nothing_running_the_last_plan_is_shown_with_its_pins(here):
    async def work():
        pinned = Pin(group="new", from_ms=START + 2 * HOUR, to_ms=START + 3 * HOUR, want="rest", author="account:kai")
        turn = turn_at(NOW - 60_000, pins=(pinned,))
        row = rows.PowerTurnRow(
            id=0, at_ms=turn["at_ms"], name="hall", mode="dry-run", state="rehearsed", note="",
            seen=msgspec.json.encode(turn["seen"]).decode(), thought=msgspec.json.encode(turn["thought"]).decode(),
        )  # fmt: skip
        store = open_store(here.site.live.folder)
        store.change_books(lambda connection: rows.write(connection, row))
        store.close()
        here.program.is_there = False
        owner = await here.owner()
        page = (await owner.get("/api/v1/plan/grid")).json()
        assert page["is_running"] is False
        cell = hour(page, "new", 2)
        assert (cell["does"], cell["pinned"], cell["why"], cell["second"]) == (
            "rest",
            "rest",
            "pinned by a person",
            "run",
        )
        assert cell["second_loss"] < 0, "without the pin it would bring more"
        assert [it["author"] for it in page["grids"][0]["pins"]] == ["account:kai"]

    asyncio.run(work())


def test_a_plan_of_another_version_has_no_cells_and_says_so(here):
    async def work():
        owner = await here.owner()
        here.program.power = [hall_at(NOW)]
        del here.program.power[0]["plan"]["seen"]["price"]
        (found,) = (await owner.get("/api/v1/plan/grid")).json()["grids"]
        assert found["rows"] == []
        assert "another version" in found["problem"]

    asyncio.run(work())
