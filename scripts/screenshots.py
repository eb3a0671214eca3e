"""Take the pictures of the dashboard that README shows: the demo on simulated machines, in Debian's Chromium.

    scripts/screenshots            three pictures into docs/images
    scripts/screenshots --all DIR  every page, on a desk and on a phone, whole, for people who change them

The machines are simulated and answer on loopback. What is older than the demo is made up here: a day of work, a month
of books, prices and costs, so that plots and sums have something to show. The chain is a PRACTICE one.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal

ROOT = pathlib.Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
PICTURES = {"now": ("desk", "now"), "machines": ("desk", "machines"), "phone": ("phone", "now")}
PASSWORD = "four random words"
MACHINES = 48
DAY_MS = 86_400_000
MINUTE_MS = 60_000
TARGET = "0000ffff" + "0" * 56
WARM_S = 75


def main() -> int:
    """Seed, serve, look, and end what was started."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", metavar="DIR", type=pathlib.Path)
    parser.add_argument("--empty", action="store_true", help="A data folder without anything.")
    parser.add_argument("--serve", metavar="DIR", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve)
    with tempfile.TemporaryDirectory(prefix="hw-pictures-") as name:
        folder = pathlib.Path(name)
        with contextlib.ExitStack() as stack:
            if not arguments.empty:
                from hashwright.runtime.control import socket_path

                seed(folder / "data")
                stack.enter_context(
                    running([sys.executable, __file__, "--serve", str(folder / "data")], folder / "demo.log")
                )
                wait_for(socket_path(folder / "data"), seconds=60)
                open_market(folder / "data")
            address = stack.enter_context(web(folder))
            time.sleep(5 if arguments.empty else WARM_S)
            shots = arguments.all or folder
            shots.mkdir(parents=True, exist_ok=True)
            look(address, shots, whole=arguments.all is not None)
        if arguments.all is None:
            keep(folder)
    return 0


