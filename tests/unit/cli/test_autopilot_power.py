"""`hw autopilot power` on a database of which nothing runs: the last plan, the list of turns, and why."""

import json

import msgspec
import pytest

from hashwright.planner.power import PowerThought
from hashwright.runtime.power_observe import PowerAsk, observe, think, without_solver
from hashwright.store import power as rows
from hashwright.store.power import PowerTurnRow
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw
from unit.planner.test_power import MACHINES, NOW, SITE

POWER = ("autopilot", "power")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a data folder with three turns: a plan, one by the rule, and one that could not be planned."""
    folder = tmp_path_factory.mktemp("power")
    site = folder / "x.toml"
    site.write_text(SITE.format(revenue="per_th_day = 0.048", weather="clear_sky"))
    ask = PowerAsk(name="x", now_ms=NOW, site_file=str(site), data="", meter="", hours=12, solver_s=10,
                   machines=MACHINES, worth={}, told=(), last=None)  # fmt: skip
    seen = observe(ask)
    plan, rule = think(seen), think(without_solver(seen))
    turns = ((seen, plan, "applied"), (without_solver(seen), rule, "rehearsed"), (None, None, "failed"))
    store = SqliteStore.open(folder / "data")
    connection = store.connect()
    for number, (saw, thought, state) in enumerate(turns):
        row = PowerTurnRow(
            id=0, at_ms=NOW + number, name="x", mode="live", state=state, note="HW-844 silent" if saw is None else "",
            seen=msgspec.json.encode(saw).decode(), thought=msgspec.json.encode(thought).decode(),
        )  # fmt: skip
        assert rows.write(connection, row) == number + 1
    connection.commit()
    connection.close()
    store.close()
    return folder / "data"


def test_the_last_plan_is_shown_when_nothing_runs(capsys, folder):
    said = hw(capsys, *POWER, "status", "--data-dir", folder)
    lines = said.out.splitlines()
    assert (said.code, lines[0]) == (0, "x: NOT RUNNING")
    assert lines[1].endswith("by the THRESHOLD RULE.")
    assert "always on" in lines[2]
    assert "HW-851" in said.out
    (site,) = json.loads(hw(capsys, *POWER, "status", "--json", "--data-dir", folder).out)["sites"]
    assert (site["settings"], site["plan"]["number"]) == (None, 2)
    msgspec.convert(site["plan"]["thought"], PowerThought)
    assert hw(capsys, *POWER, "status", "--now", "--data-dir", folder).code == 5


def test_turns_are_listed_newest_first_with_what_became_of_them(capsys, folder):
    found = json.loads(hw(capsys, *POWER, "turns", "--json", "--data-dir", folder).out)["turns"]
    assert [(it["number"], it["state"], it["gain"] is None) for it in found] == [
        (3, "failed", True), (2, "rehearsed", False), (1, "applied", False),
    ]  # fmt: skip
    said = hw(capsys, *POWER, "turns", "--data-dir", folder)
    assert "HW-844 silent" in said.out


def test_a_turn_is_planned_again_from_what_it_knew(capsys, folder):
    assert json.loads(hw(capsys, *POWER, "explain", "1", "--json", "--data-dir", folder).out)["is_repeated"] is True
    said = hw(capsys, *POWER, "explain", "2026-03-22T00:00", "--name", "x", "--data-dir", folder)
    assert (said.code, "the same answer" in said.out) == (0, True)
    assert "no plan to make again" in hw(capsys, *POWER, "explain", "3", "--data-dir", folder).err
    missing = hw(capsys, *POWER, "explain", "99", "--data-dir", folder)
    assert (missing.code, "HW-957" in missing.err) == (4, True)
    assert hw(capsys, *POWER, "explain", "soon", "--data-dir", folder).code == 2


def test_what_acts_needs_the_running_program(capsys, folder, tmp_path):
    for words in (("set", "x.toml"), ("apply", "1"), ("remove", "x")):
        assert hw(capsys, *POWER, *words, "--data-dir", folder).code == 5
    empty = hw(capsys, *POWER, "status", "--data-dir", tmp_path / "none")
    assert empty.code != 0
