"""Drivers of machines against simulated ones on loopback, and against recorded answers of real ones."""

import asyncio
import errno
import json
import random
import sys
from contextlib import asynccontextmanager

import pytest

from hashwright import registry
from hashwright.adapters.devices import _wire, axeos, cgminer, command, xmrig
from hashwright.adapters.devices.base import (
    PoolEntry,
    attempt,
    capabilities_of,
    check_user_names,
    read_device,
)
from hashwright.errors import OperatorError
from hashwright.testing.machines.park import BY_LIBRARY, Park, make_machines

KINDS = {"axeos": "axeos", "xmrig": "xmrig", "cgminer": "cgminer"} | dict.fromkeys(BY_LIBRARY, "asic")
POOL = (PoolEntry(url="stratum+tcp://192.0.2.1:3333", user="kai.rack-12"),)


@asynccontextmanager
async def park(*kinds, first, **options):
    """Machines of these kinds, each with its driver."""
    rng = random.Random(1)
    machines = make_machines(len(kinds), rng=rng, mix=kinds, first=first, **options)
    for machine in machines:
        if machine.kind == "axeos":
            machine.port = 8081
    running = Park(machines, rng=rng)
    await running.start()
    drivers = [driver_of(machine) for machine in machines]
    try:
        yield machines, drivers
    finally:
        for driver in drivers:
            await driver.aclose()
        await running.stop()


def driver_of(machine):
    plugin = registry.load("devices", KINDS[machine.kind]).PLUGIN
    where = {"host": machine.host} | ({} if machine.kind in BY_LIBRARY else {"port": machine.port})
    return plugin.build(plugin.config(**where), secret="")


def ask(driver, deadline_s=5.0):
    return read_device(driver, "m", at=7, deadline_s=deadline_s)


def do(work, deadline_s=5.0):
    return attempt(work, deadline_s=deadline_s)


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_is_read_put_to_sleep_slowed_and_woken(kind):
    async def story():
        async with park(kind, first="127.79.1.1") as ((machine,), (driver,)):
            first = await ask(driver)
            assert (first.answer, first.activity, first.device, first.at) == ("ok", "hashing", "m", 7)
            assert first.hashrate_hs == pytest.approx(machine.hashrate_hs, rel=0.01)
            assert (await do(driver.pause())).answer == "ok"
            assert machine.is_paused
            asleep = await ask(driver)
            assert (asleep.activity, asleep.hashrate_hs) == ("asleep", 0.0)
            assert (await do(driver.resume())).answer == "ok"
            assert not machine.is_paused
            if "limit" in capabilities_of(driver):
                assert (await do(driver.limit(0.5, machine.rated_w * 0.5))).answer == "ok"
                assert machine.part == pytest.approx(0.5, abs=0.01)
                assert (await ask(driver)).hashrate_hs < 0.7 * first.hashrate_hs

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["axeos", "xmrig", "cgminer"])
def test_pools_are_set_and_no_old_one_stays(kind):
    async def story():
        async with park(kind, first="127.79.2.1", pool="stratum+tcp://192.0.2.9:1") as ((machine,), (driver,)):
            assert (await do(driver.set_pools(POOL))).answer == "ok"
            assert [(pool.url, pool.user) for pool in machine.pools] == [(POOL[0].url, POOL[0].user)]

    asyncio.run(story())


def test_the_three_bad_answers():
    async def story():
        async with park("axeos", "cgminer", "xmrig", first="127.79.3.1") as (machines, drivers):
            for machine in machines:
                machine.faults.add("refuses")
            assert [(await do(driver.pause())).answer for driver in drivers[:3:2]] == ["refused"] * 2
            assert (await do(drivers[1].pause())).answer == "refused"
            for machine in machines:
                machine.faults = {"no-pause"}
            assert [(await do(driver.pause())).answer for driver in drivers] == ["unsupported"] * 3
            for machine in machines:
                machine.faults = {"dead"}
            assert [(await do(driver.pause())).answer for driver in drivers] == ["unreachable"] * 3
            for machine in machines:
                machine.faults = {"hangs"}
            hung = await asyncio.gather(*(ask(driver, 0.3) for driver in drivers))
            assert [it.answer for it in hung] == ["unreachable"] * 3
            assert all("0.3 s" in it.detail for it in hung)

    asyncio.run(story())


