"""The driver of pyasic-rs: against simulated machines of four makers, and against recorded answers of real ones."""

import asyncio
import base64
import os
import random
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from Crypto.Cipher import AES

from hashwright.adapters.devices import asic
from hashwright.adapters.devices._asic import chip_heats, sorted_error
from hashwright.adapters.devices.base import PoolEntry, attempt, capabilities_of, outcome_of, read_device
from hashwright.errors import OperatorError
from hashwright.runtime import scan
from hashwright.testing.machines import antminer, servers
from hashwright.testing.machines.aes import decrypt_ecb
from hashwright.testing.machines.pages import Request, digest_fields
from hashwright.testing.machines.park import Park, make_machines, settings_of
from unit.adapters.recorded_machine import RecordedMachine

MAKERS = ("antminer", "braiins", "whatsminer", "avalon")
CAN = {
    "antminer": ("pause", "resume", "pools", "blink", "fans"),
    "braiins": ("pause", "resume", "limit", "pools", "blink"),
    "whatsminer": ("pause", "resume", "limit", "pools", "blink"),
    "avalon": ("pause", "resume", "blink"),
}
POOL = (PoolEntry(url="stratum+tcp://192.0.2.1:3333", user="kai.rack-12", password="y"),)
SECRET = "correct-horse"


