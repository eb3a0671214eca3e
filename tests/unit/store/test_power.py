"""Turns of power plans and what was told of the sun: kept, bounded, never changed, on both databases."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from hashwright.store import power as rows
from hashwright.store.connection import errors_of
from hashwright.store.power import PowerTurnRow

DAY = rows.DAY_MS
ROW = PowerTurnRow(id=0, at_ms=5, name="x", mode="live", state="applied", seen='{"a":1}', thought='{"b":2}', note="n")


@pytest.fixture
def connection(engine, tmp_path):
    store = engine.open(tmp_path / "data")
    with closing(store.connect()) as connection:
        connection.execute("BEGIN")
        yield connection
        connection.execute("ROLLBACK")
    store.close()


def test_turns_are_numbered_kept_and_read_back(connection, monkeypatch):
    assert rows.write(connection, ROW) == 1
    assert rows.write(connection, replace(ROW, at_ms=9, thought="null", seen="null", state="failed")) == 2
    assert rows.write(connection, replace(ROW, name="y", at_ms=7)) == 3
    assert rows.numbered(connection, 1) == replace(ROW, id=1)
    assert rows.numbered(connection, 9) is None
    assert rows.last_thought(connection, "x").id == 1, "a turn without a plan is not the last plan"
    assert rows.at(connection, "x", 8).id == 1
    assert rows.at(connection, "x", 4) is None
    assert [it.id for it in rows.newest(connection, since_ms=6)] == [3, 2]
    assert rows.names(connection) == ["x", "y"]
    monkeypatch.setattr(rows, "KEPT_MAX", 2)
    assert rows.write(connection, ROW) == 4
    assert [it.id for it in rows.newest(connection)] == [4, 3]


def test_what_was_told_first_counts_and_old_slots_go(connection):
    rows.write_told(connection, "x", [(DAY, 5), (2 * DAY, 6)], now_ms=2 * DAY)
    rows.write_told(connection, "x", [(2 * DAY, 900)], now_ms=2 * DAY)
    assert rows.read_told(connection, "x") == {DAY: 5, 2 * DAY: 6}
    rows.write_told(connection, "x", [], now_ms=(2 + rows.TOLD_DAYS) * DAY)
    assert rows.read_told(connection, "x") == {2 * DAY: 6}
    assert rows.read_told(connection, "y") == {}


def test_a_row_never_changes_and_what_is_none_is_refused(connection):
    errors = (sqlite3.Error, *errors_of(connection))
    for change in ("note = 'other'", "seen = '{}'"):
        rows.write(connection, ROW)
        with pytest.raises(errors, match="never changes"):
            connection.execute(f"UPDATE power_turn SET {change}", ())
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
    for bad in ({"state": "guessed"}, {"seen": "{"}, {"at_ms": -1}):
        with pytest.raises(errors):
            rows.write(connection, replace(ROW, **bad))
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
