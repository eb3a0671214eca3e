"""What every store does, on SQLite and on PostgreSQL alike: recovery, settings, questions, books."""

import pytest

from hashwright.errors import InvariantBroken, OperatorError
from hashwright.pool.effects import Alert, BlockChanged, SubmitBlock
from hashwright.store.base import BlockRecord
from hashwright.store.journal import SCHEMA_VERSION, Batch
from hashwright.store.projections import Rows
from unit.store.making import START_MS, WORK, make_batch
from unit.store.test_sqlite import write


@pytest.fixture
def store(engine, tmp_path):
    store = engine.open(tmp_path / "data")
    yield store
    store.close()


def test_starts_are_counted_and_the_name_stays(engine, tmp_path):
    boots, names = [], set()
    for _ in range(3):
        store = engine.open(tmp_path)
        boots.append(store.next_boot())
        names.add(store.instance)
        store.close()
    assert boots == [1, 2, 3]
    assert len(names) == 1


def test_a_second_process_is_refused(engine, store):
    with pytest.raises(OperatorError, match="already uses") as caught:
        engine.open(store.folder)
    assert caught.value.code == "HW-602"


def test_a_reader_beside_the_writer_sees_a_moment(engine, store):
    reader = engine.open(store.folder, readonly=True)
    write(store, make_batch(1, 3))
    reading = reader.read_batches(0)
    first = next(reading)
    write(store, make_batch(4, 3))
    assert [first.last_seq, *(batch.last_seq for batch in reading)] == [3]
    assert [batch.last_seq for batch in reader.read_batches(0)] == [3, 6]
    assert reader.check(deep=True) == []
    assert "readonly" in repr(reader)


def test_a_reader_changes_nothing(engine, store):
    reader = engine.open(store.folder, readonly=True)
    for action in (reader.next_boot, reader.connect, lambda: reader.prune(0), lambda: reader.delete_setting("a", "b")):
        with pytest.raises(OperatorError) as caught:
            action()
        assert caught.value.code == "HW-611"


def test_the_journal_is_read_from_any_batch(store):
    batches = [make_batch(1, 3), make_batch(4), make_batch(5, 2)]
    write(store, *batches)
    for after_seq, expected in ((0, batches), (3, batches[1:]), (4, batches[2:]), (6, [])):
        assert [batch.blob for batch in store.read_batches(after_seq)] == [batch.blob for batch in expected]
    (stored, *_) = store.read_batches(0)
    assert (stored.first_seq, stored.last_seq, stored.at_ms, stored.effects_crc) == (
        1,
        3,
        batches[0].at_ms,
        batches[0].effects_crc,
    )
    assert len(list(stored.entries())) == 3


def test_a_reading_cannot_begin_inside_of_a_batch(store):
    write(store, make_batch(1, 3))
    for after_seq in (2, 9):
        with pytest.raises(InvariantBroken, match=f"Event {after_seq} is not the end"):
            list(store.read_batches(after_seq))


def test_the_newest_snapshot_is_loaded_and_two_are_kept(engine, store):
    assert store.load_snapshot() is None
    write(store, make_batch(1), make_batch(2), make_batch(3), snapshots=(1, 2, 3))
    snapshot = store.load_snapshot()
    assert (snapshot.seq, snapshot.blob, snapshot.schema_version) == (3, b"state 3", SCHEMA_VERSION)
    store.close()
    engine.tamper(store, "UPDATE snapshot SET blob = x'00' WHERE seq = 3")
    store = engine.open(store.folder)
    assert store.load_snapshot().seq == 2
    assert [finding.place for finding in store.check()] == ["snapshot 3"]
    store.close()
    engine.tamper(store, "UPDATE snapshot SET blob = x'00'")
    store = engine.open(store.folder)
    assert store.load_snapshot() is None
    store.close()


