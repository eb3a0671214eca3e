"""A site's limits reach the engine: the file's figures of the hour, and the last whole line of the meter's table."""

import pytest

from hashwright.fleet.events import SiteMetered
from hashwright.runtime.power_limits import TAIL_BYTES, last_reading, leave_room, limit_of, says_more
from hashwright.runtime.power_settings import PowerSettings

NOON = 1_780_308_000_000  # 2026-06-01 10:00 UTC, noon in Berlin
SETTINGS = PowerSettings(name="home", site_file="/home.toml", at="cellar")
HEAD = "time_utc,own_w,import_w,export_w\n"


def test_the_limit_is_the_files_and_the_base_load_that_of_the_local_hour():
    site = {"site": {"zone": "Europe/Berlin"}, "limits": {"import_kw": 11, "export_kw": 5}, "cooling": 0.1,
            "load": {"hours_kw": [0.1 * hour for hour in range(24)]}}  # fmt: skip
    event = limit_of(SETTINGS, site, now=NOON)
    assert (event.key, event.site, event.import_w, event.export_w, event.cooling) == ("home", "cellar", 11e3, 5e3, 0.1)
    assert event.base_w == pytest.approx(1200)
    bare = limit_of(SETTINGS, {"site": {}, "limits": {"import_kw": 11}, "load": {"base_kw": 0.5}}, now=NOON)
    assert (bare.base_w, bare.export_w, bare.cooling) == (500.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("limits", "has_room"),
    [({"import_kw": 6}, True), ({"import_kw": 5.3}, False), ({"import_kw": 6, "machines_kw": 4.5}, False)],
)
def test_a_group_may_draw_what_its_large_machines_are_rated_where_the_limits_carry_all_at_once(limits, has_room):
    site = {"limits": limits, "cooling": 0.1, "load": {"hours_kw": [0.0, 0.5]}}
    watts = [("a", 1000.0), ("a", 2000.0), ("b", 2000.0)]
    assert leave_room(site, watts, {"a": 400.0}) is has_room


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("2026-06-01T10:00,1,900,0\n2026-06-01T10:00:05+00:00,1,950,\n", (NOON + 5_000, 950.0, None)),
        ("2026-06-01T10:00,1,900,0\n2026-06-01T10:00:05,1,95", (NOON, 900.0, 0.0)),
        ("2026-06-01T10:00,1,900,12.5\nnonsense\n,,,\n2026-06-01T10:00,1,nan,\n", (NOON, 900.0, 12.5)),
        ("2026-06-01T10:00,1,-5,0\n2026-06-01T10:00,1,1e12,0\n", None),
        ("", None),
    ],
)
def test_the_last_whole_line_of_use_is_read(tmp_path, lines, found):
    path = tmp_path / "meter.csv"
    path.write_text(HEAD + lines)
    reading = last_reading(path, "home")
    assert reading == (None if found is None else SiteMetered("home", *found))


def test_of_a_large_table_only_the_end_is_read(tmp_path):
    path = tmp_path / "meter.csv"
    path.write_text(HEAD + "2026-06-01T09:00,1,100,0\n" * (3 * TAIL_BYTES // 24) + "2026-06-01T10:00,1,900,0\n")
    assert last_reading(path, "home").import_w == 900.0


def test_a_steady_reading_is_told_seldom_and_one_near_the_limit_at_once():
    told = SiteMetered("home", NOON, 1000.0)

    def more(at_s, watts):
        return says_more(told, SiteMetered("home", NOON + at_s * 1000, watts), most_w=10_000.0)

    assert [more(5, 1100.0), more(5, 1300.0), more(25, 1000.0), more(5, 9500.0)] == [False, True, True, True]
