"""The writing thread: order, group commit, and what it does when the disk does not."""

import sqlite3
import threading
from concurrent.futures import CancelledError

import pytest

from hashwright.errors import InvariantBroken, Unavailable
from hashwright.store import writer as writer_module
from hashwright.store.connection import connect_durable
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter, WriteFailure, failure_kind
from unit.store.making import START_MS, make_batch, sums_of_journal, sums_of_table

SQLITE_IOERR_FSYNC = 1034
WAIT_S = 20


class Tampered:
    """A real connection whose statements can be refused, held, or preceded by others."""

    def __init__(self, connection):
        self.connection = connection
        self.before = lambda statement: None
        self.commits = 0

    def execute(self, statement, parameters=()):
        self.before(statement)
        self.commits += statement == "COMMIT"
        return self.connection.execute(statement, parameters)

    def executemany(self, statement, rows):
        return self.connection.executemany(statement, rows)

    def close(self):
        self.connection.close()


class Desk:
    """A store with its writer, and everything the writer said."""

    def __init__(self, folder):
        self.store = SqliteStore.open(folder)
        self.connection = Tampered(self.store.connect())
        self.acked = []
        self.failures = []
        self.said = threading.Condition()
        self.writer = GroupCommitWriter(lambda: self.connection, self.on_commit, self.on_failure)

    def on_commit(self, seq):
        with self.said:
            self.acked.append(seq)
            self.said.notify_all()

    def on_failure(self, failure):
        with self.said:
            self.failures.append(failure)
            self.said.notify_all()

    def wait(self, predicate):
        with self.said:
            assert self.said.wait_for(predicate, WAIT_S), (self.acked, self.failures)

    def stored(self):
        return [batch.last_seq for batch in self.store.read_batches(0)]

    def close(self):
        self.writer.close(WAIT_S)
        self.connection.close()
        self.store.close()


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def failed(code):
    problem = sqlite3.OperationalError("planted")
    problem.sqlite_errorcode = code
    return problem


def refuse_commits(desk, code, times):
    left = [times]

    def before(statement):
        if statement == "COMMIT" and left[0]:
            left[0] -= 1
            raise failed(code)

    desk.connection.before = before


def hold(desk):
    """Make the next transaction wait; return the event that lets it go."""
    begun, go = threading.Event(), threading.Event()

    def before(statement):
        if statement == "BEGIN IMMEDIATE":
            begun.set()
            assert go.wait(WAIT_S)

    desk.connection.before = before
    desk.writer.submit(make_batch(1))
    assert begun.wait(WAIT_S)
    return go


def test_batches_are_acknowledged_in_order_and_are_there(desk):
    for seq in range(1, 51):
        desk.writer.submit(make_batch(seq))
    desk.wait(lambda: len(desk.acked) == 50)
    assert desk.acked == list(range(1, 51)) == desk.stored()
    assert desk.writer.committed_seq == 50
    assert "committed=50" in repr(desk.writer)


def test_what_queued_during_a_commit_shares_the_next_one(desk):
    go = hold(desk)
    for seq in range(2, 42):
        desk.writer.submit(make_batch(seq))
    go.set()
    desk.wait(lambda: len(desk.acked) == 41)
    assert desk.connection.commits == 2


def test_no_acknowledgement_before_the_commit(desk):
    seen = []
    desk.connection.before = lambda statement: seen.append(len(desk.acked)) if statement == "COMMIT" else None
    desk.writer.submit(make_batch(1))
    desk.wait(lambda: desk.acked)
    assert seen == [0]


def test_a_batch_out_of_order_is_refused_at_once(desk):
    desk.writer.submit(make_batch(1, 5))
    for wrong in (make_batch(1), make_batch(5), make_batch(7)):
        with pytest.raises(InvariantBroken):
            desk.writer.submit(wrong)
    desk.writer.submit(make_batch(6))
    desk.wait(lambda: desk.acked == [5, 6])


@pytest.mark.parametrize(("code", "kind"), [(13, "full"), (5, "busy"), (517, "busy"), (4874, "full")])
def test_a_failure_that_passes_is_reported_once_and_nothing_is_lost(desk, code, kind):
    refuse_commits(desk, code, 4)
    for seq in range(1, 6):
        desk.writer.submit(make_batch(seq))
    desk.wait(lambda: len(desk.acked) == 5)
    assert [failure.kind for failure in desk.failures] == [kind]
    assert desk.acked == [1, 2, 3, 4, 5] == desk.stored()
    assert desk.writer.failure is None
    assert sums_of_table(desk.connection) == sums_of_journal(desk.store.read_batches(0))


