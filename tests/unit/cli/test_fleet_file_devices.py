"""Machines in the file of settings: written, read back the same, and checked."""

import pytest

from hashwright.cli.fleet_file import read_fleet, toml_of
from hashwright.errors import ConfigError

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
