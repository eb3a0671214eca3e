"""What the dashboard costs the shares: the program's processor time a share, with the web resting and with it at work.

python bench/web_ingest.py [--rate 1000] [--machines 1000] [--dashboards 10] [--seconds 4] [--rounds 12]

The program and the web are processes of their own, on a real database; machines are sessions of this process, as in
bench/stratum.py. In each round the web rests for some seconds (SIGSTOP), and works for as many, in turn first and
second: so both are of one process, a few seconds apart, and what else the machine does falls on both. A third span of
each round has another web at work, with as many dashboards, on another data folder and another program: what that one
adds is crowding of the processor, nothing that the web asked of this program. Aim: 3 % (issue 9).

    --alone    no shares: the program's processor time a second for the web's questions, which noise disturbs least
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import uvloop

from stratum import Load, Server, machine_line, percentile
from web import drain, fill, program, web

AIM = 0.03
SETTLE_S = 1.0
WAYS = ("resting", "elsewhere", "watched")


def cpu_us(process):
    """Return the processor time of all threads of a process [us]; finer than what `stat` tells."""
    total = 0
    for thread in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1000


@contextlib.contextmanager
def dashboards(site, count):
    """Hold so many streams open and read them."""
    wires, ended = [], threading.Event()
    for _ in range(count):
        wire = socket.create_connection(("127.0.0.1", site.port))
        wire.sendall(f"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {site.cookie}\r\n\r\n".encode())
        wires.append(wire)
    reader = threading.Thread(target=drain, args=(wires, ended), daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()
        for wire in wires:
            wire.close()


@contextlib.contextmanager
def elsewhere(machines):
    """Yield a folder on which another program answers, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--stand-in", folder, "--machines", str(machines)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            try:
                yield pathlib.Path(folder)
            finally:
                process.terminate()


def stand_in(folder, machines):
    """Answer for another program until the end."""
    fill(pathlib.Path(folder), machines, 10)
    with program(pathlib.Path(folder), machines):
        print("ready", flush=True)
        signal.pause()


class Bench:
    """One program with its machines, the web on it, and the other web."""

    def __init__(self, options, stack, server, load):
        self.options, self.server, self.load = options, server, load
        self.sites = {}
        folders = {"watched": server.folder}
        if not options.alone:
            folders["elsewhere"] = stack.enter_context(elsewhere(options.machines))
        for way, folder in folders.items():
            self.sites[way] = stack.enter_context(web(folder))
            stack.enter_context(dashboards(self.sites[way], options.dashboards))

    def let(self, way):
        """Let one web work and the others rest; all of them, for another word."""
        for name, site in self.sites.items():
            os.kill(site.process.pid, signal.SIGSTOP if way in WAYS and way != name else signal.SIGCONT)

    async def span(self, way):
        """Return the program's time for a share [us] (or for a second), and of the web for a second [us]."""
        self.let(way)
        rate = 1 if self.options.alone else self.options.rate
        await self.load.at_rate(SETTLE_S, rate)
        self.load.reset()
        sites = [site.process for site in self.sites.values()]
        before, of_web = cpu_us(self.server.process), sum(map(cpu_us, sites))
        began = time.monotonic()
        await self.load.at_rate(self.options.seconds, rate)
        used, of_web = cpu_us(self.server.process) - before, sum(map(cpu_us, sites)) - of_web
        seconds = time.monotonic() - began
        parts = seconds if self.options.alone else self.load.answers
        return used / parts, of_web / seconds, percentile(self.load.latencies, 0.99) * 1000


async def main(options):
    """Run the rounds and say what came out."""
    print(machine_line(), flush=True)
    server = Server()
    load = Load(server.port)
    try:
        with contextlib.ExitStack() as stack:
            await load.connect(options.machines)
            bench = await asyncio.to_thread(Bench, options, stack, server, load)
            try:
                await load.at_rate(12.0, 1 if options.alone else options.rate)  # the web has read its day by then
                await rounds(bench, options)
            finally:
                bench.let("all")
        load.close()
    finally:
        server.stop()


async def rounds(bench, options):
    """Run the rounds."""
    ways = ("resting", "watched") if options.alone else WAYS
    found = {way: [] for way in ways}
    order = random.Random(1)
    for _ in range(options.rounds):
        for way in order.sample(ways, len(ways)):
            found[way].append(await bench.span(way))
        print("  " + "; ".join(f"{way} {found[way][-1][0]:.1f}" for way in ways), flush=True)
    unit = "us a second" if options.alone else "us a share"
    for way in ways:
        used, of_web, late = (statistics.median(it[at] for it in found[way]) for at in range(3))
        print(f"  {way}: median {used:.1f} {unit}, p99 {late:.1f} ms, web {of_web / 10_000:.1f} % of a core")
    if options.alone:
        return
    for way, other in (("elsewhere", "resting"), ("watched", "resting"), ("watched", "elsewhere")):
        ratios = [one[0] / two[0] - 1 for one, two in zip(found[way], found[other], strict=True)]
        median, quarters = statistics.median(ratios), statistics.quantiles(ratios, n=4)
        said = f" [aim {AIM:.0%}: {'met' if median <= AIM else 'MISSED'}]" if other == "resting" else ""
        print(f"  {way} against {other}: {median:+.1%}, quartiles {quarters[0]:+.1%} and {quarters[2]:+.1%}{said}")


if __name__ == "__main__":
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--dashboards", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--stand-in", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stand_in:
        stand_in(options.stand_in, options.machines)
    else:
        uvloop.run(main(options))
