"""What every driver of a machine keeps: built without a word to anybody, and an answer whatever happens."""

import asyncio

import msgspec
import pytest

from hashwright import registry
from hashwright.adapters.devices.base import (
    CAPABILITIES,
    CanRead,
    Plugin,
    PoolEntry,
    attempt,
    capabilities_of,
    read_device,
)

NOBODY = "127.69.1.1"
SECRET = "marked-word"
SETTINGS = {"command": {"on": ["/nowhere/on"], "off": ["/nowhere/off"], "state": ["/nowhere/state"]}}
POOL = (PoolEntry(url="stratum+tcp://192.0.2.1:3333", user="kai.rack-12"),)
CALLS = {
    "pause": lambda it: it.pause(),
    "resume": lambda it: it.resume(),
    "limit": lambda it: it.limit(0.7, 700.0),
    "pools": lambda it: it.set_pools(POOL),
    "blink": lambda it: it.blink(True),
    "fans": lambda it: it.set_fans(60),
}


@pytest.fixture(params=registry.names("devices"))
def kind(request):
    return request.param


def plugin_of(kind):
    return registry.load("devices", kind).PLUGIN


def driver_of(kind):
    plugin = plugin_of(kind)
    settings = SETTINGS.get(kind, {"host": NOBODY})
    return plugin.build(msgspec.convert(settings, plugin.config), secret=SECRET)


def test_it_says_what_it_is_and_what_it_takes(kind):
    plugin = plugin_of(kind)
    assert isinstance(plugin, Plugin)
    assert plugin.title
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(SETTINGS.get(kind, {"host": NOBODY}) | {"colour": "red"}, plugin.config)
    assert plugin.config.__struct_config__.frozen


def test_it_can_be_read_and_does_not_show_its_secret(kind):
    driver = driver_of(kind)
    assert isinstance(driver, CanRead)
    assert SECRET not in repr(driver)
    assert set(capabilities_of(driver)) <= set(CAPABILITIES)


def test_where_nobody_is_each_call_ends_in_an_answer(kind):
    async def story():
        driver = driver_of(kind)
        reading = await read_device(driver, "m", at=7, deadline_s=5.0)
        named = [name for name, promise in CAPABILITIES.items() if isinstance(driver, promise)]
        outcomes = {name: await attempt(CALLS[name](driver), deadline_s=5.0) for name in named}
        await driver.aclose()
        await driver.aclose()
        return reading, outcomes

    reading, outcomes = asyncio.run(story())
    expected = "refused" if kind == "command" else "unreachable"  # a command that cannot be started is not silence
    assert (reading.answer, reading.activity, reading.device) == (expected, "unknown", "m")
    assert (reading.hashrate_hs, reading.power_w, reading.temperature_c) == (None, None, None)
    assert {it.answer for it in outcomes.values()} == {expected}
    assert all(it.detail and SECRET not in it.detail for it in outcomes.values())
