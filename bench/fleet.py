"""Poll and curtail simulated machines: `python bench/fleet.py [--quick]`, some three minutes on an idle machine.

The machines run in processes of their own (one for each fifteen hundred), the poller in this one. Three groups: 1,000
and 10,000 that our own drivers ask (cgminer API and xmrig), and 400 that pyasic-rs asks. For each step the wall time
stands beside the CPU time of this process and the longest time that its loop was late by: on a busy machine only those
two say something. The limits are those of issue 7. 10,000 machines need some 20,000 open files.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import structlog

from hashwright.adapters.devices._asic import library
from hashwright.runtime import fleet_commands
from hashwright.runtime.config import Config, ListenAddress
from hashwright.runtime.wiring import Hashwright
from hashwright.testing.machines.park import raise_file_limit

A_PROCESS = 1500
RULES = {"start_percent": 100.0, "stop_percent": 100.0, "poll_s": 600.0, "deadline_s": 10.0, "settle_s": 120.0}
OWN, LIBRARY = "cgminer,xmrig", "whatsminer,avalon"
GROUPS = ((1_000, OWN), (400, LIBRARY), (10_000, OWN))
QUICK = ((200, OWN), (50, LIBRARY))
LIMITS = {("poll", 1_000): 10.0, ("poll", 10_000): 100.0, ("reach", 1_000): 15.0}
"""Seconds that issue 7 allows; the polls within one core, a curtail with the ramp rule off."""
WAIT_S = 240.0
LOOK_S = 0.01


def start_park(count, second, mix):
    """Start machines on 127.SECOND.0.1 and after."""
    command = [sys.executable, "-m", "hashwright.testing.machines.park", "--machines", str(count)]
    command += ["--first", f"127.{second}.0.1", "--mix", mix]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def settings_of(process, second):
    """Wait until all machines of a process listen, and return their settings."""
    settings = []
    while (line := process.stdout.readline().strip()) != "ready":
        assert line, "the machines did not start"
        raw = json.loads(line)
        settings.append(raw | {"name": f"{second}-{raw['name']}"})
    return settings


@contextlib.asynccontextmanager
async def app_of(folder, settings):
    """Run the program with machines, each heard once."""
    listen = (ListenAddress(algorithm="sha256d", host="127.0.0.1", port=0),)
    app = Hashwright(Config(data_dir=folder, listen=listen, log_level="error", log_format="text", origins={}))
    await app.start()
    try:
        await fleet_commands.change_rules(app, RULES)
        began, cpu = time.perf_counter(), cpu_s()
        for start in range(0, len(settings), 1000):
            await fleet_commands.save_devices(app, settings[start : start + 1000])
        print(f"         added after {time.perf_counter() - began:.1f} s ({cpu_s() - cpu:.1f} s CPU)", flush=True)
        await wait(lambda: all(device.answer for device in app.kernel.fleet.devices.values()))
        yield app
    finally:
        await app.stop()


async def measure(folder, settings):
    """Poll all machines once, curtail them, and print what it took."""
    async with app_of(folder, settings) as app:
        names, devices = [it["name"] for it in settings], app.kernel.fleet.devices
        await timed("poll", len(names), lambda: poll(app, names))
        began = time.perf_counter()
        fleet_commands.order_power(app, {"devices": names, "mode": "sleep"})
        await timed("reach", len(names), lambda: wait(lambda: all(is_told(it) for it in devices.values())))
        await timed("obey", len(names), lambda: wait(lambda: all(is_asleep(it) for it in devices.values())))
        print(f"         curtailed and read back after {time.perf_counter() - began:.2f} s", flush=True)


def is_told(device):
    """Tell whether a machine took its command."""
    return device.is_asleep_by_us


def is_asleep(device):
    """Tell whether a machine took its command, was read back and sleeps."""
    return device.pending is None and device.is_asleep_by_us


async def poll(app, names):
    """Ask every machine once, by the loop that always does it: all are due now."""
    service, now = app.fleet, asyncio.get_running_loop().time()
    since, before = app.clock.now(), service.polls
    for name in names:
        service.ask_at(name, now)
    await wait(lambda: service.polls >= before + len(names))
    assert all(service.latest[name].at >= since for name in names), "some did not answer"


async def wait(condition):
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.05)


async def lateness(worst):
    """Watch how late the loop comes to a thing that was due."""
    while True:
        due = time.perf_counter() + LOOK_S
        await asyncio.sleep(LOOK_S)
        worst[0] = max(worst[0], time.perf_counter() - due)


async def timed(what, count, work):
    worst = [0.0]
    watch = asyncio.create_task(lateness(worst))
    began, cpu = time.perf_counter(), cpu_s()
    await work()
    wall, used = time.perf_counter() - began, cpu_s() - cpu
    watch.cancel()
    limit = LIMITS.get((what, count))
    verdict = "" if limit is None else f"  limit {limit:g} s: {'met' if wall <= limit else 'NOT met'}"
    each = 1000 * used / count
    print(f"{what:<8} {count:>6}  {wall:6.2f} s wall  {used:6.2f} s CPU ({each:.2f} ms a machine)"
          f"  loop late by {1000 * worst[0]:.0f} ms at most{verdict}", flush=True)  # fmt: skip


def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(size, mix):
    """Measure one group on a folder of its own."""
    load = os.getloadavg()[0]
    print(f"{size} machines ({mix}), load {load:.1f} on {os.cpu_count()} cores before they start", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="hw-bench-fleet-"))
    began = time.perf_counter()
    parks = {90 + at // A_PROCESS: min(A_PROCESS, size - at) for at in range(0, size, A_PROCESS)}
    processes = {second: start_park(count, second, mix) for second, count in parks.items()}
    try:
        settings = [raw for second, process in processes.items() for raw in settings_of(process, second)]
        print(f"         they listen after {time.perf_counter() - began:.1f} s", flush=True)
        asyncio.run(measure(folder, settings))
    except TimeoutError:
        print(f"{size} machines: a step did not end within {WAIT_S:g} s, load {os.getloadavg()[0]:.1f}", flush=True)
    finally:
        for process in processes.values():
            process.stdin.close()
        for process in processes.values():
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small groups only")
    parser.add_argument("--only", type=int, help="the group of this size only")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    library()  # it is loaded once a process: that is not the poll's time
    raise_file_limit(6_000)
    for size, mix in QUICK if options.quick else GROUPS:
        if options.only in (None, size):
            run(size, mix)


if __name__ == "__main__":
    main()
