"""What every way to a battery keeps: all three promises, and an answer whatever happens."""

import asyncio

import pytest

from hashwright import registry
from hashwright.adapters.batteries.base import (
    BatteryPlugin,
    CanBeAutomatic,
    CanCommandBattery,
    CanReadBattery,
    read_battery,
    tell_battery,
)
from hashwright.energy.battery_control import Order
from hashwright.energy.settings import read_struct

NOBODY = "http://127.69.1.2:9"
SAY = {"url": f"{NOBODY}/say", "body": '{"w": {signed_watts}}'}
SETTINGS = {
    "command": {name: ["/nowhere/it", "{watts}"] for name in ("state", "charge", "discharge", "idle", "automatic")},
    "http_json": {"url": NOBODY, "level": "soc"} | dict.fromkeys(("charge", "discharge", "idle", "automatic"), SAY),
}
ORDERS = (
    Order(action="charge", watts=1500),
    Order(action="discharge", watts=500),
    Order(action="idle"),
    Order(action="automatic"),
)


@pytest.fixture(params=registry.names("batteries"))
def kind(request):
    return request.param


def config_of(kind, **other):
    plugin, findings = registry.load("batteries", kind).PLUGIN, []
    config = read_struct(plugin.config, SETTINGS[kind] | {"kind": kind} | other, "inverter", findings)
    return plugin, config, findings


def test_it_says_what_it_is_and_takes_no_unknown_setting(kind):
    plugin, config, findings = config_of(kind)
    assert isinstance(plugin, BatteryPlugin)
    assert plugin.title
    assert findings == []
    assert config.__struct_config__.frozen
    assert [it.place for it in config_of(kind, colour="red")[2]] == ["inverter.colour"]
    assert [it.place for it in config_of(kind, step_w=0)[2]] == ["inverter.step_w"]


def test_it_can_be_read_commanded_and_given_back(kind):
    plugin, config, _ = config_of(kind)
    driver = plugin.build(config)
    assert isinstance(driver, CanReadBattery)
    assert isinstance(driver, CanCommandBattery)
    assert isinstance(driver, CanBeAutomatic)


@pytest.mark.parametrize("missing", ["charge", "discharge", "idle", "automatic"])
def test_it_does_without_none_of_its_orders(kind, missing):
    plugin, findings = registry.load("batteries", kind).PLUGIN, []
    table = {name: it for name, it in SETTINGS[kind].items() if name != missing} | {"kind": kind}
    assert read_struct(plugin.config, table, "inverter", findings) is None
    assert [it.place for it in findings] == [f"inverter.{missing}"]


def test_where_nobody_is_every_question_has_an_answer(kind):
    async def scenario():
        plugin, config, _ = config_of(kind)
        driver = plugin.build(config)
        reading = await read_battery(driver, now_ms=7, deadline_s=5)
        assert (reading.at_ms, reading.level) == (7, None)
        answers = [reading, *[await tell_battery(driver, it, deadline_s=5) for it in ORDERS]]
        assert {it.answer for it in answers} <= {"unreachable", "refused"}
        assert all(it.detail for it in answers)

    asyncio.run(scenario())
