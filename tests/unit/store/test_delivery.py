"""What was asked for, what was sent, and what upstreams said to it: from effects to totals."""

import sqlite3
from contextlib import closing

import pytest

from hashwright.pool.effects import ReturnWork
from hashwright.routing.effects import AskWork
from hashwright.store.base import AskedTotal, DeliveryTotal
from hashwright.store.projections import Accumulator, Rows
from hashwright.store.reasons import OTHER, REASONS_A_MINUTE, StoredReasons, bounded_reason
from hashwright.store.sqlite import SqliteStore
from unit.store.making import MINUTE_MS, START_MS, TARGET_BE, WORK, asked_batch, batch_with, delivered
from unit.store.test_sqlite import write

MINUTE = 28_333_333
NOW = MINUTE * MINUTE_MS


@pytest.fixture
def store(engine, tmp_path):
    store = engine.open(tmp_path / "data")
    yield store
    store.close()


# ---------------------------------------------------------------- the accumulator


def returned(state, reason="", *, destination="pool", worker="a.1", target_be=TARGET_BE):
    return ReturnWork(destination, worker, target_be, state, reason, 7)


def test_returned_shares_are_summed_by_all_that_tells_them_apart():
    accumulator = Accumulator()
    half_be = (2**223 - 1).to_bytes(32, "big")
    for now, effect in [
        (NOW, returned("submitted")),
        (NOW + 59_999, returned("submitted")),
        (NOW + 60_000, returned("submitted")),
        (NOW, returned("submitted", worker="a.2")),
        (NOW, returned("submitted", destination="other pool")),
        (NOW, returned("submitted", target_be=half_be)),
        (NOW, returned("accepted")),
        (NOW, returned("rejected", "low difficulty")),
        (NOW, returned("rejected", "duplicate")),
    ]:
        accumulator.add(now, effect)
    assert dict(accumulator.take().delivery) == {
        (MINUTE, "pool", "a.1", TARGET_BE, "submitted", ""): (2, 2 * WORK),
        (MINUTE + 1, "pool", "a.1", TARGET_BE, "submitted", ""): (1, WORK),
        (MINUTE, "pool", "a.2", TARGET_BE, "submitted", ""): (1, WORK),
        (MINUTE, "other pool", "a.1", TARGET_BE, "submitted", ""): (1, WORK),
        (MINUTE, "pool", "a.1", half_be, "submitted", ""): (1, 2 * WORK),
        (MINUTE, "pool", "a.1", TARGET_BE, "accepted", ""): (1, WORK),
        (MINUTE, "pool", "a.1", TARGET_BE, "rejected", "low difficulty"): (1, WORK),
        (MINUTE, "pool", "a.1", TARGET_BE, "rejected", "duplicate"): (1, WORK),
    }
    assert accumulator.take() == Rows()


def test_asked_work_is_summed_by_minute_and_destination():
    accumulator = Accumulator()
    for now, destination, work in [(NOW, "a", 2**70), (NOW, "a", 1), (NOW, "b", 5), (NOW + MINUTE_MS, "a", 7)]:
        accumulator.add(now, AskWork(destination, work.to_bytes(32, "big")))
    assert dict(accumulator.take().asked) == {
        (MINUTE, "a"): (0, 2**70 + 1),
        (MINUTE, "b"): (0, 5),
        (MINUTE + 1, "a"): (0, 7),
    }
    assert accumulator.take() == Rows()


def test_a_batch_of_ever_new_reasons_stays_small():
    accumulator = Accumulator()
    for number in range(1_000):
        accumulator.add(NOW, returned("rejected", f"share {number} is late"))
        accumulator.add(NOW, returned("accepted"))
    rows = {key.reason: total.shares for key, total in accumulator.take().delivery if key.state == "rejected"}
    named = {f"share {number} is late": 1 for number in range(REASONS_A_MINUTE)}
    assert rows == named | {OTHER: 1_000 - REASONS_A_MINUTE}


