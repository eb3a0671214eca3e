"""The whole pool in a simulated world, and the harness itself: planted bugs must be found."""

import hashlib

import pytest

from hashwright.pool import jobs, shares
from hashwright.pool.duplicates import Duplicates
from hashwright.pool.effects import CreditWork
from hashwright.pool.extranonce import Prefixes
from hashwright.testing.simulation.loop import DeadlockError, run
from hashwright.testing.simulation.world import World

SEEDS = range(8)
PLANTED_SEEDS = range(12)


def simulate(seed, *, seconds=45, crashes=3, lies=False):
    """Run one world; return it for a look at its counters."""

    async def story(loop):
        world = World(loop, lies=lies)
        await world.live(seconds=seconds, crashes=crashes)
        return world

    return run(seed, story)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_promised_is_kept(seed):
    world = simulate(seed)
    assert sum(world.log.acknowledged.values()) > 100
    assert world.network.counts["crashes"] == 4


def test_every_kind_of_fault_fires():
    """A fault that is never injected is a class of bugs that is never seen."""
    worlds = [simulate(seed) for seed in range(100, 108)]
    for kind in ("resets", "partitions", "crashes", "pieces"):
        assert sum(world.network.counts[kind] for world in worlds) > 0, kind
    for kind in ("lost_batches", "kept_batches", "freezes"):
        assert sum(world.disk.counts[kind] for world in worlds) > 0, kind
    assert sum(world.node.lost_answers for world in worlds) > 0
    assert sum(len(world.node.accepted) for world in worlds) > 0
    answers = sum((world.log.answers for world in worlds), start=type(worlds[0].log.answers)())
    assert {"good", "Duplicate share"} <= set(answers), answers


def test_one_seed_is_one_run():
    def trace():
        world = simulate(7, seconds=20, crashes=1)
        blobs = b"".join(batch.blob for batch in world.disk.synced)
        return hashlib.sha256(blobs).hexdigest(), sorted(world.log.acknowledged.items())

    assert trace() == trace()


def is_found(seeds, **options):
    """Tell whether a planted bug is found in one of these seeds."""
    for seed in seeds:
        try:
            simulate(seed, **options)
        except AssertionError:
            return True
    return False


def test_planted_bug_acknowledged_before_durable():
    assert is_found(PLANTED_SEEDS, lies=True)


def test_planted_bug_no_duplicate_check(monkeypatch):
    monkeypatch.setattr(Duplicates, "has", lambda self, hash_le: False)
    assert is_found(PLANTED_SEEDS)


def test_planted_bug_duplicates_flushed_on_a_new_job(monkeypatch):
    real = jobs.take_template

    def flush(state, destination, seen, *, now):
        state.duplicates.generations.clear()
        return real(state, destination, seen, now=now)

    monkeypatch.setattr(jobs, "take_template", flush)
    assert is_found(PLANTED_SEEDS)


def test_planted_bug_credit_at_the_present_difficulty(monkeypatch):
    real = shares._credit

    def credit(session, found, event, outcome):
        effect = real(session, found, event, outcome)
        now = jobs.target_be_of(session.difficulty, "sha256d")
        return CreditWork(effect.worker, effect.destination, now, outcome, session.id) if found else effect

    monkeypatch.setattr(shares, "_credit", credit)
    assert is_found(PLANTED_SEEDS)


def test_planted_bug_one_prefix_for_all(monkeypatch):
    monkeypatch.setattr(Prefixes, "take", lambda self, *, now: b"\x00\x00\x00\x01")
    assert is_found(PLANTED_SEEDS)


def test_nothing_to_wait_for_is_an_error():
    async def story(loop):
        await loop.create_future()

    with pytest.raises(DeadlockError):
        run(1, story)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_soak_many_seeds():
    """`make soak`: the same world, many seeds."""
    for seed in range(1000, 1300):
        simulate(seed)
