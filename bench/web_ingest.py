"""What the dashboard costs the shares: the program's processor time a share, alone and with the web beside it.

python bench/web_ingest.py [--rate 1000] [--machines 1000] [--dashboards 10] [--seconds 8] [--pairs 5]

The program and the web are processes of their own, on a real database; machines are sessions of this process, as in
bench/stratum.py. Runs come in pairs, alone first in one and second in the next. Aim: 3 % (issue 9).
"""

import argparse
import asyncio
import contextlib
import socket
import statistics
import threading

import uvloop

from stratum import Load, Server, machine_line, percentile
from web import drain, web

AIM = 0.03


async def measured(options, *, is_watched):
    """Return the server's CPU for an answer [us] and the 99th percentile of the replies [ms]."""
    server = Server()
    try:
        with contextlib.ExitStack() as stack:
            if is_watched:
                site = await asyncio.to_thread(stack.enter_context, web(server.folder))
                stack.enter_context(dashboards(site, options.dashboards))
            load = Load(server.port)
            await load.connect(options.machines)
            await load.at_rate(3.0, options.rate)
            load.reset()
            before = server.cpu_s()
            await load.at_rate(options.seconds, options.rate)
            await asyncio.sleep(0.2)
            used = server.cpu_s() - before
            result = used / load.answers * 1e6, percentile(load.latencies, 0.99) * 1000
            load.close()
            return result
    finally:
        server.stop()


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


async def main(options):
    """Run the pairs and say what came out."""
    print(machine_line(), flush=True)
    ratios = []
    for pair in range(options.pairs):
        found = {}
        for is_watched in (False, True) if pair % 2 == 0 else (True, False):
            found[is_watched] = await measured(options, is_watched=is_watched)
        ratios.append(found[True][0] / found[False][0] - 1)
        alone, watched = ("{:.0f} us a share, p99 {:.1f} ms".format(*found[it]) for it in (False, True))
        print(f"  alone {alone}; with the web {watched}: {ratios[-1]:+.1%}", flush=True)
    median = statistics.median(ratios)
    print(f"  median {median:+.1%} [aim {AIM:.0%}: {'met' if median <= AIM else 'MISSED'}]")


if __name__ == "__main__":
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--dashboards", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--pairs", type=int, default=5)
    uvloop.run(main(parser.parse_args()))
