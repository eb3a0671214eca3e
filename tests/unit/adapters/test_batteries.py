"""Ways to a battery against real programs and a real HTTP server on loopback."""

import asyncio
import sys

import pytest

from hashwright import registry
from hashwright.adapters.batteries.base import read_battery, tell_battery
from hashwright.energy.battery_control import Order
from hashwright.energy.settings import read_struct
from hashwright.runtime.battery_file import load_battery
from hashwright.testing.battery import SimulatedBattery, inverter_toml, serving

BATTERY = "[battery]\ncapacity_kwh = 10\ncharge_kw = 3\ndischarge_kw = 3\n"
WRITE = "import sys; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + '\\n')"


def built(kind, table):
    plugin, findings = registry.load("batteries", kind).PLUGIN, []
    config = read_struct(plugin.config, table | {"kind": kind}, "inverter", findings)
    assert findings == []
    return plugin.build(config)


def command_battery(folder, said):
    log = str(folder / "orders")
    return built(
        "command",
        {
            "state": [sys.executable, "-c", f"print({said!r})"],
            "charge": [sys.executable, "-c", WRITE, log, "take", "{watts}", "{seconds}"],
            "discharge": [sys.executable, "-c", WRITE, log, "power", "{signed_watts}; rm -rf x"],
            "idle": [sys.executable, "-c", WRITE, log, "rest"],
            "automatic": [sys.executable, "-c", "raise SystemExit(3)"],
        },
    )


def test_commands_get_their_watts_and_no_shell(tmp_path):
    async def scenario():
        driver = command_battery(tmp_path, "55.5 -1200 commanded")
        reading = await read_battery(driver, now_ms=1)
        assert (reading.level, reading.power_w, reading.mode) == (55.5, -1200.0, "commanded")
        for order in (Order(action="charge", watts=1500), Order(action="discharge", watts=700), Order(action="idle")):
            assert (await tell_battery(driver, order)).answer == "ok"
        assert (tmp_path / "orders").read_text() == "take 1500 180\npower -700; rm -rf x\nrest\n"
        refused = await tell_battery(driver, Order(action="automatic"))
        assert (refused.answer, "ended with 3" in refused.detail) == ("refused", True)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "found"),
    [("41", (41.0, None, "")), ("130 0", (130.0, 0.0, "")), ("7 x", None), ("", None), ("nan 1", None)],
)
def test_what_a_command_writes_is_read_strictly(tmp_path, said, found):
    reading = asyncio.run(read_battery(command_battery(tmp_path, said), now_ms=1))
    if found is None:
        assert (reading.answer, reading.level) == ("refused", None)
        assert "not understood" in reading.detail
    else:
        assert (reading.level, reading.power_w, reading.mode) == found


def http_battery(folder, address):
    path = folder / "site.toml"
    path.write_text(BATTERY + inverter_toml(address))
    return load_battery(path)


@pytest.mark.parametrize(
    ("fault", "answers"),
    [("", ("ok", "ok")), ("refuses", ("ok", "refused")), ("gone", ("unreachable", "unreachable")),
     ("hangs", ("unreachable", "unreachable"))],
)  # fmt: skip
def test_over_http_three_answers_are_told_apart(tmp_path, fault, answers):
    async def scenario():
        box = SimulatedBattery(time_s=asyncio.get_running_loop().time, faults={fault} - {""})
        async with serving(box) as address:
            found = http_battery(tmp_path, address)
            assert (found.kind, found.terms.capacity_wh, found.terms.reserve) == ("http_json", 10_000, 10.0)
            reading = await read_battery(found.driver, now_ms=1, deadline_s=0.5)
            order = await tell_battery(found.driver, Order(action="discharge", watts=900), deadline_s=0.5)
            assert (reading.answer, order.answer) == answers
            if not fault:
                again = await read_battery(found.driver, now_ms=2)
                assert (again.power_w, again.mode, box.orders) == (-900.0, "commanded", [-900.0])
                assert (await tell_battery(found.driver, Order(action="automatic"))).answer == "ok"
                assert (await read_battery(found.driver, now_ms=2)).mode == "automatic"

    asyncio.run(scenario())


def test_a_way_that_is_not_there_is_unsupported_and_clear_text_goes_to_nobody_else(tmp_path):
    async def scenario():
        box = SimulatedBattery(time_s=asyncio.get_running_loop().time)
        async with serving(box) as address:
            found = http_battery(tmp_path, address.replace("127.0.0.1", "localhost") + "/old")
            assert (await read_battery(found.driver, now_ms=1)).answer == "unsupported"

    asyncio.run(scenario())
    config = registry.load("batteries", "http_json").PLUGIN.config
    for url, problem in (
        ("http://inverter.example.com/x", "use https"),
        ("ftp://192.168.1.2/x", "no http address"),
        ("http://[::1", "no address"),
        ("http://192.168.1.2/x", ""),
        ("http://inverter/x", ""),
        ("https://inverter.example.com/x", ""),
    ):
        findings = []
        say = {"url": "http://10.0.0.2/", "body": "{watts}"}
        orders = dict.fromkeys(("charge", "discharge", "idle", "automatic"), say)
        read_struct(config, {"kind": "http_json", "url": url, "level": "a"} | orders, "inverter", findings)
        assert problem in " ".join(it.message for it in findings)
        assert bool(findings) == bool(problem)
