"""The machines of `hw demo --machines N`: simulated ones, in a process of their own that ends with the demo."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashwright.errors import OperatorError

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from hashwright.runtime.wiring import Hashwright

START_S = 60.0
STOP_S = 5.0


@contextlib.asynccontextmanager
async def machines_of(app: "Hashwright", count: int, *, pool: str, faults: tuple[str, ...] = ()) -> AsyncIterator[str]:
    """Run simulated machines that mine at `pool`, and add them to the fleet; gives the line about ports, or nothing."""
    process = await _start(count, pool, faults)
    try:
        settings, note = await _read(process)
        from hashwright.runtime.fleet_commands import save_devices

        await save_devices(app, settings)
        yield note
    finally:
        await _stop(process)


def first_of(process: int) -> str:
    """Return the loopback address of a demo's first machine: two demos at once do not get into each other's way."""
    return f"127.{100 + process % 100}.{process // 100 % 240}.1"


async def _start(count: int, pool: str, faults: tuple[str, ...]) -> "Process":
    import hashwright

    package = str(Path(hashwright.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))}
    words = [
        "--machines",
        str(count),
        "--first",
        first_of(os.getpid()),
        "--pool",
        pool,
        *(word for fault in faults for word in ("--fault", fault)),
    ]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hashwright.testing.machines.park", *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,  # a Ctrl-C is for us; it ends when its input does
    )  # fmt: skip


async def _read(process: "Process") -> tuple[list[dict[str, Any]], str]:
    """Read the machines' settings until the process says that all listen."""
    assert process.stdout is not None
    assert process.stderr is not None
    settings = []
    async with asyncio.timeout(START_S):
        while (line := (await process.stdout.readline()).decode().strip()) != "ready":
            if not line:
                raise await _failure(process)
            settings.append(json.loads(line))
    note = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            note = (await process.stderr.readline()).decode().strip()
    return settings, note


async def _failure(process: "Process") -> OperatorError:
    assert process.stderr is not None
    said = (await process.stderr.read(65536)).decode(errors="replace").strip().splitlines()
    return OperatorError(
        f"The simulated machines did not start: {said[-1] if said else 'no reason given'}.", code="HW-113"
    )


async def _stop(process: "Process") -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
