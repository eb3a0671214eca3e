"""How fast is the pool with Monero? python bench/cryptonote.py [--quick] [--full].

Three questions. (1) Logins and submits per CPU-second of the server's own time, without proof of work: the server is a
process of its own with a real data folder, everything is real but the hash, which is the machine's claim. (2) RandomX
verifications a second, through the pool's own desk of threads and by the library's bare loop, light and (--full, 2.3
GiB) full. (3) A new block to 2,000 machines, each of which gets a blob of its own.
"""

import argparse
import asyncio
import ctypes
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
TICKS = os.sysconf("SC_CLK_TCK")
TRANSACTIONS = 60
"""Of the template: more than Monero's blocks have on the average."""
RESULT_TOP = b"\x7f" * 8
"""The top of a claimed hash: a share at difficulty 1, and no block."""


# ---------------------------------------------------------------- the server, in its own process


async def serve():
    from hashwright.runtime.config import load_config
    from hashwright.runtime.system import calm_collector
    from hashwright.runtime.wiring import Hashwright
    from shell.monero_app import ScriptedMonero, settings

    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build") as folder:
        node = ScriptedMonero(transactions=TRANSACTIONS)
        config = load_config(environ={}, flags={"data_dir": folder, "listen": "randomx=127.0.0.1:0"})
        app = Hashwright(config, build_node=lambda _: node)
        calm_collector()
        await app.start()
        app.shell.hashing.take = lambda session, algorithm, found, hashed, claimed, done: done(claimed, 1.0, False)
        app.shell.hashing.prepare = lambda job: None
        app.set_destination(settings(start_difficulty=1.0))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: (print("tip", time.monotonic(), flush=True), node.new_tip()))
        loop.add_signal_handler(signal.SIGTERM, app.supervisor.stop)
        while not app.kernel.pool.destinations["pool"].job:
            await asyncio.sleep(0.01)
        print("port", app.shell.listeners[0].port, flush=True)
        await app.supervisor.wait()
        await app.stop()


class Server:
    """The process, and its CPU time."""

    def __enter__(self):
        command = [sys.executable, str(HERE / "cryptonote.py"), "--serve"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def new_tip(self):
        self.process.send_signal(signal.SIGUSR1)
        return float(self.process.stdout.readline().split()[1])


# ---------------------------------------------------------------- the machines


class Machine(asyncio.Protocol):
    """One session: logs in, submits, notes when jobs come."""

    def __init__(self, load, number):
        self.load, self.number = load, number
        self.rest, self.job, self.job_at, self.nonce = b"", b"", 0.0, 0
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        login = {"login": f"farm.r{self.number}+1", "pass": "x", "agent": "bench", "algo": ["rx/0"]}
        line = {"id": 1, "jsonrpc": "2.0", "method": "login", "params": login}
        transport.write(json.dumps(line).encode() + b"\n")

    def data_received(self, data):
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            if b'"job_id":"' in line:
                self.job_at = time.monotonic()
                self.job = line.partition(b'"job_id":"')[2].partition(b'"')[0]
                if not self.ready.done():
                    self.ready.set_result(None)
            else:
                self.load.answers += 1
                self.load.accepted += b'"OK"' in line
                if self.load.is_running:
                    self.submit()

    def connection_lost(self, exc):
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("lost before the login"))

    def submit(self):
        self.nonce += 1
        mark = self.number.to_bytes(8, "big") + self.nonce.to_bytes(16, "big")
        self.transport.write(
            b'{"id":%d,"jsonrpc":"2.0","method":"submit","params":{"id":"x","job_id":"%b","nonce":"%b","result":"%b"}}\n'
            % (self.nonce + 1, self.job, self.nonce.to_bytes(4, "little").hex().encode(),
               (mark + RESULT_TOP).hex().encode())
        )  # fmt: skip


class Load:
    """All machines, and what they saw."""

    def __init__(self, port):
        self.port, self.machines = port, []
        self.answers = self.accepted = 0
        self.is_running = False

    async def connect(self, count):
        loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(100)

        async def one(number):
            async with gate:
                _, machine = await loop.create_connection(lambda: Machine(self, number), "127.0.0.1", self.port)
                self.machines.append(machine)
                async with asyncio.timeout(60):
                    await machine.ready

        await asyncio.gather(*(one(len(self.machines) + n) for n in range(count)))

    def close(self):
        for machine in self.machines:
            machine.transport.close()


