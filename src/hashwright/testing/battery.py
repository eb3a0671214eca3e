"""A battery with an inverter, simulated: JSON over HTTP on loopback; it forgets orders in time, and can misbehave.

    GET  /state                                   {"soc": 55.0, "power": -1200, "mode": "manual"}
    POST /order   {"power": -1200, "seconds": 180}
    POST /auto

`python -m hashwright.testing.battery --port 8099` runs one, to try `[inverter]` without hardware. By itself it does
nothing: it stands for an inverter whose own rules find nothing to do. Faults are named as the tests need them.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

FAULTS: Final = ("reports 130", "lies", "does nothing", "hangs", "refuses", "gone")
HEAD_MAX: Final = 16_384


@dataclass(slots=True, kw_only=True)
class SimulatedBattery:
    """The model. `time_s` tells the time; `faults` are of `FAULTS`; `orders` is what it was told, in order."""

    time_s: Callable[[], float]
    capacity_wh: float = 10_000.0
    most_w: float = 5_000.0
    reserve_percent: float = 5.0
    one_way: float = 0.95
    level: float = 50.0
    speed: float = 1.0
    """How much faster than the clock its content moves: a test sees hours in seconds."""
    faults: set[str] = field(default_factory=set)
    orders: list[float | None] = field(default_factory=list)
    lowest: float = 100.0
    _power: float = 0.0
    _until: float = 0.0
    _is_commanded: bool = False
    _at: float | None = None

    def command(self, power_w: float, seconds: float) -> None:
        """Take (positive) or give watts for so long."""
        self.move()
        self.orders.append(power_w)
        if "does nothing" not in self.faults:
            self._power, self._is_commanded = max(-self.most_w, min(power_w, self.most_w)), True
            self._until = self.time_s() + seconds

    def automatic(self) -> None:
        """Be its own master."""
        self.move()
        self.orders.append(None)
        self._power, self._is_commanded = 0.0, False

    def move(self) -> None:
        """Bring its content up to now."""
        now = self.time_s()
        before, self._at = (now if self._at is None else self._at), now
        if self._is_commanded and now >= self._until:
            self._power, self._is_commanded = 0.0, False
        power = self.power_w
        wh = power * (self.one_way if power > 0 else 1 / self.one_way) * (now - before) * self.speed / 3600
        if "lies" not in self.faults:
            self.level = max(0.0, min(self.level + 100 * wh / self.capacity_wh, 100.0))
        self.lowest = min(self.lowest, self.level)

    @property
    def power_w(self) -> float:
        """Return what it takes (positive) or gives now; full or empty, it does neither."""
        is_blocked = self.level >= 100 if self._power > 0 else self.level <= self.reserve_percent
        return 0.0 if is_blocked else self._power

    @property
    def is_automatic(self) -> bool:
        """Tell whether it is its own master."""
        self.move()
        return not self._is_commanded

    def state(self) -> dict[str, Any]:
        """Return what it says of itself."""
        self.move()
        level = 130.0 if "reports 130" in self.faults else self.level
        mode = "manual" if self._is_commanded else "auto"
        return {"soc": round(level, 2), "power": round(self.power_w), "mode": mode}


@contextlib.asynccontextmanager
async def serving(battery: SimulatedBattery, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve a battery; gives its address, such as `http://127.0.0.1:8099`."""

    talks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await _answer(battery, reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        talks.discard(task)

    server = await asyncio.start_server(answer, host, port, limit=HEAD_MAX)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
        if talks:
            await asyncio.wait(talks, timeout=2.0)


async def _answer(battery: SimulatedBattery, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    method, path = head[0].split(" ")[:2]
    sizes = [int(it.partition(":")[2]) for it in head if it.startswith("content-length:")]
    body = json.loads(await reader.readexactly(sizes[0])) if sizes and sizes[0] else {}
    if "hangs" in battery.faults:
        await reader.read()  # until the other side gives up
        return
    if "gone" in battery.faults:
        return
    status, document = _done(battery, method, path, body)
    payload = json.dumps(document).encode()
    lines = f"HTTP/1.1 {status} X\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
    writer.write(lines.encode() + payload)
    await writer.drain()


def _done(battery: SimulatedBattery, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if (method, path) == ("get", "/state"):
        return 200, battery.state()
    if method != "post" or path not in ("/order", "/auto"):
        return 404, {}
    if path == "/auto":
        battery.automatic()
    elif "refuses" in battery.faults:
        return 409, {"error": "remote control is off"}
    else:
        battery.command(float(body["power"]), float(body.get("seconds", 180)))
    return 200, {}


def inverter_toml(address: str) -> str:
    """Return the table [inverter] of a site's file for this battery."""
    order = f'url = "{address}/order"\nbody = \'{{"power": {{signed_watts}}, "seconds": {{seconds}}}}\'\n'
    return f"""
[inverter]
kind = "http_json"
url = "{address}/state"
level = "soc"
power = "power"
mode = "mode"
[inverter.charge]
{order}[inverter.discharge]
{order}[inverter.idle]
{order}[inverter.automatic]
url = "{address}/auto"
"""


async def _serve(port: int, faults: set[str]) -> None:
    battery = SimulatedBattery(time_s=asyncio.get_running_loop().time, faults=faults)
    async with serving(battery, port=port) as address:
        sys.stdout.write(f"# A simulated battery at {address}. For your site's file:{inverter_toml(address)}")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Run one until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A simulated battery with an inverter, on this computer only.")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--fault", action="append", choices=FAULTS, default=[])
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port, set(arguments.fault)))


if __name__ == "__main__":
    main()
