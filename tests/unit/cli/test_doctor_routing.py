"""`hw doctor` on what routing needs: the certificate for machines, pools, each node of a group, routes and pins."""

import asyncio
import json

import pytest

from hashwright.cli import checkup
from hashwright.runtime import destination_checks
from hashwright.runtime.destinations import parse_destination
from hashwright.store.sqlite import SqliteStore
from tls_files import certificate
from unit.cli.world import hw
from unit.runtime.group_world import GONE, grouped

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
TOY = {"name": "toy", "coin": "bitcoin", "network": "regtest", "address": ADDRESS, "node": "practice"}
NOWHERE = {"name": "up", "urls": ["stratum+tcp://127.0.0.1:1"], "user": "acct", "network": "regtest"}
"""Port 1 of this computer: nothing listens there."""


@pytest.fixture
def doctor(capsys, tmp_path, monkeypatch):
    """Store settings by kind, ask the doctor, and return its checks by section."""
    monkeypatch.setenv("HW_LISTEN", "sha256d=127.0.0.1:0")

    def ask(**kinds):
        store = SqliteStore.open(tmp_path / "data")
        for kind, rows in kinds.items():
            for name, value in rows.items():
                store.put_setting(kind, name, value, now=1)
        store.close()
        said = hw(capsys, "--data-dir", tmp_path / "data", "doctor", "--json")
        return {section["title"]: section["checks"] for section in json.loads(said.out)["sections"]}

    return ask


def crosses(checks):
    return [(check["code"], check["title"]) for check in checks if check["state"] == "failed"]


def route(**changes):
    return {"algorithm": "sha256d", "targets": ["toy=1"], "fallbacks": [], "safe": "", "author": "t"} | changes


def test_routes_and_pins_that_name_what_is_there_are_ticks(doctor):
    pins = {"a*": {"pattern": "a*", "destination": "toy"}}
    checks = doctor(destination={"toy": TOY}, route={"sha256d": route(safe="toy")}, pin=pins)["Routes"]
    assert [check["state"] for check in checks] == ["ok", "ok"]
    assert checks[0]["title"] == "route of sha256d: toy=1; the safe one is toy"


def test_each_missing_destination_of_a_route_or_pin_is_a_cross_with_a_fix(doctor):
    pins = {"a*": {"pattern": "a*", "destination": "gone"}, "b*": {"pattern": "b*", "destination": "toy"}}
    lost = route(targets=["toy=1", "gone=1"], fallbacks=["away"], safe="nowhere")
    checks = doctor(destination={"toy": TOY}, route={"sha256d": lost}, pin=pins)["Routes"]
    titles = [title for _, title in crosses(checks)]
    assert len(titles) == 4
    for name in ("'gone'", "'away'", "'nowhere'", "pin of a*"):
        assert any(name in title for title in titles)
    assert all(check["fix"].split(": ")[1].startswith("hw route ") for check in checks if check["state"] == "failed")


def test_a_route_without_any_destination_left_is_a_cross(doctor):
    assert len(crosses(doctor(route={"sha256d": route()})["Routes"])) == 1


def test_a_broken_destination_is_not_taken_for_a_missing_one(doctor):
    sections = doctor(destination={"toy": TOY | {"address": "x"}}, route={"sha256d": route()})
    assert crosses(sections["Destination toy"])
    assert not crosses(sections["Routes"])


def test_a_destination_of_another_algorithm_is_a_cross(doctor):
    lite = TOY | {"name": "lite", "coin": "litecoin", "address": "rltc1qw508d6qejxtdg4y5r3zarvary0c5xw7k693xs3"}
    checks = doctor(destination={"lite": lite}, route={"sha256d": route(targets=["lite=1"])})["Routes"]
    ((_, title),) = crosses(checks)
    assert "scrypt" in title


def test_a_pool_that_does_not_answer_is_a_cross(doctor):
    (cross,) = crosses(doctor(destination={"up": NOWHERE})["Destination up"])
    assert cross[0] == "HW-430"


def test_the_certificate_is_looked_at_where_a_listener_shows_one(doctor, monkeypatch):
    assert not [check for check in doctor()["Process and ports"] if "certificate" in check["title"]]
    monkeypatch.setenv("HW_LISTEN", "sha256d+tls=127.0.0.1:0")
    monkeypatch.setenv("HW_TLS_CERTIFICATE", certificate()[0])
    monkeypatch.setenv("HW_TLS_KEY", certificate()[1])
    (check,) = [check for check in doctor()["Process and ports"] if "certificate" in check["title"]]
    assert (check["state"], check["code"]) == ("warning", "HW-713"), "those of the tests are valid for two days"


def test_each_node_of_a_group_is_named():
    async def story(group, first, second):
        second.problem = GONE
        return await destination_checks._member_checks(group)

    checks = grouped(story)
    assert [check.state for check in checks] == ["ok", "warning"]
    assert checks[0].title.startswith("n0 is ready")
    assert checks[1].title.startswith("n1 is unreachable")
    assert checks[1].fix


def test_one_node_alone_is_not_named_twice():
    node = destination_checks.destinations.build_node(parse_destination(TOY), clock=checkup.SystemClock())
    assert asyncio.run(destination_checks._member_checks(node)) == []


def test_an_old_python_and_a_missing_library_have_codes_of_their_own(monkeypatch):
    monkeypatch.setattr(checkup.sys, "version_info", (3, 10, 4, "final", 0))
    (check,) = checkup._python()
    assert (check.state, check.code) == ("failed", "HW-711")
    monkeypatch.undo()
    monkeypatch.setattr(checkup, "_has", lambda name: name != "uvloop")
    checks = checkup._python()
    assert [(check.state, check.code) for check in checks] == [("ok", ""), ("failed", "HW-712")]
    assert "uvloop" in checks[1].title