def seed(data: pathlib.Path) -> None:
    """Write a day of work and a month of books, as a program would have."""
    from hashwright.ledger import accounts
    from hashwright.ledger.entries import entry_of
    from hashwright.ledger.prices import PriceSeen
    from hashwright.money import Amount, Currency
    from hashwright.store import ledger
    from hashwright.store.prices import write_prices
    from hashwright.store.sqlite import SqliteStore

    coin, euro = Currency("BTCREGTEST", 8), Currency("EUR", 2)
    store = SqliteStore.open(data)
    connection = store.connect()
    now = int(time.time() * 1000)
    last = now // MINUTE_MS
    connection.execute("BEGIN IMMEDIATE")
    statement = f"INSERT INTO work VALUES (?, 'practice', ?, '{TARGET}', ?, ?, ?)"
    for minute in range(last - 1440, last - 1):
        rows = []
        for number, worker in enumerate(("demo.rig-1", "demo.rig-2")):
            is_down = 500 < minute - last + 1440 < 590 and number
            shares = 0 if is_down else 840 + (minute * 7919 + number * 104729) % 160
            if shares:
                rows.append((minute, worker, "accepted", shares, f"{shares * 65537:039d}"))
            if minute % 37 == number:
                rows.append((minute, worker, "stale", 2, f"{0:039d}"))
        connection.executemany(statement, rows)
    for day in range(30, -1, -1):
        at = now - day * DAY_MS - 3_600_000
        worth = Decimal(60_000 + day * 150)
        price = PriceSeen(feed="made-up", base="BTCREGTEST", quote="EUR", at_ms=at - 60_000, value=worth)
        write_prices(connection, [price], now=now)
        mined = Amount(21_000 + (day * 7919) % 9_000, coin)
        members = Amount(mined.minor // 3, coin)
        ledger.post(
            connection,
            entry_of(
                f"made-up:block:{day}", "block-confirmed", at,
                (accounts.wallet("practice"), mined), (accounts.member("practice", "mia"), -members),
                (accounts.mined("practice"), -(mined - members)), text="Made up for a picture.",
            ),
        )  # fmt: skip
        power = Amount(780 + (day * 131) % 190, euro)
        ledger.post(
            connection,
            entry_of(
                f"made-up:energy:{day}", "cost-energy", at,
                (accounts.energy("barn"), power), (accounts.cash("bank"), -power), text="Made up for a picture.",
            ),
        )  # fmt: skip
    connection.execute("COMMIT")
    connection.close()
    store.close()


def serve(data: pathlib.Path) -> int:
    """Run the demo's program and machines on a folder until a signal comes."""
    from hashwright.cli import demo_machines, demonstration, practice
    from hashwright.cli.terminal import Terminal
    from hashwright.runtime.fleet_commands import order_power

    practice.silence_logs()
    labelled = demo_machines.machines_of

    @contextlib.asynccontextmanager
    async def placed(app, count, *, pool, faults=()):  # type: ignore[no-untyped-def]
        async with labelled(app, count, pool=pool, faults=faults) as note:
            await place_machines(app)
            order_power(app, {"devices": sorted(app.kernel.fleet.devices)[:4], "mode": "sleep", "for_s": 7_200})
            yield note

    demo_machines.machines_of = placed
    asyncio.run(demonstration.run_demo(Terminal(), data, None, machines=MACHINES, faults=("hot=1", "refuses=1")))
    return 0


async def place_machines(app: object) -> None:
    """Give the machines racks, as a farm's file would."""
    import msgspec

    from hashwright.runtime.fleet_commands import save_devices, service_of

    found = sorted(service_of(app).settings.items())  # type: ignore[arg-type]
    places = [
        {"site": "barn", "group": ("east", "west")[number % 2], "tags": [f"rack-{number // 12 + 1}"]}
        for number in range(len(found))
    ]
    raws = [msgspec.to_builtins(settings) | place for (_, settings), place in zip(found, places, strict=True)]
    await save_devices(app, raws)  # type: ignore[arg-type]


def open_market(data: pathlib.Path) -> None:
    """Let a member sell, and a buyer have funds; what does not work in a demo is left out."""
    from hashwright.errors import HashwrightError
    from hashwright.runtime.control import ask

    async def work() -> None:
        for verb, arguments in (
            (
                "market-settings",
                {"algorithm": "sha256d", "changes": {"books": "practice", "unit": "MH", "allows_private_pools": True}},
            ),
            ("market-sell", {"account": "demo", "floor": "0.00000010"}),
            ("market-fund", {"account": "kim", "amount": "0.05", "reference": "picture"}),
        ):
            try:
                await ask(data, verb, **arguments)
            except HashwrightError as error:
                print(f"{verb}: {error.code} {error.message}")

    asyncio.run(work())


@contextlib.contextmanager
def running(command: list[str], log: pathlib.Path, **environment: str) -> Iterator[None]:
    """Run a program until the end of the block."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, **environment})
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def wait_for(path: pathlib.Path, *, seconds: float) -> None:
    """Wait until a socket answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(path))
            return
        time.sleep(0.3)
    raise SystemExit(f"nothing answers on {path}")


@contextlib.contextmanager
def web(folder: pathlib.Path) -> Iterator[str]:
    """Run the web on the data folder, and make its owner."""
    import urllib.request

    log = folder / "web.log"
    settings = {"HW_DATA_DIR": str(folder / "data"), "HW_WEB_LISTEN": "127.0.0.1:0"}
    with running([sys.executable, "-m", "hashwright.web"], log, **settings):
        deadline = time.monotonic() + 60
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+)/#/setup/(\S+)", log.read_text())):
            if time.monotonic() > deadline:
                raise SystemExit(log.read_text())
            time.sleep(0.2)
        body = json.dumps({"token": found[2], "name": "kai", "password": PASSWORD}).encode()
        request = urllib.request.Request(f"{found[1]}/api/v1/setup", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
        yield found[1]


def look(address: str, folder: pathlib.Path, *, whole: bool) -> None:
    """Let Chromium look at every page."""
    command = ["node", "test/look.mjs", address, "kai", PASSWORD, str(folder.absolute())]
    subprocess.run(
        command, cwd=ROOT / "frontend", check=True, timeout=280, env={**os.environ, "HW_WHOLE": "1" if whole else ""}
    )


def keep(folder: pathlib.Path) -> None:
    """Put the chosen pictures where README finds them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, (size, page) in PICTURES.items():
        target = IMAGES / f"dashboard-{name}.png"
        shutil.copyfile(folder / f"{size}-{page}.png", target)
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