def test_what_disobeys_says_yes():
    async def story():
        async with park("axeos", first="127.79.4.1") as ((machine,), (driver,)):
            machine.faults.add("disobeys")
            assert (await do(driver.pause())).answer == "ok"
            assert (await ask(driver)).activity == "hashing"

    asyncio.run(story())


def test_nothing_there_is_unreachable():
    driver = axeos.build(axeos.Config(host="127.79.5.1", port=9))
    found = asyncio.run(ask(driver))
    assert (found.answer, "nothing listens there" in found.detail) == ("unreachable", True)
    words = [ConnectionResetError(), OSError(errno.EHOSTUNREACH, ""), OSError(), asyncio.LimitOverrunError("", 1)]
    assert [_wire.words_of(it) for it in words] == [
        "it closed the connection", "there is no way to it", "OSError", "its answer has no end",
    ]  # fmt: skip


# ---------------------------------------------------------------- garbage


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0", b"{}\0", b"[]\0", b"{\0", b"x" * 2_000_000, b'{"STATUS":"E"}\0', b'{"SUMMARY":[1]}\0', b"\xff\xfe\0"],
)
def test_garbage_of_the_cgminer_port_is_an_answer_and_never_an_error_of_ours(answer):
    async def story():
        server = await asyncio.start_server(lambda r, w: say(w, answer), "127.79.6.1", 4028)
        async with server:
            return await ask(cgminer.build(cgminer.Config(host="127.79.6.1")), 2.0)

    found = asyncio.run(story())
    assert found.answer in ("refused", "unreachable") or found.hashrate_hs is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nxx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 40_000,
        b'HTTP/1.1 200 OK\r\n\r\n{"ASICModel": 5, "hashRate": "many", "power": NaN}',
    ],
)
def test_garbage_of_the_web_port_is_an_answer_and_never_an_error_of_ours(answer):
    async def story():
        server = await asyncio.start_server(lambda r, w: say(w, answer), "127.79.7.1", 8081)
        async with server:
            return await ask(axeos.build(axeos.Config(host="127.79.7.1", port=8081)), 2.0)

    assert asyncio.run(story()).answer in ("refused", "unreachable")


def say(writer, answer):
    writer.write(answer)
    writer.close()


def test_numbers_that_are_none_are_unknown_and_not_zero():
    reading = axeos.reading_of({"ASICModel": "BM1368", "hashRate": "x", "power": None, "temp": True})
    assert (reading.hashrate_hs, reading.power_w, reading.temperature_c) == (None, None, None)


def test_old_firmware_forgets_a_comma_and_writes_control_characters():
    assert _wire.read_cgminer(b'{"STATS":[{"a":1}{"b":"x\x01y"}]}', "m")["STATS"] == [{"a": 1}, {"b": "xy"}]


# ---------------------------------------------------------------- xmrig, commands, names


def test_the_proxy_counts_kilohashes_and_the_miner_hashes():
    summary = {"hashrate": {"total": [12.5, None]}, "results": {"accepted": 3, "rejected": 1}}
    assert xmrig.reading_of({"kind": "proxy", **summary}).hashrate_hs == 12_500.0
    assert xmrig.reading_of({"kind": "proxy", **summary}).rejected == 1
    assert xmrig.reading_of({"kind": "miner", **summary}).hashrate_hs == 12.5
    assert xmrig.reading_of({"kind": "miner", "hashrate": {"total": [None]}}).hashrate_hs is None


def test_threads_come_back_after_part_load():
    assert xmrig.threads_of([0, 1, 2, 3], 0.5, full=4) == [0, 1]
    assert xmrig.threads_of([0, 1], 1.0, full=4) == [0, 1, -1, -1]
    assert xmrig.threads_of([0], 0.01, full=4) == [0]


PRETEND = """
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"kind": "miner", "hashrate": {"total": [5.0]}}'
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
http.server.HTTPServer(("127.79.8.1", 8080), H).serve_forever()
"""


