"""Virtual time, order, deadlocks and the end of a run."""

import asyncio
import os
import pathlib
import subprocess
import sys

import pytest

from hashwright.testing.simulation.loop import (
    EPOCH_MS,
    DeadlockError,
    EndlessError,
    SimClock,
    UnhandledError,
    run,
)
from unit.testing.echo_pool import trace_of

HERE = pathlib.Path(__file__).parent


def test_an_hour_passes_without_waiting():
    async def story(loop):
        await asyncio.sleep(3600)
        return loop.time(), loop.steps

    seconds, steps = run(1, story)
    assert seconds == pytest.approx(3600)
    assert steps < 10


def test_a_timeout_is_virtual_too():
    async def story(loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await loop.create_future()
        return loop.time()

    assert run(1, story) == pytest.approx(5)


def test_nobody_left_to_go_on_is_an_error_that_names_the_run():
    async def story(loop):
        await asyncio.sleep(2)
        await loop.create_future()

    with pytest.raises(DeadlockError) as caught:
        run(7, story)
    assert "seed=7" in caught.value.__notes__[0]
    assert "2.000 virtual seconds" in caught.value.__notes__[0]


def test_a_loop_without_end_is_an_error():
    async def story(_):
        while True:
            await asyncio.sleep(0)

    with pytest.raises(EndlessError):
        run(1, story, steps_max=1000)


def test_a_task_that_fails_unseen_fails_the_run():
    async def story(loop):
        loop.call_soon(lambda: 1 // 0)
        await asyncio.sleep(1)

    with pytest.raises(UnhandledError, match="ZeroDivisionError"):
        run(1, story)


def test_callbacks_keep_their_order_and_tasks_do_not():
    async def story(loop):
        order = []

        async def step(name):
            order.append(name)

        async with asyncio.TaskGroup() as group:
            for number in range(6):
                loop.call_soon(order.append, f"c{number}")
                group.create_task(step(f"t{number}"))
        return order

    orders = [run(seed, story) for seed in range(10)]
    callbacks = [[name for name in order if name[0] == "c"] for order in orders]
    tasks = [tuple(name for name in order if name[0] == "t") for order in orders]
    assert callbacks == [[f"c{number}" for number in range(6)]] * 10
    assert {frozenset(order) for order in tasks} == {frozenset(f"t{number}" for number in range(6))}
    assert len(set(tasks)) > 5
    assert run(3, story) == orders[3]


def test_an_executor_works_inline_and_answers_later():
    async def story(loop):
        began = loop.time()
        assert await asyncio.to_thread(lambda: 6 * 7) == 42
        assert loop.time() > began
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 // 0)

    run(1, story)


def test_another_thread_can_call_in():
    async def story(loop):
        called = asyncio.Event()
        await loop.run_in_executor(None, loop.call_soon_threadsafe, called.set)
        await called.wait()

    run(1, story)


def test_the_wall_clock_can_be_set_and_the_other_one_not():
    async def story(loop):
        clock = SimClock(loop)
        assert clock.now() == EPOCH_MS
        await asyncio.sleep(1.5)
        clock.jump(-7_200_000)
        assert (clock.now(), clock.monotonic()) == (EPOCH_MS + 1500 - 7_200_000, pytest.approx(1.5))
        assert loop.coverage["clock_jumps"] == 1

    run(1, story)


def test_tasks_that_are_left_are_cancelled():
    ended = []

    async def waits():
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(1)
            ended.append(True)

    async def story(loop):
        loop.left = loop.create_task(waits())
        await asyncio.sleep(1)

    run(1, story)
    assert ended == [True]


def test_one_seed_is_one_trace_and_another_seed_another():
    assert trace_of(5) == trace_of(5)
    assert trace_of(5) != trace_of(6)


def test_the_trace_does_not_depend_on_the_hash_seed():
    traces = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, str(HERE / "echo_pool.py"), "5"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=50,
        )
        traces.add(done.stdout.strip())
    assert traces == {trace_of(5)}
