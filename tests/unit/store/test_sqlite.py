"""The data folder as a whole: opening, recovery, settings, questions, care."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from hashwright.errors import InvariantBroken, OperatorError
from hashwright.store import sqlite as sqlite_module
from hashwright.store.folder import DATABASE_NAME
from hashwright.store.journal import SCHEMA_VERSION
from hashwright.store.migrations import HEAD_REVISION
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter
from unit.store.making import delivered, make_batch

WAIT_S = 20


def write(store, *batches, snapshots=()):
    over = threading.Event()
    failures = []
    last_seq = batches[-1].last_seq
    writer = GroupCommitWriter(
        store.connect, lambda seq: over.set() if seq == last_seq else None, lambda f: (failures.append(f), over.set())
    )
    for batch in batches:
        writer.submit(batch)
        if batch.last_seq in snapshots:
            writer.submit_snapshot(batch.last_seq, b"state %d" % batch.last_seq)
    assert over.wait(WAIT_S)
    assert writer.close(WAIT_S)
    assert failures == []


def tamper(folder, *statements):
    """Change the closed database as an attacker or a bad disk would: without triggers."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.fixture
def store(tmp_path):
    store = SqliteStore.open(tmp_path / "data")
    yield store
    store.close()


# ---------------------------------------------------------------- opening


def test_a_new_folder_is_private_and_durable(store):
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert store.path.stat().st_mode & 0o777 == 0o600
    with closing(store.connect()) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert "owner" in repr(store)


def test_a_database_of_a_newer_program_is_refused(store):
    store.close()
    tamper(store.folder, "UPDATE alembic_version SET version_num = '9999'")
    for readonly in (False, True):
        with pytest.raises(OperatorError, match="newer program") as caught:
            SqliteStore.open(store.folder, readonly=readonly)
        assert caught.value.code == "HW-603"
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


def test_a_refused_open_gives_the_folder_free(store):
    store.close()
    tamper(store.folder, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OperatorError):
        SqliteStore.open(store.folder)
    tamper(store.folder, f"UPDATE alembic_version SET version_num = '{HEAD_REVISION}'")
    SqliteStore.open(store.folder).close()


def test_a_database_of_another_program_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(OperatorError, match="another program") as caught:
        SqliteStore.open(tmp_path)
    assert caught.value.code == "HW-603"


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / DATABASE_NAME).write_bytes(b"no database at all" * 1_000)
    with pytest.raises(InvariantBroken, match="cannot be read") as caught:
        SqliteStore.open(tmp_path)
    assert caught.value.code == "HW-604"


def test_a_network_drive_is_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text("nas:/volume / nfs rw 0 0\n")
    monkeypatch.setattr("hashwright.store.folder.MOUNTS", mounts)
    with pytest.raises(OperatorError) as caught:
        SqliteStore.open(tmp_path / "data")
    assert caught.value.code == "HW-601"


def test_a_disk_that_cannot_hold_a_wal_is_refused(tmp_path, monkeypatch):
    class Deaf(sqlite3.Connection):
        def execute(self, statement, *parameters):
            return super().execute(statement.replace("= WAL", "= DELETE").replace("= FULL", "= NORMAL"), *parameters)

    real = sqlite3.connect
    monkeypatch.setattr("sqlite3.connect", lambda *a, **k: real(*a, **k, factory=Deaf))
    with pytest.raises(OperatorError, match="journal_mode=delete, synchronous=1") as caught:
        SqliteStore.open(tmp_path)
    assert caught.value.code == "HW-606"


def test_an_up_to_date_database_opens_without_migrating(store, monkeypatch):
    store.close()
    monkeypatch.setattr(sqlite_module, "_migrate", None)
    SqliteStore.open(store.folder).close()


