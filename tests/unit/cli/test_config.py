import json

import pytest

from hashwright.cli.fleet_file import diff_of, read_fleet, toml_of
from hashwright.errors import ConfigError
from unit.cli.world import hw

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
HOME = {
    "address": ADDRESS,
    "coin": "bitcoin",
    "network": "regtest",
    "node": "bitcoind",
    "node_settings": {"rpc_url": "http://127.0.0.1:18443", "rpc_password_from": "file:/etc/hw/rpc"},
}


def fleet(**destinations):
    return {"destination": destinations, "route": {}, "pin": {}, "device": {}, "power": {}}


def test_what_is_exported_reads_back_the_same(tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(toml_of({"home": HOME, "toy": HOME | {"node": "practice", "node_settings": {}}}))
    read = read_fleet(file)["destination"]
    assert read["home"] == HOME
    assert read["toy"]["node"] == "practice"


def test_the_same_settings_are_the_same_text():
    turned = dict(reversed(HOME.items()))
    assert toml_of({"a": HOME, "b": HOME}) == toml_of({"b": turned, "a": turned})


def test_every_problem_of_a_file_is_named_with_its_place(tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(
        'pools = 1\n[destination.home]\ncoin = "bitcoin"\nnetwork = "main"\naddress = "x"\n'
        f'[destination.BAD]\ncoin = "bitcoin"\nnetwork = "regtest"\naddress = "{ADDRESS}"\nshares_per_minute = -1.0\n'
    )
    with pytest.raises(ConfigError) as caught:
        read_fleet(file)
    places = [finding.place.removeprefix(f"{file}, ") for finding in caught.value.findings]
    assert places == ["pools", "destination.home.address", "destination.BAD.name", "destination.BAD.shares_per_minute"]


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text("= 3")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_fleet(file)


def test_the_difference_is_shown_line_by_line():
    old, new = fleet(home=HOME), fleet(home=HOME | {"network": "test"})
    shown = diff_of(old, new, "fleet.toml")
    assert '-network = "regtest"' in shown.splitlines()
    assert '+network = "test"' in shown.splitlines()
    assert diff_of(old, old, "fleet.toml") == ""


def test_show_names_the_origin_of_each_value(capsys, tmp_path, monkeypatch):
    file = tmp_path / "hw.toml"
    file.write_text('log_level = "debug"\n')
    monkeypatch.setenv("HW_LOG_FORMAT", "json")
    said = hw(capsys, "--config", file, "admin", "config", "show", "--origin", "--data-dir", tmp_path)
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert rows[0] == ["setting", "value", "origin"]
    assert ["data_dir", str(tmp_path), "flag --data-dir"] in rows
    assert ["log_level", "debug", str(file)] in rows
    assert ["log_format", "json", "environment HW_LOG_FORMAT"] in rows


def test_show_in_json(capsys, tmp_path):
    said = hw(capsys, "admin", "config", "show", "--json", "--data-dir", tmp_path)
    settings = json.loads(said.out)["settings"]
    assert settings["listen"]["value"] == ["sha256d=127.0.0.1:3333", "scrypt=127.0.0.1:3335", "randomx=127.0.0.1:3337"]


def test_wrong_settings_end_with_3_and_name_each(capsys, tmp_path):
    file = tmp_path / "hw.toml"
    file.write_text('log_level = "loud"\ncolour = 1\n')
    said = hw(capsys, "--config", file, "status")
    assert said.code == 3
    assert said.err.splitlines() == [
        "HW-701 2 settings are not usable. Correct them, then start again. Nothing was changed.",
        f"  {file}, colour: There is no such setting. Known are: data_dir, fail_safe, listen, log_format, log_level, "
        "postgres_url_from, randomx_mode, randomx_threads, rented_proof_from, tls_certificate, tls_key, "
        "web_certificate, web_key, web_listen, web_proxy, web_start, web_url.",
        f"  {file}, log_level: 'loud' is none of debug, info, warning, error. "
        "The least important log lines that are written.",
    ]


def test_export_of_an_unused_folder_is_an_empty_file(capsys, tmp_path):
    said = hw(capsys, "--data-dir", tmp_path / "none", "admin", "config", "export")
    assert said.code == 0
    assert all(line.startswith("#") for line in said.out.splitlines())


def test_applying_needs_a_running_process_unless_it_is_a_dry_run(capsys, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(toml_of({"home": HOME}))
    said = hw(capsys, "--data-dir", tmp_path, "admin", "config", "apply", "--dry-run", file)
    assert said.code == 0
    assert "+[destination.home]" in said.out
    assert said.err == "Dry run: 1 set, 0 removed; nothing was changed.\n"
    said = hw(capsys, "--data-dir", tmp_path, "admin", "config", "apply", file)
    assert said.code == 5
    assert said.err.startswith("HW-704 ")
