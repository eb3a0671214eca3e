"""`hw autopilot power` on a database of which nothing runs: the last plan, the list of turns, and why."""

import json

import msgspec
import pytest

from hashwright.energy.battery_control import Considered, ControlTerms, Order, decide
from hashwright.planner.power import PowerThought
from hashwright.planner.power_outcome import PowerOutcome
from hashwright.runtime.battery import KeptOrder
from hashwright.runtime.power_observe import PowerAsk, observe, think, without_solver
from hashwright.store import power as rows
from hashwright.store import power_battery as kept
from hashwright.store.power import PowerTurnRow
from hashwright.store.sqlite import SqliteStore
from hashwright.web.energy import site_of_state
from unit.cli.world import hw
from unit.planner.test_power import MACHINES, NOW, SITE

POWER = ("autopilot", "power")


def keep_past(connection):
    """Keep what became of the first turn, and what its battery was told: twice the same, and then trouble."""
    found = PowerOutcome(seconds=900, currency="EUR", is_driven=True, source="meter", expected_earn=1.0, earned=0.9,
                         expected_cost=0.5, cost=0.55, expected_kwh=2.0, kwh=2.2)  # fmt: skip
    body = msgspec.json.encode(found).decode()
    outcome = kept.PowerOutcomeRow(turn=1, name="x", at_ms=NOW, until_ms=NOW + 900_000, body=body)
    kept.write_outcome(connection, outcome)
    wanted = Order(action="discharge", watts=1234, until_ms=NOW + 900_000, turn=1)
    considered = Considered(
        terms=ControlTerms(capacity_wh=10_000, charge_w=3000, discharge_w=3000), wanted=wanted, level=55.0
    )
    order = KeptOrder(order=decide(considered), considered=considered)
    events = [("order", 1, order), ("answer", 1, {"answer": "ok", "detail": ""})] * 2
    events += [("trouble", 0, {"code": "HW-890", "level": "warning", "text": "it rests"})]
    kept.write_events(connection, [
        kept.BatteryEventRow(
            id=0, at_ms=NOW + at, name="x", kind=kind, turn=turn, body=msgspec.json.encode(it).decode()
        )
        for at, (kind, turn, it) in enumerate(events)
    ])  # fmt: skip


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
    keep_past(connection)
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
    assert [it["outcome"] is None for it in found] == [True, True, False]
    assert ("0.500" in said.out, "0.350" in said.out) == (True, True), "expected, and left"


def test_what_became_of_turns_and_the_battery_is_shown_when_nothing_runs(capsys, folder):
    said = hw(capsys, *POWER, "status", "--data-dir", folder)
    assert "One turn was expected to leave 0.50 EUR and left 0.35" in said.out
    assert "earnings come to" in said.err
    assert "this is how it was left" in said.err
    (state,) = json.loads(hw(capsys, *POWER, "status", "--json", "--data-dir", folder).out)["sites"]
    assert [(it["kind"], it["words"], it.get("times")) for it in state["battery_orders"]] == [
        ("trouble", "HW-890 it rests", None), ("order", "to give 1,230 W", 2),
    ]  # fmt: skip
    page = site_of_state(state)
    assert (page.is_stored, page.stored_ms, page.battery) == (True, NOW + 2, None)
    assert (page.turns[2].outcome.left, page.earned.cost_factor > 1) == (pytest.approx(0.35), True)
    assert [it.words for it in page.battery_orders] == ["HW-890 it rests", "to give 1,230 W"]
    explained = hw(capsys, *POWER, "explain", "1", "--data-dir", folder)
    assert "the same 2 orders" in explained.out
    assert explained.out.count("to give 1,230 W") == 2


def test_batteries_are_given_back_while_nothing_runs(capsys, folder, tmp_path):
    nobody = hw(capsys, *POWER, "release", "--data-dir", folder)
    assert (nobody.code, "No battery takes orders here" in nobody.out + nobody.err) == (0, True)
    site, log = tmp_path / "x.toml", tmp_path / "log"
    orders = "".join(f'{name} = ["/bin/false", "{{watts}}"]\n' for name in ("state", "charge", "discharge", "idle"))
    battery = '[battery]\ncapacity_kwh = 9\ncharge_kw = 3\ndischarge_kw = 3\n[inverter]\nkind = "command"\n' + orders
    store = SqliteStore.open(tmp_path / "data")
    store.put_setting("power", "x", {"name": "x", "site_file": str(site)}, now=NOW)
    store.close()
    site.write_text(battery + f'automatic = ["/usr/bin/touch", "{log}"]\n')
    said = hw(capsys, *POWER, "release", "--data-dir", tmp_path / "data")
    assert (said.code, log.exists()) == (0, True)
    site.write_text(battery + 'automatic = ["/bin/false"]\n')
    said = hw(capsys, *POWER, "release", "--data-dir", tmp_path / "data")
    assert (said.code, "refused" in said.out) == (7, True)


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
