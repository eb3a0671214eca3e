"""kill -9 of the whole program under load: no acknowledged share is lost, none counts twice.

The acknowledgement log is kept outside, by the machines: a share is in it once its "true" was read from the socket.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter

import pytest

from functional.program import program, until
from hashwright.pool.events import ShareHashed
from hashwright.store.sqlite import SqliteStore

pytestmark = [pytest.mark.functional, pytest.mark.timeout(180)]

KILLS = 8
MACHINES = 20


class Machine:
    """Sends shares without end and writes down which were acknowledged."""

    def __init__(self, number, log):
        self.number, self.log = number, log
        self.worker = f"farm.r{number:02d}"
        self.nonce = 0

    async def run(self, port):
        """Work on one connection until it breaks."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await self.talk(reader, writer)
            finally:
                writer.close()

    async def talk(self, reader, writer):
        self.send(writer, 1, "mining.subscribe", "t")
        self.send(writer, 2, "mining.authorize", self.worker, "d=0.000000001")
        job = None
        waiting = {}
        while line := await reader.readline():
            message = json.loads(line)
            if message.get("method") == "mining.notify":
                job, ntime = message["params"][0], message["params"][7]
            if message["id"] in waiting:
                share = waiting.pop(message["id"])
                if message.get("result") is True:
                    self.log.append(share)
            while job and len(waiting) < 4:
                self.nonce += 1
                waiting[9 + self.nonce] = (self.worker, job, self.nonce)
                self.send(
                    writer, 9 + self.nonce, "mining.submit", self.worker, job, "00" * 8, ntime, f"{self.nonce:08x}"
                )

    def send(self, writer, number, method, *params):
        writer.write(json.dumps({"id": number, "method": method, "params": params}).encode() + b"\n")


async def storm(port, log, seconds, machines):
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(machine.run(port) for machine in machines))


def test_no_acknowledged_share_is_lost_and_none_is_counted_twice(tmp_path):
    rng = random.Random(20261123)
    log = []
    machines = [Machine(number, log) for number in range(MACHINES)]
    with program(tmp_path) as hw:
        # a target no CPU meets: the load is shares, not blocks
        hw.run("pool", "add", "toy", "--node", "practice", "--start-difficulty", "1e-9")
        for kill in range(KILLS):
            until(lambda: hw.json("status")["destinations"][0]["height"], what="a template")

            wait = rng.uniform(0.3, 1.0)

            async def play(wait=wait, port=hw.port):
                load = asyncio.ensure_future(storm(port, log, 20, machines))
                await asyncio.sleep(wait)
                await asyncio.to_thread(hw.kill)
                await load

            asyncio.run(play())
            hw.start()
            assert hw.json("status")["journal"]["poisoned"] == 0, f"after kill {kill}"
        acknowledged = Counter(log)
        hw.stop()
        verified = hw.run("admin", "replay", "--verify")
        assert verified.returncode == 0, verified.stdout
    store = SqliteStore.open(hw.folder)
    try:
        stored = Counter(
            (event.worker, event.job, event.nonce)
            for batch in store.read_batches(0)
            for _, event, mark in batch.entries()
            if type(event) is ShareHashed and mark in ("accepted", "block")
        )
        booked = sum(total.shares for total in store.work_totals(0) if total.outcome in ("accepted", "block"))
        assert not store.check(deep=True)
    finally:
        store.close()
    assert len(log) > 1000, "the load was no load"
    assert not acknowledged - stored, "an acknowledged share is lost"
    assert max(stored.values()) == 1, "a share counts twice"
    assert booked == sum(stored.values()), "the books and the journal differ"
    print(f"\n{KILLS} kills, {len(log)} shares acknowledged, {sum(stored.values())} stored")
