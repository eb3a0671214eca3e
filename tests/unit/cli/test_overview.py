import io
import re

import pytest

from hashwright.cli import views
from hashwright.cli.overview import DayCounts, mode_of, outcomes_of, time_text, workers_of
from hashwright.store.base import WorkTotal


def total(worker, outcome, shares, work, destination="home"):
    return WorkTotal(destination=destination, worker=worker, outcome=outcome, shares=shares, work=work)


def session(worker, *, difficulty=8192.0, last_share_ms=1000, destination="home"):
    return {"worker": worker, "destination": destination, "difficulty": difficulty, "last_share_ms": last_share_ms}


def test_a_hash_rate_is_accepted_work_over_its_time():
    totals = [total("kai.r01", "accepted", 60, 600_000), total("kai.r01", "block", 1, 60_000)]
    (worker,) = workers_of([], totals, seconds=600.0)
    assert worker.hashrate_hs == 1100.0
    assert (worker.accepted, worker.rejected, worker.connections) == (61, 0, 0)


def test_rejected_work_counts_for_nothing():
    (worker,) = workers_of(
        [], [total("kai.r01", "stale", 5, 10**9), total("kai.r01", "duplicate", 2, 10**9)], seconds=60.0
    )
    assert (worker.hashrate_hs, worker.accepted, worker.rejected) == (0.0, 0, 7)


def test_connections_of_one_name_are_one_worker_with_the_youngest_share():
    sessions = [session("kai.r01", last_share_ms=9000), session("kai.r01", last_share_ms=40)]
    (worker,) = workers_of(sessions, [], seconds=60.0)
    assert (worker.connections, worker.last_share_age_ms) == (2, 40)


def test_the_same_name_on_two_destinations_is_two_rows():
    workers = workers_of([session("kai", destination="a"), session("kai", destination="b")], [], seconds=1.0)
    assert [worker.destination for worker in workers] == ["a", "b"]


def test_outcomes_are_summed_good_ones_first():
    totals = [("stale", 1), ("block", 1), ("accepted", 3), ("accepted", 4)]
    assert outcomes_of(totals) == {"accepted": 7, "block": 1, "stale": 1}
    assert views.outcomes_text(outcomes_of(totals)) == "8 accepted (1 of them blocks), 1 stale"
    assert views.outcomes_text({}) == "none"


def test_a_day_is_read_once_and_then_only_the_minutes_that_may_have_grown():
    rows, asked = {10: {"accepted": 5}, 11: {"accepted": 1, "stale": 1}}, []

    class Books:
        def share_counts(self, begin):
            asked.append(begin)
            return [(at, *pair) for at, counts in rows.items() if at >= begin for pair in counts.items()]

    day, books = DayCounts(), Books()
    assert day.read(books, 11 * 60_000) == {"accepted": 6, "stale": 1}
    rows[10]["accepted"] = 7  # a commit that came late
    rows[12] = {"block": 1}
    assert day.read(books, 12 * 60_000 + 1) == {"accepted": 8, "block": 1, "stale": 1}
    assert day.read(books, (11 + 1440) * 60_000) == {"accepted": 1, "block": 1, "stale": 1}  # the tenth is a day ago
    assert asked == [0, 9, 11]


@pytest.mark.parametrize(
    ("destinations", "mode"),
    [
        ([], "DRY RUN: no destination yet, nothing is mined"),
        (
            [{"is_practice": True, "coin": "bitcoin", "network": "regtest"}],
            "PRACTICE: blocks of no value on a chain inside this process",
        ),
        (
            [
                {"is_practice": True, "coin": "bitcoin", "network": "regtest"},
                {"is_practice": False, "coin": "litecoin", "network": "main", "kind": "own node"},
            ],
            "LIVE: own pool on litecoin main",
        ),
        (
            [
                {"is_practice": False, "coin": "bitcoin", "network": "main", "kind": "own node", "destination": "home"},
                {"is_practice": False, "coin": "", "network": "main", "kind": "upstream", "destination": "big"},
                {"is_practice": False, "coin": "", "network": "main", "kind": "upstream", "destination": "small"},
            ],
            "LIVE: own pool on bitcoin main; machines work for big, small",
        ),
    ],
)
def test_the_mode_is_said_in_words(destinations, mode):
    assert mode_of(destinations) == mode


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [(None, "-"), (0, "0 s"), (59_000, "59 s"), (3_700_000, "1 h"), (-5, "0 s"), (90_000_000, "1 d")],
)
def test_an_age_is_its_largest_unit(age_ms, text):
    assert views.age_text(age_ms) == text


