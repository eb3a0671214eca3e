"""Statements are sums of postings, however they are divided."""

from hashwright.ledger.statements import by_day
from unit.ledger.books import every_kind


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
