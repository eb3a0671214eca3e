"""Machines on the screen: what fits is shown unfolded, what matters first; a program gets every column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.cli.fleet_views import (
    HEADS,
    grouped,
    groups_table,
    guard_text,
    joules_per_th,
    limit_text,
    machines_table,
    should_text,
    sums_of,
    totals_text,
    trouble_text,
)
from hashwright.cli.fleet_work import has_failed, why_of
from hashwright.cli.terminal import width_of

HOT = {"mode": "sleep", "part": 1.0, "author": "heat"}


def row(name="m-192-168-7-14", state="hashing", **changes):
    known = {
        "hashrate_hs": 110e12, "power_w": 3250.0, "temperature_c": 61.0, "group": "cellar", "model": "Antminer S19 Pro",
        "accepted": 99, "rejected": 1, "age_ms": 3_000, "tags": ["rack-7"], "wish": HOT,
    }  # fmt: skip
    return {"device": name, "state": state, **known, **changes}


def width(table):
    return sum(3 + max(map(len, column)) for column in zip(table.heads, *table.rows, strict=True)) - 3


@pytest.mark.parametrize(("columns", "last"), [(80, "group"), (110, "should"), (140, "seen"), (170, "tags")])
def test_columns_come_by_their_worth_and_are_not_folded(columns, last):
    table = machines_table([row(), row("m-192-168-7-15", "unreachable", wish=None)], width=columns)
    assert width(table) <= columns
    assert last in table.heads
    assert set(table.heads) <= set(HEADS)


def test_a_column_in_which_nothing_is_known_has_no_place():
    table = machines_table([row(wish=None, tags=())], width=300)
    assert {"should", "tags"}.isdisjoint(table.heads)
    assert machines_table([row(wish=None, tags=())], width=None).heads == HEADS


def test_numbers_of_a_machine():
    cells = dict(zip(HEADS, machines_table([row()], width=None).rows[0], strict=True))
    assert (cells["J/TH"], cells["rejects"], cells["temp"], cells["should"]) == (
        "29.5", "1.0%", "61 °C", "sleep (by heat)",
    )  # fmt: skip
    assert joules_per_th(row(hashrate_hs=0.0)) is None
    empty = machines_table([{"device": "m", "state": "silent"}], width=None).rows[0]
    assert set(empty[2:]) == {"-"}


def test_what_is_wrong_with_a_machine_is_said_in_words():
    assert trouble_text(row()) == "-"
    assert trouble_text(row(faults=["110 Intake fan speed error."], troubles=["HW-111"])).startswith("110")
    assert trouble_text(row(state="refused", host="127.0.0.1", detail="127.0.0.1 refuses: a.")) == "refuses: a."
    assert trouble_text(row(troubles=["HW-505"])) == "its power cannot be true: rating shown"
    assert trouble_text(row(detail="old words", troubles=["HW-503"])) == "does not obey"


def test_what_a_machine_should_do_and_waits_for():
    wish = {"mode": "run", "part": 0.7, "author": "plan 12"}
    assert should_text(row(wish=wish, waits="its turn")) == "run at 70% (by plan 12, its turn)"
    table = machines_table([row(wish=wish, waits="x" * 200)], width=None)
    assert len(table.rows[0][HEADS.index("should")]) == 44


def test_groups_lose_columns_before_they_fold():
    rows = [row(group="demo-whatsminer"), row(group="demo-antminer", state="asleep")]
    assert groups_table(rows, width=None).heads[-1] == "max"
    narrow = groups_table(rows, width=72)
    assert "max" not in narrow.heads
    assert width(narrow) <= 72
    assert [cells[0] for cells in narrow.rows] == ["demo-antminer", "demo-whatsminer"]
    assert totals_text(rows).startswith("2 machines: 1 hashing, 1 asleep on purpose.")


def test_guard_and_limits_are_said_in_a_line():
    assert guard_text({"state": "on", "watches": 1}) == "Guard: 1 machine sleeps if Hashwright dies."
    assert guard_text({"state": "missing", "detail": "It was killed."}) == "NO GUARD: It was killed. (HW-886)"
    assert guard_text({"state": "off"}) == ""
    limit = {"key": "hall", "import_w": 11_000.0, "measured_w": 11_500.0, "asleep": 2}
    assert limit_text(limit) == "Import limit of hall: 11.0 kW, 11.5 kW measured; 2 machines asleep for it."
    assert "no meter speaks." in limit_text(limit | {"measured_w": None, "asleep": 0})


def test_machines_are_summed_by_what_a_person_asks_for():
    rows = [row("a", tags=["x", "y"]), row("b", tags=["y"], state="asleep", power_w=None), row("c", tags=[], site="s")]
    assert {key: len(found) for key, found in grouped(rows, "tag").items()} == {"-": 1, "x": 1, "y": 2}
    assert list(grouped(rows, "site")) == ["-", "s"]
    assert groups_table(rows, width=None, by="state").heads[0] == "state"
    sums = sums_of(grouped(rows, "tag")["y"])
    assert (sums["count"], sums["states"], sums["power_w"], sums["power_w_known"]) == (
        2, {"hashing": 1, "asleep": 1}, 3250.0, 1,
    )  # fmt: skip
    assert sums_of([{"device": "m", "state": "silent"}])["hashrate_hs"] is None


@given(st.integers(70, 300), st.text("ab-", min_size=1, max_size=17), st.integers(0, 60))
def test_no_screen_folds_a_machine(columns, name, long):
    table = machines_table([row(name, wish={"mode": "run", "part": 1, "author": "p" * long})], width=columns)
    assert width(table) <= columns
    assert width_of(table) <= columns, "else it is drawn folded"


def test_a_hot_machine_did_not_do_what_a_person_ordered():
    settled = {"is_settled": True, "unsupported": []}
    assert has_failed(row(state="hot", **settled), "run")
    assert "hot" in why_of(row(state="hot", **settled))
    assert not has_failed(row(state="hot", **settled), "sleep")
    assert has_failed(row(is_settled=True, unsupported=["limit"]), "run")
    assert why_of(row(state="unreachable", unsupported=[], detail="No answer within 5 s.")).startswith(
        "unreachable: No"
    )
