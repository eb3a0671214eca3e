"""The power autopilot in the real program: simulated machines sleep and wake by a site's plan, and faults leave a rule.

The price of the site's file is changed between turns; the plan, its process and the machines' answers are real.
"""

import asyncio
import dataclasses
import os
import time
from datetime import UTC, datetime

import msgspec
import pytest

from hashwright.errors import ConfigError, OperatorError, StaleInput
from hashwright.runtime import (
    autopilot_commands,
    autopilot_power,
    fleet_commands,
    power_commands,
    power_limits,
    power_state,
    replay,
)
from hashwright.runtime.engines import Engines
from hashwright.store.sqlite import SqliteStore
from shell import app as shell_app
from shell.app import ScriptedNode, running
from shell.test_fleet import fleet_of

SITE = """
[site]
name = "hall"
[limits]
import_kw = {import_kw}
machines_kw = {import_kw}
[tariff]
kind = "flat"
price = {price}
[revenue]
per_th_day = 0.05
[[groups]]
name = "demo-cgminer"
up_minutes = 0
down_minutes = 0
levels = [{{ power_w = 3250, hashrate_ths = 110.0 }}]
[[groups]]
name = "no-such-group"
levels = [{{ power_w = 3250, hashrate_ths = 110.0 }}]
"""
HALL = {"name": "hall"}
SLOT_MS = 900_000


def write_site(folder, price, *, import_kw=200):
    path = folder / "hall.toml"
    path.write_text(SITE.format(price=price, import_kw=import_kw))
    return str(path)


async def until(condition):
    """Wait for machines: they are asked each second, and a loaded computer thinks slowly."""
    await shell_app.until(condition, seconds=40)


def states(app):
    """Count the machines by whether they sleep."""
    asleep = [it.reading is not None and it.reading.activity == "asleep" for it in app.kernel.fleet.devices.values()]
    return asleep.count(True), asleep.count(False)


