"""The fleet in the real program: machines on loopback are polled, put to sleep in order, read back, and told of."""

import asyncio
import contextlib
import random

import pytest

from hashwright.errors import ConfigError, OperatorError
from hashwright.fleet.effects import CommandDevice
from hashwright.runtime import fleet, fleet_commands, fleet_each, replay
from hashwright.runtime.engines import Engines
from hashwright.store import fleet as rows
from hashwright.store.sqlite import SqliteStore
from hashwright.testing.machines.model import Pool
from hashwright.testing.machines.park import Park, break_some, make_machines, settings_of
from shell.app import ScriptedNode, running, until

QUICK = {
    "poll_s": 1.0,
    "settle_s": 5.0,
    "start_percent": 100.0,
    "stop_percent": 100.0,
    "deadline_s": 0.5,
    "dwell_s": 0.0,
}


@pytest.fixture(autouse=True)
def _quick_read_back(monkeypatch):
    """Simulated machines obey at once: nobody need wait for their flash."""
    monkeypatch.setattr(fleet, "READ_BACK_S", 0.1)
    monkeypatch.setattr(fleet_each, "BACK_MAX_S", 0.5)


@contextlib.asynccontextmanager
async def fleet_of(folder, count, *, first, faults=(), rules=None, mix=("cgminer", "xmrig"), **changes):
    """The program with simulated machines added, and each of them heard once."""
    rng = random.Random(3)
    machines = make_machines(count, rng=rng, first=first, mix=mix)
    break_some(machines, faults)
    park = Park(machines, rng=rng)
    await park.start()
    try:
        async with running(folder, ScriptedNode()) as app:
            verbs = fleet_commands.commands(app)
            await verbs["fleet-rules"]({"changes": QUICK | (rules or {})})
            await verbs["fleet-set"]({"devices": [settings_of(machine) | changes for machine in machines]})
            await until(lambda: all(it.answer for it in app.kernel.fleet.devices.values()))
            yield app, machines, verbs
    finally:
        await park.stop()


def names(machines):
    return [machine.name for machine in machines]


async def settled(verbs, chosen):
    async with asyncio.timeout(20):
        while True:
            page = await verbs["fleet-status"]({"devices": chosen})
            if all(row["is_settled"] for row in page["devices"]):
                return page["devices"]
            await asyncio.sleep(0.05)


def test_machines_are_put_to_sleep_and_woken_and_the_journal_replays_to_the_same_commands(tmp_path):
    seen = []

    async def story():
        async with fleet_of(tmp_path, 12, first="127.80.1.1") as (app, machines, verbs):
            app.kernel.tap = lambda now, event, effects: seen.extend(effects)
            await verbs["fleet-order"]({"devices": names(machines), "mode": "sleep"})
            found = await settled(verbs, names(machines))
            assert {row["state"] for row in found} == {"asleep"}
            assert all(machine.is_paused for machine in machines)
            await verbs["fleet-order"]({"devices": names(machines), "mode": "run"})
            await settled(verbs, names(machines))
            assert not any(machine.is_paused for machine in machines)
            assert all(machine.commands == ["pause", "resume"] for machine in machines)

    asyncio.run(story())
    commands = [effect for effect in seen if isinstance(effect, CommandDevice)]
    assert len({effect.key for effect in commands}) == 24
    store = SqliteStore.open(tmp_path)
    try:
        batches = list(store.read_batches(0))
        assert replay.verify(batches, state=Engines()).findings == ()
        state, again = Engines(), []
        for batch in batches:
            for now, event, mark in batch.entries():
                again.extend(replay.replay_entry(state, event, mark, now=now))
        assert [it for it in again if isinstance(it, CommandDevice)] == commands
        assert set(store.read_books(rows.read_readings)) == {f"sim-{n + 1:04d}" for n in range(12)}
    finally:
        store.close()