# ---------------------------------------------------------------- reasons


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("", ""),
        ("Above target", "Above target"),
        ("zu schwach für é", "zu schwach für é"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 64),
        ("a\nb\x1b[2J\0", "a?b?[2J?"),
        ("half a pair \ud800", "half a pair ?"),
        ("\u202eright to left", "?right to left"),
    ],
)
def test_a_reason_is_short_and_printable(reason, expected):
    assert bounded_reason(reason) == expected


def test_a_minute_keeps_its_bound_over_batches_and_runs(store):
    """Each batch brings reasons of its own, and the last ones come from another process."""
    batches = [
        delivered(seq, **{"submitted": 10} | {f"rejected__{seq}-{number}": 1 for number in range(10)})
        for seq in range(1, 6)
    ]
    write(store, *batches[:3])
    write(store, *batches[3:])
    totals = {total.reason: total.shares for total in store.delivery_totals(0) if total.state == "rejected"}
    assert totals.pop(OTHER) == 50 - REASONS_A_MINUTE
    assert totals == {f"{1 + number // 10}-{number % 10}": 1 for number in range(REASONS_A_MINUTE)}
    assert store.check(deep=True) == []


def test_another_minute_and_another_destination_have_names_of_their_own(store):
    full = {f"rejected__{number}": 1 for number in range(REASONS_A_MINUTE)}
    write(
        store,
        delivered(1, submitted=32, **full),
        delivered(2, submitted=1, stale__late=1, minute=1),
        delivered(3, submitted=1, stale__late=1, destination="b"),
        delivered(4, submitted=2, stale__late=1, rejected__7=1),
    )
    stale = [(total.destination, total.reason) for total in store.delivery_totals(0) if total.state == "stale"]
    assert stale == [("b", "late"), ("pool", "late"), ("pool", OTHER)]
    assert DeliveryTotal(destination="pool", state="rejected", reason="7", shares=2, work=2 * WORK) in (
        store.delivery_totals(0)
    )


def test_reasons_of_a_rolled_back_transaction_are_forgotten(store):
    with closing(store.connect()) as connection:
        reasons, place = StoredReasons(), (MINUTE, "pool")
        for number in range(REASONS_A_MINUTE):
            assert reasons.admit(connection, place, f"gone {number}") == f"gone {number}"
        assert reasons.admit(connection, place, "one more") == OTHER
        reasons.rollback()
        assert reasons.admit(connection, place, "one more") == "one more"
        reasons.commit(MINUTE)
        for number in range(REASONS_A_MINUTE - 1):
            assert reasons.admit(connection, place, f"new {number}") == f"new {number}"
        assert reasons.admit(connection, place, "one more") == "one more"
        assert reasons.admit(connection, place, "too many") == OTHER
        assert [reasons.admit(connection, place, free) for free in ("", OTHER)] == ["", OTHER]


# ---------------------------------------------------------------- totals


def test_totals_begin_with_the_minute_asked_for(store):
    write(
        store,
        delivered(1, submitted=3, accepted=1, rejected__low=1),
        delivered(2, submitted=2, accepted=2, minute=1),
        delivered(3, lost__gone=1, minute=1, destination="b", worker="z"),
        asked_batch(4, 2**80, 1),
        asked_batch(5, 5, minute=1),
        asked_batch(6, 7, destination="b", minute=1),
    )
    assert [(t.destination, t.state, t.reason, t.shares, t.work) for t in store.delivery_totals(0)] == [
        ("b", "lost", "gone", 1, WORK),
        ("pool", "accepted", "", 3, 3 * WORK),
        ("pool", "rejected", "low", 1, WORK),
        ("pool", "submitted", "", 5, 5 * WORK),
    ]
    assert store.asked_totals(0) == [
        AskedTotal(destination="b", work=7),
        AskedTotal(destination="pool", work=2**80 + 6),
    ]
    later = START_MS + MINUTE_MS
    assert [(t.destination, t.state, t.shares) for t in store.delivery_totals(later)] == [
        ("b", "lost", 1),
        ("pool", "accepted", 2),
        ("pool", "submitted", 2),
    ]
    assert [total.work for total in store.asked_totals(later)] == [7, 5]
    assert store.delivery_totals(later + 2 * MINUTE_MS) == store.asked_totals(later + 2 * MINUTE_MS) == []
    assert store.check(deep=True) == []