@pytest.mark.parametrize(("difficulty", "text"), [(1e-9, "1e-09"), (0.5, "0.5"), (16384.0, "16\u2009384"), (1.0, "1")])
def test_a_difficulty_is_readable_at_every_size(difficulty, text):
    assert views.difficulty_text(difficulty) == text


def test_a_worker_that_was_never_seen_to_work_has_no_rate():
    table = views.workers_table(workers_of([session("kai.r01")], [], seconds=60.0), window_s=60.0)
    assert table.heads[2] == "hash rate (1 min, estimated)"
    assert table.rows == (("kai.r01", "home", "-", "8\u2009192", "1 s", "0", "0"),)


def test_times_are_utc():
    assert time_text(1_800_000_000_123) == "2027-01-15T08:00:00.123+00:00"


@pytest.mark.parametrize(("width", "columns"), [(80, 5), (140, 7)])
def test_a_machine_is_one_line_of_the_screen_whatever_its_width(tmp_path, width, columns):
    from rich.console import Console

    from hashwright.cli.overview import Overview, Worker
    from hashwright.cli.status import SCREEN_ROWS, screen_of

    workers = tuple(
        Worker(worker=f"farm.rig-{at:05d}", destination="home", connections=1, difficulty=1e6, last_share_age_ms=61_000,
               hashrate_hs=1.234e14, accepted=123_456, rejected=1_234)
        for at in range(SCREEN_ROWS + 50)
    )  # fmt: skip
    overview = Overview(
        data_dir=tmp_path, now_ms=1, has_database=True, status=None, window_s=601.0, workers=workers,
        shares_by_outcome={}, blocks=(), alerts=(),
    )  # fmt: skip
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    console.print(screen_of(overview, width=width))
    lines = console.export_text().splitlines()
    machines = [line for line in lines if "farm.rig-" in line]
    assert len(machines) == SCREEN_ROWS
    assert {len(re.split(r"\s{2,}", line.strip())) for line in machines} == {columns}
    assert max(map(len, lines)) <= width


def test_a_table_that_just_fits_is_not_folded():
    from rich.console import Console

    from hashwright.cli.terminal import Table, drawn

    table = Table(heads=("a", "b"), rows=(("x" * 10, "1" * 17),), right=frozenset("b"))
    console = Console(width=30, record=True, file=io.StringIO())
    console.print(drawn(table))
    assert console.export_text().splitlines()[1].rstrip() == f"{'x' * 10}   {'1' * 17}"


def test_the_screen_of_watch_says_first_what_runs_and_escapes_names(tmp_path):
    from rich.console import Console

    from hashwright.cli.overview import Overview, Worker
    from hashwright.cli.status import screen_of

    overview = Overview(
        data_dir=tmp_path, now_ms=1, has_database=True, status=None, window_s=600.0,
        workers=(Worker(worker="evil\x1b[2J", destination="home", accepted=3, hashrate_hs=1e6),),
        shares_by_outcome={"accepted": 3}, blocks=(), alerts=(),
    )  # fmt: skip
    console = Console(width=100, record=True, file=io.StringIO(), force_terminal=True)
    console.print(screen_of(overview))
    text = console.export_text()
    assert text.index("No Hashwright runs") < text.index("evil")
    assert "\x1b" not in text
    assert "\\x1b[2J" in text
