"""Who hashes a share, and how many of them: chances under load, blocks always, and reading that stops."""

import asyncio
import concurrent.futures
import random

import pytest

from hashwright.chain.proof import sha256d
from hashwright.runtime.hashing import BEHIND_S, CHANCE_MIN, TRUSTED_SHARES, Hashing
from hashwright.runtime.randomx import RandomXDesk
from unit.pool.blob_world import BlobWorld

GOOD = b"\x01" * 31 + b"\x7f"
"""No block, and whatever else."""


class Desk:
    """RandomX without the work: answers when it is told to."""

    threads = 1
    is_missing = False

    def __init__(self):
        self.waiting = 0
        self.asked = []

    def hash(self, seed, blob, note_pace):
        future = asyncio.get_running_loop().create_future()
        self.asked.append((seed, blob, future))
        return future


def found():
    world = BlobWorld()
    world.machine()
    session = world.state.sessions[1]
    job = world.state.jobs[next(iter(session.sent))]
    return job, session.terms


class Told(list):
    def __call__(self, hash_le, chance, is_believed):
        self.append((hash_le, chance, is_believed))


def hashing(desk):
    return Hashing(concurrent.futures.ThreadPoolExecutor(1), desk, random.Random(5))


def prove(it, work, told, desk, count=TRUSTED_SHARES):
    """Let a machine send good shares, one after the other, each hashed."""

    async def run():
        for _ in range(count):
            it.take(1, "randomx", work, b"blob", GOOD, told)
            desk.asked.pop()[2].set_result(GOOD)
            await asyncio.sleep(0)

    return run()


def test_a_quick_hash_is_there_at_once():
    told = Told()
    hashing(Desk()).take(1, "sha256d", found(), b"header", b"", told)
    assert told == [(sha256d(b"header"), 1.0, False)]


def test_every_share_is_hashed_while_the_queue_is_short():
    async def scene():
        desk, told = Desk(), Told()
        it = hashing(desk)
        await prove(it, found(), told, desk, 100)
        assert len(told) == 100
        assert {(chance, is_believed) for _, chance, is_believed in told} == {(1.0, False)}

    asyncio.run(scene())


def test_under_load_proved_machines_are_hashed_by_chance_and_new_ones_always():
    async def scene():
        desk, told, work = Desk(), Told(), found()
        it = hashing(desk)
        await prove(it, work, told, desk)
        desk.waiting = int(10 * BEHIND_S / 0.04)
        assert it.chance_of(1) == pytest.approx(1 / 10, rel=0.1)
        assert it.chance_of(2) == 1.0
        told.clear()
        for _ in range(400):
            it.take(1, "randomx", work, b"blob", GOOD, told)
        assert all(is_believed and hash_le == GOOD for hash_le, _, is_believed in told)
        assert len(told) == it.believed == 400 - len(desk.asked)
        assert 20 <= len(desk.asked) <= 65, "one in ten"
        desk.waiting = 10**6
        assert it.chance_of(1) == CHANCE_MIN

    asyncio.run(scene())


def test_a_claim_that_would_be_a_block_is_always_hashed():
    async def scene():
        desk, told, work = Desk(), Told(), found()
        it = hashing(desk)
        await prove(it, work, told, desk)
        desk.waiting = 10**6
        told.clear()
        for _ in range(50):
            it.take(1, "randomx", work, b"blob", bytes(32), told)
        assert (len(desk.asked), told) == (50, [])

    asyncio.run(scene())


def test_who_lied_once_is_hashed_again_until_proved_anew():
    async def scene():
        desk, told, work = Desk(), Told(), found()
        it = hashing(desk)
        await prove(it, work, told, desk)
        it.take(1, "randomx", work, b"blob", GOOD, told)
        desk.asked.pop()[2].set_result(b"\x02" * 32)
        await asyncio.sleep(0)
        desk.waiting = 10**4
        assert it.chance_of(1) == 1.0

    asyncio.run(scene())


def test_reading_stops_when_too_much_waits_and_goes_on_when_half_is_done():
    it = hashing(Desk())
    assert (it.is_full, it.is_short) == (False, True)
    it.randomx.waiting = int(9 * BEHIND_S / 0.04)
    assert (it.is_full, it.is_short) == (True, False)
    it.randomx.waiting = int(5 * BEHIND_S / 0.04)
    assert (it.is_full, it.is_short) == (False, False)
    it.randomx.waiting = 10
    assert it.is_short


def test_what_cannot_be_hashed_is_refused_and_not_believed():
    async def scene():
        desk, told = Desk(), Told()
        it = hashing(desk)
        it.take(1, "randomx", found(), b"blob", GOOD, told)
        desk.asked.pop()[2].set_exception(MemoryError("no room"))
        await asyncio.sleep(0)
        desk.is_missing = True  # and the destination has no node to ask
        it.take(1, "randomx", found(), b"blob", GOOD, told)
        await asyncio.sleep(0.01)
        assert told == [(b"", 1.0, False)] * 2

    asyncio.run(scene())


def test_a_third_key_takes_the_place_of_the_one_unused_for_longest(monkeypatch):
    made, closed = [], []

    class Machine:
        def __init__(self, seed, *, is_full):
            self.seed = seed
            made.append(seed)

        def hash(self, blob):
            return self.seed

        def close(self):
            closed.append(self.seed)

    monkeypatch.setattr("hashwright.runtime.randomx.RandomX", Machine)

    async def scene():
        desk = RandomXDesk(threads=2)
        paces = []
        assert await desk.hash(b"a", b"x", paces.append) == b"a"
        desk.prepare(b"a", b"b", b"")
        assert await desk.hash(b"a", b"x", paces.append) == b"a"
        assert await desk.hash(b"c", b"x", paces.append) == b"c"
        assert desk.seeds == (b"a", b"c")
        assert (desk.hashes, desk.waiting, len(paces)) == (3, 0, 3)
        desk.close()
        assert (sorted(made), sorted(closed)) == ([b"a", b"b", b"c"], [b"a", b"b", b"c"])

    asyncio.run(scene())
