"""The simulated disk keeps what it reported, loses what it did not, and fails as told."""

import asyncio

import pytest

from hashwright.errors import InvariantBroken, Unavailable
from hashwright.testing.simulation.disk import SimDisk
from hashwright.testing.simulation.loop import run
from unit.testing.echo_pool import batch


def simulate(story, *, seed=1, **options):
    async def opened(loop):
        disk = SimDisk(loop, **options)
        disk.reports, disk.failures = [], []
        await story(disk, disk.open(disk.reports.append, disk.failures.append))

    run(seed, opened)


def seqs(disk):
    return [row.last_seq for row in disk.synced]


def test_a_batch_is_reported_when_it_is_durable():
    async def story(disk, store):
        store.submit(batch(1, b"one"))
        assert (seqs(disk), disk.reports) == ([], [])
        await asyncio.sleep(1)
        assert (seqs(disk), disk.reports) == ([1], [1])
        assert [row.blob for row in store.read_batches(0)] == [b"one"]
        assert list(store.read_batches(1)) == []

    simulate(story)


def test_what_queues_behind_a_commit_goes_in_one():
    async def story(disk, store):
        for seq in (1, 2, 3, 4):
            store.submit(batch(seq))
        await asyncio.sleep(2)
        assert disk.reports == [1, 2, 3, 4]
        assert disk.counts["commits"] == 2

    simulate(story)


def test_a_gap_is_refused():
    async def story(disk, store):
        store.submit(batch(1))
        with pytest.raises(InvariantBroken):
            store.submit(batch(3))

    simulate(story)


def test_a_crash_loses_nothing_that_was_reported_and_keeps_groups_whole():
    kept = set()

    async def story(disk, store):
        for seq in (1, 2, 3):
            store.submit(batch(seq))
        await asyncio.sleep(1e-4)
        disk.crash()
        reported = list(disk.reports)
        kept.add(tuple(seqs(disk)))
        store.submit(batch(4))
        await asyncio.sleep(5)
        assert disk.reports == reported, "the dead are told nothing"
        assert disk.counts["kept_batches"] + disk.counts["lost_batches"] == 3
        again = disk.open(disk.reports.append)
        again.submit(batch(len(disk.synced) + 1))

    for seed in range(20):
        simulate(story, seed=seed)
    assert kept == {(), (1,)}


def test_a_lying_disk_is_caught_by_a_crash():
    async def story(disk, store):
        store.submit(batch(1))
        await asyncio.sleep(0)
        assert disk.reports == [1]
        assert seqs(disk) == []

    simulate(story, lies=True)


def test_a_frozen_disk_commits_when_it_thaws():
    async def story(disk, store):
        store.submit(batch(1))
        disk.freeze(30.0)
        await asyncio.sleep(29.9)
        assert disk.reports == []
        await asyncio.sleep(1)
        assert disk.reports == [1]
        assert disk.counts["freezes"] == 1

    simulate(story)


def test_a_full_disk_is_reported_once_and_passes():
    async def story(disk, store):
        disk.fill(30.0)
        store.submit(batch(1))
        await asyncio.sleep(29.9)
        assert [failure.kind for failure in disk.failures] == ["full"]
        assert disk.reports == []
        await asyncio.sleep(2)
        assert (disk.reports, store.failure) == ([1], None)

    simulate(story)


def test_a_broken_disk_is_final():
    async def story(disk, store):
        store.submit(batch(1))
        noted = store.put_outbox("a", "block", b"x")
        disk.break_down()
        await asyncio.sleep(5)
        assert [failure.kind for failure in disk.failures] == ["fatal"]
        assert isinstance(noted.exception(), Unavailable)
        with pytest.raises(Unavailable):
            store.submit(batch(2))
        assert (seqs(disk), disk.reports) == ([], [])

    simulate(story)


def test_the_outbox_is_durable_later_and_strict():
    async def story(disk, store):
        noted = store.put_outbox("a", "block", b"x")
        assert store.pending_outbox() == []
        await asyncio.sleep(1)
        assert noted.result() is None
        assert [(item.key, item.kind, item.payload) for item in store.pending_outbox()] == [("a", "block", b"x")]
        assert store.pending() == [b"x"]
        again, other = store.put_outbox("a", "block", b"x"), store.put_outbox("a", "block", b"y")
        unknown, done = store.outbox_done("b", ""), store.outbox_done("a", "")
        await asyncio.sleep(2)
        assert again.exception() is None
        assert done.exception() is None
        assert isinstance(other.exception(), InvariantBroken)
        assert isinstance(unknown.exception(), InvariantBroken)
        assert store.pending_outbox() == []

    simulate(story)


def test_a_snapshot_stands_at_the_end_of_a_batch():
    async def story(disk, store):
        store.submit(batch(1))
        good, bad = store.submit_snapshot(1, b"state"), store.submit_snapshot(9, b"state")
        await asyncio.sleep(2)
        assert good.exception() is None
        assert isinstance(bad.exception(), InvariantBroken)
        assert (store.load_snapshot().seq, store.load_snapshot().blob) == (1, b"state")
        assert store.next_boot() == 1
        assert disk.open(print).next_boot() == 2

    simulate(story)
