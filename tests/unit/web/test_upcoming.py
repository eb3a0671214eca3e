"""What comes next, and shares as a person asks for them."""

import pytest

from hashwright.store.base import BlockRecord
from hashwright.store.share_log import Place, Wish, read_page, read_worker
from hashwright.store.sqlite import SqliteStore
from hashwright.web.fleet import Device, Fleet
from hashwright.web.live import Picture
from hashwright.web.upcoming import upcoming

NOW = 1_800_000_000_000
HOUR = 3_600_000
TARGET = "00000000ffff" + "0" * 52


def destination(**changes):
    return {"destination": "home", "coin": "litecoin", "network": "main", "height": 2016 * 1000 - 100} | changes


def look(*destinations, blocks=(), fleet=None, payouts=None, last=None, autopilots=(), powers=()):
    picture = Picture(
        number=1, at_ms=NOW, status={"destinations": list(destinations)}, blocks=tuple(blocks), fleet=fleet or Fleet()
    )
    return upcoming(picture, payouts=payouts or {}, last_payouts=last or {}, autopilots=autopilots, powers=powers)


def test_the_next_retarget_is_a_height_and_an_estimate_of_when():
    (found,) = look(destination(), destination(destination="other"))
    assert (found.kind, found.at_ms, found.certainty) == ("retarget", NOW + 100 * 150_000, "estimated")
    assert "in 100 blocks" in found.text
    assert "in 2016 blocks" in look(destination(height=2016))[0].text


@pytest.mark.parametrize("changes", [{"network": "regtest"}, {"coin": "monero"}, {"coin": None}, {"height": None}])
def test_where_difficulty_does_not_move_by_periods_nothing_is_said(changes):
    assert look(destination(**changes)) == []


def test_the_next_reward_payout_turn_and_power_change_come_in_order_of_time():
    block = BlockRecord(
        destination="home", block_hash="a" * 64, height=7, worker="kai.1", reward=1, found_ms=NOW, state="confirmed",
        detail="", confirmations=99,
    )  # fmt: skip
    fleet = Fleet(
        devices={"m-1": Device(device="m-1", is_asleep=True, until=NOW + HOUR, fields={})},
        plan={"plan": "night", "valid_until": NOW + 9 * HOUR},
    )
    found = look(
        destination(network="regtest"),
        blocks=[block],
        fleet=fleet,
        payouts={"home": {"interval_hours": 24, "threshold": "0.1"}, "rest": {"is_paused": True}},
        last={"home": NOW - 20 * HOUR},
        autopilots=[
            {"settings": {"algorithm": "scrypt", "every_s": 300, "mode": "live"}, "last": {"at_ms": NOW - 60_000}}
        ],
    )
    assert [it.kind for it in found] == ["autopilot", "reward", "power", "payout", "power", "payout"]
    assert [it.at_ms for it in found] == [
        NOW + 240_000, NOW + 2 * 150_000, NOW + HOUR, NOW + 4 * HOUR, NOW + 9 * HOUR, None,
    ]  # fmt: skip
    assert "DRY RUN" in found[3].text


@pytest.fixture
def store(tmp_path):
    found = SqliteStore.open(tmp_path)
    connection = found.connect()
    for minute in range(100, 130):
        for worker in ("a", "b"):
            for outcome, shares in (("accepted", 5), ("stale", 1)):
                connection.execute(
                    "INSERT INTO work VALUES (?, 'home', ?, ?, ?, ?, ?)",
                    (minute, worker, TARGET, outcome, shares, "0" * 39),
                )
    connection.execute(
        "INSERT INTO delivery VALUES (129, 'theirs', 'a', ?, 'rejected', 'low diff', 2, ?)", (TARGET, "0" * 39)
    )
    connection.close()
    yield found
    found.close()


def test_shares_come_newest_first_with_what_a_pool_said(store):
    rows, _ = store.read_tables(
        lambda it: read_page(it, Place(minute=130), Wish(oldest=127, limit=9, refused_only=True))
    )
    assert [(row.minute, row.destination, row.worker, row.outcome, row.reason, row.is_by_pool) for row in rows] == [
        (129, "home", "a", "stale", "", False), (129, "home", "b", "stale", "", False),
        (129, "theirs", "a", "rejected", "low diff", True),
        (128, "home", "a", "stale", "", False), (128, "home", "b", "stale", "", False),
    ]  # fmt: skip
    assert {row.shares for row in rows} == {1, 2}


