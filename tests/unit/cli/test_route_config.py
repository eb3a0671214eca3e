"""Routes and pins as code: in the same file as destinations, checked against them, applied in an order that holds."""

import json

import pytest

from hashwright.cli import config
from hashwright.cli.fleet_file import read_fleet, toml_of
from hashwright.clock import Instant
from hashwright.errors import ConfigError
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw

HOME = {"coin": "bitcoin", "network": "regtest", "address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"}
FAR = {"urls": ["stratum+tcp://pool.example:3333"], "user": "kai.main"}
LTC = {"urls": ["stratum+tcp://pool.example:3334"], "user": "kai.main", "algorithm": "scrypt"}
ROUTE = {"targets": ["far=70%", "home=30%,max=2PH/s"], "fallbacks": ["home"], "safe": "home"}
FLEET = """
[destination.far]
urls = ["stratum+tcp://pool.example:3333"]
user = "kai.main"

[destination.home]
address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
coin = "bitcoin"
network = "regtest"

[route.sha256d]
fallbacks = ["home"]
safe = "home"
targets = ["far=70%", "home=30%,max=2PH/s"]

[pin."kai.rack7-*"]
destination = "home"
"""


def written(tmp_path, text):
    file = tmp_path / "fleet.toml"
    file.write_text(text)
    return file


@pytest.fixture
def folder(tmp_path):
    """A data folder that holds the fleet of `FLEET`, and a route's author beside."""
    data = tmp_path / "data"
    store = SqliteStore.open(data)
    for kind, name, value in (
        ("destination", "home", HOME | {"name": "home"}),
        ("destination", "far", FAR | {"name": "far"}),
        ("route", "sha256d", ROUTE | {"algorithm": "sha256d", "author": "kai"}),
        ("pin", "kai.rack7-*", {"pattern": "kai.rack7-*", "destination": "home"}),
    ):
        store.put_setting(kind, name, value, now=Instant(0))
    store.close()
    return data


def test_routes_and_pins_stand_beside_destinations(tmp_path):
    fleet = read_fleet(written(tmp_path, FLEET))
    assert fleet == {
        "destination": {"far": FAR, "home": HOME},
        "route": {"sha256d": ROUTE},
        "pin": {"kai.rack7-*": {"destination": "home"}},
        "device": {},
        "power": {},
    }
    text = toml_of(fleet["destination"], routes=fleet["route"], pins=fleet["pin"])
    assert [line for line in text.splitlines() if line and line[0] != "#"] == [
        line for line in FLEET.splitlines() if line
    ]


def test_what_is_exported_can_be_applied_and_changes_nothing(capsys, tmp_path, folder):
    said = hw(capsys, "--data-dir", folder, "admin", "config", "export")
    file = written(tmp_path, said.out)
    said = hw(capsys, "--data-dir", folder, "admin", "config", "apply", "--dry-run", "--prune", file)
    assert (said.code, said.out) == (0, "")
    assert said.err == "Dry run: 0 set, 0 removed; nothing was changed.\n"


def test_routes_are_checked_against_the_destinations_of_file_and_database(capsys, tmp_path, folder):
    text = '[route.sha256d]\ntargets = ["far=70%", "hoem=30%"]\n[route.md5]\ntargets = []\n'
    text += '[pin."kai r1"]\ndestination = "far"\n'
    with pytest.raises(ConfigError) as caught:
        read_fleet(written(tmp_path, text), known={"far": FAR})
    places = [f"{finding.place.partition(', ')[2]}: {finding.message}" for finding in caught.value.findings]
    assert places == [
        "route.sha256d.targets: there is no destination 'hoem'; there are: far",
        "route.md5.algorithm: 'md5' is none of sha256d, scrypt, randomx",
        "route.md5.targets: must be 1 to 64 destinations",
        "pin.kai r1.worker: 'kai r1' is no worker's name: 1 to 128 letters, digits and - _ @ + : . with * for any",
    ]
    only_route = written(tmp_path, '[route.sha256d]\ntargets = ["far=1"]\n')
    words = ("--data-dir", folder, "admin", "config", "apply", "--dry-run", only_route)
    assert hw(capsys, *words).code == 0
    said = hw(capsys, *words, "--prune")  # then `far` would be gone
    assert said.code == 3
    assert "there is no destination 'far'; there are: none" in said.err


def test_the_algorithm_of_a_route_is_that_of_its_destinations(tmp_path):
    file = written(tmp_path, '[route.sha256d]\ntargets = ["ltc=1"]\n')
    with pytest.raises(ConfigError) as caught:
        read_fleet(file, known={"ltc": LTC, "broken": {}})
    assert caught.value.findings[0].message == "ltc is mined with scrypt, not with sha256d"


def test_applying_sets_destinations_first_and_removes_them_last(capsys, monkeypatch, tmp_path, folder):
    asked = []

    async def ask(data_dir, command, **arguments):
        asked.append((command, arguments))

    monkeypatch.setattr("hashwright.runtime.control.ask", ask)
    file = written(
        tmp_path,
        '[destination.new]\nurls = ["stratum+tcp://pool.example:1"]\nuser = "k"\n'
        '[route.sha256d]\ntargets = ["new=1"]\n[pin."kai.*"]\ndestination = "new"\n',
    )
    said = hw(capsys, "--data-dir", folder, "admin", "config", "apply", "--prune", "--json", file)
    assert json.loads(said.out) == {
        "applied": True,
        "changed": ["new", "route sha256d", "pin kai.*"],
        "removed": ["far", "home", "pin kai.rack7-*"],
        "unnamed": [],
    }
    new = {"name": "new", "urls": ["stratum+tcp://pool.example:1"], "user": "k"}
    assert asked == [
        ("status", {}),
        ("pool-add", {"destination": new}),
        ("route-set", {"route": {"algorithm": "sha256d", "author": "file fleet.toml", "targets": ["new=1"]}}),
        ("route-move", {"worker": "kai.*", "destination": "new"}),
        ("route-move", {"worker": "kai.rack7-*", "destination": "auto"}),
        ("pool-remove", {"name": "far"}),
        ("pool-remove", {"name": "home"}),
    ]


def test_what_the_file_does_not_name_stays(folder):
    stored = {"destination": {"far": FAR}, "route": {"sha256d": ROUTE}, "pin": {}, "device": {}, "power": {}}
    wanted = {"destination": {}, "route": {}, "pin": {"kai.*": {"destination": "far"}}, "device": {}, "power": {}}
    changes = config.changes_of(stored, wanted, prune=False)
    assert changes.document == {"changed": ["pin kai.*"], "removed": [], "unnamed": ["far", "route sha256d"]}
    changes = config.changes_of(stored, wanted, prune=True)
    assert changes.document == {"changed": ["pin kai.*"], "removed": ["far", "route sha256d"], "unnamed": []}


def test_several_nodes_of_a_destination_stand_as_tables_behind_its_plain_keys(tmp_path):
    nodes = [
        {"node": "bitcoind", "node_settings": {"rpc_url": f"http://127.0.0.1:{port}", "rpc_user": "kai"}}
        for port in (1, 2)
    ]
    home = HOME | {
        "node_settings": {"rpc_url": "http://127.0.0.1:0"},
        "fallback_nodes": nodes,
        "shares_per_minute": 3.0,
    }
    text = toml_of({"home": home, "hotel": HOME})
    assert text.count("[[destination.home.fallback_nodes]]") == 2
    assert read_fleet(written(tmp_path, text))["destination"] == {"home": home, "hotel": HOME}
