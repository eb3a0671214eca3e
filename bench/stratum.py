"""How fast is the Stratum endpoint? `make bench`, or: python bench/stratum.py [--quick].

The server is a process of its own (bench/stratum_server.py) with a real data folder: every acknowledgement is durable.
Machines are Stratum sessions in this process. Shares are real to the server (coinbase, 12 merkle branches, header and
sha256d each); the share target is so easy that nearly any nonce meets it, so that the load generator need not hash.
One share in ten names a wrong extranonce2 size or repeats the one before, and must be refused.
Figures: answers per CPU-second of the server's own time (all its threads), reply latency, new-job fan-out, memory.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import uvloop

HERE = Path(__file__).parent
EASY = 2.0**-32
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Machine(asyncio.Protocol):
    """One session: counts answers, notes when jobs come."""

    extranonce2 = "0000000000000001"

    def __init__(self, load, number):
        self.load, self.number = load, number
        self.transport = None
        self.rest = b""
        self.job = None
        self.job_at = 0.0
        self.sent = {}
        self.nonce = 0
        self.is_lost = False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(
            b'{"id":1,"method":"mining.subscribe","params":["bench"]}\n'
            b'{"id":2,"method":"mining.authorize","params":["farm.r%05d","d=%.12f"]}\n' % (self.number, EASY)
        )

    def data_received(self, data):
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        now = time.monotonic()
        for line in lines:
            if line.startswith(b'{"id":null,"method":"mining.notify"'):
                self.job_at = now
                match = re.search(rb'"params":\["([0-9a-f]+)",.*"([0-9a-f]{8})",(?:true|false)\]', line)
                self.job, self.ntime = match[1], match[2]
                if not self.ready.done():
                    self.ready.set_result(None)
            elif not line.startswith(b'{"id":null'):
                number = int(line[6 : line.index(b",")])
                if number >= 10:
                    self.load.answered(self, number, b'"result":true' in line, now)

    def connection_lost(self, exc):
        self.is_lost = True

    def submit(self):
        self.nonce += 1
        number = self.nonce + 9
        is_bad = self.nonce % 10 == 0
        nonce = self.nonce - 1 if is_bad else self.nonce
        self.sent[number] = time.monotonic()
        self.transport.write(
            b'{"id":%d,"method":"mining.submit","params":["farm.r%05d","%s","%s","%s","%08x"]}\n'
            % (number, self.number, self.job, self.extranonce2.encode(), self.ntime, nonce)
        )


class Load:
    """All machines, and what they saw."""

    def __init__(self, port):
        self.port = port
        self.machines = []
        self.answers = self.accepted = 0
        self.latencies = []
        self.is_saturating = False

    def answered(self, machine, number, is_accepted, now):
        self.answers += 1
        self.accepted += is_accepted
        began = machine.sent.pop(number, None)
        if began is not None:
            self.latencies.append(now - began)
        if self.is_saturating:
            machine.submit()

    async def connect(self, count, *, at_once=200):
        loop = asyncio.get_running_loop()
        gate = asyncio.Semaphore(at_once)

        async def one(number):
            async with gate:
                # several loopback addresses: one address has 28,000 ports
                _, machine = await loop.create_connection(lambda: Machine(self, number), "127.0.0.1", self.port)
                self.machines.append(machine)
                async with asyncio.timeout(60):
                    await machine.ready

        start = len(self.machines)
        await asyncio.gather(*(one(start + i) for i in range(count)))

    def reset(self):
        self.answers = self.accepted = 0
        self.latencies = []

    async def saturate(self, seconds, window):
        self.is_saturating = True
        for machine in self.machines:
            for _ in range(window):
                machine.submit()
        await asyncio.sleep(1.0)
        self.reset()
        await asyncio.sleep(seconds)
        self.is_saturating = False

    async def at_rate(self, seconds, rate):
        """Send `rate` shares a second, spread over the machines in turn."""
        began = time.monotonic()
        sent = 0
        while (now := time.monotonic()) - began < seconds:
            due = int((now - began) * rate)
            while sent < due:
                self.machines[sent % len(self.machines)].submit()
                sent += 1
            await asyncio.sleep(0.001)

    def close(self):
        for machine in self.machines:
            machine.transport.abort()
        self.machines.clear()


class Server:
    """The process under test, seen from outside."""

    def __init__(self, algorithm="sha256d"):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "stratum_server.py"), algorithm], stdout=subprocess.PIPE, text=True
        )
        _, port, folder = self.process.stdout.readline().split(maxsplit=2)
        self.port, self.folder = int(port), Path(folder.strip())

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def new_tip(self):
        self.process.send_signal(signal.SIGUSR1)
        return float(self.process.stdout.readline().split()[1])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else float("nan")


async def shares(connections, *, seconds, rate=None, window=4):
    """Measure answers per CPU-second and the reply latency."""
    server = Server()
    try:
        load = Load(server.port)
        await load.connect(connections)
        if rate:
            await load.at_rate(1.0, rate)
            load.reset()
        before = server.cpu_s()
        began = time.monotonic()
        if rate:
            await load.at_rate(seconds, rate)
            await asyncio.sleep(0.2)
        else:
            task = asyncio.ensure_future(load.saturate(seconds, window))
            await asyncio.sleep(1.05)
            before, began = server.cpu_s(), time.monotonic()
            await task
        cpu, elapsed = server.cpu_s() - before, time.monotonic() - began
        result = {
            "connections": connections,
            "load": f"{rate}/s" if rate else f"saturated, {window} open each",
            "answers_per_s": round(load.answers / elapsed),
            "accepted": load.accepted,
            "answers_per_cpu_s": round(load.answers / cpu),
            "accepted_per_cpu_s": round(load.accepted / cpu),
            "cores": round(cpu / elapsed, 2),
            "p50_ms": round(percentile(load.latencies, 0.5) * 1000, 1),
            "p99_ms": round(percentile(load.latencies, 0.99) * 1000, 1),
        }
        load.close()
        return result
    finally:
        server.stop()


async def fan_out(connections, *, rate=0):
    """Measure how long a new tip takes to the first and the last session, and the memory of a session."""
    server = Server()
    try:
        load = Load(server.port)
        await asyncio.sleep(0.5)
        empty = server.rss()
        await load.connect(connections)
        full = server.rss()
        spans = []
        for _ in range(5):
            task = asyncio.ensure_future(load.at_rate(1.2, rate)) if rate else asyncio.ensure_future(asyncio.sleep(1.2))
            await asyncio.sleep(0.5)
            jobs_before = time.monotonic()
            told = await asyncio.to_thread(server.new_tip)
            await asyncio.sleep(0.2)
            await task
            times = [machine.job_at - told for machine in load.machines if machine.job_at > jobs_before]
            spans.append((min(times), max(times), len(times)))
        spans.sort(key=lambda span: span[1])
        first, last, count = spans[len(spans) // 2]
        result = {
            "connections": connections,
            "load": f"{rate}/s" if rate else "idle",
            "first_ms": round(first * 1000, 1),
            "last_ms": round(last * 1000, 1),
            "reached": count,
            "rss_mib": round(full / 2**20, 1),
            "kib_per_session": round((full - empty) / connections / 1024, 1),
            "kib_per_session_under_load": round((server.rss() - empty) / connections / 1024, 1),
            "lost": sum(machine.is_lost for machine in load.machines),
        }
        load.close()
        return result
    finally:
        server.stop()


async def storm(connections):
    """Measure how long all machines need to be back at work after every connection was cut at once."""
    server = Server()
    try:
        load = Load(server.port)
        await load.connect(connections)
        load.close()
        await asyncio.sleep(0.5)
        again = Load(server.port)
        began = time.monotonic()
        before = server.cpu_s()
        await again.connect(connections, at_once=connections)
        result = {
            "connections": connections,
            "all_back_s": round(time.monotonic() - began, 2),
            "server_cpu_s": round(server.cpu_s() - before, 2),
            "lost": sum(machine.is_lost for machine in again.machines),
        }
        again.close()
        return result
    finally:
        server.stop()


def machine_line():
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "commit": commit.stdout.strip(),
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


async def main(options):
    seconds = 4 if options.quick else 10
    print(json.dumps(machine_line()), flush=True)
    plan = [
        ("shares", lambda: shares(500, seconds=seconds, window=1)),
        ("shares", lambda: shares(100, seconds=seconds)),
        ("shares", lambda: shares(500, seconds=seconds)),
        ("shares", lambda: shares(1000, seconds=seconds)),
        ("shares", lambda: shares(5000, seconds=seconds, window=1)),
        ("shares", lambda: shares(1000, seconds=seconds, rate=1000)),
        ("shares", lambda: shares(10000, seconds=seconds, rate=1000)),
        ("fan-out", lambda: fan_out(1000)),
        ("fan-out", lambda: fan_out(5000)),
        ("fan-out", lambda: fan_out(5000, rate=1000)),
        ("fan-out", lambda: fan_out(10000, rate=1000)),
        ("storm", lambda: storm(2000)),
    ]
    for name, run in plan:
        if options.only and options.only != name:
            continue
        print(json.dumps({"bench": name, **await run()}), flush=True)


if __name__ == "__main__":
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("shares", "fan-out", "storm"))
    uvloop.run(main(parser.parse_args()))