@pytest.fixture(scope="module", autouse=True)
def _low_ports():
    """These makers answer on port 80 and nowhere else: where it may not be bound, the group says so in one line."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.66.0.1", 80))
        except PermissionError:
            pytest.skip("HW-113 ports below 1024 are not allowed here: the group `asic` does not run")


@asynccontextmanager
async def machine(kind, *, first, secret="", password=""):
    """One simulated machine and its driver."""
    rng = random.Random(1)
    (made,) = make_machines(1, rng=rng, mix=(kind,), first=first)
    made.password = password
    park = Park([made], rng=rng)
    await park.start()
    driver = asic.build(asic.Config(host=made.host), secret=secret)
    try:
        yield made, driver
    finally:
        await driver.aclose()
        await park.stop()


def read(driver, deadline_s=8.0):
    return read_device(driver, "m", at=7, deadline_s=deadline_s)


def do(work, deadline_s=8.0):
    return attempt(work, deadline_s=deadline_s)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_make_is_found_read_and_commanded_as_far_as_it_can(kind):
    async def story():
        async with machine(kind, first="127.66.1.1") as (made, driver):
            found = await scan.identify(made.host)
            assert (found.kind, found.hashrate_hs) == ("asic", pytest.approx(made.hashrate_hs, rel=0.01))
            first = await read(driver)
            assert (first.answer, first.activity, first.faults) == ("ok", "hashing", ())
            assert capabilities_of(driver) == CAN[kind]
            assert first.power_w == (None if kind == "antminer" else pytest.approx(made.rated_w, abs=1))
            assert 20 < first.temperature_c < 30
            assert (await do(driver.limit(0.7, made.rated_w * 0.7))).answer == answer_of("limit", kind)
            assert made.part == pytest.approx(0.7 if "limit" in CAN[kind] else 1.0, abs=0.01)
            if "limit" in CAN[kind]:
                assert (await read(driver)).limit_w == pytest.approx(made.rated_w * 0.7, abs=1)
            assert (await do(driver.set_pools(POOL))).answer == answer_of("pools", kind)
            pools = [(pool.url, pool.user, pool.password) for pool in made.pools]
            assert pools == ([(POOL[0].url, POOL[0].user, "y")] if "pools" in CAN[kind] else [])
            assert (await do(driver.blink(True))).answer == "ok"
            assert made.is_blinking
            assert (await do(driver.set_fans(60))).answer == answer_of("fans", kind)
            assert made.fan_percent == (60 if kind == "antminer" else None)
            assert (await do(driver.set_fans(None))).answer == answer_of("fans", kind)
            assert made.fan_percent is None

    asyncio.run(story())


def answer_of(what, kind):
    return "ok" if what in CAN[kind] else "unsupported"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_machine_that_goes_away_is_neither_hashing_nor_asleep(kind):
    """The library gives a record in which a dead WhatsMiner mines and a dead Braiins OS does not."""

    async def story():
        async with machine(kind, first="127.66.2.1") as (made, driver):
            assert (await read(driver)).answer == "ok"
            made.faults = {"dead"}
            gone = await read(driver)
            assert (gone.answer, gone.activity, gone.hashrate_hs) == ("unreachable", "unknown", None)
            assert (await do(driver.pause())).answer == "unreachable"
            made.faults = {"hangs"}
            assert (await read(driver, 0.3)).answer == "unreachable"
            made.faults = set()
            assert (await read(driver)).activity == "hashing"
            assert capabilities_of(driver) == CAN[kind]

    asyncio.run(story())


@pytest.mark.parametrize(("kind", "closed"), [("antminer", "ok"), ("braiins", "refused"), ("whatsminer", "ok")])
def test_a_wrong_password_is_told_and_the_right_one_opens(kind, closed):
    async def story():
        async with machine(kind, first="127.66.3.1", password=SECRET) as (made, driver):
            assert (await read(driver)).answer == closed  # two of them tell their numbers to everybody
            refused = await do(driver.pause())
            assert (refused.answer, made.is_paused) == ("refused", False)
            assert "password" in refused.detail
            known = asic.build(asic.Config(host=made.host), secret=SECRET)
            reading = await read(known)
            assert reading.answer == "ok"
            assert len(reading.model.split()) == 2  # an Antminer hides even its model
            assert (await do(known.pause())).answer == "ok"
            assert (await read(known)).activity == "asleep"
            assert (await do(known.resume())).answer == "ok"
            assert SECRET not in f"{reading} {refused} {known!r} {await read(driver)}"

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["antminer", "braiins", "whatsminer"])
def test_a_firmware_that_says_no_and_one_without_the_command(kind):
    async def story():
        async with machine(kind, first="127.66.4.1") as (made, driver):
            made.faults = {"refuses"}
            assert (await do(driver.pause())).answer == "refused"
            made.faults = {"no-pause"}
            assert (await do(driver.pause())).answer == ("unsupported" if kind == "braiins" else "refused")
            made.faults = {"disobeys"}
            assert (await do(driver.pause())).answer == "ok"
            assert (await read(driver)).activity == "hashing"
            made.faults = {"hot"}
            faults = (await read(driver)).faults
            assert kind == "braiins" or "fan" in faults[0].lower()

    asyncio.run(story())


def test_an_antminer_whose_miner_is_gone_does_not_hash(monkeypatch):
    """Its web pages answer on; while it sleeps they are what says so."""
    monkeypatch.setattr(servers, "places_of", lambda _: ((80, servers.HttpProtocol),))

    async def story():
        async with machine("antminer", first="127.66.9.1") as (made, driver):
            reading = await read(driver)
            assert (reading.answer, reading.activity, reading.hashrate_hs) == ("ok", "unknown", None)
            made.is_paused = True
            assert (await read(driver)).activity == "asleep"

    asyncio.run(story())


def test_watts_without_a_rating_are_not_guessed():
    async def story():
        async with machine("whatsminer", first="127.66.5.1") as (made, driver):
            outcome = await do(driver.limit(0.7, 0.0))
            assert (outcome.answer, "rated_w" in outcome.detail, made.part) == ("refused", True, 1.0)

    asyncio.run(story())


def test_ports_that_are_not_allowed_leave_machines_out_in_one_line(monkeypatch):
    async def listen(made, port, kind, clock):
        if port < 1024:
            raise OperatorError("no", code="HW-113")
        return await asyncio.get_running_loop().create_server(asyncio.Protocol, made.host, 0)

    async def story():
        rng = random.Random(1)
        kinds = ("antminer", "axeos", "braiins", "whatsminer")
        park = Park(make_machines(4, rng=rng, mix=kinds, first="127.66.6.1"), rng=rng)
        await park.start()
        await park.stop()
        return park

    monkeypatch.setattr(servers, "_listen", listen)
    park = asyncio.run(story())
    assert [settings_of(made)["kind"] for made in park.machines] == ["axeos", "asic"]
    assert (park.note.count("\n"), park.note.startswith("HW-113"), "2 Antminers" in park.note) == (0, True, True)


def test_the_words_of_the_library_become_the_three_answers():
    cases = {
        "HTTP error: 404: null": "unsupported",
        "Pausing mining is not supported on this platform": "unsupported",
        "Unauthorized access": "refused",
        "Command returned with error status: Access denied to 'ascset' command": "refused",
        "Command returned with error status: busy": "refused",
        "error sending request for url": "unreachable",
        "Connection reset by miner": "unreachable",
        "expected value at line 1": "refused",
    }
    assert {words: outcome_of(sorted_error("m", words)).answer for words in cases} == cases


def test_an_antminer_checks_the_digest():
    """The answer of RFC 2617, 3.5, to its challenge; a changed one is not taken."""
    header = (
        'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1"'
    )
    assert digest_fields(header)["nc"] == "00000001"
    assert digest_fields("Basic abc") == {}
    request = Request("GET", "/dir/index.html", {"authorization": header}, None)
    assert antminer.is_known(request, "Circle Of Life", user="Mufasa")
    assert not antminer.is_known(request, "Circle of Life", user="Mufasa")
    assert not antminer.is_known(request, "Circle Of Life")


def test_the_cipher_of_a_whatsminer_is_the_standard_one():
    """FIPS 197, C.3, and the library of the tests."""
    plain = decrypt_ecb(bytes(range(32)), bytes.fromhex("8ea2b7ca516745bfeafc49904b496089"))
    assert plain.hex() == "00112233445566778899aabbccddeeff"
    key = bytes(range(7, 39))
    data = base64.b64encode(bytes(range(48)))
    assert decrypt_ecb(key, AES.new(key, AES.MODE_ECB).encrypt(data)) == data
    with pytest.raises(ValueError, match="32 bytes"):
        decrypt_ecb(key, b"abc")


ONE_LOOK = """
import asyncio
from hashwright.adapters.devices import asic
from hashwright.adapters.devices.base import read_device
driver = asic.build(asic.Config(host="{host}"))
print(asyncio.run(read_device(driver, "m", at=0, deadline_s=5)).answer)
"""


def test_a_process_that_asked_one_machine_ends_well():
    """Without a pause at its end one in two is aborted, where the machine is none that the library knows."""

    async def story():
        async with RecordedMachine(None, host="127.66.7.1", says={"version": {"STATUS": []}}).serving(80, 4028) as host:
            words = [sys.executable, "-c", ONE_LOOK.format(host=host)]
            environment = os.environ | {"PYTHONPATH": "src"}
            running = [
                await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, env=environment) for _ in range(4)
            ]
            said = await asyncio.gather(*(it.communicate() for it in running))
            return [it.returncode for it in running], {out.strip() for out, _ in said}

    assert asyncio.run(story()) == ([0, 0, 0, 0], {b"unreachable"})


# ---------------------------------------------------------------- recorded answers of real machines

BRAIINS = [
    ("v26_04", "2026-04-14-0-912d084c-26.04-plus", "Antminer S21 Pro", 248.187, 3480.0, 3500.0, 65.375, 848),
    ("v25_11", "2025-11-21-0-eb658dcd-25.11-plus", "Antminer S19 XP", 121.015, 2472.0, 3031.0, 71.5, 5048),
    ("v25_07", "2025-08-06-0-3881c51d-25.07-plus", "Antminer S19 XP", 141.464, 3137.0, 3031.0, 70.5, 10460),
    ("v25_05", "2025-06-25-0-45f356ea-25.05.1-plus", "Antminer S19 XP", 205.750, 3698.0, 3878.0, 54.5, 92875),
    ("v25_03", "2025-04-07-0-424f9a7f-25.03-plus", "Antminer S19 XP", 251.235, 4448.0, 3878.0, 75.0, 10781),
    ("v24_09", "2024-10-17-0-75912fc7-24.09-plus", "Antminer S19 XP", 230.701, 3572.0, 900.0, 71.4375, 111393),
    ("v21_09", "2022-09-13-0-11012d53-22.08-plus", "Antminer S19", 7.160, 735.0, 900.0, 89.25, 49),
]


def hear(machine, *ports):
    """Read a recorded machine by the library, and return the reading and what the driver says it can."""

    async def story():
        async with machine.serving(*ports) as host:
            driver = asic.build(asic.Config(host=host))
            return await read(driver), driver.can

    return asyncio.run(story())


@pytest.mark.data
@pytest.mark.parametrize(("folder", "version", "model", "rate", "power", "limit", "heat", "good"), BRAIINS)
def test_recorded_braiins_os(test_data, folder, version, model, rate, power, limit, heat, good):
    place = test_data / "api_samples/miner_devices/braiins" / folder
    reading, can = hear(RecordedMachine(place, host="127.66.8.1", model=model, version=version), 80)
    assert reading.hashrate_hs == pytest.approx(rate * 1e12, rel=1e-4)
    assert (reading.power_w, reading.limit_w, reading.temperature_c, reading.accepted) == (power, limit, heat, good)
    assert (reading.activity, reading.firmware) == ("hashing", f"Braiins {version}")
    assert can == CAN["braiins"]


def whats(model, firmware=""):
    """Return what names a WhatsMiner and was not recorded."""
    head = {"STATUS": [{"STATUS": "S", "Msg": "Device Details", "Description": "btminer"}]}
    found = {"devdetails": head | {"DEVDETAILS": [{"Model": model, "Driver": "bitmicro"}]}}
    version = {"STATUS": "S", "Msg": {"api_ver": "3.0.2", "fw_ver": firmware, "platform": "H616"}}
    return found | ({"get_version": version} if firmware else {})


WHATS = [
    ("v3", whats("M60S_VK40", "20251209.16.Rel2"), 171.259, 3156.0, 3600.0, 82.0, CAN["whatsminer"]),
    ("v2", whats("M50S_VH50"), 124.5, 3200.0, 3300.0, 81.0, CAN["whatsminer"]),
    ("v1", whats("M30S_V10"), 67.3948, 3417.0, 3500.0, 92.5, ()),
]


@pytest.mark.data
@pytest.mark.parametrize(("folder", "says", "rate", "power", "limit", "heat", "can"), WHATS)
def test_recorded_whatsminers(test_data, folder, says, rate, power, limit, heat, can):
    place = test_data / "api_samples/miner_devices/whatsminer" / folder
    reading, known = hear(RecordedMachine(place, host="127.66.8.2", says=says), 4028, 4433)
    assert reading.hashrate_hs == pytest.approx(rate * 1e12, rel=1e-4)
    assert (reading.power_w, reading.limit_w, reading.temperature_c) == (power, limit, heat)
    assert known == can


@pytest.mark.data
def test_a_recorded_antminer_tells_its_hottest_chip(test_data):
    says = {
        "miner_type.cgi": {"miner_type": "Antminer S19 Pro", "subtype": "AMLCtrl_BHB42XXX"},
        "get_system_info.cgi": {"minertype": "Antminer S19 Pro", "hostname": "Antminer"},
        "summary.cgi": {"INFO": {"CompileTime": "Tue Dec  6 16:12:30 CST 2022"}},
        "get_miner_conf.cgi": {"bitmain-work-mode": "0"},
    }
    place = test_data / "api_samples/miner_devices/antminer/v2020"
    reading, can = hear(RecordedMachine(place, host="127.66.8.3", says=says), 80, 4028)
    assert reading.hashrate_hs == pytest.approx(110566.89e9)
    assert (reading.temperature_c, reading.power_w, reading.accepted) == (78.0, None, 4057)
    assert can == CAN["antminer"]
    assert chip_heats({"temp_chip1": "78-50-69-70", "temp_chip2": "0-0", "temp_pcb1": "99"}) == [78, 50, 69, 70]


@pytest.mark.data
def test_a_recorded_avalon_and_luxos(test_data):
    place = test_data / "api_samples/miner_devices"
    avalon, can = hear(RecordedMachine(place / "avalonminer", host="127.66.8.4"), 4028)
    assert (avalon.activity, avalon.hashrate_hs, can) == ("asleep", 0.0, CAN["avalon"])
    lux, can = hear(RecordedMachine(place / "luxminer/v1", host="127.66.8.5"), 4028)
    assert (lux.activity, lux.power_w, lux.limit_w, len(lux.faults)) == ("hashing", 1051.0, 1188.0, 2)
    assert "limit" not in can  # LuxOS has profiles, no watts
