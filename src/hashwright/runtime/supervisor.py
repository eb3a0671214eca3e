"""Keeps services running: each in a task of its own, started again after a pause when it fails.

One service's trouble is its own: a node that is gone does not touch the sessions. What must end the process (an fsync
error, a broken journal) is raised as `Fatal` through `fail`, because going on would promise what cannot be kept.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from hashwright.errors import HashwrightError, InvariantBroken

log = structlog.get_logger()

PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Pauses before a service is started again; the last one repeats, each with jitter."""


class Supervisor:
    """Runs named services until told to stop."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._services: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self.failure: BaseException | None = None

    def start(self, name: str, service: Callable[[], Awaitable[None]]) -> None:
        """Run a service under a name; one that runs under it already is stopped first."""
        self.stop_service(name)
        # allow task: kept in the table, cancelled and awaited by `close`
        self._services[name] = asyncio.get_running_loop().create_task(self._keep(name, service), name=name)

    def stop_service(self, name: str) -> None:
        """Stop a service, if it runs."""
        task = self._services.pop(name, None)
        if task is not None:
            task.cancel()

    def stop(self) -> None:
        """Ask for an orderly end."""
        self._stopping.set()

    def fail(self, failure: BaseException) -> None:
        """Ask for an end because of a failure that must not be survived."""
        self.failure = self.failure or failure
        self._stopping.set()

    async def wait(self) -> None:
        """Wait until somebody asks for an end."""
        await self._stopping.wait()

    async def close(self) -> None:
        """Cancel every service and wait for it."""
        tasks = tuple(self._services.values())
        self._services.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, service: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                await service()
                return
            except InvariantBroken as error:
                self.fail(error)
                return
            except HashwrightError as error:
                log.warning("a service stopped and is started again", service=name, problem=str(error), code=error.code)
            except Exception:
                log.exception("a service failed and is started again", service=name)
            pause = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
            failures += 1
            await asyncio.sleep(pause * self._rng.uniform(0.8, 1.2))
