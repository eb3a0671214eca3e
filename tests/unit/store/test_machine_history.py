"""Chunks of what machines did: what goes in comes out, and what was unknown stays unknown."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hashwright.store import machine_history as rows
from hashwright.store.machine_history import COARSE, FINE, Point

HOUR = 1_800_000_000 // 3600 * 3600
number = st.none() | st.floats(min_value=0, max_value=1e5)
rate = st.none() | st.floats(min_value=0, max_value=1e18)
points = st.builds(
    Point,
    at_s=st.integers(0, 11).map(lambda place: HOUR + 300 * place),
    temperature_c=st.none() | st.floats(min_value=-40, max_value=150),
    power_w=number,
    refused_part=st.none() | st.floats(min_value=0, max_value=1),
    said_hs=rate,
    credited_hs=rate,
)


@given(points)
def test_a_point_comes_out_as_it_went_in_to_a_part_in_a_thousand(point):
    (found,) = rows.unpacked(rows.packed(point, FINE), HOUR, FINE)
    assert found.at_s == point.at_s
    for name in Point.__slots__[1:]:
        before, after = getattr(point, name), getattr(found, name)
        assert (before is None) == (after is None)
        if before is not None:
            assert after == pytest.approx(before, rel=1e-3, abs=1e-3)


@given(st.binary(max_size=400))
def test_a_chunk_of_any_bytes_is_read_without_a_fault(body):
    found = rows.unpacked(body, HOUR, FINE)
    assert [it.at_s for it in found] == sorted({it.at_s for it in found})


def test_numbers_beyond_what_is_kept_are_the_largest_and_no_fault():
    (found,) = rows.unpacked(rows.packed(Point(at_s=HOUR, power_w=1e12, temperature_c=-1e9), FINE), HOUR, FINE)
    assert (found.power_w, found.temperature_c) == (65_504_000.0, -65_504.0)


def test_a_mean_leaves_out_what_is_unknown():
    found = rows.mean_of([Point(at_s=1, power_w=100.0), Point(at_s=2), Point(at_s=3, power_w=300.0)], HOUR)
    assert found == Point(at_s=HOUR, power_w=200.0)
    assert rows.mean_of([], HOUR) == Point(at_s=HOUR)


def test_a_span_is_not_written_twice_into_its_chunk():
    body = rows.packed(Point(at_s=HOUR, power_w=1.0), FINE)
    again = {"m-1": Point(at_s=HOUR, power_w=2.0), "m-2": Point(at_s=HOUR, power_w=3.0)}
    assert set(rows.joined({"m-1": body}, again, FINE)) == {"m-2"}


def test_history_is_kept_by_machine_read_by_time_and_dropped_by_chunk(engine, tmp_path):
    store = engine.open(tmp_path)
    evil = "evil'); DROP TABLE machine_history; --"

    def fill(connection):
        for begin in (HOUR, HOUR + 3600):
            for name in ("m-1", evil):
                chunk = b"".join(
                    rows.packed(Point(at_s=begin + 300 * at, power_w=1000.0 + at, temperature_c=60.5), FINE)
                    for at in range(12)
                )
                rows.write(connection, FINE, begin, [(name, chunk)])
        rows.write(connection, COARSE, COARSE.chunk_of(HOUR), [("m-1", rows.packed(Point(at_s=HOUR), COARSE))])

    store.change_books(fill)

    def read(machine, grain=FINE, since=HOUR, until=HOUR + 7200):
        return store.read_tables(lambda it: rows.read_machine(it, machine, grain, since_s=since, until_s=until))

    found = read(evil, since=HOUR + 600, until=HOUR + 3900)
    assert [it.at_s for it in found] == [HOUR + 300 * at for at in range(2, 13)]
    assert (found[0].power_w, found[0].temperature_c) == (pytest.approx(1002, rel=1e-3), 60.5)
    assert found[0].said_hs is None
    assert read("nobody") == []
    assert read("m-1", since=HOUR, until=HOUR) == []
    assert [it.at_s for it in read("m-1", grain=COARSE)] == [HOUR]
    store.change_books(lambda it: rows.drop(it, FINE, HOUR))
    assert {it.at_s for it in read("m-1")} == {HOUR + 3600 + 300 * at for at in range(12)}
    assert len(read("m-1", grain=COARSE)) == 1
    store.close()
