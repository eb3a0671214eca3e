"""Machines of the fleet joined with workers, what they should do, and what is kept of what they said."""

import asyncio

import pytest

from hashwright.errors import OperatorError
from hashwright.web.fleet import device_of, expected_hs, fleet_of, read_fleet
from hashwright.web.machines import Sessions, join_machines
from hashwright.web.rates import RateBook
from hashwright.web.trend import Trend

NOW = 1_800_000_000_000


def row(name, **changes):
    """A machine as `fleet-status` tells it."""
    return {
        "device": name, "kind": "cgminer", "group": "east", "site": "barn", "tags": ["rack-1"], "host": "10.0.0.1",
        "state": "hashing", "model": "S19", "hashrate_hs": 100e12, "power_w": 3000.0, "temperature_c": 70.0,
        "rated_hs": 110e12, "part": 1.0, "wish": None, "until": None, "is_settled": True, "troubles": [], "detail": "",
        "waits": "", "would": "", "can": ["pause"],
    } | changes  # fmt: skip


def fleet(*rows):
    return fleet_of(rows, now=NOW)


def session(worker, **changes):
    return {
        "session": 1, "worker": worker, "destination": "home", "peer": "p", "agent": "a", "difficulty": 1.0,
        "connected_ms": 10**9, "last_share_ms": 1,
    } | changes  # fmt: skip


def join(sessions, found):
    book = RateBook()
    book.begin(NOW // 60_000)
    joined = join_machines(Sessions(sessions), book, now_ms=NOW, asked_ms=NOW, since=NOW // 60_000 - 10, fleet=found)
    return {it.worker: it for it in joined.machines}, joined


def test_a_machine_belongs_to_the_worker_of_its_name_or_of_what_stands_behind_the_dot():
    machines, joined = join([session("m-1"), session("kai.m-2"), session("kai.other")], fleet(row("m-1"), row("m-2")))
    assert {name: it.device for name, it in machines.items()} == {"m-1": "m-1", "kai.m-2": "m-2", "kai.other": ""}
    assert machines["kai.other"].power_w is None
    assert (joined.power_w, joined.connected, joined.total) == (6000.0, 3, 3)


def test_one_machine_is_not_counted_for_two_workers():
    machines, joined = join([session("a.m-1"), session("b.m-1")], fleet(row("m-1")))
    assert [it.device for it in machines.values()] == ["m-1", ""]
    assert joined.said_hs == 100e12


def test_a_machine_that_nobody_saw_work_stands_in_the_list_as_well():
    machines, joined = join([], fleet(row("m-1", state="asleep", wish={"mode": "sleep", "part": 1.0, "author": "kai"})))
    assert (machines["m-1"].state, machines["m-1"].wish, machines["m-1"].expected_hs) == ("asleep", "sleep", 0.0)
    assert joined.states == {"asleep": 1}


def test_off_on_purpose_is_not_offline_and_hashing_against_orders_is_not_asleep():
    slept = row("m-1", state="asleep")
    machines, _ = join([], fleet(slept, row("m-2", state="unreachable")))
    assert (machines["m-1"].state, machines["m-2"].state) == ("asleep", "offline")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 110e12),
        ({"part": 0.5}, 55e12),
        ({"wish": {"mode": "run", "part": 0.7, "author": "plan"}}, 77e12),
        ({"wish": {"mode": "sleep", "part": 1.0, "author": "plan"}}, 0.0),
        ({"rated_hs": None}, None),
        ({"rated_hs": None, "curve": [[1000, 50e12], [3000, 110e12]]}, 110e12),
        ({"state": "asleep"}, 0.0),
    ],
)
def test_what_a_machine_should_do_follows_from_its_rating_and_its_wish(changes, expected):
    assert expected_hs(row("m-1", **changes)) == (expected if expected is None else pytest.approx(expected))


def test_efficiency_is_not_known_of_a_machine_that_does_not_hash():
    fields = device_of(row("m-1", hashrate_hs=0.0)).fields
    assert fields["efficiency_j_th"] is None
    assert device_of(row("m-1")).fields["efficiency_j_th"] == pytest.approx(30.0)
    assert device_of({"device": "m-9", "state": "disabled", "detail": "HW-701"}).fields["note"] == "HW-701"


def test_the_fleet_is_read_page_by_page_and_a_program_of_before_has_none():
    rows = [row(f"m-{number}") for number in range(7)]

    async def ask(command, *, offset):
        assert command == "fleet-status"
        return {"total": 7, "is_live": True, "plan": None, "fault": None, "devices": rows[offset : offset + 3]}

    async def refuse(command, **_):
        raise OperatorError("knows no command", code="HW-703")

    found = asyncio.run(read_fleet(ask, now=NOW))
    assert (len(found.devices), found.is_live) == (7, True)
    assert asyncio.run(read_fleet(refuse, now=NOW)).devices == {}


def test_watts_become_energy_and_a_gap_is_not_filled():
    trend = Trend()
    start = NOW // 300_000 * 300_000
    for second in range(0, 301, 5):
        trend.take(start + second * 1000, said_hs=2e12, expected_hs=4e12, power_w=3600.0)
    trend.take(start + 3_600_000, said_hs=9e12, expected_hs=None, power_w=9999.0)
    drawn = trend.energy(start)
    assert drawn.kwh == pytest.approx(0.3, rel=0.02)
    assert drawn.since_ms == start
    times = (start // 1000 - 300, start // 1000)
    assert trend.line("said_hs", times) == (None, pytest.approx(2e12))
    assert trend.line("expected_hs", times) == (None, pytest.approx(4e12))
    assert trend.energy(start + 7_200_000) is None


def test_what_is_the_same_for_everybody_is_made_once_and_an_old_one_is_sent_while_the_new_one_is_made():
    from hashwright.web.encoded import Kept

    async def work():
        kept, made = Kept(), []

        def make(number):
            made.append(number)
            return {"number": number}

        first = await asyncio.gather(*(kept.of("a", 1, lambda: make(1)) for _ in range(5)))
        assert (len(made), {it.plain for it in first}) == (1, {b'{"number":1}'})
        old = await kept.soon("a", 2, lambda: make(2), age_max_s=60)
        assert old.plain == b'{"number":1}'
        while kept.known("a", 2) is None:
            await asyncio.sleep(0.001)
        assert (await kept.soon("a", 2, lambda: make(2), age_max_s=60)).plain == b'{"number":2}'
        assert (await kept.soon("a", 3, lambda: make(3), age_max_s=-1)).plain == b'{"number":3}'
        assert made == [1, 2, 3]

    asyncio.run(work())