def test_a_really_full_database_goes_on_when_there_is_room(desk):
    limits = iter([40, 40, 40])

    def before(statement):
        if statement == "BEGIN IMMEDIATE":
            desk.connection.connection.execute(f"PRAGMA max_page_count = {next(limits, 100_000)}").fetchone()

    desk.connection.before = before
    batch = make_batch(1, 3_000)
    desk.writer.submit(batch)
    desk.wait(lambda: desk.acked)
    assert [failure.kind for failure in desk.failures] == ["full"]
    assert [stored.blob for stored in desk.store.read_batches(0)] == [batch.blob]


def test_a_locked_database_is_waited_for(desk, monkeypatch):
    desk.connection.connection.execute("PRAGMA busy_timeout = 1").fetchone()
    other = connect_durable(desk.store.path)
    other.execute("BEGIN IMMEDIATE")
    desk.writer.submit(make_batch(1))
    desk.wait(lambda: desk.failures)
    assert desk.failures[0].kind == "busy"
    assert desk.acked == []
    other.execute("ROLLBACK")
    other.close()
    desk.wait(lambda: desk.acked == [1])


def test_an_error_of_the_disk_is_final(desk):
    refuse_commits(desk, SQLITE_IOERR_FSYNC, 1)
    desk.writer.submit(make_batch(1))
    desk.wait(lambda: desk.failures)
    assert desk.failures == [WriteFailure(kind="fatal", detail="OperationalError: planted")]
    with pytest.raises(Unavailable) as caught:
        desk.writer.submit(make_batch(2))
    assert caught.value.code == "HW-605"
    assert not desk.writer.close(WAIT_S)
    assert desk.acked == []
    assert desk.stored() == []


def test_an_error_of_the_disk_fails_what_was_asked(desk):
    go = hold(desk)
    asked = desk.writer.put_outbox("k", "block", b"x")
    refuse_commits(desk, SQLITE_IOERR_FSYNC, 1)
    go.set()
    with pytest.raises(Unavailable):
        asked.result(WAIT_S)


def test_an_error_of_a_checkpoint_is_final_too(tmp_path):
    desk = Desk(tmp_path)
    desk.writer._checkpoint_bytes = 1

    def before(statement):
        if "wal_checkpoint" in statement:
            raise failed(SQLITE_IOERR_FSYNC)

    desk.connection.before = before
    desk.writer.submit(make_batch(1))
    desk.wait(lambda: desk.failures)
    assert desk.acked == [1]
    assert desk.failures[0].kind == "fatal"
    desk.close()


def test_a_checkpoint_that_finds_no_room_is_tried_later(desk):
    desk.writer._checkpoint_bytes = 1
    left = [2]

    def before(statement):
        if "wal_checkpoint" in statement and left[0]:
            left[0] -= 1
            raise failed(13)

    desk.connection.before = before
    for seq in range(1, 5):
        desk.writer.submit(make_batch(seq))
        desk.wait(lambda seq=seq: len(desk.acked) == seq)
    assert desk.failures == []


def test_a_full_queue_refuses(desk, monkeypatch):
    monkeypatch.setattr(writer_module, "MAX_PENDING_COMMANDS", 3)
    go = hold(desk)
    desk.writer.submit(make_batch(2))
    desk.writer.submit(make_batch(3))
    with pytest.raises(Unavailable):
        desk.writer.submit(make_batch(4))
    go.set()
    desk.wait(lambda: desk.acked == [1, 2, 3])
    desk.writer.submit(make_batch(4))
    desk.wait(lambda: desk.acked == [1, 2, 3, 4])


