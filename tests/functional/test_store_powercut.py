"""Power cuts on real SQLite over a simulated disk: no acknowledged batch is lost, and none is there twice.

The writer is the one of the product, on an apsw connection. Each life of a seed ends in a cut; the next life starts
from what the disk kept. The rig is proved by planted faults, which must lose.
"""

import random
import threading
from contextlib import closing

import apsw
import pytest

from functional.store_powercut_disk import Image, SimulatedDisk
from hashwright.errors import InvariantBroken
from hashwright.store.connection import make_durable
from hashwright.store.folder import DATABASE_NAME
from hashwright.store.hashchain import read_chain
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter
from unit.store.making import make_batch, sums_of_journal, sums_of_table

LIVES = 3
SEEDS = 60
PLANTED_SEEDS = 12
DAMAGE = (AssertionError, InvariantBroken, apsw.CorruptError, apsw.NotADBError, apsw.SQLError)
"""What the checks say to a disk that lost more than batches."""
BATCHES_A_LIFE = 100
LATEST_CUT = 400
"""Disk operations; a life without a cut takes about 900."""


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """The bytes of a new database."""
    folder = tmp_path_factory.mktemp("empty")
    SqliteStore.open(folder).close()
    return (folder / DATABASE_NAME).read_bytes()


class EagerWriter(GroupCommitWriter):
    """The planted fault of every pool that acknowledges first and writes later."""

    def _commit(self, group):
        for command in group:
            if command.committed_seq:
                self._on_commit(command.committed_seq)
        return super()._commit(group)

    def _finish(self, group, refused):
        for command in group:
            command.committed_seq = 0
        super()._finish(group, refused)


class Life:
    """One run of a writer until the power goes or its work is done."""

    def __init__(self, disk, rng, acked, noted, *, writer=GroupCommitWriter, synchronous="FULL"):
        self.disk, self.rng, self.synchronous = disk, rng, synchronous
        self.acked, self.noted = acked, noted
        self.given = {}
        self.answered = 0
        self.over = threading.Event()
        self.writer = None
        self.failures = []
        self.connection = None
        self.was_hit = True
        self.begin = writer

    def connect(self):
        self.connection = connect_simulated(self.disk)
        self.connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        return self.connection

    def run(self):
        try:
            self.writer = self.begin(self.connect, self.on_commit, self.on_failure, checkpoint_bytes=3_000)
        except apsw.Error:
            return  # the power went while the database was opened
        self.next_seq = self.writer.committed_seq + 1
        self.give()
        assert self.over.wait(30)
        self.was_hit = bool(self.failures)
        assert all(failure.kind == "fatal" for failure in self.failures)
        self.disk.cut_at = 0
        self.writer.close(5)
        assert not self.writer._thread.is_alive()

    def tidy(self):
        if self.connection is not None:
            self.connection.close()

    def give(self):
        batch = make_batch(self.next_seq, self.rng.randint(1, 9), worker=f"acme.rig{self.rng.randint(1, 4)}")
        self.given[batch.last_seq] = batch
        self.next_seq = batch.last_seq + 1
        self.writer.submit(batch)
        if self.rng.random() < 0.2:
            self.note(f"{self.disk.name}:{batch.last_seq}")

    def note(self, key):
        """Note an outside effect; it counts as acknowledged when its own future says so."""
        future = self.writer.put_outbox(key, "block", key.encode())
        future.add_done_callback(lambda done: done.exception() or self.noted.add(key))

    def on_commit(self, last_seq):
        self.acked[last_seq] = self.given[last_seq].blob
        if self.rng.random() < 0.1:
            self.writer.submit_snapshot(last_seq, bytes(5_000))
        if len(self.given) >= BATCHES_A_LIFE:
            self.over.set()
            return
        self.answered += 1
        open_batches = len(self.given) - self.answered
        for _ in range(self.rng.randint(1, 2) if open_batches < 3 else 0):
            self.give()

    def on_failure(self, failure):
        self.failures.append(failure)
        self.over.set()


def connect_simulated(disk):
    connection = apsw.Connection(DATABASE_NAME, vfs=disk.name)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()  # WAL without shared memory
    make_durable(connection)
    return connection


def stored_after(files, name):
    """Read what a disk holds after a cut: batches and noted effects, all invariants checked."""
    disk = SimulatedDisk(name, files, cut_at=2**62)
    with closing(connect_simulated(disk)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        batches = list(read_chain(connection, 0))
        assert sums_of_table(connection) == sums_of_journal(batches)
        keys = {key for (key,) in connection.execute("SELECT key FROM outbox")}
    disk.unregister()
    return {batch.last_seq: batch.blob for batch in batches}, keys


def cuts_of_seed(seed, image, *, is_lying=False, **fault):
    """Run the lives of one seed; return how many acknowledged batches were lost, and the cuts that hit in mid-work."""
    rng = random.Random(seed)
    files, acked, noted, lost, hits = {DATABASE_NAME: Image(image)}, {}, set(), 0, 0
    for number in range(LIVES):
        disk = SimulatedDisk(f"cut-{seed}-{number}", files, cut_at=rng.randint(5, LATEST_CUT), is_lying=is_lying)
        life = Life(disk, rng, acked, noted, **fault)
        life.run()
        hits += life.was_hit
        files = disk.cut(rng)
        disk.cut_at = 2**62  # what follows is only the tidying of this process: its disk is already a copy
        life.tidy()
        disk.unregister()
        stored, keys = stored_after(files, f"read-{seed}-{number}")
        lost += sum(1 for seq, blob in acked.items() if stored.get(seq) != blob) + len(noted - keys)
        acked, noted = {seq: blob for seq, blob in acked.items() if seq in stored}, noted & keys
    return lost, hits


def test_no_acknowledged_batch_is_lost_at_a_power_cut(empty_database):
    hits = 0
    for seed in range(SEEDS):
        lost, hit = cuts_of_seed(seed, empty_database)
        assert lost == 0, f"seed {seed} lost {lost} acknowledged batches"
        hits += hit
    assert hits >= 100, f"only {hits} of {SEEDS * LIVES} cuts hit a working writer"


def planted(image, fault):
    """Count the seeds that lose batches, and those whose whole database is lost."""
    lost = damaged = 0
    for seed in range(PLANTED_SEEDS):
        try:
            lost += cuts_of_seed(seed, image, **fault)[0] > 0
        except DAMAGE:
            damaged += 1
    return lost, damaged


@pytest.mark.parametrize(
    "fault",
    [{"synchronous": "NORMAL"}, {"writer": EagerWriter}],
    ids=["synchronous-normal", "answer-before-commit"],
)
def test_the_rig_sees_lost_answers(empty_database, fault):
    lost, damaged = planted(empty_database, fault)
    assert lost >= PLANTED_SEEDS // 2
    assert damaged == 0


@pytest.mark.parametrize("fault", [{"synchronous": "OFF"}, {"is_lying": True}], ids=["synchronous-off", "lying-disk"])
def test_the_rig_sees_a_lost_database(empty_database, fault):
    lost, damaged = planted(empty_database, fault)
    assert lost + damaged >= PLANTED_SEEDS - 2
    assert damaged >= PLANTED_SEEDS // 2
