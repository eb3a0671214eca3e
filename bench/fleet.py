"""Poll and curtail simulated machines: `python bench/fleet.py [--quick]`.

The machines run in processes of their own (one a thousand and a half), the poller in this one; its CPU time is printed
beside the wall time. 10,000 machines need some 20,000 open files.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from hashwright.runtime import fleet_commands
from hashwright.runtime.config import Config, ListenAddress
from hashwright.runtime.wiring import Hashwright
from hashwright.testing.machines.park import raise_file_limit

A_PROCESS = 1500
RULES = {"start_percent": 100.0, "stop_percent": 100.0, "poll_s": 600.0, "deadline_s": 10.0, "settle_s": 120.0}


def start_park(count, second):
    """Start machines on 127.SECOND.0.1 and after, and return the process with their settings."""
    command = [sys.executable, "-m", "hashwright.testing.machines.park", "--machines", str(count)]
    command += ["--first", f"127.{second}.0.1", "--mix", "cgminer,xmrig"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    settings = []
    while (line := process.stdout.readline().strip()) != "ready":
        assert line, "the machines did not start"
        raw = json.loads(line)
        settings.append(raw | {"name": f"{second}-{raw['name']}"})
    return process, settings


async def measure(settings):
    """Add machines, poll all of them once, curtail them, and print what it took."""
    folder = Path(tempfile.mkdtemp(prefix="hw-bench-fleet-"))
    listen = (ListenAddress(algorithm="sha256d", host="127.0.0.1", port=0),)
    app = Hashwright(Config(data_dir=folder, listen=listen, log_level="error", log_format="text", origins={}))
    await app.start()
    try:
        await fleet_commands.change_rules(app, RULES)
        for start in range(0, len(settings), 1000):
            await fleet_commands.save_devices(app, settings[start : start + 1000])
        await wait(lambda: all(device.answer for device in app.kernel.fleet.devices.values()))
        names = [it["name"] for it in settings]
        await timed("poll", len(names), lambda: poll(app, names), lambda: app.fleet.polls)
        order = {"devices": names, "mode": "sleep"}
        fleet_commands.order_power(app, order)
        began = time.perf_counter()
        await timed("reach", len(names), lambda: wait(lambda: all_told(app)), lambda: 0)
        await timed("obey", len(names), lambda: wait(lambda: all_asleep(app)), lambda: 0)
        print(f"curtailed and read back after {time.perf_counter() - began:.2f} s")
    finally:
        await app.stop()


def all_told(app):
    """Tell whether every machine took its command."""
    return all(device.is_asleep_by_us for device in app.kernel.fleet.devices.values())


async def poll(app, names):
    """Ask every machine once, through the places of the real loop."""
    places = asyncio.Semaphore(256)

    async def one(name):
        async with places:
            await app.fleet.read(name)

    await asyncio.gather(*(one(name) for name in names))


def all_asleep(app):
    """Tell whether every machine took its command, was read back and sleeps."""
    return all(device.pending is None and device.is_asleep_by_us for device in app.kernel.fleet.devices.values())


async def wait(condition):
    while not condition():
        await asyncio.sleep(0.05)


async def timed(what, count, work, counter):
    began, cpu, before = time.perf_counter(), cpu_s(), counter()
    await work()
    wall, used = time.perf_counter() - began, cpu_s() - cpu
    asked = counter() - before
    print(f"{what:<8} {count:>6} machines  {wall:6.2f} s wall  {used:6.2f} s CPU of the poller  {asked} polls")


def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    sizes = (200,) if parser.parse_args().quick else (1_000, 10_000)
    raise_file_limit(4_000)
    for size in sizes:
        parks = [start_park(min(A_PROCESS, size - at), 90 + at // A_PROCESS) for at in range(0, size, A_PROCESS)]
        try:
            asyncio.run(measure([raw for _, settings in parks for raw in settings]))
        finally:
            for process, _ in parks:
                process.stdin.close()
            for process, _ in parks:
                process.wait(30)


if __name__ == "__main__":
    main()
