"""`hw autopilot`: what a person and a program read of decisions while nothing runs."""

import json

import pytest

from hashwright.cli import autopilot, autopilot_power
from hashwright.cli.main import run
from hashwright.runtime.autopilot_settings import KIND
from unit.runtime.autopilot_world import START_MS, World, turn

HOUR_MS = 3_600_000
SETTINGS = {"step_percent": 40.0, "dwell_s": 0, "efficiency_j_th": 100.0, "power_price_usd_kwh": 0.1,
            "fees_percent": {"near": 2.5}, "sleep_groups": ["cellar"]}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder with three decisions of a dry run in which every way loses."""
    folder = tmp_path_factory.mktemp("data")
    world = World(folder)
    try:
        world.price("bitcoin", 50_000.0)
        world.destination("near", usd_ph_day=50.0)
        world.destination("far", usd_ph_day=60.0, state="down")
        world.route("near")
        world.writer.put_setting(KIND, "sha256d", {"algorithm": "sha256d"} | SETTINGS, now=START_MS).result(60)
        service = world.autopilot(**SETTINGS)
        for _ in range(3):
            turn(service, minutes=10)
    finally:
        world.close()
    return folder


@pytest.fixture
def ask(folder, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def ask(*words):
        code = run(["--data-dir", str(folder), "autopilot", *words])
        out = capsys.readouterr()
        return code, out.out, out.err

    return ask


def test_decisions_are_listed_with_what_was_expected_and_what_came(ask):
    code, out, err = ask("decisions")
    assert code == 0
    assert out.count("sha256d") == 3
    assert "it would have near 60.0%, idle 40.0%" in out
    assert "estimated" in err
    _, out, _ = ask("decisions", "--json")
    found = json.loads(out)["decisions"]
    assert [it["number"] for it in found] == [3, 2, 1]
    assert [it["outcome"] is None for it in found] == [True, False, False]
    assert ask("decisions", "--algorithm", "scrypt")[1] == ""


def test_a_decision_is_explained_loss_first_with_causes_limits_and_what_was_left_out(ask):
    code, out, err = ask("explain", "2")
    assert code == 0
    assert out.startswith("MINING LOSES 191.25 USD a day (estimated): the best way earns 48.75, power costs 240.00.")
    assert "Its time of 10 min: expected" in out
    assert "on the paper route" in out
    assert "Thought again from what it knew: the same answer." in out
    for words in (
        "Because of: the clock.",
        "Second best: near",
        "Your limit binds: at most 40% of all work moves in one step.",
        "Left out: far: it is not ready",
        "On paper it had: near 60.0%, idle 40.0%.",
        "near: what is promised, times fee x0.975",
    ):
        assert words in err


def test_what_is_not_there_is_said_with_its_code(ask):
    code, _, err = ask("explain", "99")
    assert code != 0
    assert "HW-774" in err
    assert "There is no decision 99." in err
    assert "No decision of scrypt is kept by then." in ask("explain", "2030-01-01", "--algorithm", "scrypt")[2]
    assert "is no number and no time" in ask("explain", "yesterday")[2]


def test_what_was_learned_is_told_while_nothing_runs(ask):
    code, out, err = ask("learned")
    assert code == 0
    assert "Nothing runs here" in err
    assert "On paper (dry run) it would have left" in out
    _, out, _ = ask("learned", "--json")
    found = json.loads(out)["autopilots"][0]
    assert {it["destination"] for it in found["pools"]} == {"near", "far"}
    assert found["days"][0]["paper_gain_usd_est"] == pytest.approx(240 * (0.4 + 0.8) * 10 / 1440, rel=1e-3)
    assert found["machines"]["factor"] == 1.0


@pytest.mark.parametrize("words", [("status",), ("set", "sha256d"), ("pause",), ("apply", "1")])
def test_what_acts_or_asks_the_program_says_that_none_runs(ask, words):
    code, _, err = ask(*words)
    assert code != 0
    assert "HW-704" in err


@pytest.mark.parametrize(
    ("words", "answer", "said"),
    [
        (("pause",), {"resting": {"m1": "autopilot hall"}, "woken": []}, (
            "PAUSED: sha256d, power hall.", "1 machine is left asleep: m1. To wake them: hw autopilot wake")),
        (("pause", "--wake"), {"resting": {}, "woken": ["m1", "m2"]}, (
            "PAUSED", "2 machines are woken, in stages: m1, m2.")),
        (("pause",), {"resting": {}, "woken": []}, ("PAUSED",)),
        (("go",), {"resting": {"m1": "x"}, "woken": []}, ("Autopilots are on",)),
        (("wake",), {"woken": [f"m{number}" for number in range(9)]}, (
            "9 machines are woken", "m5 and 3 more")),
        (("wake",), {"woken": []}, ("No autopilot left a machine asleep.",)),
        (("remove", "sha256d"), {"resting": {"m1": "autopilot"}}, ("is gone", "1 machine is left asleep: m1")),
        (("power", "remove", "hall"), {"resting": {"m1": "autopilot hall"}}, ("is gone", "hw autopilot wake")),
    ],
)  # fmt: skip
def test_who_rests_is_said_when_nobody_drives_any_more_and_how_they_wake(ask, monkeypatch, words, answer, said):
    asked = []

    async def ask_process(folder, command, **arguments):
        asked.append((command, arguments))
        return {"algorithms": ["sha256d"], "power": ["hall"], "rentals": {}} | answer

    monkeypatch.setattr(autopilot, "ask_process", ask_process)
    monkeypatch.setattr(autopilot_power, "ask_process", ask_process)
    code, out, _ = ask(*words)
    assert code == 0
    assert all(it in out for it in said)
    assert ("hw autopilot wake" in out) == (bool(answer.get("resting")) and words != ("go",))
    assert asked[0][1].get("is_waking", False) == ("--wake" in words)
