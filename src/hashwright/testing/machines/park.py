"""A park of simulated machines in one process: their addresses, kinds, ratings, listeners and sessions.

`python -m hashwright.testing.machines.park --machines 300` runs one until its standard input ends, so that it never
outlives who started it. The machines are written to standard output as JSON lines before the first one is asked.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import random
import resource
import sys
from collections.abc import Sequence
from typing import Any

from hashwright.errors import OperatorError
from hashwright.testing.machines.mining import SLICE, Worker
from hashwright.testing.machines.model import FAULTS, Fault, Kind, Machine, Pool
from hashwright.testing.machines.servers import serve

MACHINES_MAX = 10_000
FIRST = "127.77.0.1"
PORTS: dict[Kind, int] = {"axeos": 80, "xmrig": 8080, "cgminer": 4028}
"""Where a kind listens, if it can listen elsewhere; the others have the fixed ports of their makers."""
HIGH_AXEOS_PORT = 8081
BY_LIBRARY: tuple[Kind, ...] = ("avalon", "antminer", "braiins", "whatsminer")
"""The kinds that pyasic-rs drives: it knows their ports, so they cannot be others."""
RATINGS: dict[Kind, tuple[float, float, str]] = {
    "axeos": (15.0, 0.7e12, "Simulated Bitaxe"),
    "xmrig": (120.0, 12_000.0, "Simulated CPU"),
    "cgminer": (3250.0, 110e12, "Simulated S19"),
    "avalon": (1600.0, 90e12, "Simulated Avalon"),
    "antminer": (3250.0, 110e12, "Antminer S19 Pro"),
    "braiins": (3500.0, 234e12, "Antminer S21 Pro"),
    "whatsminer": (3440.0, 186e12, "M60S_VK40"),
}
"""Power [W], hash rate [H/s] and name of each kind; machines differ from them by up to a tenth."""
MIX: tuple[Kind, ...] = ("cgminer", "whatsminer", "axeos", "antminer", "xmrig", "avalon", "cgminer", "braiins")
SHARE_EVERY_S = 10.0
SPARE_FILES = 200
TINY = {"sha256d": "d=2.5e-07", "scrypt": "d=0.0005"}
"""The difficulty that the machines ask for by their password: some thousand hashes a share, of scrypt some thirty."""


class Park:
    """Machines that answer; `note` is the one line about ports, where there is one to say."""

    def __init__(self, machines: Sequence[Machine], *, rng: random.Random) -> None:
        self.machines = list(machines)
        self.note = ""
        self._rng = rng
        self._servers: list[asyncio.Server] = []
        self._workers: list[asyncio.Task[None]] = []
        self._moved = False
        self._left_out = 0

    async def start(self, *, every_s: float = SHARE_EVERY_S) -> None:
        """Listen for all machines and begin to mine where they have pools.

        A port below 1024 may not be allowed: then Bitaxes answer on another one, machines that cannot are left out of
        `machines`, and `note` says so in one line.

        Raises:
            OperatorError: an address is taken.
        """
        loop = asyncio.get_running_loop()
        raise_file_limit(len(self.machines) * 4)
        for machine in list(self.machines):
            if not await self._serve(machine):
                continue
            worker = Worker(machine, rng=self._rng, every_s=every_s)
            # allow task: kept in the list, cancelled and awaited by `stop`
            self._workers.append(loop.create_task(worker.run()))
        self._tell_ports()

    async def _serve(self, machine: Machine) -> bool:
        loop = asyncio.get_running_loop()
        if machine.kind == "axeos" and self._moved and machine.port < 1024:
            machine.port = HIGH_AXEOS_PORT
        try:
            self._servers += await serve(machine, loop.time)
        except OperatorError as error:
            if error.code != "HW-113":
                raise
            if machine.kind != "axeos":
                self.machines.remove(machine)
                self._left_out += 1
                return False
            machine.port, self._moved = HIGH_AXEOS_PORT, True
            self._servers += await serve(machine, loop.time)
        return True

    def _tell_ports(self) -> None:
        parts = []
        if self._moved:
            parts.append(f"the simulated Bitaxes answer on {HIGH_AXEOS_PORT}, where hw find does not look")
        if self._left_out:
            parts.append(f"{self._left_out} Antminers and machines with Braiins OS are left out")
        if parts:
            self.note = f"HW-113 Ports below 1024 are not allowed here: {'; '.join(parts)}."

    async def stop(self) -> None:
        """Let go of everything."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for server in self._servers:
            server.close()