@pytest.mark.parametrize("worker", ["", "a"])
@pytest.mark.parametrize("limit", [1, 3, 4, 7, 1000])
def test_pages_of_shares_meet_without_a_gap_or_a_double(store, limit, worker):
    found, place = [], Place(minute=140)
    wish = Wish(oldest=90, limit=limit)
    for _ in range(200):
        rows, place = store.read_tables(
            lambda it, at=place: (
                read_worker(it, at, wish, worker=worker, destinations={"home", "theirs", "other"})
                if worker
                else read_page(it, at, wish)
            )
        )
        assert len(rows) <= limit
        found += [(row.minute, row.destination, row.worker, row.outcome) for row in rows]
        if place is None:
            break
        place = Place.of(place.number)
    assert len(found) == len(set(found)) == (30 * 2 + 1 if worker else 30 * 4 + 1)
    assert found == sorted(found, key=lambda row: (-row[0], *row[1:3]))


def test_one_workers_shares_are_found_among_others(store):
    place, wish = Place(minute=129), Wish(oldest=100, limit=10, refused_only=True)
    rows, _ = store.read_tables(lambda it: read_worker(it, place, wish, worker="b", destinations={"home"}))
    assert {(row.worker, row.outcome) for row in rows} == {("b", "stale")}
    assert [row.minute for row in rows] == list(range(129, 119, -1))
    assert store.read_tables(lambda it: read_worker(it, place, wish, worker="b", destinations=())) == ([], None)


def test_refused_shares_are_found_without_reading_the_good_ones(store):
    """The database's own plan says what it would read: without these indexes, a farm's whole day."""
    said = []

    class Explained:
        def __init__(self, connection):
            self.connection = connection

        def execute(self, statement, parameters=()):
            rows = self.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            said.append((statement, [row[3] for row in rows]))
            return self.connection.execute(statement, parameters)

    wish = Wish(oldest=90, limit=5, refused_only=True)
    store.read_tables(lambda it: read_page(Explained(it), Place(minute=130), wish))
    assert len(said) > 3
    for statement, plan in said:
        assert not [line for line in plan if line.startswith(("SCAN work", "SCAN delivery"))], plan
        if not statement.startswith("SELECT destination, worker, "):  # those are bounded by a minute and its names
            assert any("COVERING INDEX work_refused" in line for line in plan), plan
            assert any("INDEX delivery_refused" in line for line in plan), plan


def switching(mode="live", is_paused=False, groups=None):
    later = [
        {"group": "garage", "from_ms": NOW - HOUR, "machines": 2},
        {"group": "garage", "from_ms": NOW + 2 * HOUR, "machines": 0},
        {"group": "cellar", "from_ms": NOW + 3 * HOUR, "machines": 1},
    ]
    thought = {"groups": later if groups is None else groups}
    return {"name": "home", "settings": {"mode": mode, "is_paused": is_paused}, "plan": {"thought": thought}}


def test_the_next_change_of_power_is_named_with_its_time_and_a_rehearsal_says_so():
    (found,) = look(powers=[switching()])
    assert (found.kind, found.at_ms, found.text) == ("switch", NOW + 2 * HOUR, "garage sleeps at home")
    (found,) = look(powers=[switching("dry-run")])
    assert found.text.endswith("(DRY RUN: nothing is switched)")
    (found,) = look(powers=[switching(groups=[{"group": "", "from_ms": NOW + 1, "machines": 3}])])
    assert found.text == "The fleet runs 3 of its machines at home"


@pytest.mark.parametrize("state", [
    switching(is_paused=True), switching(groups=[]), {"name": "home", "settings": {}, "plan": None},
    {"name": "home", "settings": {}, "plan": {"thought": None}},
])  # fmt: skip
def test_where_no_change_of_power_is_planned_none_is_named(state):
    assert look(powers=[state]) == []
