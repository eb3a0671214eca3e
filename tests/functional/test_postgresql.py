"""PostgreSQL as Debian ships it: refused where it loses commits, held by one process, and the program runs on it."""

import contextlib
import os
import random
import signal
import threading
import time

import psycopg
import pytest

from engines import PostgresEngine, Server
from functional.program import program, until
from hashwright.errors import ConfigError, OperatorError, Unavailable
from hashwright.runtime.opening import open_store
from hashwright.runtime.replay import verify_journal
from hashwright.store.dialect import Trigger
from hashwright.store.postgres import PostgresStore, refuse_clear_text
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter
from unit.store.making import make_batch, sums_of_journal, sums_of_table
from unit.store.test_writer import Tampered

pytestmark = pytest.mark.functional
WAIT_S = 20


@pytest.fixture
def engine(postgres_server):
    return PostgresEngine(postgres_server)


@pytest.mark.parametrize("setting", ["fsync=off", "full_page_writes=off", "synchronous_commit=off"])
def test_a_server_that_loses_commits_is_refused(tmp_path, setting):
    server = Server(setting)
    try:
        with pytest.raises(OperatorError, match=setting) as caught:
            PostgresStore.open(tmp_path, server.empty("books"))
        assert caught.value.code == "HW-606"
        with psycopg.connect(server.url("books")) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'journal'").fetchone() == (0,)
    finally:
        server.stop()


@pytest.mark.parametrize("setting", ["server_encoding=SQL_ASCII", "transaction_read_only=on"])
def test_a_database_that_keeps_other_text_or_cannot_be_written_is_refused(postgres_server, tmp_path, setting):
    name = setting.partition("=")[0]
    url = postgres_server.empty(name, encoding="SQL_ASCII" if name == "server_encoding" else "UTF8")
    if name == "transaction_read_only":  # what a replica says too
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(OperatorError, match=setting):
        PostgresStore.open(tmp_path, url)


@pytest.mark.parametrize("step", ["0001", "0003", "0005"])
def test_a_migration_that_fails_leaves_nothing_behind(postgres_server, tmp_path, monkeypatch, step):
    url = postgres_server.empty(f"half{step}")
    real, seen = Trigger.postgresql, []
    last = {"0001": "journal_is_kept", "0003": "payout_ends", "0005": "account_reading_is_kept"}[step]

    def fails(trigger):
        seen.append(trigger.name)
        if trigger.name == last:
            raise RuntimeError("the power failed")
        return real(trigger)

    monkeypatch.setattr(Trigger, "postgresql", fails)
    with pytest.raises(RuntimeError):
        PostgresStore.open(tmp_path, url)
    assert seen[-1] == last
    monkeypatch.undo()
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)
    store = PostgresStore.open(tmp_path, url)
    assert store.check(deep=True) == []
    store.close()


def test_two_folders_cannot_share_a_database(engine, tmp_path):
    first = engine.open(tmp_path / "a")
    with pytest.raises(OperatorError, match="already uses") as caught:
        PostgresStore.open(tmp_path / "b", engine.url(tmp_path / "a"))
    assert caught.value.code == "HW-602"
    first.close()
    PostgresStore.open(tmp_path / "b", engine.url(tmp_path / "a")).close()


def test_two_never_write_even_when_the_first_lost_its_lock(engine, tmp_path):
    first = engine.open(tmp_path / "a")
    writing = first.connect()
    first._locks[1].close()  # as if the server had cut this connection alone
    second = PostgresStore.open(tmp_path / "b", engine.url(tmp_path / "a"))
    with pytest.raises(OperatorError, match="already uses"):
        second.connect()
    writing.close()
    second.connect().close()
    second.close()


