"""Decisions of the autopilot and what became of them: listed by pages, bounded, never changed, on both databases."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from hashwright.store import decisions, outcomes
from hashwright.store.connection import errors_of
from hashwright.store.decisions import DecisionRow
from hashwright.store.outcomes import OutcomeRow

ROW = DecisionRow(id=0, at_ms=5, algorithm="sha256d", mode="live", state="applied", seen="{}", thought="{}", note="n")
OUTCOME = OutcomeRow(decision=1, algorithm="sha256d", at_ms=5, until_ms=9, body='{"seconds":4}')


@pytest.fixture
def connection(engine, tmp_path):
    store = engine.open(tmp_path / "data")
    with closing(store.connect()) as connection:
        connection.execute("BEGIN")
        yield connection
        connection.execute("ROLLBACK")
    store.close()


def test_decisions_are_read_by_pages_by_algorithm_and_by_what_they_did(connection):
    for number, algorithm in enumerate(("sha256d", "scrypt", "sha256d", "sha256d"), start=1):
        state = "kept" if number == 3 else "applied"
        assert decisions.write(connection, replace(ROW, algorithm=algorithm, at_ms=number, state=state)) == number
    assert [it.id for it in decisions.page(connection, limit=2)] == [4, 3]
    assert [it.id for it in decisions.page(connection, before=3)] == [2, 1]
    assert [it.id for it in decisions.page(connection, algorithm="sha256d")] == [4, 3, 1]
    assert [it.id for it in decisions.acted(connection, "sha256d", "live", 0)] == [1, 4]
    assert decisions.acted(connection, "sha256d", "dry-run", 0) == []
    assert decisions.algorithms(connection) == ["scrypt", "sha256d"]


def test_what_became_of_a_decision_is_written_once(connection):
    outcomes.write(connection, OUTCOME)
    outcomes.write(connection, replace(OUTCOME, body='{"seconds":99}'))
    assert outcomes.since(connection, 0) == [OUTCOME]
    assert outcomes.since(connection, 0, algorithm="scrypt") == []
    assert outcomes.since(connection, 6) == []
    assert outcomes.between(connection, 1, 5) == {1: OUTCOME}


def test_only_so_many_are_kept(connection, monkeypatch):
    monkeypatch.setattr(outcomes, "KEPT_MAX", 2)
    for number in (1, 2, 3):
        outcomes.write(connection, replace(OUTCOME, decision=number))
    assert sorted(outcomes.between(connection, 0, 9)) == [2, 3]


def test_a_row_never_changes_and_what_is_none_is_refused(connection):
    errors = (sqlite3.Error, *errors_of(connection))
    outcomes.write(connection, OUTCOME)
    with pytest.raises(errors, match="never changes"):
        connection.execute("UPDATE decision_outcome SET body = '{}'", ())
    connection.execute("ROLLBACK")
    connection.execute("BEGIN")
    for bad in ({"body": "{"}, {"at_ms": -1}):
        with pytest.raises(errors):
            outcomes.write(connection, replace(OUTCOME, **bad))
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