def test_a_restart_sends_nothing_again_and_knows_who_sleeps(tmp_path):
    async def story():
        machines = make_machines(3, rng=random.Random(3), first="127.80.2.1", mix=("cgminer",))
        park = Park(machines, rng=random.Random(3))
        await park.start()
        async with running(tmp_path, ScriptedNode()) as app:
            verbs = fleet_commands.commands(app)
            await verbs["fleet-rules"]({"changes": QUICK})
            await verbs["fleet-set"]({"devices": [settings_of(machine) for machine in machines]})
            await verbs["fleet-order"]({"devices": names(machines), "mode": "sleep"})
            await settled(verbs, names(machines))
        async with running(tmp_path, ScriptedNode()) as again:
            await until(lambda: all(again.fleet.latest.get(machine.name) for machine in machines))
            await asyncio.sleep(2)
            page = fleet_commands.page_of(again, offset=0)
            assert {row["state"] for row in page["devices"]} == {"asleep"}
            assert all(machine.commands == ["pause"] for machine in machines)
        await park.stop()

    asyncio.run(story())


def test_faulty_machines_do_not_hold_up_the_others(tmp_path):
    faults = ("dead=3", "hangs=3", "refuses=1", "disobeys=1", "no-pause=1")

    async def story():
        async with fleet_of(tmp_path, 20, first="127.80.3.1", faults=faults) as (app, machines, verbs):
            sound = [machine for machine in machines if not machine.faults]
            await verbs["fleet-order"]({"devices": names(machines), "mode": "sleep"})
            await settled(verbs, names(sound))
            await until(lambda: app.kernel.fleet.told == ["HW-506"])
            row = {it["device"]: it for it in fleet_commands.page_of(app, offset=0)["devices"]}
            states = {next(iter(it.faults), ""): row[it.name] for it in machines}
            await until(lambda: "HW-503" in app.kernel.fleet.devices[states["disobeys"]["device"]].told)
            assert "HW-108" in app.kernel.fleet.devices[states["refuses"]["device"]].told
            assert app.kernel.fleet.devices[states["no-pause"]["device"]].unsupported == ["pause"]
            assert app.kernel.engines.fleet_fault == ""

    asyncio.run(story())


def test_pools_are_set_and_a_change_stops_when_too_many_refuse(tmp_path):
    pool = {"url": "stratum+tcp://192.0.2.1:3333", "user": "kai.rack"}

    async def story():
        async with fleet_of(tmp_path, 6, first="127.80.4.1", faults=("refuses=5",)) as (_, machines, verbs):
            answer = await verbs["fleet-pools"]({"devices": names(machines[5:]), "pools": [pool]})
            assert [it["answer"] for it in answer["outcomes"]] == ["ok"]
            assert machines[5].pools[0].user == "kai.rack"
            fleet_each.AT_ONCE, before = 1, fleet_each.AT_ONCE
            try:
                answer = await verbs["fleet-pools"]({"devices": names(machines), "pools": [pool]})
            finally:
                fleet_each.AT_ONCE = before
            said = [it["answer"] for it in answer["outcomes"]]
            assert said == ["refused"] * 4 + ["left out"] * 2

    asyncio.run(story())


def test_a_machine_is_measured_and_the_curve_is_kept(tmp_path):
    async def story():
        async with fleet_of(tmp_path, 1, first="127.80.5.1", mix=("axeos",), faults=(), rules={"settle_s": 10.0}) as (
            app,
            machines,
            verbs,
        ):
            answer = await verbs["fleet-profile"]({"device": machines[0].name, "parts": [1.0, 0.7, 0.5], "hold_s": 0.2})
            assert len(answer["curve"]) == 3
            assert answer["curve"][0][0] == pytest.approx(machines[0].rated_w * 0.5, rel=0.05)
            device = app.kernel.fleet.devices[machines[0].name]
            assert len(device.settings.curve) == 3
            assert device.override is None
            assert machines[0].part == 1.0

    asyncio.run(story())


