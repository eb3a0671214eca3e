"""xmrig and its proxy by their HTTP API, and the local program itself where its owner says where it is installed.

The proxy reports kH/s where the miner reports H/s; `kind` tells which one it is. Writing needs `restricted: false` and
the access token there. Hashwright never brings a miner along: `program` names one that the owner installed, it is
started in the foreground with what is written here, and it ends with Hashwright.
"""

import asyncio
import contextlib
from typing import Any

import msgspec

from hashwright.adapters.devices._wire import http_json
from hashwright.adapters.devices.base import Plugin, PoolEntry, denied, misread, number, text, unsupported, whole
from hashwright.errors import NotSupported, OperatorError, Unavailable
from hashwright.fleet.events import Reading

KILO = 1_000.0
STOP_S = 5.0
START_TRIES = 40
START_PAUSE_S = 0.25


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the API is. `program` is an installed xmrig with its arguments; `threads` the number at full power."""

    host: str = "127.0.0.1"
    port: int = 8080
    program: tuple[str, ...] = ()
    threads: int = 0


class XmRig:
    """One miner or proxy."""

    def __init__(self, config: Config, *, token: str = "") -> None:
        self._config = config
        self._place = (config.host, config.port)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._process: asyncio.subprocess.Process | None = None

    async def read(self) -> Reading:
        """Ask for the summary. A program of ours that is not started sleeps."""
        try:
            summary = await self._ask("GET", "/summary")
        except Unavailable:
            if self._config.program and (self._process is None or self._process.returncode is not None):
                return Reading(device="", at=0, answer="ok", activity="asleep", hashrate_hs=0.0, model="xmrig, stopped")
            raise
        if not isinstance(summary, dict) or "hashrate" not in summary:
            raise misread(self._place[0], "no hash rate: it is no xmrig")
        return reading_of(summary)

    async def pause(self) -> None:
        """Pause; a program of ours is stopped."""
        if self._process is not None and self._process.returncode is None:
            await self._stop_program()
        else:
            await self._call("pause")

    async def resume(self) -> None:
        """Go on; a program of ours is started."""
        if self._config.program and not await self._answers():
            await self._start_program()
        else:
            await self._call("resume")

    async def limit(self, part: float, power_w: float) -> None:
        """Use a part of the threads."""
        config = await self._ask("GET", "/config")
        cpu = config.get("cpu") if isinstance(config, dict) else None
        if not isinstance(cpu, dict):
            raise unsupported(self._place[0], "change its threads: it is a proxy, or its API is restricted")
        cpu["max-threads-hint"] = max(1, round(100 * part))
        for key, value in cpu.items():
            if isinstance(value, list) and value:
                cpu[key] = threads_of(value, part, full=self._config.threads)
        await self._ask("PUT", "/config", body=config)

    async def set_pools(self, pools: tuple[PoolEntry, ...]) -> None:
        """Write its pools anew."""
        config = await self._ask("GET", "/config")
        if not isinstance(config, dict):
            raise misread(self._place[0], "its settings are no object")
        old = config.get("pools")
        pattern = old[0] if isinstance(old, list) and old and isinstance(old[0], dict) else {}
        config["pools"] = [{**pattern, "url": pool.url, "user": pool.user, "pass": pool.password} for pool in pools]
        await self._ask("PUT", "/config", body=config)

    async def aclose(self) -> None:
        """End the program that was started here."""
        await self._stop_program()

    # ---------------------------------------------------------------- the API

    async def _ask(self, method: str, path: str, *, body: object = None) -> Any:  # noqa: ANN401 (JSON)
        """Ask version 2 of the API, and version 1 where that is older."""
        try:
            return await http_json(method, self._place, "/2" + path, body=body, headers=self._headers)
        except NotSupported:
            return await http_json(method, self._place, "/1" + path, body=body, headers=self._headers)

    async def _call(self, method: str) -> None:
        body = {"id": 1, "jsonrpc": "2.0", "method": method}
        answer = await http_json("POST", self._place, "/json_rpc", body=body, headers=self._headers)
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict):
            if number(error.get("code")) == -32601:
                raise unsupported(self._place[0], method)
            raise denied(self._place[0], text(error.get("message")) or "no reason given")

    async def _answers(self) -> bool:
        try:
            await self._ask("GET", "/summary")
        except Unavailable:
            return False
        return True

    # ---------------------------------------------------------------- the program

    async def _start_program(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._config.program,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise OperatorError(
                f"{self._config.program[0]} could not be started: {error.strerror}.", code="HW-114"
            ) from error
        for _ in range(START_TRIES):
            if self._process.returncode is not None:
                break
            if await self._answers():
                return
            await asyncio.sleep(START_PAUSE_S)
        code = self._process.returncode
        await self._stop_program()
        ended = "gives no API on its port" if code is None else f"ended at once with {code}"
        raise OperatorError(f"{self._config.program[0]} {ended}.", code="HW-114")

    async def _stop_program(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await process.wait()
                return
        process.kill()
        await process.wait()


def threads_of(present: list[Any], part: float, *, full: int) -> list[Any]:
    """Return the threads of a profile at a part of the full number; new ones are bound to no core (-1)."""
    count = max(1, round((full or len(present)) * part))
    return [*present[:count], *[-1] * (count - len(present))]


def reading_of(summary: dict[str, Any]) -> Reading:
    """Read a summary; the proxy's rate is in kH/s."""
    is_proxy = text(summary.get("kind")) == "proxy"
    found = summary.get("hashrate")
    rates = found.get("total") if isinstance(found, dict) else None
    rate = next((it for it in map(number, rates) if it is not None), None) if isinstance(rates, list) else None
    is_paused = summary.get("paused") is True
    results = summary.get("results")
    results = results if isinstance(results, dict) else {}
    good = whole(results.get("accepted" if is_proxy else "shares_good"))
    total = whole(results.get("shares_total"))
    bad = whole(results.get("rejected")) if is_proxy else None if None in (good, total) else total - good  # type: ignore[operator]
    connection = summary.get("connection")
    cpu = summary.get("cpu")
    brand = text(cpu.get("brand")) if isinstance(cpu, dict) else ""
    return Reading(
        device="",
        at=0,
        answer="ok",
        activity="asleep" if is_paused else "hashing",
        hashrate_hs=0.0 if is_paused else None if rate is None else rate * (KILO if is_proxy else 1.0),
        accepted=good,
        rejected=bad,
        pool=text(connection.get("pool"), longest=128) if isinstance(connection, dict) else "",
        model="xmrig-proxy" if is_proxy else f"xmrig {brand}".strip(),
        firmware=text(summary.get("version")),
    )


def build(config: Config, *, secret: str = "") -> XmRig:
    """Build the driver; the secret is the access token."""
    return XmRig(config, token=secret)


PLUGIN = Plugin(title="xmrig (CPU) and its proxy", config=Config, build=build, port=8080)