def test_a_snapshot_of_a_newer_program_is_refused(store, monkeypatch):
    monkeypatch.setattr("hashwright.store.commands.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    write(store, make_batch(1), snapshots=(1,))
    with pytest.raises(OperatorError) as caught:
        store.load_snapshot()
    assert caught.value.code == "HW-603"
    with pytest.raises(OperatorError, match="newer program"):
        list(store.read_batches(0))


def test_pruning_keeps_what_recovery_needs(store):
    write(store, *(make_batch(seq) for seq in range(1, 9)), snapshots=(4, 6))
    assert store.prune(START_MS) == 0
    assert store.prune(START_MS + 3_000) == 2
    assert store.pruned_seq() == 2
    assert store.prune(START_MS * 2) == 2
    assert [batch.last_seq for batch in store.read_batches(0)] == [5, 6, 7, 8]
    assert [batch.last_seq for batch in store.read_batches(4)] == [5, 6, 7, 8]
    assert [batch.last_seq for batch in store.read_batches(6)] == [7, 8]
    with pytest.raises(InvariantBroken):
        list(store.read_batches(3))
    assert store.check(deep=True) == []
    write(store, make_batch(9), snapshots=(9,))
    assert [batch.last_seq for batch in store.read_batches(0)] == [5, 6, 7, 8, 9]


def test_pruning_without_a_snapshot_deletes_nothing(store):
    write(store, make_batch(1), make_batch(2))
    assert store.prune(START_MS * 2) == 0


def test_pruning_stops_at_the_first_young_row_even_when_the_clock_went_back(store):
    write(
        store,
        make_batch(1, now=START_MS),
        make_batch(2, now=START_MS + 9_000),
        make_batch(3, now=START_MS),
        snapshots=(3,),
    )
    assert store.prune(START_MS + 1_000) == 1
    assert [batch.last_seq for batch in store.read_batches(0)] == [2, 3]


def test_a_pruned_journal_without_a_readable_snapshot_is_damaged(engine, store):
    write(store, make_batch(1), make_batch(2), snapshots=(1,))
    assert store.prune(START_MS * 2) == 1
    store.close()
    engine.tamper(store, "UPDATE snapshot SET blob = x'00'")
    store = engine.open(store.folder)
    with pytest.raises(InvariantBroken, match="No snapshot is readable"):
        store.load_snapshot()
    store.close()


def test_settings_are_kept_by_kind(store):
    store.put_setting("destination", "own", {"coin": "bitcoin", "tags": ["a", None, 1]}, now=1)
    store.put_setting("destination", "other", "é", now=1)
    store.put_setting("alert", "own", 5, now=1)
    store.put_setting("destination", "other", False, now=2)
    assert store.settings("destination") == {"other": False, "own": {"coin": "bitcoin", "tags": ["a", None, 1]}}
    store.delete_setting("destination", "own")
    store.delete_setting("destination", "never")
    assert store.settings("destination") == {"other": False}
    assert store.settings("alert") == {"own": 5}


def test_work_is_summed_from_a_minute_on(store):
    minute = START_MS - START_MS % 60_000
    write(
        store,
        make_batch(1, 4, now=minute),
        make_batch(5, 2, now=minute + 60_000, worker="b.1"),
        make_batch(7, 1, now=minute + 60_000, outcome="stale"),
        make_batch(8, 1, now=minute + 60_000),
    )
    sums = [(total.worker, total.outcome, total.shares, total.work) for total in store.work_totals(minute)]
    assert sums == [
        ("acme.rig1", "accepted", 5, 5 * WORK),
        ("acme.rig1", "stale", 1, 0),
        ("b.1", "accepted", 2, 2 * WORK),
    ]
    later = [(total.worker, total.outcome, total.shares) for total in store.work_totals(minute + 119_999)]
    assert later == [("acme.rig1", "accepted", 1), ("acme.rig1", "stale", 1), ("b.1", "accepted", 2)]


def with_rows(seq, rows):
    batch = make_batch(seq)
    return Batch(
        first_seq=seq, last_seq=seq, at_ms=batch.at_ms, effects_crc=batch.effects_crc, blob=batch.blob, rows=rows
    )


def test_a_block_goes_through_its_states(store):
    found = SubmitBlock("own", 1, 101, "00aa", b"h", b"c", "a.1", 21_000_000 * 10**8)
    changes = (
        (1, found),
        (2, BlockChanged("own", "00aa", "submitted", "", 0)),
        (3, found),
        (4, BlockChanged("own", "00bb", "orphaned", "seen on the chain only", -1)),
    )
    write(store, with_rows(1, Rows(blocks=changes)))
    expected = BlockRecord(
        destination="own",
        block_hash="00aa",
        height=101,
        worker="a.1",
        reward=21_000_000 * 10**8,
        found_ms=1,
        state="submitted",
        detail="",
        confirmations=0,
    )
    orphan, block = store.blocks(10)
    assert block == expected
    assert (orphan.height, orphan.worker, orphan.reward, orphan.state) == (None, None, None, "orphaned")
    assert store.blocks(1) == [orphan]


def test_alerts_are_listed_newest_first(store):
    alerts = tuple((number, Alert("info", "HW-304", f"block {number}")) for number in range(5))
    write(store, with_rows(1, Rows(alerts=alerts)))
    assert [(alert.at_ms, alert.text) for alert in store.alerts(2)] == [(4, "block 4"), (3, "block 3")]