def test_what_is_not_ours_is_refused(engine, postgres_server, tmp_path):
    url = postgres_server.empty("recipes")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE recipe (name text)")
    with pytest.raises(OperatorError, match="tables of another program") as caught:
        PostgresStore.open(tmp_path, url)
    assert caught.value.code == "HW-603"
    with psycopg.connect(engine.url(tmp_path / "a"), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for readonly in (False, True):
        with pytest.raises(OperatorError, match="newer program"):
            engine.open(tmp_path / "a", readonly=readonly)
    with pytest.raises(OperatorError, match="no books") as caught:
        PostgresStore.open(tmp_path, postgres_server.empty("nothing"), readonly=True)
    assert caught.value.code == "HW-612"


def test_a_silent_server_is_named_without_its_password(tmp_path):
    with pytest.raises(Unavailable) as caught:
        PostgresStore.open(tmp_path, "postgresql://hw:geheim@127.0.0.1:1/books")
    assert "geheim" not in str(caught.value)
    assert "database books on 127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("postgresql://hw@127.0.0.1/books", True),
        ("postgresql://hw@/books?host=/run/postgresql", True),
        ("postgresql://hw@db.example/books", False),
        ("postgresql://hw@db.example/books?sslmode=prefer", False),
        ("postgresql://hw@db.example/books?sslmode=verify-full", True),
        ("no address at all", False),
    ],
)
def test_nothing_leaves_this_computer_in_the_clear(url, is_safe):
    if is_safe:
        refuse_clear_text(url)
        return
    with pytest.raises(ConfigError) as caught:
        refuse_clear_text(url)
    assert caught.value.code == "HW-701"