def test_an_installed_program_is_started_and_stopped():
    async def story():
        config = xmrig.Config(host="127.79.8.1", program=(sys.executable, "-c", PRETEND))
        driver = xmrig.build(config)
        assert (await ask(driver)).activity == "asleep"
        assert (await do(driver.resume(), 20.0)).answer == "ok"
        assert (await ask(driver)).hashrate_hs == 5.0
        assert (await do(driver.pause(), 20.0)).answer == "ok"
        assert (await ask(driver)).activity == "asleep"
        missing = xmrig.build(xmrig.Config(host="127.79.8.2", program=("/nowhere/xmrig",)))
        outcome = await do(missing.resume())
        assert (outcome.answer, "could not be started" in outcome.detail) == ("refused", True)

    asyncio.run(story())


def test_a_plug_is_switched_and_read_by_commands(tmp_path):
    state = tmp_path / "state"
    state.write_text("1500.5")
    config = command.Config(
        on=("sh", "-c", f"echo 1500.5 > {state}"), off=("sh", "-c", f"echo 0.4 > {state}"), state=("cat", str(state))
    )

    async def story():
        driver = command.build(config)
        assert (await ask(driver)).power_w == 1500.5
        assert (await do(driver.pause())).answer == "ok"
        assert (await ask(driver)).activity == "asleep"
        assert (await do(driver.resume())).answer == "ok"
        assert (await ask(driver)).activity == "hashing"
        state.write_text("maybe")
        assert (await ask(driver)).answer == "refused"
        blind = command.build(command.Config(on=("true",), off=("false",)))
        assert (await ask(blind)).activity == "unknown"
        assert (await do(blind.pause())).answer == "refused"
        assert (await do(blind.resume())).answer == "ok"
        slow = command.build(command.Config(on=("sleep", "30"), off=("true",)))
        assert (await do(slow.resume(), 0.2)).answer == "unreachable"

    asyncio.run(story())


def test_names_that_a_firmware_cuts_are_refused():
    long = (PoolEntry(url="stratum+tcp://192.0.2.1:1", user="a" * 64),)
    check_user_names(long, "WhatsMiner M50")
    check_user_names(long, "Antminer S19")
    with pytest.raises(OperatorError, match="takes 63"):
        check_user_names(long, "Avalonminer AvalonHomeQ")
    longer = (PoolEntry(url="stratum+tcp://192.0.2.1:1", user="a" * 128),)
    with pytest.raises(OperatorError, match="takes 127"):
        check_user_names(longer, "WhatsMiner M50")


def test_an_avalon_behind_the_cgminer_driver_keeps_its_limit_too():
    async def story():
        async with park("avalon", first="127.79.9.1") as ((machine,), _):
            driver = cgminer.build(cgminer.Config(host=machine.host))
            outcome = await do(driver.set_pools((PoolEntry(url="stratum+tcp://192.0.2.1:1", user="a" * 64),)))
            assert (outcome.answer, "63" in outcome.detail) == ("refused", True)
            assert machine.pools == []

    asyncio.run(story())


# ---------------------------------------------------------------- recorded answers of real machines


def rows(folder, name, key):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()).get(key, []) if path.exists() else []


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "rate", "power", "limit", "heat"),
    [
        ("antminer/v2020", 110566.89e9, None, None, 78.0),
        ("whatsminer/v2", 124.5e12, 3200.0, 3300.0, 81.0),
        ("avalonminer", 0.0, None, None, None),
    ],
)
def test_recorded_answers_of_the_cgminer_port(test_data, folder, rate, power, limit, heat):
    place = test_data / "api_samples" / "miner_devices" / folder
    parts = [rows(place, name, name.upper()) for name in ("summary", "devs", "stats", "pools")]
    reading = cgminer.reading_of(parts[0][0], *parts[1:])
    assert reading.hashrate_hs == pytest.approx(rate)
    assert (reading.power_w, reading.limit_w) == (power, limit)
    assert heat is None or reading.temperature_c == heat
    assert reading.accepted is not None


@pytest.mark.data
def test_a_recorded_bitaxe(test_data):
    path = test_data / "api_samples/miner_devices/bitaxe/v2_0_0/system_info.json"
    reading = axeos.reading_of(json.loads(path.read_text()))
    assert reading.hashrate_hs == 1e12
    assert reading.power_w == pytest.approx(2.65)
    assert (reading.activity, reading.temperature_c, reading.pool) == ("hashing", 59.875, "btc.example.pool:3333")