def test_a_plan_that_asks_for_more_than_fits_stops_nothing(store):
    write(store, asked_batch(1, 2**256 - 1), asked_batch(2, 5), asked_batch(3, 6, minute=1))
    assert [total.work for total in store.asked_totals(0)] == [10**39 - 1 + 6]


def test_sums_go_on_after_a_restart(store):
    write(store, delivered(1, submitted=1), asked_batch(2, 5))
    write(store, delivered(3, submitted=2), asked_batch(4, 6))
    assert [(total.shares, total.work) for total in store.delivery_totals(0)] == [(3, 3 * WORK)]
    assert [total.work for total in store.asked_totals(0)] == [11]


def test_a_write_that_failed_leaves_no_sum_behind(tmp_path):
    """The disk is locked while the writer tries: what it tries again must not count twice."""
    store = SqliteStore.open(tmp_path)
    rows = delivered(1, submitted=1, rejected__low=1).rows
    asked = asked_batch(1, 5).rows
    with closing(sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        batch = batch_with(1, START_MS, Rows(delivery=rows.delivery, asked=asked.asked))
        over, failures, writer = store_writer(store)
        writer.submit(batch)
        assert failures.get(timeout=20).kind == "busy"
        other.execute("ROLLBACK")
    assert over.get(timeout=20) == 1
    assert writer.close(20)
    assert [(total.state, total.shares) for total in store.delivery_totals(0)] == [("rejected", 1), ("submitted", 1)]
    assert [total.work for total in store.asked_totals(0)] == [5]
    store.close()


def store_writer(store):
    import queue

    from hashwright.store.writer import GroupCommitWriter

    over, failures = queue.Queue(), queue.Queue()
    return over, failures, GroupCommitWriter(store.connect, over.put, failures.put)


# ---------------------------------------------------------------- proof


@pytest.mark.parametrize(
    ("statement", "place", "message"),
    [
        ("UPDATE delivery SET work = printf('%039d', 1) WHERE state = 'accepted'", "delivery {m} pool acme.rig1",
         "The work of 2 accepted shares is not 1."),
        ("UPDATE delivery SET shares = 9 WHERE state = 'submitted'", "delivery {m} pool acme.rig1",
         f"The work of 9 submitted shares is not {3 * WORK}."),
        ("DELETE FROM delivery WHERE state = 'submitted'", "delivery pool",
         "pool answered 3 shares, but 0 were sent to it."),
        ("UPDATE work SET work = printf('%039d', 7) WHERE outcome = 'accepted'", "work {m} own acme.rig1",
         "The work of 5 accepted shares is not 7."),
    ],
)  # fmt: skip
def test_a_deep_check_recomputes_the_sums(engine, store, statement, place, message):
    write(store, delivered(1, submitted=3, accepted=2, rejected__low=1), *credited(2, 5))
    assert store.check(deep=True) == []
    store.close()
    engine.tamper(store, statement)
    again = engine.open(store.folder)
    assert again.check() == []
    (finding,) = again.check(deep=True)
    assert (finding.code, finding.place, finding.message) == (
        "HW-604", place.format(m=START_MS // MINUTE_MS), message,
    )  # fmt: skip
    again.close()


def credited(seq, count):
    from unit.store.making import make_batch

    return (make_batch(seq, count, now=START_MS),)


def test_findings_of_a_ruined_table_are_few(engine, store):
    write(store, *(delivered(seq, submitted=1, worker=f"a.{seq}") for seq in range(1, 41)))
    store.close()
    engine.tamper(store, "UPDATE delivery SET shares = 2")
    again = engine.open(store.folder)
    assert len(again.check(deep=True)) == 20
    again.close()
