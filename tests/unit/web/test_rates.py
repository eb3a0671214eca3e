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
from hashwright.web.machines import Sessions, join_machines, state_of
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
    found = join_machines(Sessions(), book, now_ms=MINUTE * 60_000, asked_ms=0, since=MINUTE - 1440)
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
    assert json.loads(delta(first, other)).keys() == {"at_ms", "problem"}
    assert deltas.of(Picture(number=3), "x") is other
    assert delta(first, same) == b""


def test_what_changed_is_made_once_for_all_who_have_the_same_picture():
    deltas = Deltas()
    for number in (1, 2, 3):
        deltas.of(Picture(number=number, at_ms=number, problem=f"change {number // 2}"), "x")
    assert deltas.event(2) is deltas.event(2) == b""  # 2 and 3 say the same
    assert deltas.event(1) is deltas.event(1)
    assert json.loads(deltas.event(1).split(b"data: ")[1]).keys() == {"at_ms", "problem"}
    assert b'"machines":0' in deltas.event(-1)
    deltas.of(Picture(number=2), "x")
    assert deltas.number == 3  # a slower listener does not bring back what was
    for number in range(4, 100):
        deltas.of(Picture(number=number, at_ms=number), "x")
    assert b'"machines":0' in deltas.event(3)  # who missed too much gets everything


def test_the_list_of_machines_is_made_only_for_who_wants_it_and_only_once(tmp_path):
    fill(tmp_path, [MINUTE - 3], now=MINUTE).close()
    live = Live(tmp_path, clock=ManualClock(MINUTE * 60_000))

    async def work():
        live.picture = await live._look()
        made = live.picture.joined._machines
        listed = await live.listed()
        return made, listed

    made, listed = asyncio.run(work())
    assert (made, listed.joined.total) == (None, 1)
    assert listed.machines is listed.machines
    assert [it.worker for it in listed.machines] == ["kai.1"]


def test_sums_without_a_list_equal_those_of_the_list():
    book = RateBook()
    book.begin(MINUTE - 10)
    book.close(MINUTE - 1, [done(MINUTE - 5, "a", work=600), done(MINUTE - 4, "b", work=60, refused=2)])
    book.open_rows = [done(MINUTE - 1, "a", work=30), done(MINUTE, "c", accepted=0, refused=1)]
    row = {"destination": "", "peer": "", "agent": "", "difficulty": 1.0, "connected_ms": 10**9, "last_share_ms": 99}
    sessions = Sessions([row | {"worker": name, "session": at} for at, name in enumerate("aad")])
    found = join_machines(sessions, book, now_ms=MINUTE * 60_000, asked_ms=MINUTE * 60_000, since=MINUTE - 10)
    machines = {it.worker: it for it in found.machines}
    assert found.hashrate_hs == pytest.approx(sum(it.hashrate_10m_hs for it in found.machines))
    assert found.accepted_24h == sum(it.accepted_24h for it in found.machines) == 3
    assert found.refused_24h == sum(it.refused_24h for it in found.machines) == 3
    assert found.states == {"hashing": 1, "offline": 2, "starting": 1}
    assert (found.connected, found.total, machines["a"].connections) == (2, 4, 2)
    assert machines["b"].destinations == ("home",)
    assert machines["a"].destinations == ()  # connected, and nowhere at the moment
