"""The web: server time of the page Now, first paint, ten thousand machines, a hundred open dashboards. One line each.

A line that has an aim says it, and whether it was met. Beside what a client saw stands the processor time of the server
for one request, which other programs on the machine disturb less.

python bench/web.py [--machines 1000] [--many 10000] [--dashboards 100] [--seconds 20]

The program behind it is a control socket that says what a program with so many machines would say, in this process;
the database is real. Work: every minute of the last day for `--machines`, every minute of the last hour for `--many`.
The books: ten entries a day for a year. Needs chromium and node (frontend/node_modules) for the browser's figures.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from hashwright.clock import Instant
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount, Currency
from hashwright.runtime.control import ControlServer, socket_path
from hashwright.store import ledger
from hashwright.store.sqlite import SqliteStore

ROOT = pathlib.Path(__file__).parents[1]
LTC = Currency("LTC", 8)
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
TARGET = "00000000ffff" + "0" * 52
PASSWORD = "four random words"
REQUESTS = 200
AIM_STATUS_MS, AIM_PAINT_MS, AIM_LISTED_MS, AIM_FILTERED_MS, AIM_DASHBOARDS = 50, 1_000, 400, 100, 0.10
LOOKED_AT = (
    ("status", AIM_STATUS_MS), ("history", AIM_STATUS_MS), ("net", AIM_STATUS_MS), ("next", AIM_STATUS_MS),
    ("machines", None), ("workers?limit=100", None), ("ledger/days?days=365", None), ("shares?limit=30", None),
)  # fmt: skip
"""What is measured, with its aim at p95 [ms]: the first four are what the page Now asks."""


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--machines", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--dashboards", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    for count, minutes in ((arguments.machines, 1440), (arguments.many, 60)):
        with tempfile.TemporaryDirectory() as name:
            measure(pathlib.Path(name), count, minutes, arguments)


def measure(folder, count, minutes, arguments):
    """Measure one size."""
    begun = time.perf_counter()
    fill(folder, count, minutes)
    print(f"{count:,} machines, {count * minutes:,} rows of work, written in {time.perf_counter() - begun:.0f} s")
    with program(folder, count), web(folder) as site:
        site.first_picture()
        for path, aim in LOOKED_AT:
            requests = REQUESTS if count < 5_000 else 50
            before = site.cpu_s()
            times = sorted(site.timed(path) for _ in range(requests))
            cpu_ms = (site.cpu_s() - before) * 1000 / requests
            p95 = times[int(len(times) * 0.95)]
            said = judged(p95, aim if count < 5_000 else None, "ms")
            print(
                f"  /{path}: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms{said}"
                f" (server {cpu_ms:.1f} ms of CPU a request, its own looking with it; {site.size / 1000:.0f} kB)"
            )
        browse(site, is_many=count >= 5_000)
        site.dashboards(arguments.dashboards, arguments.seconds)


def judged(value, aim, unit):
    """Say an aim, and whether it was met."""
    return "" if aim is None else f" [aim below {aim:g} {unit}: {'met' if value < aim else 'MISSED'}]"


# ---------------------------------------------------------------- a year, and a program


def fill(folder, count, minutes):
    """Write work and books as a program would have."""
    store = SqliteStore.open(folder)
    now = int(time.time() * 1000)
    connection = store.connect()
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN IMMEDIATE")
    last = now // MINUTE_MS
    statement = f"INSERT INTO work VALUES (?, 'home', ?, '{TARGET}', 'accepted', 6, '{6 * 2**32:039d}')"
    for minute in range(last - minutes, last + 1):
        connection.executemany(statement, ((minute, name) for name in names(count)))
    for number in range(3_650):
        postings = (
            (accounts.immature("home"), Amount(1_000_000, LTC)),
            (accounts.mined("home"), Amount(-1_000_000, LTC)),
        )
        at = Instant(now - 365 * DAY_MS + number * DAY_MS // 10)
        ledger.post(connection, entry_of(f"bench:{number}", "block-confirmed", at, *postings))
    connection.execute("COMMIT")
    connection.close()
    store.close()


def names(count):
    """Name machines as a farm does."""
    return (f"farm.rig-{number:05d}" for number in range(count))


class Answers:
    """What a program with so many machines says."""

    def __init__(self, count):
        self.sessions = [
            {
                "session": number + 1, "worker": name, "destination": "home",
                "peer": f"10.0.{number // 250}.{number % 250}",
                "agent": "bmminer/2.0.0", "difficulty": 1.0, "connected_ms": DAY_MS, "last_share_ms": number % 9_000,
            }
            for number, name in enumerate(names(count))
        ]  # fmt: skip
        self.count = count
        self.devices = [
            {
                "device": name.partition(".")[2], "kind": "cgminer", "group": f"row-{number // 200}", "site": "barn",
                "tags": [f"rack-{number // 20}"], "host": f"10.0.{number // 250}.{number % 250}", "state": "hashing",
                "model": "S19", "hashrate_hs": 1.1e14, "power_w": 3250.0, "limit_w": None, "temperature_c": 68.0,
                "accepted": 1, "rejected": 0, "pool": "", "age_ms": 1, "rated_w": 3250.0, "rated_hs": 1.1e14,
                "part": 1.0,
                "wish": None, "until": None, "is_settled": True, "waits": "", "would": "", "troubles": [],
                "unsupported": [], "detail": "", "fail_safe": "keep", "curve": [], "can": ["pause", "resume"],
            }
            for number, name in enumerate(names(count))
        ]  # fmt: skip

    async def fleet(self, arguments):
        offset = int(arguments.get("offset", 0))
        page = self.devices[offset : offset + 500]
        return {"now": 0, "total": self.count, "is_live": True, "fault": "", "plan": None, "devices": page}

    async def autopilots(self, _):
        return []

    async def status(self, _):
        now = int(time.time() * 1000)
        return {
            "now": now, "started_at": now - DAY_MS,
            "journal": {"state": "ok", "events": 1, "unwritten": 0, "poisoned": [], "passed": 0}, "poisoned": [],
            "listeners": [
                {"algorithm": "scrypt", "url": "stratum+tcp://[::1]:3335", "connections": self.count, "refused": {}}
            ],
            "destinations": [{
                "destination": "home", "coin": "litecoin", "network": "main", "algorithm": "scrypt",
                "is_practice": False,
                "kind": "own node", "state": "ready", "is_stopped": False, "node": {"state": "ready", "detail": ""},
                "machines": self.count, "height": 3_000_000, "reward": "625000000", "nbits": 1,
                "job_age_ms": now % 60_000,
                "templates_seen": 1,
            }],
            "broken": [],
        }  # fmt: skip

    async def workers(self, arguments):
        after, limit = int(arguments.get("after", -1)), arguments.get("limit")
        begin = max(after, 0)
        return self.sessions[begin : None if limit is None else begin + limit]


@contextlib.contextmanager
def program(folder, count):
    """Answer on the control socket from a thread of its own."""
    answers = Answers(count)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ControlServer(socket_path(folder), {
        "status": answers.status, "workers": answers.workers, "fleet-status": answers.fleet,
        "autopilot-status": answers.autopilots,
    })  # fmt: skip
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class Site:
    """The web as a process, and who asks it."""

    def __init__(self, process, log):
        self.process, self.log, self.size = process, log, 0
        while not (found := re.search(r'"url": "(http://127.0.0.1:(\d+))"', log.read_text())):
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.05)
        self.address, self.port = found[1], int(found[2])
        self.wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        word = re.search(r"hws_\S+", log.read_text())[0]
        body = json.dumps({"token": word, "name": "kai", "password": PASSWORD})
        self.wire.request("POST", "/api/v1/setup", body, {"content-type": "application/json"})
        answer = self.wire.getresponse()
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        answer.read()

    def timed(self, path):
        """Ask, and return how long the answer took [ms]."""
        time.sleep(0.02)  # stay below the bound of requests of one address
        begun = time.perf_counter()
        self.wire.request("GET", f"/api/v1/{path}", headers={"cookie": self.cookie})
        answer = self.wire.getresponse()
        body = answer.read()
        took = (time.perf_counter() - begun) * 1000
        assert answer.status == 200, body
        self.size = len(body)
        return took

    def first_picture(self):
        """Wait until the last day was read, and say how long that took."""
        while not (found := re.search(r'"seconds": ([\d.]+), "event": "the last day', self.log.read_text())):
            time.sleep(0.2)
        self.wire.close()  # it rested too long; the next request opens it again
        self.timed("status")
        time.sleep(3)
        print(f"  the last day was read in {found[1]} s after the start, once")

    def cpu_s(self):
        """Return the processor time of the web so far [s]."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def dashboards(self, count, seconds):
        """Hold so many streams open, and say what they cost."""
        idle = self._share_of_core(seconds // 2)
        wires = []
        for _ in range(count):
            wire = socket.create_connection(("127.0.0.1", self.port))
            wire.sendall(f"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {self.cookie}\r\n\r\n".encode())
            wires.append(wire)
        time.sleep(2)
        read = threading.Event()
        reader = threading.Thread(target=drain, args=(wires, read), daemon=True)
        reader.start()
        busy = self._share_of_core(seconds)
        read.set()
        reader.join()
        for wire in wires:
            wire.close()
        said = judged(busy * 100, AIM_DASHBOARDS * 100, "% of a core")
        print(f"  {count} dashboards: {busy:.1%} of a core{said}; before, one just asked: {idle:.1%}")

    def _share_of_core(self, seconds):
        before = self.cpu_s()
        time.sleep(seconds)
        return (self.cpu_s() - before) / seconds


def drain(wires, ended):
    """Read what comes, so that nobody waits for us."""
    for wire in wires:
        wire.setblocking(False)
    while not ended.is_set():
        for wire in wires:
            with contextlib.suppress(BlockingIOError):
                wire.recv(65_536)
        time.sleep(0.1)


@contextlib.contextmanager
def web(folder):
    """Run the web on a folder."""
    log = folder / "web.log"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HW_")}
    environment = kept | {"HW_DATA_DIR": str(folder), "HW_WEB_LISTEN": "127.0.0.1:0", "PYTHONPATH": str(ROOT / "src")}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "hashwright.web"],
            env=environment | {"HOME": str(folder)},
            stdout=stream,
            stderr=stream,
        )
    try:
        yield Site(process, log)
    finally:
        process.terminate()
        process.wait(20)


def browse(site, *, is_many):
    """Ask a browser what a person would feel."""
    chromium = shutil.which("chromium")
    if chromium is None or not (ROOT / "frontend/node_modules").exists():
        print("  no browser here: first paint and the list were not measured")
        return
    asked = {"address": site.address, "cookie": site.cookie, "chromium": chromium}
    done = subprocess.run(
        ["node", "test/speed.mjs", json.dumps(asked)],
        cwd=ROOT / "frontend",
        capture_output=True,
        text=True,
        timeout=200,
    )
    if done.returncode:
        print(done.stderr[-800:])
        return
    told = json.loads(done.stdout)
    for name, words, aim in (
        ("paint", "first paint of Now", None if is_many else AIM_PAINT_MS), ("sentence", "Now is readable", None),
        ("listed", "machines listed", AIM_LISTED_MS if is_many else None),
        ("filtered", "filtered", AIM_FILTERED_MS if is_many else None),
    ):  # fmt: skip
        median, worst = statistics.median(told[name]), max(told[name])
        print(f"  {words}: median {median:.0f} ms, worst {worst:.0f} ms{judged(median, aim, 'ms, median')}")


if __name__ == "__main__":
    main()
