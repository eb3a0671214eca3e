"""The web as a child process of `hw up`, or in place of `hw web`: how it is started, and that it is started again.

It is a process of its own so that nothing in it, neither a fault nor a flood, can touch a machine's session.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import hashwright
from hashwright.errors import Unavailable
from hashwright.runtime.config import Config, settings_text

NEW_LINK: Final = "--new-link"
CHILD: Final = "--child-of"
STOP_S: Final = 3.0
COMMAND: Final = (sys.executable, "-m", "hashwright.web")
NOT_FOR_CHILDREN: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


def environment_of(config: Config, *, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment in which the web finds the same settings as we did."""
    environ = os.environ if environ is None else environ
    package = str(Path(hashwright.__file__).parents[1])
    kept = {key: value for key, value in environ.items() if not key.startswith("HW_") or key == "HW_DEBUG"}
    path = os.pathsep.join(filter(None, (package, environ.get("PYTHONPATH", ""))))
    return kept | settings_text(config) | {"PYTHONPATH": path}


async def keep_web(config: Config) -> None:
    """Run the web beside the program until this task is cancelled.

    Raises:
        Unavailable: it ended by itself; who keeps this service starts it again after a pause.
    """
    environment = {key: value for key, value in environment_of(config).items() if key not in NOT_FOR_CHILDREN}
    command = (*COMMAND, f"{CHILD}={os.getpid()}")  # a killed program must not leave a web behind that holds its port
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=asyncio.subprocess.DEVNULL)
    try:
        code = await process.wait()
    finally:
        await _end(process)
    raise Unavailable(f"The web ended by itself ({code}).", code="HW-760", hint="Its log says why.")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the child; what does not end by itself is killed."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
