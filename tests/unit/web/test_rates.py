"""Rates are sums that are kept up, and must equal the sums that are made anew."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.clock import ManualClock
from hashwright.store.projections import work_of_row
from hashwright.store.rates import Done, read_done
from hashwright.store.sqlite import SqliteStore
from hashwright.web.live import Live, Picture, history_of, read_day
from hashwright.web.machines import join_machines, state_of
from hashwright.web.rates import RateBook, Total
from hashwright.web.stream import Deltas, delta

TARGET = "00000000ffff" + "0" * 52
WORK = work_of_row(bytes.fromhex(TARGET), 1)
MINUTE = 30_000_000


def done(minute, worker="kai.1", *, work=100, accepted=1, refused=0):
    return Done(minute=minute, worker=worker, destination="home", work=work, accepted=accepted, refused=refused)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["a", "b"]), st.integers(0, 9)), max_size=60))
def test_a_window_that_is_kept_up_equals_one_that_is_made_anew(rows):
    rows = sorted(rows)
    book = RateBook()
    book.begin(MINUTE)
    for now in range(0, 220, 10):
        book.close(
            MINUTE + now, [done(MINUTE + at, name, work=work) for at, name, work in rows if now - 10 <= at < now]
        )
        window = book.windows["10m"]
        expected = {}
        for at, name, work in rows:
            if at < now and at + 1 > now - window.minutes:
                total = expected.setdefault((name, "home"), Total())
                total.work += work
                total.accepted += 1
        assert window.sums == expected


def test_what_is_older_than_a_day_is_forgotten():
    book = RateBook()
    book.begin(MINUTE)
    for now in range(0, 3 * 1440, 30):
        book.close(MINUTE + now + 1, [done(MINUTE + now)])
    assert len(book.history) <= 1440 // 30 + 1
    assert book.windows["24h"].sums["kai.1", "home"].accepted <= 1440 // 30 + 2
    assert book.counted["kai.1"] == (3 * 1440 // 30, 0)


def fill(folder, minutes, *, now):
    store = SqliteStore.open(folder)
    connection = store.connect()
    for minute in minutes:
        for outcome in ("accepted", "stale"):
            connection.execute(
                "INSERT INTO work VALUES (?, 'home', 'kai.1', ?, ?, 2, ?)",
                (minute, TARGET, outcome, f"{2 * WORK if outcome == 'accepted' else 0:039d}"),
            )
    connection.close()
    store.close()
    return SqliteStore.open(folder, readonly=True)


def test_sums_of_the_database_are_multiplied_exactly(tmp_path):
    store = fill(tmp_path, [MINUTE, MINUTE + 1, MINUTE + 7], now=MINUTE + 8)
    rows = store.read_tables(lambda it: read_done(it, begin=MINUTE, end=MINUTE + 8, span=5))
    assert [(row.minute, row.work, row.accepted, row.refused) for row in rows] == [
        (MINUTE, 4 * WORK, 4, 4),
        (MINUTE + 5, 2 * WORK, 2, 2),
    ]
    store.close()


def test_a_day_that_is_read_gives_the_plot_and_the_rates(tmp_path):
    store = fill(tmp_path, range(MINUTE - 1440, MINUTE), now=MINUTE)
    book = read_day(store, MINUTE)
    store.close()
    expected = WORK * 2 / 60
    found = join_machines([], book, now_ms=MINUTE * 60_000, asked_ms=0, since=MINUTE - 1440)
    machines = found.machines
    assert (found.states, found.connected) == ({"offline": 1}, 0)
    assert found.hashrate_hs == pytest.approx(expected, rel=0.2)  # the newest minute is not closed yet
    assert machines[0].hashrate_24h_hs == pytest.approx(expected, rel=0.05)
    plot = history_of(book, MINUTE * 60_000)
    assert plot["destinations"]["home"][100] == pytest.approx(expected)
    assert len(plot["times_s"]) == len(plot["destinations"]["home"]) == 288


def test_the_first_picture_does_not_wait_for_the_day(tmp_path):
    store = fill(tmp_path, range(MINUTE - 1440, MINUTE), now=MINUTE)
    store.close()

    async def work():
        clock = ManualClock(MINUTE * 60_000)
        live = Live(tmp_path, clock=clock)
        first = await live._look()
        assert (first.status, first.has_database) == (None, True)
        assert first.shares_24h["accepted"] <= 2 * 12
        while not live._history.done():
            await asyncio.sleep(0.01)
        second = await live._look()
        assert second.shares_24h["accepted"] > 2 * 1400

    asyncio.run(work())


# ---------------------------------------------------------------- machines


@pytest.mark.parametrize(
    ("age_s", "pace", "expected"),
    [
        (5, 0.1, "hashing"),
        (90, 0.1, "hashing"),
        (93, 0.1, "silent"),
        (3_600, 0.001, "hashing"),
        (20, 10, "hashing"),
        (40, 10, "silent"),
    ],
)
def test_silence_is_measured_by_a_machines_own_pace(age_s, pace, expected):
    state = state_of(is_connected=True, age_ms=age_s * 1000, connected_ms=10**9, shares_a_second=pace)
    assert state == expected


def test_a_machine_that_has_just_come_is_not_silent():
    assert state_of(is_connected=True, age_ms=9_999_999, connected_ms=1_000, shares_a_second=1) == "hashing"
    assert state_of(is_connected=True, age_ms=None, connected_ms=1_000, shares_a_second=0) == "starting"
    assert state_of(is_connected=False, age_ms=None, connected_ms=None, shares_a_second=1) == "offline"


# ---------------------------------------------------------------- changes


def test_a_change_is_only_what_changed():
    deltas = Deltas()
    first = deltas.of(Picture(number=1, at_ms=1), "x")
    same = deltas.of(Picture(number=2, at_ms=2), "x")
    other = deltas.of(Picture(number=3, at_ms=3, problem="a <b>"), "x")
    assert set(json.loads(delta({}, first))) == set(first)
    assert json.loads(delta(first, other)).keys() == {"at_ms", "problem", "hashrate"}
    assert deltas.of(Picture(number=3), "x") is other
    assert set(json.loads(delta(first, same) or b"{}")) <= {"at_ms", "hashrate"}
