"""The power autopilot in the real program: simulated machines sleep and wake by a site's plan, and faults leave a rule.

The price of the site's file is changed between turns; the plan, its process and the machines' answers are real.
"""

import asyncio

from hashwright.runtime import power_commands
from hashwright.store.sqlite import SqliteStore
from shell.app import until
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
ALWAYS = {"live": True}


def write_site(folder, price, *, import_kw=200):
    path = folder / "hall.toml"
    path.write_text(SITE.format(price=price, import_kw=import_kw))
    return str(path)


def states(app):
    """Count the machines by whether they sleep."""
    asleep = [it.reading is not None and it.reading.activity == "asleep" for it in app.kernel.fleet.devices.values()]
    return asleep.count(True), asleep.count(False)


def commanded(machines):
    return sum(len(machine.commands) for machine in machines)


def codes(app):
    return {alert.code for alert in app.store.alerts(100)}


def test_machines_sleep_and_wake_by_the_plan_and_a_dry_run_touches_none(tmp_path):
    async def scenario():
        async with fleet_of(tmp_path / "data", 20, first="127.83.1.1", mix=("cgminer",), rules=ALWAYS) as (
            app,
            machines,
            _,
        ):
            verbs = power_commands.commands(app.power)
            site = write_site(tmp_path, 2.0)
            await verbs["power-set"]({"settings": {"name": "hall", "site_file": site}})
            dry = await verbs["power-turn"]({"name": "hall"})
            assert (dry["last"]["state"], dry["plan"]["thought"]["rule"]) == ("rehearsed", "plan")
            assert "the fleet has no machine of it" in dry["plan"]["thought"]["left_out"][0]
            assert dry["plan"]["gain"] > 0
            await asyncio.sleep(1.5)  # longer than the engine's tick
            assert (commanded(machines), states(app), dry["driven_by"]) == (0, (0, 20), None)

            live = await verbs["power-set"]({"settings": {"name": "hall", "mode": "live"}})
            assert live["settings"]["site_file"] == site, "what was not named stays"
            await until(lambda: states(app) == (20, 0))
            assert {it.commands[-1] for it in machines} == {"pause"}

            write_site(tmp_path, -0.05)
            woken = await verbs["power-turn"]({"name": "hall"})
            assert woken["plan"]["thought"]["blocks"][0]["reason"] == "paid to use"
            await until(lambda: states(app) == (0, 20))

            # half of the import: half of the machines, and never more than the breaker carries
            write_site(tmp_path, 0.01, import_kw=33)
            await verbs["power-turn"]({"name": "hall"})
            await until(lambda: states(app) == (10, 10))
            assert sum(it.power_w for it in machines if not it.is_paused) <= 33_000

            assert "hall" in await app.power.pause(is_paused=True)
            assert app.kernel.fleet.plans == {}, "a paused autopilot drives nothing"
            assert await app.power.services["hall"].turn() is None
        # what was planned is still there when nothing runs, and in the next run
        store = SqliteStore.open(tmp_path / "data", readonly=True)
        try:
            (stored,) = store.read_books(power_commands.stored_plans)
        finally:
            store.close()
        assert (stored["name"], stored["state"], stored["thought"]["machines"]) == ("hall", "applied", 20)

    asyncio.run(scenario())