async def logins(server, count):
    load, before = Load(server.port), server.cpu_s()
    await load.connect(count)
    spent = server.cpu_s() - before
    print(f"logins: {count} machines, {count / spent:,.0f} per server CPU-second (connect, login, first job)")
    return load


async def submits(server, load, seconds, open_each=4):
    before, began = server.cpu_s(), time.monotonic()
    load.is_running = True
    for machine in load.machines:
        for _ in range(open_each):
            machine.submit()
    await asyncio.sleep(seconds)
    load.is_running = False
    spent, took = server.cpu_s() - before, time.monotonic() - began
    print(
        f"submits: {len(load.machines)} machines, {load.answers / took:,.0f} answers/s,"
        f" {load.answers / spent:,.0f} per server CPU-second, {load.accepted / load.answers:.1%} accepted"
    )
    await asyncio.sleep(1)


async def fan_out(server, load, rounds):
    firsts, lasts = [], []
    for _ in range(rounds):
        began = server.new_tip()
        await asyncio.sleep(1.5)
        times = [machine.job_at - began for machine in load.machines]
        assert min(times) > 0, "a machine missed the job"
        firsts.append(min(times) * 1e3)
        lasts.append(max(times) * 1e3)
    print(
        f"new block to {len(load.machines)} machines: first {statistics.median(firsts):.1f} ms,"
        f" last {statistics.median(lasts):.1f} ms (median of {rounds})"
    )


# ---------------------------------------------------------------- RandomX


async def by_desk(desk, seed, blobs):
    """Verify through the pool's threads; all that it costs counts, the loop too [CPU s]."""
    await desk.hash(seed, blobs[0], lambda _: None)
    began = time.process_time()
    await asyncio.gather(*(desk.hash(seed, blob, lambda _: None) for blob in blobs))
    return time.process_time() - began


def by_library(machine, blobs):
    """Hash in the library's bare loop: one thread, one buffer [CPU s]."""
    machine.hash(blobs[0])
    vm, out = machine._machine(), ctypes.create_string_buffer(32)
    calculate, began = machine._library.randomx_calculate_hash, time.process_time()
    for blob in blobs:
        calculate(vm, blob, len(blob), out)
    return time.process_time() - began


async def randomx(*, is_full, count, rounds):
    from hashwright.runtime.randomx import RandomXDesk

    seed, desk = b"\x07" * 32, RandomXDesk(threads=1, is_full=is_full)
    blobs = [n.to_bytes(76, "little") for n in range(count)]  # short turns: both meet the same neighbours
    desk.prepare(seed)
    machine = await asyncio.wrap_future(desk._keys[seed].made)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(await by_desk(desk, seed, blobs))
        bare.append(by_library(machine, blobs))
    mode = "full" if is_full else "light"
    mine, theirs = (rounds * count / sum(times) for times in (ours, bare))
    print(
        f"RandomX {mode}: {mine:.1f} verifications per CPU-second, bare library {theirs:.1f}, {mine / theirs:.1%}"
        f" (best turns {count / min(ours):.1f} and {count / min(bare):.1f})"
    )
    desk.close()


async def endpoint(*, is_quick):
    count, seconds = (300, 3) if is_quick else (2000, 10)
    with Server() as server:
        load = await logins(server, count)
        await fan_out(server, load, 3 if is_quick else 9)
        await submits(server, load, seconds, 1 if count > 1000 else 4)
        load.close()


async def main(options):
    if not options.randomx:
        await endpoint(is_quick=options.quick)
    await randomx(is_full=False, count=10, rounds=2 if options.quick else 12)
    if options.full:
        await randomx(is_full=True, count=100, rounds=6)


if __name__ == "__main__":
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    parser = argparse.ArgumentParser(description="Measure the pool with Monero.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true", help="RandomX in full mode too: 2.3 GiB and half a minute.")
    parser.add_argument("--randomx", action="store_true", help="RandomX only.")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    uvloop.run(serve() if chosen.serve else main(chosen))
