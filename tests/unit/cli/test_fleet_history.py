"""One machine over time on the command line: thinned for people, whole for programs, honest about what is unknown."""

import json

import pytest

from hashwright.cli.fleet_history import bar, table
from hashwright.runtime.system import SystemClock
from hashwright.store import machine_history as rows
from hashwright.store.machine_history import COARSE, FINE, Point
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw


@pytest.fixture
def folder(tmp_path):
    """A machine of which the last two hours are known, and a day of a month ago."""
    now_s = SystemClock().now() // 1000
    store = SqliteStore.open(tmp_path)

    def fill(connection):
        for at_s in range(FINE.span_of(now_s) - 7200, FINE.span_of(now_s), 300):
            begin = FINE.chunk_of(at_s)
            known = rows.read_chunks(connection, FINE, begin)
            point = Point(at_s=at_s, power_w=3000.0, temperature_c=61.0, credited_hs=1e14)
            rows.write(connection, FINE, begin, rows.joined(known, {"m-1": point}, FINE).items())
        old = COARSE.span_of(now_s - 30 * 86400)
        body = rows.packed(Point(at_s=old, power_w=900.0), COARSE)
        rows.write(connection, COARSE, COARSE.chunk_of(old), [("m-1", body)])

    store.change_books(fill)
    store.close()
    return tmp_path


def test_a_program_gets_every_point_and_a_person_what_fits(folder, capsys):
    said = hw(capsys, "fleet", "history", "m-1", "--hours", "3", "--json", "--data-dir", folder)
    found = json.loads(said.out)
    assert (said.code, found["span_s"], len(found["points"])) == (0, 300, 24)
    assert found["points"][0]["refused_part"] is None
    said = hw(capsys, "fleet", "history", "m-1", "--data-dir", folder)
    assert said.code == 0
    assert "61 °C" in said.out
    assert "3.00 kW" in said.out
    assert len(said.out.splitlines()) <= 5  # a row an hour, and its head


def test_older_days_are_by_the_hour(folder, capsys):
    said = hw(capsys, "fleet", "history", "m-1", "--days", "60", "--json", "--data-dir", folder)
    assert [it["power_w"] for it in json.loads(said.out)["points"]] == [pytest.approx(900, rel=1e-3)]


@pytest.mark.parametrize("name", ["m-2", "'; DROP TABLE work; --"])
def test_nothing_known_is_said_so_and_is_no_empty_table(folder, capsys, name):
    said = hw(capsys, "fleet", "history", name, "--data-dir", folder)
    assert (said.code, said.out) == (4, "")
    assert "HW-116" in said.err


def test_without_a_database_nothing_is_known_either(tmp_path, capsys):
    assert hw(capsys, "fleet", "history", "m-1", "--data-dir", tmp_path / "none").code == 4


def test_rows_are_means_of_their_span():
    found = table([Point(at_s=0, power_w=1000.0), Point(at_s=300, power_w=2000.0), Point(at_s=600)], span_s=600)
    assert [row[2] for row in found.rows] == ["1.50 kW", "-"]


def test_bars_begin_at_zero_and_are_no_wider_than_they_may():
    assert bar([0.0, 1.0]) == "▁█"
    assert len(bar([1.0] * 500)) <= 48
    assert bar([0.0, 0.0]) == "▁▁"
