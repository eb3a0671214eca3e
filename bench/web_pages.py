"""Plan, Energy and Lab: server time of what they ask, and when a browser can read them. One line each.

python bench/web_pages.py [--groups 20] [--hours 168] [--days 30]

The program behind it answers from this process: a real power plan of so many groups of machines over so many hours
(by the threshold rule: what is measured is the page, not the solver), and a route's decisions every five minutes for so
many days in a real database. Needs chromium and node (frontend/node_modules) for the browser's figures.
"""

import argparse
import asyncio
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import msgspec

import web as bench
from hashwright.planner.autopilot import Limits, Seen, SeenWay, think
from hashwright.planner.power import PowerSeen, SeenMachines
from hashwright.planner.power_pins import Pin
from hashwright.planner.power_think import think_power
from hashwright.runtime.control import ControlServer, socket_path
from hashwright.runtime.opening import open_store
from hashwright.store import decisions

HOUR_MS = 3_600_000
TURN_MS = 300_000
REQUESTS = 60
AIM_MS = 50
PAGES = (
    ("plan", AIM_MS), ("plan/grid", AIM_MS), ("plan/history?hours=168", None), ("decisions?limit=15", AIM_MS),
    ("energy", AIM_MS), ("lab/jobs", AIM_MS),
)  # fmt: skip
WHAT_IF = {"machine": "s21", "power_price": 0.07, "growth": 2.0}


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--hours", type=int, default=168)
    parser.add_argument("--days", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(pathlib.Path(name), arguments)


def measure(folder, arguments):
    """Measure."""
    now = int(time.time() * 1000)
    count = fill(folder, now, arguments.days * 24 * HOUR_MS // TURN_MS)
    state = power_state(now, arguments.groups, arguments.hours)
    cells = arguments.groups * arguments.hours
    print(f"{count:,} decisions kept, {arguments.groups} groups by {arguments.hours} hours: {cells:,} cells")
    with program(folder, state, now), bench.web(folder) as site:
        time.sleep(2)
        site.timed("status")
        begun = time.perf_counter()
        site.timed("plan/grid")
        print(f"  /plan/grid, the first after a turn: {(time.perf_counter() - begun) * 1000:.0f} ms, once a turn")
        for path, aim in PAGES:
            tell(site, f"/{path}", [site.timed(path) for _ in range(REQUESTS)], aim)
        tell(site, "POST /lab/what-if", [posted(site, "lab/what-if", WHAT_IF) for _ in range(REQUESTS)], AIM_MS)
        browse(site)


def tell(site, name, times, aim):
    """Print one line."""
    p95 = sorted(times)[int(len(times) * 0.95)]
    said = bench.judged(p95, aim, "ms")
    print(f"  {name}: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms{said} ({site.size / 1000:.0f} kB)")


def posted(site, path, body):
    """Send, and return how long the answer took [ms]."""
    if not hasattr(site, "csrf"):
        site.wire.request("GET", "/api/v1/session", headers={"cookie": site.cookie})
        site.csrf = json.loads(site.wire.getresponse().read())["csrf"]
    time.sleep(0.05)
    headers = {"cookie": site.cookie, "content-type": "application/json", "x-hw-csrf": site.csrf}
    begun = time.perf_counter()
    site.wire.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
    answer = site.wire.getresponse()
    found = answer.read()
    took = (time.perf_counter() - begun) * 1000
    assert answer.status == 200, found
    site.size = len(found)
    return took


# ---------------------------------------------------------------- what a program says


def decision(at, far):
    """Think one turn of a route."""
    ways = tuple(
        SeenWay(
            destination=name, coin="bitcoin", is_ready=True, coins_per_hash=9e-24, price_usd=usd, price_at_ms=at,
            price_source="median of 3", net=0.98,
        )
        for name, usd in (("near", 60_000.0), ("far", 90_000.0))
    )  # fmt: skip
    seen = Seen(
        at_ms=at, algorithm="sha256d", hashrate_hs=2e15, efficiency_j_th=17.5, power_price_usd_kwh=0.08, ways=ways,
        held={"near": 1 - far, "far": far}, limits=Limits(step=0.25),
    )  # fmt: skip
    return decisions.DecisionRow(
        id=0, at_ms=at, algorithm="sha256d", mode="live", state="applied", note="expected +3.20 USD a day",
        seen=msgspec.json.encode(seen).decode(), thought=msgspec.json.encode(think(seen)).decode(),
    )  # fmt: skip


def fill(folder, now, turns):
    """Write the decisions of a route."""
    store = open_store(folder)

    def write(connection):
        for number in range(turns, 0, -1):
            decisions.write(connection, decision(now - number * TURN_MS, number % 50 / 50))

    store.change_books(write)
    store.close()
    return turns


def power_state(now, groups, hours):
    """Plan for so many groups over so many hours; two of them have pins."""
    start, slots = now // HOUR_MS * HOUR_MS, 4 * hours
    names = [f"row-{number:02d}" for number in range(groups)]
    levels = [{"power_w": 3000, "hashrate_ths": 150.0}, {"power_w": 2000, "hashrate_ths": 110.0}]
    site = {
        "site": {"name": "Hall"}, "limits": {"import_kw": 40.0 * groups, "export_kw": 50.0},
        "revenue": {"coin": "BTC"}, "sun": [{"dc_kw": 100.0, "tilt": 30, "azimuth": 180}],
        "groups": [{"name": name, "levels": levels} for name in names],
    }  # fmt: skip
    price = tuple(0.05 + 0.2 * (hour % 24 in (17, 18, 19, 20)) for hour in range(hours) for _ in range(4))
    sun = tuple(60_000.0 * (9 <= hour % 24 <= 15) for hour in range(hours) for _ in range(4))
    pins = tuple(
        Pin(group=name, from_ms=start + 5 * HOUR_MS, to_ms=start + 9 * HOUR_MS, want="rest", author="kai")
        for name in names[:2]
    )
    seen = PowerSeen(
        at_ms=now, name="Hall", currency="EUR", site=site, start_ms=start, price=price, export=(0.02,) * slots,
        sun_w=sun, wind_w=(0.0,) * slots, per_th_day=(0.05,) * slots, earns_source="bench", pins=pins,
        machines=tuple(SeenMachines(group=name, count=12, rated_w=3000.0, min_part=0.6, running=12) for name in names),
        has_solver=False,
    )  # fmt: skip
    thought = think_power(seen)
    turn = {"number": 1, "at_ms": now, "name": "hall", "mode": "dry-run", "state": "rehearsed", "note": ""}
    return {
        "name": "hall", "settings": {"name": "hall", "mode": "dry-run", "is_paused": False, "every_s": 900},
        "banner": "", "next_at_ms": now + 900_000, "fleet_is_live": False, "driven_by": None, "last": turn,
        "plan": turn | {"seen": msgspec.to_builtins(seen), "thought": msgspec.to_builtins(thought), "gain": 1.0},
        "pins": {"change": 1, "pins": [msgspec.to_builtins(it) for it in pins]},
    }  # fmt: skip


@contextlib.contextmanager
def program(folder, state, now):
    """Answer on the control socket from a thread of its own."""
    answers = bench.Answers(200)
    row = {"number": 1, "mode": "live", "state": "applied", "note": "", "at_ms": now, "algorithm": "sha256d"}
    made = decision(now, 0.5)
    last = row | {"seen": json.loads(made.seen), "thought": json.loads(made.thought)}

    async def power(_):
        return [state]

    async def routes(_):
        return [{"settings": {"algorithm": "sha256d", "mode": "live", "every_s": 300}, "problem": "", "last": last}]

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ControlServer(socket_path(folder), {
        "status": answers.status, "workers": answers.workers, "fleet-status": answers.fleet, "power-status": power,
        "autopilot-status": routes,
    })  # fmt: skip
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def browse(site):
    """Ask a browser when each page can be read."""
    chromium = shutil.which("chromium")
    if chromium is None or not (bench.ROOT / "frontend/node_modules").exists():
        print("  no browser here: when pages can be read was not measured")
        return
    asked = {"address": site.address, "cookie": site.cookie, "chromium": chromium}
    done = subprocess.run(
        ["node", "test/pages.mjs", json.dumps(asked)],
        cwd=bench.ROOT / "frontend",
        capture_output=True,
        text=True,
        timeout=200,
    )
    if done.returncode:
        print(done.stderr[-800:])
        return
    for name, found in json.loads(done.stdout).items():
        paint, ready = statistics.median(found["paint"]), statistics.median(found["ready"])
        print(f"  {name} in a browser: first paint {paint:.0f} ms, readable {ready:.0f} ms (medians of 3)")


if __name__ == "__main__":
    main()