def test_a_broken_machine_saves_none_and_names_each_problem(tmp_path):
    async def story():
        async with running(tmp_path, ScriptedNode()) as app:
            good = {"name": "a", "kind": "cgminer", "settings": {"host": "127.80.6.1"}}
            bad = [
                good | {"name": "bad name", "rated_w": -1},
                good | {"kind": "toaster"},
                good | {"settings": {}},
                good | {"password_from": "secret"},
                good | {"colour": 1},
            ]
            with pytest.raises(ConfigError) as caught:
                await fleet_commands.save_devices(app, [good, *bad])
            assert len(caught.value.findings) == 6
            assert app.store.settings("device") == {}
            with pytest.raises(OperatorError, match="no machine 'b'"):
                fleet_commands.known_names(app, ["b"])

    asyncio.run(story())


def test_heat_faults_and_lies_are_told_and_heat_is_acted_upon(tmp_path):
    """Machines of makers: the hot one is stopped in a live fleet, the liar is counted with its rating."""

    async def story():
        rules = {"live": True, "temperature_max_c": 50.0}
        mix = ("whatsminer", "whatsminer", "avalon")
        async with fleet_of(tmp_path, 3, first="127.80.7.1", mix=mix, rules=rules) as (app, machines, _):
            hot, liar, sound = machines
            hot.temperature_c = 80.0
            hot.faults.add("hot")
            liar.faults.add("lies")
            devices = app.kernel.fleet.devices
            await until(lambda: hot.is_paused and devices[hot.name].told == ["HW-504", "HW-111"], seconds=20)
            await until(lambda: devices[liar.name].told == ["HW-505"], seconds=20)
            rows = {row["device"]: row for row in fleet_commands.page_of(app, offset=0)["devices"]}
            assert rows[hot.name]["faults"] == ["110 Intake fan speed error."]
            assert rows[liar.name]["power_w"] == liar.rated_w
            assert liar.shown_power_w < 0.2 * liar.rated_w
            assert (rows[sound.name]["state"], rows[sound.name]["troubles"]) == ("hashing", [])
            assert not sound.is_paused

    asyncio.run(story())


def test_fans_and_pools_are_read_back_and_who_does_otherwise_is_named(tmp_path):
    pools = [{"url": "stratum+tcp://192.0.2.1:3333", "user": "kai.{name}"}]

    async def story():
        mix = ("axeos", "axeos", "cgminer", "whatsminer")
        async with fleet_of(tmp_path, 4, first="127.80.8.1", mix=mix) as (app, machines, verbs):
            good, bad, _, maker = machines
            bad.faults.add("disobeys")
            bad.pools = [Pool(url="stratum+tcp://192.0.2.9:3333", user="old")]
            done = await verbs["fleet-fans"]({"devices": names(machines), "percent": 60})
            said = [it["answer"] for it in done["outcomes"]]
            assert said == ["ok", "not obeyed", "unsupported", "unsupported"]
            assert (good.fan_percent, app.fleet.latest[good.name].fan_percent) == (60, 60.0)
            assert "does otherwise" in done["outcomes"][1]["detail"]
            done = await verbs["fleet-pools"]({"devices": names((good, bad, maker)), "pools": pools})
            assert [it["answer"] for it in done["outcomes"]] == ["ok", "not obeyed", "ok"]
            assert maker.pools[0].user == f"kai.{maker.name}"
            lines = {f"{bad.name}: told to {it}, took it, and does otherwise." for it in ("set its fans", "take pools")}
            await until(lambda: lines == {it.text for it in app.store.alerts(20) if it.code == "HW-503"})
            assert await verbs["fleet-fans"]({"devices": [good.name], "percent": None})
            assert good.fan_percent is None
            with pytest.raises(OperatorError, match="20%"):
                await verbs["fleet-fans"]({"devices": [good.name], "percent": 5})

    asyncio.run(story())
