"""Machines and power autopilots in the file of settings: written, read back the same, checked, applied."""

import json

import pytest

from hashwright.cli.fleet_file import read_fleet, toml_of
from hashwright.errors import ConfigError
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw

NOW_MS = 1_750_000_000_000

DEVICES = {
    "r07": {"kind": "axeos", "settings": {"host": "192.168.7.14"}, "tags": ["rack-7"], "rated_w": 15.0},
    "plug": {"kind": "command", "settings": {"on": ["plug", "on"], "off": ["plug", "off"]}, "fail_safe": "sleep"},
}


def test_machines_are_read_back_as_they_were_written(tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(toml_of({}, devices=DEVICES))
    assert read_fleet(file)["device"] == DEVICES


def test_each_problem_names_its_place(tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(
        '[device.a]\nkind = "toaster"\n'
        '[device.b]\nkind = "axeos"\npassword_from = "hunter2"\n[device.b.settings]\nport = 80\n'
    )
    with pytest.raises(ConfigError) as caught:
        read_fleet(file)
    places = [finding.place for finding in caught.value.findings]
    assert any("device.a" in place for place in places)
    assert sum("device.b" in place for place in places) == 2
    assert "hunter2" not in str(caught.value) + str([finding.message for finding in caught.value.findings])


POWERS = {
    "home": {"site_file": "/etc/hashwright/home.toml", "mode": "live", "meter": "/var/lib/meter.csv", "hours": 24.0},
    "north": {"site_file": "/etc/hashwright/north.toml", "at": "north", "is_paused": True, "stop_percent": 10.0},
}


@pytest.fixture
def folder(tmp_path):
    store = SqliteStore.open(tmp_path / "data")
    for name, value in POWERS.items():
        store.put_setting("power", name, {"name": name, **value}, now=NOW_MS)
    store.close()
    return tmp_path / "data"


def test_what_is_exported_of_power_autopilots_is_applied_without_a_change(capsys, folder, tmp_path):
    text = hw(capsys, "--data-dir", folder, "admin", "config", "export").out
    file = tmp_path / "fleet.toml"
    file.write_text(text)
    assert read_fleet(file)["power"] == POWERS
    said = hw(capsys, "--data-dir", folder, "admin", "config", "apply", "--dry-run", "--prune", "--json", file)
    assert json.loads(said.out) == {"applied": False, "changed": [], "removed": [], "unnamed": []}


def test_a_power_autopilot_is_set_as_a_whole_and_removed_by_prune(capsys, monkeypatch, folder, tmp_path):
    asked = []

    async def ask(data_dir, command, **arguments):
        arguments.pop("timeout_s", None)
        asked.append((command, arguments))

    monkeypatch.setattr("hashwright.runtime.control.ask", ask)
    file = tmp_path / "fleet.toml"
    file.write_text('[power.home]\nsite_file = "/etc/hashwright/home.toml"\n')
    said = hw(capsys, "--data-dir", folder, "admin", "config", "apply", "--prune", file)
    assert ('-mode = "live"' in said.out, said.code) == (True, 0)
    home = {"name": "home", "site_file": "/etc/hashwright/home.toml"}
    assert asked == [
        ("status", {}),
        ("power-set", {"settings": home, "is_whole": True}),
        ("power-remove", {"name": "north"}),
    ]
    file.write_text('[power.Home]\nsite_file = "home.toml"\nhours = 999.0\ncolour = "red"\n')
    assert "colour" in hw(capsys, "--data-dir", folder, "admin", "config", "apply", file).err
    file.write_text('[power.Home]\nsite_file = "home.toml"\nhours = 999.0\n')
    said = hw(capsys, "--data-dir", folder, "admin", "config", "apply", file)
    assert (said.code, [word in said.err for word in ("hours", "absolute", "small letters")]) == (3, [True] * 3)