def test_an_outside_effect_is_noted_once(desk):
    desk.writer.submit(make_batch(1))
    desk.writer.put_outbox("k", "block", b"x").result(WAIT_S)
    desk.writer.put_outbox("k", "block", b"x").result(WAIT_S)
    (item,) = desk.store.pending_outbox()
    assert (item.key, item.kind, item.payload, item.created_ms) == ("k", "block", b"x", START_MS + 1_000)
    with pytest.raises(InvariantBroken) as caught:
        desk.writer.put_outbox("k", "block", b"other").result(WAIT_S)
    assert caught.value.code == "HW-608"
    desk.writer.outbox_done("k", "").result(WAIT_S)
    desk.writer.outbox_done("k", "late").result(WAIT_S)
    assert desk.store.pending_outbox() == []
    assert desk.connection.execute("SELECT answer FROM outbox").fetchone() == ("",)


def test_a_refused_command_does_not_spoil_its_transaction(desk):
    go = hold(desk)
    good = desk.writer.put_outbox("good", "block", b"x", at_ms=5)
    bad = [desk.writer.outbox_done("nobody", ""), desk.writer.put_setting("pool", "\ud800", 1, now=5)]
    bad.append(desk.writer.put_outbox("early", "block", b"x", at_ms=-1))
    bad.append(desk.writer.submit_snapshot(99, b""))
    desk.writer.submit(make_batch(2))
    go.set()
    desk.wait(lambda: desk.acked == [1, 2])
    assert good.result(WAIT_S) is None
    assert [type(asked.exception(WAIT_S)).__name__ for asked in bad] == [
        "InvariantBroken",
        "UnicodeEncodeError",
        "IntegrityError",
        "InvariantBroken",
    ]
    assert [item.key for item in desk.store.pending_outbox()] == ["good"]
    assert desk.failures == []


def test_settings_travel_in_the_queue(desk):
    desk.writer.put_setting("destination", "own", {"coin": "bitcoin"}, now=1).result(WAIT_S)
    desk.writer.put_setting("destination", "own", {"coin": "litecoin"}, now=2).result(WAIT_S)
    assert desk.store.settings("destination") == {"own": {"coin": "litecoin"}}
    desk.writer.delete_setting("destination", "own").result(WAIT_S)
    assert desk.store.settings("destination") == {}
    with pytest.raises(ValueError, match="JSON"):
        desk.writer.put_setting("destination", "own", float("nan"), now=3)


def test_closing_commits_what_is_queued(tmp_path):
    desk = Desk(tmp_path)
    go = hold(desk)
    for seq in range(2, 10):
        desk.writer.submit(make_batch(seq))
    go.set()
    assert desk.writer.close(WAIT_S)
    assert desk.acked == list(range(1, 10)) == desk.stored()
    with pytest.raises(Unavailable):
        desk.writer.submit(make_batch(10))
    desk.close()


def test_closing_on_a_full_disk_gives_up_in_time(tmp_path):
    desk = Desk(tmp_path)
    refuse_commits(desk, 13, 10**9)
    desk.writer.submit(make_batch(1))
    asked = desk.writer.put_outbox("k", "block", b"x")
    desk.wait(lambda: desk.failures)
    assert not desk.writer.close(0.05)
    assert desk.acked == []
    assert isinstance(asked.exception(WAIT_S), Unavailable)
    desk.close()


def test_a_callback_that_raises_ends_the_writer(tmp_path):
    store = SqliteStore.open(tmp_path)
    failures, over = [], threading.Event()

    def on_commit(seq):
        raise RuntimeError("the loop is gone")

    def on_failure(failure):
        failures.append(failure)
        over.set()

    writer = GroupCommitWriter(store.connect, on_commit, on_failure)
    writer.submit(make_batch(1))
    assert over.wait(WAIT_S)
    assert failures[0].kind == "fatal"
    writer.close(WAIT_S)
    writer._connection.close()
    store.close()


def test_a_second_run_continues_the_chain_and_the_sums(tmp_path):
    for first in (1, 11, 21):
        desk = Desk(tmp_path)
        desk.writer.submit(make_batch(first, 10, now=START_MS))
        desk.close()
    store = SqliteStore.open(tmp_path, readonly=True)
    assert [batch.first_seq for batch in store.read_batches(0)] == [1, 11, 21]
    (total,) = store.work_totals(0)
    assert (total.shares, total.work) == (30, 30 * 2**32)


def test_foreign_errors_are_fatal():
    assert failure_kind(ValueError("x")) == "fatal"
    assert failure_kind(CancelledError()) == "fatal"
    assert failure_kind(failed(13 | 1 << 8)) == "full"
    assert failure_kind(failed(11)) == "fatal"
