"""What power plans cost the running program: the look at its machines, the plan for the engine, a turn of the worker.

    python bench/power.py [MACHINES]

The look and the hand-over happen in the event loop, so what counts is how long they hold it. The turn is in a process
of its own; its time is a whole one, with tariff, solver and answer.
"""

import asyncio
import math
import pathlib
import sys
import tempfile
import time
import types

import msgspec

from hashwright.fleet.events import DeviceSet, DevicesSeen, Reading, RulesSet
from hashwright.fleet.records import FleetState
from hashwright.fleet.step import TICK_KEY, step
from hashwright.runtime.autopilot_power import plan_event
from hashwright.runtime.power_observe import PowerAsk, observe, think
from hashwright.runtime.power_settings import PowerSettings
from hashwright.runtime.power_sight import machines_of, signature_of
from hashwright.signals import ClockTicked

NOW = 1_767_225_600_000
GROUPS = 10
SITE = """
[site]
name = "bench"
[limits]
import_kw = {kw}
machines_kw = {kw}
[tariff]
kind = "time_of_use"
zone = "UTC"
price = 0.08
{rules}
[revenue]
per_th_day = 0.048
"""
RULE = """
[[tariff.rules]]
price = {price:.4f}
from = "{hour:02}:00"
to = "{end:02}:00"
"""
GROUP = """
[[groups]]
name = "g{number}"
levels = [{{ power_w = 3000, hashrate_ths = {rate} }}, {{ power_w = 2100, hashrate_ths = {low} }}]
"""


def fleet(count):
    """Return a live fleet whose machines all hash."""
    state = FleetState()
    step(state, RulesSet(is_live=True), now=NOW)
    for number in range(count):
        name = f"m{number:05d}"
        step(
            state,
            DeviceSet(device=name, kind="cgminer", group=f"g{number % GROUPS}", site="hall", rated_w=3000.0,
                      rated_hs=1e14 * (1 + number % GROUPS / 50), min_part=0.5, curve=((2100.0, 8e13), (3000.0, 1e14))),
            now=NOW,
        )  # fmt: skip
        step(state, DevicesSeen((Reading(name, NOW, "ok", "hashing", 1e14, 3000.0),)), now=NOW)
    return state


def held(name, function, *arguments, **named):
    """Print how long a call holds the loop: the best of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        answer = function(*arguments, **named)
        times.append(time.perf_counter() - began)
    print(f"{name:34} {1000 * min(times):9.1f} ms")
    return answer


def breathing(name, function, *arguments, **named):
    """Print how long a coroutine takes, and how long it holds the loop at once at most: the best of three."""

    async def run():
        longest, before = 0.0, time.perf_counter()
        task = asyncio.get_running_loop().create_task(function(*arguments, **named))
        while not task.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        return task.result(), longest

    runs = []
    for _ in range(3):
        began = time.perf_counter()
        answer, longest = asyncio.run(run())
        runs.append((longest, time.perf_counter() - began))
    print(f"{name:34} {1000 * min(runs)[1]:9.1f} ms, at most {1000 * min(runs)[0]:.1f} ms at once")
    return answer


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    state = fleet(count)
    app = types.SimpleNamespace(
        kernel=types.SimpleNamespace(fleet=state), clock=types.SimpleNamespace(now=lambda: NOW + 1000)
    )
    print(f"{count} machines in {GROUPS} groups")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "bench.toml"
        groups = "".join(GROUP.format(number=it, rate=100 + 2 * it, low=76 + 2 * it) for it in range(GROUPS))
        rules = "".join(
            RULE.format(hour=it, end=it + 1, price=0.065 + 0.05 * math.sin(it / 3.1) + 0.01 * math.sin(it * 1.7))
            for it in range(24)
        )
        path.write_text(SITE.format(kw=count * 2, rules=rules) + groups)
        settings = PowerSettings(name="bench", site_file=str(path))
        breathing("the look each 5 s", signature_of, app, settings)
        machines = breathing("the look before a turn", machines_of, state, at="", now=NOW)
        ask = PowerAsk(name="bench", now_ms=NOW, site_file=str(path), data="", meter="", hours=48, solver_s=20,
                       machines=machines, worth={}, told=(), last=None)  # fmt: skip
        began, cpu = time.perf_counter(), time.process_time()
        seen = observe(ask)
        thought = think(seen)
        print(
            f"{'a turn of the worker':34} {time.perf_counter() - began:9.1f} s, {time.process_time() - cpu:.1f} CPU s"
        )
    gap = float("nan") if thought.bound is None else (thought.bound - thought.value) / abs(thought.value)
    size = len(msgspec.json.encode(seen)) + len(msgspec.json.encode(thought))
    print(f"{thought.method}, gap {gap:.4%}, {len(thought.groups)} changes, {size / 1000:.0f} kB kept a turn")
    plan = held("the plan for the engine", plan_event, app, settings, 1, seen, thought)
    held("the engine takes it", step, state, plan, now=NOW + 1000)
    held("a tick with nothing to do", step, state, ClockTicked(TICK_KEY), now=NOW + 2000)


if __name__ == "__main__":
    main()
