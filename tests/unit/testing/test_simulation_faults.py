"""Failpoints, coverage, and the whole harness on a tiny pool: faults fire, promises hold, a planted lie is found."""

import asyncio
from collections import Counter

import pytest

from hashwright.testing.simulation import disk, network
from hashwright.testing.simulation.faults import (
    Buggify,
    NotCoveredError,
    covered,
    never,
    replay_text,
    require,
    storm,
)
from hashwright.testing.simulation.loop import run
from unit.testing.echo_pool import EchoWorld


def live(seed, **options):
    async def story(loop):
        world = EchoWorld(loop, **options)
        await world.live(60)
        return world

    return run(seed, story)


def test_production_has_no_accidents():
    assert not any(never("anything", 1.0) for _ in range(100))


def test_a_failpoint_is_armed_in_some_runs_only():
    async def story(loop):
        buggify = Buggify(loop, armed=0.5)
        fired = sum(buggify.sometimes("late", 0.3) for _ in range(200))
        assert loop.coverage["failpoint late"] == fired
        return fired

    fired = [run(seed, story) for seed in range(20)]
    assert 0 in fired
    assert sum(30 < count < 90 for count in fired) == sum(count > 0 for count in fired) > 3


def test_a_storm_fires_every_fault_and_ends_in_time():
    async def story(loop):
        fired = Counter()
        await storm(loop, {name: lambda name=name: fired.update([name]) for name in "abc"}, seconds=100)
        assert loop.time() == pytest.approx(100)
        assert fired == loop.coverage
        assert set(fired) == {"a", "b", "c"}

    run(1, story)


def test_a_fault_that_never_fired_is_named():
    require(Counter(resets=1), ["resets"])
    with pytest.raises(NotCoveredError, match="never happened: crashes, freezes;"):
        require(Counter(resets=1), ["resets", "crashes", "freezes"])


def test_the_tiny_pool_keeps_its_promise_under_every_fault():
    worlds = [live(seed) for seed in range(6)]
    require(covered(world.loop for world in worlds), {*network.FAULTS, *disk.FAULTS} - {"slow_readers", "broken_disks"})
    for world in worlds:
        assert world.lost() == []
        assert len(world.log) > 50


def test_the_lie_is_found():
    assert any(live(seed, lies=True).lost() for seed in range(6))


def test_a_hundred_machines_run_in_far_less_than_their_time():
    """Not a measurement: the steps a request takes bound what any machine needs for it."""

    async def story(loop):
        world = EchoWorld(loop, machines=100)
        await world.live(60, gap_s=1.0)
        return len(world.log), loop.steps

    echoes, steps = run(1, story)
    assert echoes > 1500
    assert steps / echoes < 40


def test_a_run_can_be_told():
    async def story(loop):
        loop.record("crashes", "pool")
        await asyncio.sleep(1)
        return replay_text(loop)

    text = run(42, story)
    assert text.startswith("seed 42, 1.000 virtual seconds")
    assert text.endswith("0.000000 crashes pool")
