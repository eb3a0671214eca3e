"""The stream of changes in virtual time: how often it speaks, what it says, and how it ends."""

import asyncio
import itertools
import json

import pytest

from hashwright.testing.simulation.loop import SimLoop
from hashwright.web.live import Picture
from hashwright.web.steering import Helm
from hashwright.web.stream import HEARTBEAT_S, Deltas, follow
from unit.web.world import NOW, PASSWORD, World

SECONDS = 20


@pytest.fixture
def here(tmp_path):
    world = World(tmp_path)

    async def nobody(command, **arguments):
        return []

    world.site.live.ask = nobody
    yield world
    world.database.close()


def in_virtual_time(work):
    loop = SimLoop(seed=1)
    try:
        return loop.run_until_complete(work())
    finally:
        loop.close()


async def change(live, **words):
    async with live._changed:
        live.picture = Picture(number=live.picture.number + 1, at_ms=NOW, **words)
        live._changed.notify_all()


async def listen(here, found, *, cookie="", seconds=SECONDS):
    """Follow for a while; note when what came."""
    loop = asyncio.get_running_loop()
    stream = follow(here.site, Helm(here.site.live), Deltas(), "x", cookie)
    try:
        async with asyncio.timeout(seconds):
            async for part in stream:
                found.append((loop.time(), part))
    except TimeoutError:
        pass
    finally:
        await stream.aclose()


def events(found):
    return [(at, json.loads(part.split(b"data: ")[1])) for at, part in found if b"event: status" in part]


def test_fifty_changes_a_second_are_at_most_two_events_a_second(here):
    found = []

    async def work():
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(here, found))
            for number in range(50 * SECONDS):
                await asyncio.sleep(1 / 50)
                await change(here.site.live, problem=f"change {number}")

    in_virtual_time(work)
    times = [at for at, _ in events(found)]
    assert len(times) > SECONDS
    assert len(times) <= 2 * SECONDS + 1
    assert min(b - a for a, b in itertools.pairwise(times)) > 0.499


def test_the_newest_state_is_told_though_some_were_left_out(here):
    found = []

    async def work():
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(here, found, seconds=5))
            for number in range(10):
                await asyncio.sleep(0.01)
                await change(here.site.live, problem=f"change {number}")

    in_virtual_time(work)
    assert events(found)[-1][1]["problem"] == "change 9"


def test_a_section_that_did_not_change_is_not_sent_again(here):
    found = []

    async def work():
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(here, found, seconds=5))
            await asyncio.sleep(1)
            await change(here.site.live, problem="new")

    in_virtual_time(work)
    first, second = (document for _, document in events(found))
    assert {"mode", "steers", "machines", "problem"} <= set(first)
    assert set(second) - {"at_ms"} == {"problem"}


def test_a_quiet_stream_gives_a_sign_of_life_and_counts_no_watcher_after_its_end(here):
    found = []
    in_virtual_time(lambda: listen(here, found, seconds=3 * HEARTBEAT_S))
    assert [part for _, part in found].count(b": still here\n\n") == 2
    assert here.site.live.watchers == 0


def test_a_session_that_is_over_ends_the_stream(here, monkeypatch):
    found = []
    accounts = here.site.accounts
    monkeypatch.setattr(accounts, "caller", lambda cookie, *, now: None if here.over else PASSWORD)
    here.over = False

    async def work():
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(here, found, cookie="word", seconds=60))
            await asyncio.sleep(1)
            here.over = True
            await change(here.site.live, problem="new")

    in_virtual_time(work)
    assert found[-1][1] == b"event: over\ndata: {}\n\n"


def test_a_switched_autopilot_is_told_with_the_next_picture(here):
    found = []
    state = {"settings": {"algorithm": "sha256d", "mode": "live"}, "problem": "", "last": None}

    async def one(command, **arguments):
        return [state] if command == "autopilot-status" else []

    here.site.live.ask = one

    async def work():
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(here, found, seconds=30))
            await asyncio.sleep(1)
            state["settings"]["is_paused"] = True
            here.clock.advance(10_000)
            await change(here.site.live)

    in_virtual_time(work)
    told = [document["steers"][0]["mode"] for _, document in events(found) if "steers" in document]
    assert told == ["LIVE", "PAUSED"]