def make_machines(
    count: int,
    *,
    rng: random.Random,
    first: str = FIRST,
    mix: Sequence[Kind] = MIX,
    pool: str = "",
    port: int = 0,
) -> list[Machine]:
    """Make machines on consecutive loopback addresses; a pool's user is `sim.NAME`.

    Raises:
        OperatorError: more than `MACHINES_MAX`, or the addresses leave loopback.
    """
    if not 0 < count <= MACHINES_MAX:
        raise OperatorError(f"{count} machines are not between 1 and {MACHINES_MAX}.", code="HW-112")
    start = ipaddress.IPv4Address(first)
    machines = []
    for index in range(count):
        kind = mix[index % len(mix)]
        watts, rate, model = RATINGS[kind]
        spread = rng.uniform(0.9, 1.1)
        name = f"sim-{index + 1:04d}"
        pools = [Pool(url=pool, user=f"sim.{name}", password=TINY["sha256d"])] if pool else []
        machines.append(
            Machine(name=name, kind=kind, host=str(start + index), port=port or PORTS.get(kind, 4028),
                    rated_w=round(watts * spread),
                    rated_hs=rate * spread * rng.uniform(0.95, 1.05), model=model, pools=pools)
        )  # fmt: skip
    return machines


def settings_of(machine: Machine) -> dict[str, Any]:
    """Return a machine as `hw find --add` would store it."""
    kind = "asic" if machine.kind in BY_LIBRARY else machine.kind
    where: dict[str, Any] = {"host": machine.host}
    return {
        "name": machine.name,
        "kind": kind,
        "settings": where if kind == "asic" else where | {"port": machine.port},
        "site": "demo",
        "group": f"demo-{machine.kind}",
        "tags": ["simulated"],
        "rated_w": machine.rated_w,
        "rated_hs": machine.rated_hs,
        "min_part": 1.0 if machine.kind in ("cgminer", "antminer") else 0.5,
    }


def raise_file_limit(wanted: int) -> None:
    """Allow this process as many open files as it needs, within its hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < need:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (need if hard == resource.RLIM_INFINITY else min(need, hard), hard)
            )


def break_some(machines: Sequence[Machine], faults: Sequence[str]) -> None:
    """Give machines faults: `dead=30%` or `lies=2`, from the front of those that are sound."""
    sound = [machine for machine in machines if not machine.faults]
    for item in faults:
        fault, part, number = read_fault(item)
        count = int(len(machines) * part) if part else number
        for machine in sound[:count]:
            machine.faults.add(fault)
        sound = sound[count:]


def read_fault(text: str) -> tuple[Fault, float, int]:
    """Read `dead=30%`, `lies=2` or `hangs`: the fault, and the part of the machines or their number (the other is 0).

    Raises:
        OperatorError: it is none of these (HW-701).
    """
    word, _, amount = text.partition("=")
    known: dict[str, Fault] = {name: name for name in FAULTS}
    digits = amount.removesuffix("%") or "1"
    if word not in known or not digits.isdecimal() or not digits.isascii() or len(digits) > 5:
        raise OperatorError(
            f"{text[:40]!r} is no fault with a number such as {FAULTS[0]}=2 or {FAULTS[0]}=30%.",
            code="HW-701",
            hint=f"There are: {', '.join(FAULTS)}.",
        )
    return (known[word], int(digits) / 100, 0) if amount.endswith("%") else (known[word], 0.0, int(digits))


async def _run(options: argparse.Namespace) -> None:
    rng = random.Random(options.seed)
    mix: tuple[Kind, ...] = tuple(options.mix.split(",")) if options.mix else MIX
    machines = make_machines(options.machines, rng=rng, first=options.first, mix=mix, pool=options.pool)
    for machine in machines:
        machine.algorithm = options.algorithm
        for item in machine.pools:
            item.password = TINY[options.algorithm]
    break_some(machines, options.fault)
    park = Park(machines, rng=rng)
    try:
        await park.start(every_s=options.every)
        if park.note:
            sys.stderr.write(park.note + "\n")
        for machine in park.machines:
            sys.stdout.write(json.dumps(settings_of(machine)) + "\n")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await park.stop()


def main() -> None:
    """Run a park until standard input ends."""
    parser = argparse.ArgumentParser(description="Simulated machines on loopback, until standard input ends.")
    parser.add_argument("--machines", type=int, default=50)
    parser.add_argument("--first", default=FIRST)
    parser.add_argument("--mix", default="")
    parser.add_argument("--pool", default="")
    parser.add_argument("--algorithm", default="sha256d", choices=list(SLICE), help="what all of them mine")
    parser.add_argument("--every", type=float, default=SHARE_EVERY_S)
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--seed", type=int, default=1)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
