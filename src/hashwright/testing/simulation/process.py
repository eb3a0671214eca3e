"""One life of a simulated program.

Whatever it starts inherits its context: tasks, timers, listeners, connections. `kill` ends all of them between two
steps, as `kill -9` does: tasks are cancelled, timers never fire, and the ports (`network`, `disk`) are dead to it, so
that nothing its `finally` blocks still try reaches the world.
"""

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashwright.testing.simulation.loop import SimLoop


class SimProcess:
    """One life of a simulated program; `name` is the host that it runs on."""

    def __init__(self, loop: "SimLoop", name: str) -> None:
        self.name = name
        self.is_alive = True
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.context = contextvars.copy_context()
        self.context.run(PROCESS.set, self)
        self._loop = loop

    def __repr__(self) -> str:
        return f"<SimProcess {self.name} {'alive' if self.is_alive else 'dead'} tasks={len(self.tasks)}>"

    def start(self, program: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run a coroutine as part of this process."""
        # allow task: `kill` and the end of the run cancel it
        return self._loop.create_task(program, context=self.context)

    def kill(self) -> None:
        """End everything that runs here. Its code sees a cancellation; the world sees nothing of it any more."""
        self.is_alive = False
        self._loop.cancel_timers_of(self)
        for task in tuple(self.tasks):
            task.cancel("the host crashed")


PROCESS: contextvars.ContextVar[SimProcess | None] = contextvars.ContextVar("PROCESS", default=None)
"""The process that the running code belongs to; None for the story itself."""
