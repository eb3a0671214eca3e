"""Looking for machines: each is told when it answers, and one that hangs costs its own time and nobody else's."""

import asyncio
import random

import pytest

from hashwright.cli import find
from hashwright.errors import ConfigError
from hashwright.runtime import scan
from hashwright.testing.machines.park import Park, make_machines

MIX = ("cgminer", "cgminer", "cgminer", "xmrig")


@pytest.fixture
def _short(monkeypatch):
    monkeypatch.setattr(scan, "ASK_S", 0.4)
    monkeypatch.setattr(scan, "LIBRARY_S", 0.6)


@pytest.mark.usefixtures("_short")
def test_machines_are_told_as_they_answer_and_a_silent_one_has_its_deadline():
    steps = []

    async def story():
        machines = make_machines(4, rng=random.Random(1), mix=MIX, first="127.68.1.1")
        machines[0].faults.add("hangs")
        machines[1].faults.add("dead")
        park = Park(machines, rng=random.Random(1))
        await park.start()
        try:
            network = scan.parse_range("127.68.1.0/29")
            return await scan.scan(network, tell=lambda it: steps.append(it), tried=lambda: steps.append(None))
        finally:
            await park.stop()

    count = asyncio.run(story())
    told = [it for it in steps if it is not None]
    assert (count, len(steps) - len(told)) == (4, 6)
    assert {it.host: it.kind for it in told} == {
        "127.68.1.3": "cgminer", "127.68.1.4": "xmrig", "127.68.1.1": "", "127.68.1.2": "",
    }  # fmt: skip
    assert steps[-2].host == "127.68.1.1"  # the one that hangs comes last, and the others did not wait
    assert told[-1].is_silent
    line = find.line_of(told[-1])
    assert ("HW-107" in line, "4028" in line) == (True, True)
    assert "109 TH/s" in find.line_of(next(it for it in told if it.kind == "cgminer"))


@pytest.mark.parametrize("text", ["8.8.8.0/24", "fe80::/120", "10.0.0.0/8", "kitchen", ""])
def test_other_peoples_networks_are_not_scanned(text):
    with pytest.raises(ConfigError) as caught:
        scan.parse_range(text)
    assert caught.value.code == "HW-112"


def test_a_network_of_containers_is_seen(tmp_path):
    networks = [scan.parse_range("172.17.0.0/24")]
    assert scan.is_bridge(networks, marker=tmp_path / "none")
    assert not scan.is_bridge([scan.parse_range("192.168.1.0/24")], marker=tmp_path / "none")
    error = find.nothing(("172.17.0.0/24",), True)
    assert (error.exit_code, "Docker" in error.hint) == (4, True)
    assert list(scan.hosts_of(scan.parse_range("10.1.2.3"))) == ["10.1.2.3"]
