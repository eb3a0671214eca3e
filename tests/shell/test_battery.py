"""A commanded battery in the real program: a simulated inverter on loopback, real plans, faults in between."""

import asyncio
import os
from datetime import UTC, datetime

import msgspec
import pytest

from hashwright.energy import battery_control
from hashwright.planner.power import PowerSeen
from hashwright.runtime import autopilot_power, battery, power_commands, power_outcome
from hashwright.runtime.battery import KeptOrder
from hashwright.store import power_battery as rows
from hashwright.store.sqlite import SqliteStore
from hashwright.testing.battery import SimulatedBattery, inverter_toml, serving
from shell import app as shell_app
from shell.app import ScriptedNode, running
from shell.test_fleet import fleet_of

SITE = """
[site]
name = "hall"
[limits]
import_kw = 20
[load]
base_kw = 3
[tariff]
kind = "time_of_use"
zone = "UTC"
price = {later}
[[tariff.rules]]
price = {now}
from = "{first:02d}:00"
to = "{last:02d}:00"
[revenue]
per_th_day = 0.05
[battery]
capacity_kwh = 10
charge_kw = 3
discharge_kw = 3
reserve = 0.2
[[groups]]
name = "demo-cgminer"
levels = [{{ power_w = 3250, hashrate_ths = 110.0 }}]
{inverter}
"""
HALL = {"name": "hall"}
CHEAP, DEAR = (0.05, 0.9), (0.9, 0.05)
"""What power costs now and later: a battery is charged, or emptied."""


def write_site(folder, prices, address):
    path = folder / "hall.toml"
    hour = datetime.now(UTC).hour
    clock = {"first": (hour - 1) % 24, "last": (hour + 2) % 24}
    path.write_text(SITE.format(now=prices[0], later=prices[1], inverter=inverter_toml(address), **clock))
    return str(path)


def kept_orders(folder):
    store = SqliteStore.open(folder, readonly=True)
    try:
        kept = store.read_books(lambda connection: rows.events_of(connection, "hall", limit=500))
    finally:
        store.close()
    return [msgspec.json.decode(it.body, type=KeptOrder) for it in kept if it.kind == "order"]


async def until(condition):
    await shell_app.until(condition, seconds=40)


@pytest.fixture
def quick(monkeypatch):
    """Look ten times a second, and judge as soon."""
    monkeypatch.setattr(autopilot_power, "LOOK_S", 600)  # no early turn but those that the battery asks for
    monkeypatch.setattr(battery, "LOOK_S", 0.1)
    monkeypatch.setattr(power_outcome, "SAMPLE_S", 0.2)
    monkeypatch.setattr(battery_control, "SETTLE_MS", 100)
    monkeypatch.setattr(battery_control, "RETRY_MS", 200)


def test_a_plan_commands_the_battery_and_one_that_does_not_obey_is_planned_without(tmp_path, quick):
    async def scenario():
        box = SimulatedBattery(time_s=asyncio.get_running_loop().time, level=60.0)
        first = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}.201"
        async with (
            serving(box) as address,
            fleet_of(tmp_path / "data", 1, first=first, mix=("cgminer",), rules={"live": True}) as (app, _, _),
        ):
            verbs = power_commands.commands(app.power)
            site = write_site(tmp_path, CHEAP, address)
            await verbs["power-set"]({"settings": HALL | {"site_file": site}})
            dry = await verbs["power-turn"](HALL)
            await until(lambda: app.power.services["hall"].battery.level is not None)
            dry = await verbs["power-turn"](HALL)
            assert dry["battery"]["would"]["words"] == "to take 3,000 W"
            assert dry["plan"]["seen"]["level"] == pytest.approx(60.0, abs=1), "a plan begins with what it reports"
            assert (box.orders, dry["battery"]["order"]) == ([], None), "a dry run tells it nothing"

            await verbs["power-set"]({"settings": HALL | {"mode": "live"}})
            await until(lambda: box.orders and box.orders[-1] == 3000)
            write_site(tmp_path, DEAR, address)
            live = await verbs["power-turn"](HALL)
            await until(lambda: box.orders[-1] == -3000)
            live = await verbs["power-turn"](HALL)
            assert live["battery"]["order"]["answer"] == "ok"
            assert live["battery"]["order"]["turn"] == live["plan"]["number"] - 1, "told by the turn before"

            outcome = next(it["outcome"] for it in live["turns"] if it["outcome"] is not None)
            assert (outcome["source"], outcome["earned"], outcome["is_driven"]) == ("machines", 0.0, True)
            assert (outcome["expected_cost"], outcome["cost"] > 0) == (0.0, True), "it ran until it was told to sleep"
            assert live["battery_orders"][0]["words"] == "to give 3,000 W"

            # it says yes and does nothing: plans are made without it
            service = app.power.services["hall"]
            box.faults.add("does nothing")
            write_site(tmp_path, CHEAP, address)
            await verbs["power-turn"](HALL)
            await until(lambda: service.battery.is_out and box.orders[-1] is None)
            await until(lambda: "the battery:" in " ".join(service.planned.thought.left_out))
            seen = msgspec.json.decode(service.planned.row.seen, type=PowerSeen)
            assert seen.is_battery_out
            assert service.planned.thought.battery_wh == ()
            assert any(it.code == "HW-890" for it in app.store.alerts(50))

            # back again, paused (given back), and at an orderly end as well
            box.faults.clear()
            service.battery.state.out_until = 1
            await until(lambda: box.orders[-1] == 3000)
            await app.power.pause(is_paused=True)
            assert box.orders[-1] is None
            await app.power.pause(is_paused=False)
            await verbs["power-turn"](HALL)
            await until(lambda: box.orders[-1] == 3000)
        assert box.orders[-1] is None, "Hashwright ends: its own master again"
        orders = kept_orders(tmp_path / "data")
        assert {it.order.action for it in orders} >= {"charge", "discharge", "automatic"}
        assert all(it.is_repeated for it in orders)

    asyncio.run(scenario())


def test_a_battery_left_under_orders_by_a_crash_is_given_back_by_the_next_start(tmp_path, quick):
    async def scenario():
        box = SimulatedBattery(time_s=asyncio.get_running_loop().time)
        async with serving(box) as address:
            site = write_site(tmp_path, CHEAP, address)
            async with running(tmp_path / "data", ScriptedNode()) as app:
                await power_commands.commands(app.power)["power-set"]({"settings": HALL | {"site_file": site}})
                verbs, whole = power_commands.commands(app.power), {"name": "hall", "site_file": site, "hours": 24.0}
                await verbs["power-set"]({"settings": {"name": "hall", "hours": 12.0, "blind": "sleep"}})
                await verbs["power-set"]({"settings": whole, "is_whole": True})
                assert app.store.settings("power") == {"hall": whole}, "what a file does not name has its default"
                service = app.power.services["hall"]
                await until(lambda: service.battery.level is not None)
                service.battery._is_over = True  # it ends without a word
                box.command(2000, 3600)
                order = battery_control.Order(action="charge", watts=2000)
                row = rows.BatteryEventRow(
                    id=0,
                    at_ms=1,
                    name="hall",
                    kind="order",
                    turn=1,
                    body=msgspec.json.encode(KeptOrder(order=order)).decode(),
                )
                await asyncio.wrap_future(app.writer.transact(lambda connection: rows.write_events(connection, (row,))))
            assert box.orders == [2000]
            async with running(tmp_path / "data", ScriptedNode()):
                await until(lambda: box.orders[-1] is None)

    asyncio.run(scenario())
