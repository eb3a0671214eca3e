"""How good is the router? python bench/route.py [--quick] [--only proxied|failover|switch|split].

Each server is a process of its own: upstreams are our own pool (bench/stratum_server.py), the router under test is
bench/route_server.py with a real data folder, machines are Stratum sessions in this process.

proxied   shares that go through to an upstream and come back as its answer, per CPU-second of the router
failover  1,000 machines on one upstream, which is killed: how long until each has a job of the warm stand-by
switch    one reference miner that is split over two upstreams in the shortest slices: shares lost by switching
split     bench/route_split.py: work against target after ten virtual minutes
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))
import route_split
from hashwright.testing.miner import mine
from hashwright.testing.talk import MinerOptions
from route_switch import SHARE, measure
from stratum import EASY, HERE, Load, Machine, Server, machine_line, percentile

SETTLE_S = 2.0


class Router(Server):
    """The process under test."""

    def __init__(self, *upstreams, difficulty=EASY, is_split=False):
        arguments = [f"up{number}={server.port}" for number, server in enumerate(upstreams)]
        command = [sys.executable, str(HERE / "route_server.py"), str(difficulty), *arguments, "split" * is_split]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        _, port, self.folder = self.process.stdout.readline().split()
        self.port = int(port)


class Movable(Machine):
    """A machine that takes a new extranonce; half of the upstream's eight bytes are left to it."""

    extranonce2 = "00000001"

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.write(b'{"id":3,"method":"mining.extranonce.subscribe","params":[]}\n')


class MovableLoad(Load):
    """Machines that can be moved."""

    async def connect(self, count, *, at_once=200):
        loop = asyncio.get_running_loop()
        gate = asyncio.Semaphore(at_once)

        async def one(number):
            async with gate:
                _, machine = await loop.create_connection(lambda: Movable(self, number), "127.0.0.1", self.port)
                self.machines.append(machine)
                async with asyncio.timeout(60):
                    await machine.ready

        await asyncio.gather(*(one(number) for number in range(count)))


async def proxied(connections, *, seconds, rate=None):
    """Measure shares that went through an upstream, per CPU-second of the router."""
    upstream = Server()
    router = Router(upstream)
    try:
        load = MovableLoad(router.port)
        await load.connect(connections)
        if rate:
            await load.at_rate(1.0, rate)
        load.reset()
        task = asyncio.ensure_future(load.at_rate(seconds, rate) if rate else load.saturate(seconds, 1))
        await asyncio.sleep(1.05)
        before, began, accepted = router.cpu_s(), time.monotonic(), load.accepted
        await task
        cpu, elapsed = router.cpu_s() - before, time.monotonic() - began
        result = {
            "connections": connections,
            "load": f"{rate}/s" if rate else "saturated, 1 open each",
            "proxied_per_s": round((load.accepted - accepted) / elapsed),
            "proxied_per_cpu_s": round((load.accepted - accepted) / cpu),
            "cores": round(cpu / elapsed, 2),
            "p99_ms": round(percentile(load.latencies, 0.99) * 1000, 1),
        }
        load.close()
        return result
    finally:
        router.stop()
        upstream.stop()


async def failover(connections):
    """Measure how long machines are without a job after their upstream was killed."""
    first, second = Server(), Server()
    router = Router(first, second)
    try:
        load = MovableLoad(router.port)
        await load.connect(connections)
        await asyncio.sleep(SETTLE_S)
        killed = time.monotonic()
        first.process.kill()
        deadline = killed + 30
        while time.monotonic() < deadline and any(machine.job_at < killed for machine in load.machines):
            await asyncio.sleep(0.01)
        times = [machine.job_at - killed for machine in load.machines if machine.job_at >= killed]
        result = {
            "connections": connections,
            "back": len(times),
            "p50_ms": round(percentile(times, 0.5) * 1000),
            "p99_ms": round(percentile(times, 0.99) * 1000),
            "last_ms": round(max(times, default=float("nan")) * 1000),
            "lost_connections": sum(machine.is_lost for machine in load.machines),
        }
        load.close()
        return result
    finally:
        router.stop()
        first.stop()
        second.stop()


async def switch(seconds):
    """Mine over a router that moves the machine every five seconds; count what is refused or lost."""
    first, second = Server(), Server()
    router = Router(first, second, difficulty=SHARE, is_split=True)
    try:
        return await measure(seconds, mine, MinerOptions, folder=router.folder, port=router.port)
    finally:
        router.stop()
        first.stop()
        second.stop()


async def main(options):
    print(json.dumps(machine_line()), flush=True)
    seconds = 5 if options.quick else 10
    plan = [
        ("proxied", lambda: proxied(500, seconds=seconds)),
        ("proxied", lambda: proxied(1000, seconds=seconds, rate=1000)),
        ("failover", lambda: failover(1000)),
        ("switch", lambda: switch(30 if options.quick else 120)),
    ]
    for name, run in plan:
        if not options.only or options.only == name:
            print(json.dumps({"bench": name, **await run()}), flush=True)
    if options.only in (None, "split"):
        for row in route_split.rows(quick=options.quick):
            print(json.dumps({"bench": "split", **row}), flush=True)


if __name__ == "__main__":
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("proxied", "failover", "switch", "split"))
    uvloop.run(main(parser.parse_args()))
