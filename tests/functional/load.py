"""Machines that work without end and keep an acknowledgement log of their own, outside of all that can crash."""

import asyncio
import contextlib
import json
from collections import Counter

from hashwright.pool.events import ShareHashed
from hashwright.store.sqlite import SqliteStore


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


def assert_kept(folder, log):
    """Hold the journal and the books of a stopped program against the log of what was acknowledged."""
    acknowledged = Counter(log)
    store = SqliteStore.open(folder)
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
    assert not acknowledged - stored, "an acknowledged share is lost"
    assert max(stored.values()) == 1, "a share counts twice"
    assert booked == sum(stored.values()), "the books and the journal differ"
    return sum(stored.values())
