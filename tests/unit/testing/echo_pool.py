"""A tiny pool for the simulator's own tests: it echoes lines, counts them on the disk first, and runs on plain asyncio.

`python echo_pool.py SEED` prints the trace of one run: the test of other hash seeds starts it as a process.
"""

import asyncio
import contextlib
import sys

from hashwright.clock import Instant
from hashwright.store.journal import Batch
from hashwright.store.projections import Rows
from hashwright.testing.simulation.disk import SimDisk
from hashwright.testing.simulation.faults import storm
from hashwright.testing.simulation.loop import run
from hashwright.testing.simulation.network import SimHost, SimNetwork


def batch(seq, blob=b""):
    return Batch(first_seq=seq, last_seq=seq, at_ms=Instant(seq), effects_crc=0, blob=blob, rows=Rows())


class EchoPool:
    """Answers a line when it is durable."""

    def __init__(self, disk):
        self.store = disk.open(self.committed)
        self.seq = max((stored.last_seq for stored in self.store.read_batches(0)), default=0)
        self.waiting = {}

    async def serve(self):
        async with await asyncio.start_server(self.talk, "0.0.0.0", 3333) as server:
            await server.wait_closed()
            await asyncio.get_running_loop().create_future()

    async def talk(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self.seq += 1
                self.waiting[self.seq] = (writer, line)
                self.store.submit(batch(self.seq, line))
        writer.close()

    def committed(self, seq):
        writer, line = self.waiting.pop(seq)
        writer.write(line)


async def machine(name, log, *, gap_s=0.5):
    """Say numbers for ever, dialling again when cut off; note what was echoed."""
    count = 0
    while True:
        writer = None
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("pool", 3333)
            while True:
                count += 1
                writer.write(b"%s %d\n" % (name.encode(), count))
                async with asyncio.timeout(10):
                    line = await reader.readline()
                if not line:
                    break
                log.append(line)
                await asyncio.sleep(gap_s)
        except (OSError, TimeoutError):
            await asyncio.sleep(0.5)
        finally:
            if writer is not None:
                writer.close()


class EchoWorld:
    """The pool's host, its disk, and machines."""

    def __init__(self, loop, *, machines=5, lies=False):
        self.loop = loop
        self.network = SimNetwork(loop)
        self.disk = SimDisk(loop, lies=lies)
        self.host = SimHost(self.network, "pool")
        self.host.on_crash.append(self.disk.crash)
        self.machines = machines
        self.log = []

    def boot(self):
        self.host.boot(lambda: EchoPool(self.disk).serve())

    def reboot(self, *, is_silent=False):
        self.host.crash(is_silent=is_silent)
        self.loop.call_later(1.0, self.boot)

    async def live(self, seconds, *, gap_s=0.5):
        """Let machines work while everything goes wrong, then a quiet while."""
        faults = {
            "a reset": lambda: self.network.reset_some(0.5),
            "a partition": lambda: self.network.partition("pool", 2.0),
            "a slow disk": lambda: self.disk.freeze(1.0),
            "a full disk": lambda: self.disk.fill(1.0),
        }
        self.boot()
        async with asyncio.TaskGroup() as group:
            working = [
                group.create_task(machine(f"m{number}", self.log, gap_s=gap_s)) for number in range(self.machines)
            ]
            for is_silent in (False, True, False):
                await storm(self.loop, faults, seconds=seconds / 4)
                self.reboot(is_silent=is_silent)
                await asyncio.sleep(seconds / 12)
            for task in working:
                task.cancel()
        self.host.crash()

    def lost(self):
        """Return what was echoed and is not stored."""
        stored = {line for row in self.disk.synced for line in [row.blob]}
        return [line for line in self.log if line not in stored]


def trace_of(seed, *, seconds=60, machines=5):
    async def story(loop):
        with contextlib.suppress(asyncio.CancelledError):
            await EchoWorld(loop, machines=machines).live(seconds)
        return loop.trace()

    return run(seed, story)


if __name__ == "__main__":
    print(trace_of(int(sys.argv[1])))