def test_a_lost_connection_ends_the_writer_and_loses_nothing_acknowledged(engine, tmp_path):
    store = engine.open(tmp_path / "a")
    committed, failures, over = [], [], threading.Event()
    writer = GroupCommitWriter(store.connect, committed.append, lambda it: (failures.append(it), over.set()))
    writer.submit(make_batch(1, 3))
    deadline = time.monotonic() + WAIT_S
    while not committed:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with psycopg.connect(engine.url(tmp_path / "a"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'hashwright' AND datname = current_database() AND pid <> pg_backend_pid()"
        )
    writer.submit(make_batch(4))
    assert over.wait(WAIT_S)
    assert [it.kind for it in failures] == ["fatal"]
    assert committed == [3]
    writer.close(WAIT_S)
    store.close()
    again = engine.open(tmp_path / "a")
    assert [batch.last_seq for batch in again.read_batches(0)] == [3]
    assert again.check(deep=True) == []
    again.close()


def backends(engine, folder):
    """The server's processes that serve this database, but for the one that asks."""
    with psycopg.connect(engine.url(folder), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'hashwright'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in rows]


def test_a_server_that_stands_still_gives_no_acknowledgement_and_loses_nothing(engine, tmp_path):
    store = engine.open(tmp_path / "a")
    committed, failures = [], []
    writer = GroupCommitWriter(store.connect, committed.append, failures.append)
    writer.submit(make_batch(1))
    until(lambda: committed == [1], what="the first commit")
    stopped = backends(engine, tmp_path / "a")
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        for seq in range(2, 50):
            writer.submit(make_batch(seq))
        time.sleep(1.5)
        assert committed == [1]
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    until(lambda: committed[-1] == 49, what="everything is committed after the server goes on")
    assert committed == list(range(1, 50))
    assert [it.kind for it in failures if it is not None and it.kind == "fatal"] == []
    assert writer.close(WAIT_S)
    assert [batch.last_seq for batch in store.read_batches(0)] == list(range(1, 50))
    store.close()


@pytest.mark.parametrize("problem", [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected])
def test_a_third_of_all_commits_fail_to_serialise_and_each_batch_stands_once(engine, tmp_path, monkeypatch, problem):
    store = engine.open(tmp_path / "a")
    chance, refused = random.Random(17), []

    def before(statement):
        if statement == "COMMIT" and chance.random() < 0.3:
            refused.append(statement)
            raise problem("planted")

    connection = Tampered(store.connect())
    connection.before = before
    connection.is_postgresql, connection.errors = True, connection.connection.errors
    monkeypatch.setattr("hashwright.store.writer.RETRY_LAST_S", 0.02)
    committed, failures = [], []
    writer = GroupCommitWriter(lambda: connection, committed.append, failures.append)
    for seq in range(1, 61):
        writer.submit(make_batch(seq))
        until(lambda seq=seq: committed and committed[-1] == seq, what=f"batch {seq}")
    assert committed == list(range(1, 61))
    assert refused
    assert writer.close(WAIT_S)
    with contextlib.closing(store.connect()) as look:
        assert sums_of_table(look) == sums_of_journal(store.read_batches(0))
    assert store.check(deep=True) == []
    store.close()


def test_a_zero_byte_of_a_stranger_does_not_stop_the_books(engine, tmp_path):
    store = engine.open(tmp_path / "a")
    done = threading.Event()
    writer = GroupCommitWriter(store.connect, lambda _seq: done.set(), lambda _failure: done.set())
    writer.submit(make_batch(1, worker="a\x00b"))
    assert done.wait(WAIT_S)
    assert writer.close(WAIT_S)
    assert [it.worker for it in store.work_totals(0)] == ["a␀b"]
    store.close()


def test_a_folder_remembers_its_server(engine, postgres_server, tmp_path, monkeypatch):
    folder = tmp_path / "a"
    monkeypatch.setenv("BOOKS", engine.url(folder))
    store = open_store(folder, reference="env:BOOKS")
    instance = store.instance
    store.close()
    again = open_store(folder)
    assert again.instance == instance
    assert "postgresql" not in (folder / "postgres.json").read_text(), "the address is not kept"
    again.backup(tmp_path / "copy.db")
    with pytest.raises(OperatorError, match="exists already"):
        again.backup(tmp_path / "copy.db")
    again.close()
    other = postgres_server.empty("other")
    monkeypatch.setenv("BOOKS", other)
    with pytest.raises(OperatorError, match="belongs to the books"):
        open_store(folder)
    SqliteStore.open(tmp_path / "b").close()
    with pytest.raises(OperatorError, match="has books in SQLite"):
        open_store(tmp_path / "b", reference="env:BOOKS")


def test_the_program_runs_on_it_and_survives_a_kill(engine, tmp_path):
    folder = tmp_path / "hw" / "data"
    address = tmp_path / "address"
    address.write_text(engine.url(folder) + "\n")
    with program(tmp_path / "hw", flags=["--postgres-url-from", f"file:{address}"]) as hw:
        hw.run("pool", "add", "toy", "--node", "practice")
        assert hw.mine("--max-shares", 5, "--max-seconds", 60, user="kai.r1").returncode == 0
        until(lambda: hw.json("pool", "workers")["workers"], what="shares in the database")
        before = hw.json("pool", "workers")["workers"]
        hw.kill()
        hw.start()
        assert [it["worker"] for it in hw.json("pool", "workers")["workers"]] == [it["worker"] for it in before]
        assert hw.run("admin", "replay", "--verify").returncode == 0
        assert hw.json("ledger", "check", "--deep")["findings"] == []
        assert hw.run("doctor", check=False).stdout.count("hash chain holds") == 1
        copy = tmp_path / "copy.db"
        assert hw.json("admin", "backup", copy)["backup"] == str(copy)
        refused = hw.run("admin", "restore", copy, check=False)
        assert "HW-618" in refused.stderr
    assert not (folder / "hashwright.db").exists()
    (tmp_path / "again").mkdir()
    copy.rename(tmp_path / "again" / "hashwright.db")
    store = SqliteStore.open(tmp_path / "again", readonly=True)
    assert store.check(deep=True) == []
    good = sum(it.shares for it in store.work_totals(0) if it.outcome in ("accepted", "block"))
    assert good == sum(it["accepted"] for it in before) >= 5
    assert not verify_journal(store).findings
    store.close()