async def refusals(verbs, site):
    for settings, words in (
        ({"name": "other", "site_file": site}, "plans for the group demo-cgminer already"),
        (HALL | {"hours": 900.0}, "hours: 900"),
        ({"name": "new", "site_file": site + "x"}, "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=words):
            await verbs["power-set"]({"settings": settings})
    with pytest.raises(OperatorError, match="no power turn"):
        await verbs["power-apply"]({"number": 999})


async def the_oven_goes_on(app, meter):
    """The import limit stands above the plan, and does not wait for a turn: the meter is enough."""
    when = datetime.fromtimestamp(app.clock.now() / 1000, UTC).isoformat()
    meter.write_text(f"time_utc,import_w,export_w\n{when},40000,0\n")
    service = app.power.services["hall"]
    service.settings = msgspec.structs.replace(service.settings, meter=str(meter))
    await until(lambda: states(app) == (13, 7))
    (limit,) = fleet_commands.page_of(app, offset=0)["limits"]
    assert limit == {"key": "hall", "import_w": 33_000.0, "measured_w": 40_000.0, "asleep": 3}
    assert any(it.code == "HW-887" and "measured): 3 machines put" in it.text for it in app.store.alerts(50))


async def pause_and_remove(app, verbs):
    """Paused, nobody drives: who rests is named. The fuse holds until the site is taken away."""
    number = app.power.services["hall"].last.row.id
    assert "hall" in await app.power.pause(is_paused=True)
    assert app.kernel.fleet.plans == {}, "a paused autopilot drives nothing"
    left = autopilot_commands.resting(app)
    assert (len(left), set(left.values())) == (10, {"autopilot hall"}), "who was shed is not left by a plan"
    row = fleet_commands.row_of(app, next(iter(left)), app.clock.now())
    assert row["waits"] == "left asleep by autopilot hall; to wake it: hw autopilot wake"
    assert await app.power.services["hall"].turn() is None
    with pytest.raises(OperatorError, match="paused"):
        await verbs["power-apply"]({"number": number})
    assert list(app.kernel.fleet.limits) == ["hall"], "a fuse holds whoever is paused"
    await verbs["power-remove"](HALL)
    assert app.kernel.fleet.limits == {}


async def pinned(app, verbs):
    """A person pins hours against the money: machines follow, whoever undoes it knows what, and it ends by itself."""
    now = app.clock.now() // SLOT_MS * SLOT_MS
    pin = {"group": "demo-cgminer", "from_ms": now, "to_ms": now + 8 * SLOT_MS, "want": "rest", "author": "kai"}
    first = await verbs["power-pin"]({"name": "hall", "pin": pin})
    assert first["pins"] == [pin]
    await until(lambda: states(app) == (20, 0))
    state = (await verbs["power-status"]({}))[0]
    assert state["pins"] == first, "a page sees what stands"
    assert state["plan"]["seen"]["pins"] == [pin], "a turn keeps what it was told, so that it can be thought again"
    for bad, code in (({"group": "attic"}, "HW-833"), ({"to_ms": now}, "HW-832"), ({"want": "dance"}, "HW-832")):
        with pytest.raises(OperatorError) as told:
            await verbs["power-pin"]({"name": "hall", "pin": pin | bad})
        assert told.value.code == code
    with pytest.raises(OperatorError, match="not the newest"):
        await verbs["power-pin-undo"]({"name": "hall", "change": first["change"] - 1})
    undone = await verbs["power-pin-undo"]({"name": "hall", "change": first["change"]})
    assert undone == {"change": first["change"] + 1, "pins": []}
    await until(lambda: states(app) == (10, 10))


def hall_of(tmp_path, count):
    # Miners answer on one port only, so each run of the tests takes loopback addresses of its own.
    first = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}.{1 + 40 * (count > 2)}"
    return fleet_of(tmp_path / "data", count, first=first, mix=("cgminer",), rules={"live": True})


def test_a_dry_run_touches_no_machine_and_a_live_plan_puts_them_to_sleep_and_wakes_them(tmp_path, monkeypatch):
    monkeypatch.setattr(autopilot_power, "LOOK_S", 0.2)
    monkeypatch.setattr(autopilot_power, "EARLY_GAP_S", 0.2)
    monkeypatch.setattr(power_limits, "LOOK_S", 0.2)

    async def scenario():
        async with hall_of(tmp_path, 20) as (app, machines, fleet):
            verbs = power_commands.commands(app.power)
            site = write_site(tmp_path, 2.0)
            await verbs["power-set"]({"settings": HALL | {"site_file": site}})
            dry = await verbs["power-turn"](HALL)
            assert (dry["last"]["state"], dry["plan"]["thought"]["rule"]) == ("rehearsed", "plan")
            assert "the fleet has no machine of it" in dry["plan"]["thought"]["left_out"][0]
            assert dry["plan"]["gain"] > 0
            await asyncio.sleep(1.2)  # longer than the engine's tick
            assert (sum(len(it.commands) for it in machines), states(app), dry["driven_by"]) == (0, (0, 20), None)

            await verbs["power-set"]({"settings": HALL | {"mode": "advise"}})
            await until(lambda: app.power.services["hall"].last is not None)
            asked = await verbs["power-turn"](HALL)
            assert asked["settings"]["site_file"] == site, "what was not named stays"
            assert (asked["last"]["state"], machines[0].commands) == ("kept", []), "one question is enough"
            await verbs["power-apply"]({"number": asked["last"]["number"]})
            await until(lambda: states(app) == (20, 0))
            assert {it.commands[-1] for it in machines} == {"pause"}

            # Paid to draw, but half of the import: half of the machines, never more than the breaker carries. Nobody
            # asks for this turn: the file has changed.
            await verbs["power-set"]({"settings": HALL | {"mode": "live"}})
            write_site(tmp_path, -0.05, import_kw=33)
            await until(lambda: states(app) == (10, 10))
            assert sum(it.power_w for it in machines if not it.is_paused) <= 33_000

            await pinned(app, verbs)
            await the_oven_goes_on(app, tmp_path / "meter.csv")
            await refusals(verbs, site)
            await pause_and_remove(app, verbs)

            # marked machines sleep at an orderly end, and only they
            running_now = [it for it in machines if not it.is_paused]
            raw = msgspec.to_builtins(app.fleet.settings[running_now[0].name]) | {"fail_safe": "sleep"}
            await fleet["fleet-set"]({"devices": [raw]})
            app.config = dataclasses.replace(app.config, fail_safe="yes")
        assert [it.is_paused for it in running_now] == [True] + [False] * 6
        store = SqliteStore.open(tmp_path / "data", readonly=True)
        try:
            (stored,) = store.read_books(lambda connection: power_state.stored_states(connection, now=0))
            assert replay.verify(list(store.read_batches(0)), state=Engines()).findings == ()
        finally:
            store.close()
        plan = stored["plan"]
        assert (plan["name"], plan["state"], plan["thought"]["machines"]) == ("hall", "applied", 20)
        assert (stored["is_stored"], stored["turns"][0]["number"] >= plan["number"]) == (True, True)

    asyncio.run(scenario())


def test_each_fault_leaves_the_last_plan_then_the_rule_and_says_so(tmp_path, monkeypatch):
    """No site file, a solver that hangs, a start in between: what holds is said, and machines do as it says."""
    monkeypatch.setattr(autopilot_power, "LOOK_S", 600)  # no turn but those of the test

    async def scenario():
        async with hall_of(tmp_path, 2) as (app, _, _):
            verbs = power_commands.commands(app.power)
            site = write_site(tmp_path, 2.0)
            await verbs["power-set"]({"settings": HALL | {"site_file": site, "mode": "live", "blind": "sleep"}})
            await until(lambda: states(app) == (2, 0))
            (tmp_path / "hall.toml").unlink()
            held = await verbs["power-turn"](HALL)
            assert (held["last"]["state"], held["banner"][:6]) == ("failed", "HW-951")
            assert held["driven_by"]["plan"].startswith("hall"), "the fleet goes on by the last plan"
            explained = await verbs["power-turn"](HALL)
            assert explained["plan"]["number"] < explained["last"]["number"], "the plan that holds is still shown"

        async with running(tmp_path / "data", ScriptedNode()) as again:
            service = again.power.services["hall"]
            await until(lambda: service.last is not None and service.last.row.state == "failed")
            assert service.banner.startswith("HW-951"), "the last plan is known after a start"
            assert again.kernel.fleet.plans["hall"].author == "autopilot hall"

            # the solver's process hangs: it is ended, and the rule or the last plan holds
            write_site(tmp_path, 2.0)
            real = again.power.worker.call

            async def hangs(function, *arguments, limit_s, code):
                if getattr(arguments[0], "has_solver", False):
                    return await real(time.sleep, 60, limit_s=0.2, code=code)
                return await real(function, *arguments, limit_s=limit_s, code=code)

            monkeypatch.setattr(again.power.worker, "call", hangs)
            turn = await service.turn()
            assert turn.thought.rule == "last plan"
            assert any("solver's process" in it.message for it in turn.thought.told)

            # without a plan that keeps today's limits: the rule, which needs no solver
            service._kept = None
            turn = await service.turn()
            assert (turn.thought.rule, service.banner[:6]) == ("threshold", "HW-952")

            # nothing is known, and no plan reaches over now: machines do as their owner said
            (tmp_path / "hall.toml").unlink()
            old = msgspec.structs.replace(turn.thought, plan=msgspec.structs.replace(turn.thought.plan, start_ms=0))
            service.planned = dataclasses.replace(turn, thought=old)
            blind = await service.turn()
            assert (blind.row.state, service.banner[:6]) == ("failed", "HW-953")
            assert "put to sleep" in blind.row.note
            assert {it.power_w for it in again.kernel.fleet.plans["hall"].slots} == {0.0}

            monkeypatch.setattr(again.power.worker, "call", real)
            write_site(tmp_path, 2.0)
            turn = await service.turn()
            assert (turn.thought.rule, service.banner) == ("plan", "")
            await until(lambda: any("by the solver again" in alert.text for alert in again.store.alerts(50)))
            codes = {alert.code for alert in again.store.alerts(50)}
            assert {"HW-951", "HW-952", "HW-953"} <= codes

    asyncio.run(scenario())


def test_a_worker_ends_with_its_parent_and_a_failure_is_words():
    async def scenario():
        from hashwright.runtime.worker import Worker

        worker = Worker()
        try:
            assert await worker.call(os.getppid, limit_s=30, code="HW-953") == os.getpid()
            with pytest.raises(StaleInput, match="ValueError"):
                await worker.call(int, "x", limit_s=30, code="HW-953")
            with pytest.raises(StaleInput, match="BrokenProcessPool"):
                await worker.call(os._exit, 3, limit_s=30, code="HW-953")
            assert await worker.call(len, "abc", limit_s=30, code="HW-953") == 3, "it is started again"
        finally:
            worker.close()

    asyncio.run(scenario())
