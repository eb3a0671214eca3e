"""A meter's table: what counts, what is left out with its line, and what is learned."""

from datetime import UTC, datetime

from hashwright.energy.meter import error_of, level_of, month_so_far, read_meter
from hashwright.energy.slots import DAY_MS, SLOT_MS, ms_of

NOW = ms_of(datetime(2026, 6, 10, 12, tzinfo=UTC))
TABLE = """time_utc,own_w,import_w,export_w,battery_percent
2026-06-01T10:00,3000,0,1400,55
2026-06-01T10:05,1000,,,
2026-06-01T12:00+02:00,2000,,,
2026-06-10T11:30,,6000,,61.5
"""


def test_a_slot_is_the_mean_of_its_readings_whatever_the_zone():
    meter, findings = read_meter(TABLE, "m.csv")
    assert findings == ()
    slot = ms_of(datetime(2026, 6, 1, 10, tzinfo=UTC))
    assert meter.slots["own_w"] == {slot: 2000.0}
    assert meter.slots["export_w"] == {slot: 1400.0}


def test_a_level_that_is_older_than_an_hour_says_nothing():
    meter, _ = read_meter(TABLE, "m.csv")
    assert level_of(meter, now_ms=NOW) == 61.5
    assert level_of(meter, now_ms=NOW + 3_600_000) is None


def test_the_month_is_the_local_one():
    table = "time_utc,import_w,export_w\n2026-05-31T21:45,9000,0\n2026-05-31T22:00,4000,1000\n2026-06-10T11:30,2000,0\n"
    meter, _ = read_meter(table, "m.csv")
    month = month_so_far(meter, now_ms=NOW, zone="Europe/Berlin")
    assert (month.bought_kwh, month.sold_kwh, month.peak_kw) == (1.5, 0.25, 4.0)
    assert month_so_far(meter, now_ms=ms_of(datetime(2026, 8, 1, tzinfo=UTC)), zone="UTC").peak_kw is None


def test_lines_that_are_not_understood_are_named_and_left_out():
    table = "time_utc,own_w\nyesterday,5\n2026-06-01T10:00,-5\n2026-06-01T10:15,nan\n2026-06-01T10:30,1e99\n,\n"
    table += "2026-06-01T11:00,7\n"
    meter, findings = read_meter(table, "m.csv")
    assert len(meter.slots["own_w"]) == 1
    assert [it.place for it in findings] == ["m.csv:2", "m.csv:3", "m.csv:4", "m.csv:5", "m.csv:6"]
    assert {it.code for it in findings} == {"HW-956"}


def test_many_bad_lines_are_a_few_findings():
    _, findings = read_meter("time_utc,own_w\n" + "x,1\n" * 500, "m.csv")
    assert len(findings) == 11
    assert "490 more" in findings[-1].message


def test_a_table_of_another_form_is_one_finding():
    for text in ("", "when,watts\n1,2\n", "\x00"):
        meter, findings = read_meter(text, "m.csv")
        assert (dict(meter.slots), len(findings)) == ({}, 1)


def test_nothing_is_learned_from_days_that_only_one_of_both_knows():
    slots = [NOW - DAY_MS - (NOW % DAY_MS) + number * SLOT_MS for number in range(96)]
    meter, _ = read_meter("time_utc,own_w\n2026-05-01T10:00,5\n", "m.csv")
    assert error_of(dict.fromkeys(slots, 100.0), meter, now_ms=NOW).days == 0
