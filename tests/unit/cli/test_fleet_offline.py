"""What `hw fleet` says of rules and fail-safes while nothing runs, and how a demo's faults are read."""

import json
from types import SimpleNamespace

import pytest

from hashwright.cli.main import run
from hashwright.errors import OperatorError
from hashwright.testing.machines.park import read_fault

STORED = {
    "device": {"a": {"kind": "axeos"}, "b": {"kind": "axeos", "fail_safe": "keep", "group": "cellar"}},
    "fleet": {"rules": {"fail_safe": "sleep", "guard_s": 20.0}},
}


@pytest.fixture
def hw(tmp_path, capsys, monkeypatch):
    """Run a command on a folder of which nothing runs; `stored` are its settings, None where there is no folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def hw(*words, stored=STORED):
        store = None
        if stored is not None:
            store = SimpleNamespace(
                settings=lambda kind: stored.get(kind, {}), read_books=lambda _: {}, close=lambda: None
            )
        monkeypatch.setattr("hashwright.cli.overview.open_readonly", lambda _: store)
        code = run(["--data-dir", str(tmp_path / "none"), "fleet", *words])
        out = capsys.readouterr()
        return code, out.out, out.err

    return hw


def test_each_machines_fail_safe_is_its_own_or_the_rules(hw):
    code, out, err = hw("fail-safe", "show")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[1:] == [["a", "sleep", "not running", "-", "-"], ["b", "keep", "not running", "cellar", "-"]]
    assert "No Hashwright runs" in err
    found = json.loads(hw("fail-safe", "show", "--json")[1])
    assert (found["is_running"], found["guard"]) == (False, None)
    assert [it["fail_safe"] for it in found["devices"]] == ["sleep", "keep"]


def test_rules_are_read_from_the_database_and_changed_by_a_running_one_only(hw):
    code, out, err = hw("rules")
    assert code == 0
    assert "fail_safe\tsleep" in out
    assert "guard_s\t20.0" in out
    assert "the rules as they are stored" in err
    assert "fail_safe\tkeep" in hw("rules", stored=None)[1]
    assert hw("rules", "--set", "fail_safe=sleep")[0] == 5
    assert hw("fail-safe", "sleep")[0] == 5
    code, _, err = hw("rules", "--set", "fail_safe=nap")
    assert code != 0
    assert "is not RULE=VALUE" in err


@pytest.mark.parametrize(
    ("text", "found"),
    [("dead=30%", ("dead", 0.3, 0)), ("lies=2", ("lies", 0.0, 2)), ("hangs", ("hangs", 0.0, 1))],
)
def test_a_fault_of_a_demo_is_a_word_with_a_number(text, found):
    assert read_fault(text) == found


@pytest.mark.parametrize("text", ["", "tired=1", "dead=x", "dead=-1", "dead=1.5%", "dead=٣", "dead=999999"])
def test_what_is_no_fault_is_refused_with_those_that_there_are(text):
    with pytest.raises(OperatorError) as caught:
        read_fault(text)
    assert caught.value.code == "HW-701"
    assert "no-pause" in caught.value.hint