@pytest.fixture
def form1(tmp_path):
    """A folder as the program of build order 1 left it: events 1 to 5, a snapshot after event 3, one block."""
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        connection.executescript(Path(__file__).with_name("form1.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    return tmp_path


def test_an_older_form_is_read_as_it_is(form1):
    store = SqliteStore.open(form1, readonly=True)
    assert store.check(deep=True) == []
    assert [total.shares for total in store.work_totals(0)] == [3, 2]
    assert store.delivery_totals(0) == store.asked_totals(0) == []
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def test_an_older_form_is_upgraded_with_all_it_holds(form1):
    store = SqliteStore.open(form1)
    assert store.check(deep=True) == []
    assert store.instance == "5a" * 16
    assert store.next_boot() == 2
    assert [(event.worker, mark) for batch in store.read_batches(0) for _, event, mark in batch.entries()] == (
        [("acme.rig1", "accepted")] * 3 + [("acme.rig1", "stale")] * 2
    )
    snapshot = store.load_snapshot()
    assert (snapshot.seq, snapshot.schema_version, snapshot.blob) == (3, 1, b"state of form 1")
    write(store, make_batch(6, 2), delivered(8, submitted=2))
    assert [batch.schema_version for batch in store.read_batches(0)] == [1, 1, SCHEMA_VERSION, SCHEMA_VERSION]
    assert [(total.outcome, total.shares) for total in store.work_totals(0)] == [("accepted", 5), ("stale", 2)]
    assert [(total.state, total.shares) for total in store.delivery_totals(0)] == [("submitted", 2)]
    assert [(block.block_hash, block.reward) for block in store.blocks(9)] == [("00aa", 5_000_000_000)]
    assert len(store.alerts(9)) == 1
    assert store.settings("destination") == {"own": {"coin": "bitcoin"}}
    assert store.check(deep=True) == []
    store.close()
    SqliteStore.open(form1).close()


# ---------------------------------------------------------------- read only


def test_reading_needs_a_database(tmp_path):
    with pytest.raises(OperatorError) as caught:
        SqliteStore.open(tmp_path, readonly=True)
    assert caught.value.code == "HW-612"
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- recovery


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE journal SET blob = zeroblob(length(blob)) WHERE first_seq = 2", "row 2 was changed"),
        ("UPDATE journal SET at_ms = at_ms + 1 WHERE first_seq = 2", "row 2 was changed"),
        ("UPDATE journal SET effects_crc = effects_crc + 1 WHERE first_seq = 3", "row 3 was changed"),
        ("UPDATE journal SET digest = zeroblob(32) WHERE first_seq = 2", "row 2 was changed"),
        ("UPDATE journal SET previous_digest = zeroblob(32) WHERE first_seq = 3", "row 3 does not continue"),
        ("DELETE FROM journal WHERE first_seq = 1", "row 2 does not follow event 0"),
        ("DELETE FROM journal WHERE first_seq = 3", "row 4 does not follow event 2"),
        ("DELETE FROM journal WHERE first_seq = 5", "ends at event 4, but event 5 was committed"),
        ("DELETE FROM journal", "ends at event 0, but event 5 was committed"),
        ("UPDATE journal SET last_seq = 50 WHERE first_seq = 5", "row 5 was changed"),
        ("UPDATE meta SET value = 'nonsense' WHERE key = 'journal.head'", "journal.head of the database is not read"),
    ],
)
def test_damage_to_the_journal_is_named(store, statement, message):
    write(store, *(make_batch(seq) for seq in range(1, 6)))
    store.close()
    tamper(store.folder, statement)
    store = SqliteStore.open(store.folder)
    with pytest.raises(InvariantBroken, match=message):
        list(store.read_batches(0))
    (finding,) = store.check()
    assert (finding.code, finding.place) == ("HW-604", "journal")
    with pytest.raises(InvariantBroken, match="The copy does not hold"):
        store.backup(store.folder / "copy.db")
    assert not list(store.folder.glob("copy.db*"))
    store.close()


def test_flipped_bits_in_the_journal_never_pass(store):
    write(store, *(make_batch(seq, 40) for seq in range(1, 400, 40)))
    store.close()
    whole = store.path.read_bytes()
    marks = [whole.find(make_batch(seq, 40).blob[:200]) for seq in range(1, 400, 40)]
    assert all(mark > 0 for mark in marks)
    for number, mark in enumerate(marks):
        spoiled = bytearray(whole)
        spoiled[mark + number * 7] ^= 1 << (number % 8)
        store.path.write_bytes(bytes(spoiled))
        reader = SqliteStore.open(store.folder, readonly=True)
        assert "was changed after it was written" in reader.check()[0].message
        reader.close()


def test_a_damaged_page_is_a_finding(store):
    write(store, *(make_batch(seq, 40) for seq in range(1, 400, 40)))
    store.close()
    content = bytearray(store.path.read_bytes())
    content[-2 * 4096 :] = bytes(2 * 4096)
    store.path.write_bytes(bytes(content))
    assert SqliteStore.open(store.folder, readonly=True).check(deep=True) != []


# ---------------------------------------------------------------- settings and questions


# ---------------------------------------------------------------- backup


def test_a_backup_taken_during_work_is_a_whole_store(store, tmp_path):
    write(store, *(make_batch(seq) for seq in range(1, 6)), snapshots=(3,))
    target = tmp_path / "restored" / DATABASE_NAME
    target.parent.mkdir()
    with closing(store.connect()) as busy:
        busy.execute("BEGIN IMMEDIATE")
        store.backup(target)
        busy.execute("ROLLBACK")
    assert [path.name for path in target.parent.iterdir()] == [DATABASE_NAME]
    restored = SqliteStore.open(target.parent)
    assert [batch.last_seq for batch in restored.read_batches(0)] == [1, 2, 3, 4, 5]
    assert restored.load_snapshot().seq == 3
    write(restored, make_batch(6))
    assert restored.check(deep=True) == []
    restored.close()


def test_a_backup_overwrites_nothing(store, tmp_path):
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(OperatorError) as caught:
        store.backup(target)
    assert caught.value.code == "HW-610"
    assert target.read_text() == "mine"
