"""Statements are sums of postings, however they are divided."""

from hashwright.ledger.statements import by_day, by_worker
from unit.ledger.books import every_kind, reserve_books


def test_members_are_told_apart_and_their_days_sum_to_the_whole():
    rows = {(it.day, it.group): (it.credited, it.paid) for it in by_day(every_kind(), last=9, by="member")}
    assert rows == {
        ("2026-09-21", "kai"): (600_000_000, 0),
        ("2026-09-21", "Kai"): (400_000_000, 0),
        ("2026-09-22", "kai"): (0, 600_000_000),
    }
    whole = by_day(every_kind(), last=9)
    assert sum(it.credited for it in whole) == sum(credited for credited, _ in rows.values())


def test_destinations_share_what_was_earned():
    rows = by_day(every_kind(), last=9, by="destination")
    earned = {it.group: it.earned for it in rows if it.earned}
    assert earned == {"home": 250_000_000, "söl o%": 1_000_000_000}
    assert sum(earned.values()) == sum(it.earned for it in by_day(every_kind(), last=9))
    assert [it.day for it in rows] == sorted((it.day for it in rows), reverse=True)


def test_workers_share_what_their_member_was_credited_and_the_owners_all_the_rest():
    work = {("home", "kai.a"): 3, ("home", "kai.b"): 1, ("home", "Kai.c"): 9, ("söl o%", "rig"): 5, ("far", "kai.a"): 7}
    rows = by_worker(every_kind(), work, member_of=lambda worker: worker.partition(".")[0])
    assert [(it.destination, it.worker, it.part, it.amount.minor) for it in rows] == [
        ("home", "Kai.c", 1.0, 400_000_000),
        ("home", "kai.a", 0.75, 450_000_000),
        ("home", "kai.b", 0.25, 150_000_000),
        ("söl o%", "rig", 1.0, 1_000_000_000),
    ]
    idle = by_worker(every_kind(), {}, member_of=lambda worker: worker)
    assert {it.worker for it in idle} == {""}
    assert sum(it.amount.minor for it in idle) == sum(it.amount.minor for it in rows) == 2_000_000_000


def test_a_reserve_earns_and_spends_and_moving_coins_into_it_is_neither():
    (day,) = by_day(reserve_books(), last=9)
    assert (day.earned, day.spent, day.credited) == (10**9, 6 * 10**8, 6 * 10**8)
