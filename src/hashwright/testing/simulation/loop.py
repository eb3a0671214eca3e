"""An event loop whose time is a number.

Nothing is waited for: when no callback is ready, the clock jumps to the next timer. Nothing ready and no timer is a
deadlock, and an error. Executors run their work inline, after a virtual delay. Sockets are simulated (`network`).

Rules: order is decided by the seed and by nothing else; `call_soon` stays first in, first out, as asyncio promises.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from hashwright.clock import Instant

EPOCH_MS = 1_800_000_000_000
STEPS_MAX = 20_000_000
"""A run that takes more is a loop without end."""


class DeadlockError(RuntimeError):
    """Nobody can go on: no callback is ready and no timer is set."""


class _NoSelector:
    """Stands for the poll of a real loop: it does not wait, it lets time pass."""

    def __init__(self, loop: "SimLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> Sequence[Any]:
        """Jump to the next timer."""
        if timeout is None:
            raise DeadlockError("nothing is ready and no timer is set")
        self._loop.pass_time(timeout)
        return ()

    def close(self) -> None:
        """Nothing is open."""


class SimLoop(asyncio.BaseEventLoop):
    """The loop. `rng` is the one source of chance of a run."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.steps = 0
        self.network: Any = None
        self._selector = _NoSelector(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the virtual time [s]."""
        return self.now_s

    def pass_time(self, seconds: float) -> None:
        """Let time pass; also the place where an endless run is noticed."""
        self.now_s += seconds
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise RuntimeError(f"more than {STEPS_MAX} rounds: a loop without end")

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: object) -> "asyncio.Future[Any]":
        """Do the work at once, and tell its result after a moment."""
        future: asyncio.Future[Any] = self.create_future()
        result = func(*args)
        self.call_later(self.rng.uniform(0.0002, 0.002), _tell, future, result)
        return future

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:  # noqa: ANN401
        """Listen in the simulated network."""
        return self.network.listen(protocol_factory, host, port)

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:  # noqa: ANN401
        """Connect in the simulated network."""
        return await self.network.connect(protocol_factory, host, port)

    def _process_events(self, event_list: Sequence[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def _tell(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


class SimClock:
    """The clocks of a simulated machine; the wall clock can be set, the other one not."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.offset_ms = 0

    def now(self) -> Instant:
        """Return the wall clock."""
        return Instant(EPOCH_MS + self.offset_ms + int(self._loop.time() * 1000))

    def monotonic(self) -> float:
        """Return the virtual time."""
        return self._loop.time()


def run(seed: int, story: Callable[[SimLoop], Any]) -> Any:  # noqa: ANN401
    """Run a coroutine function in a world of its own and return its result."""
    loop = SimLoop(seed)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(story(loop))
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
