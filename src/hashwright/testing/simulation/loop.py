"""An event loop whose time is a number.

The real asyncio code runs on it, unchanged: tasks, streams, time-outs, `call_later`, servers and clients. Three things
are replaced. *Time*: nothing is waited for; when no callback is ready, the clock jumps to the next timer, so an hour of
a quiet pool takes a second. Nothing ready and no timer is a deadlock, and an error. *Threads*: an executor's work is
done inline, and its result told after a virtual moment. *Sockets*: `network` stands in for them.

One seed is one run, to the byte. Order is decided by the seed and by the order of calls, never by an address in memory
or by a hash of a string, so every collection here that is walked is a dict or a list. `trace()` sums up a run: two
equal seeds must give two equal traces, under any PYTHONHASHSEED.

What asyncio promises stays: callbacks of `call_soon` run first in, first out. It promises nothing about which of
several *tasks* that became ready together goes first; there the seed decides, to find code that relies on luck. (A
version that shuffled every callback delivered bytes out of order: a bug of the simulator that looked like the pool's.)
"""

import asyncio
import contextvars
import hashlib
import itertools
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from hashwright.clock import Instant
from hashwright.testing.simulation.process import PROCESS, SimProcess

EPOCH_MS = 1_800_000_000_000
STEPS_MAX = 20_000_000
"""Callbacks of one run; more is a loop without end."""
EXECUTOR_S = (0.0002, 0.002)
"""How long work in an executor takes."""
HISTORY_MAX = 1_000

_round = struct.Struct("<dI").pack


class DeadlockError(RuntimeError):
    """Nobody can go on: no callback is ready and no timer is set."""


class EndlessError(RuntimeError):
    """The run takes more steps than any honest one."""


class UnhandledError(RuntimeError):
    """An exception ended nowhere: in a callback, or in a task that nobody asked."""


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


class SimLoop(asyncio.BaseEventLoop):
    """The loop. All chance of a run comes from its seed: `rng` is the story's, `chance_of` gives each part its own."""

    _ready: "deque[asyncio.Handle]"
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, seed: int, *, steps_max: int = STEPS_MAX) -> None:
        super().__init__()
        self.seed = seed
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.steps = 0
        self.network: Any = None
        self.coverage: Counter[str] = Counter()
        """How often each kind of fault, and each thing worth reaching, has happened."""
        self.history: deque[str] = deque(maxlen=HISTORY_MAX)
        self.problems: list[str] = []
        """Exceptions that ended nowhere."""
        self._steps_max = steps_max
        self._order = self.chance_of("order")
        self._executor_rng = self.chance_of("executor")
        self._trace = hashlib.blake2b(digest_size=16)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._selector = _NoSelector(self)
        self._clock_resolution = 1e-9
        self.set_task_factory(_new_task)
        self.set_exception_handler(_keep_problem)

    def __repr__(self) -> str:
        return f"<SimLoop seed={self.seed} steps={self.steps} trace={self.trace()}>"

    def chance_of(self, part: str) -> random.Random:
        """Return a source of chance of its own: a task more must not change the network, nor a packet the disk."""
        return random.Random(f"{part} {self.seed}")

    # ---------------------------------------------------------------- what a run leaves behind

    def note(self, *facts: object) -> None:
        """Add plain facts (numbers, text, bytes) to the trace."""
        self._trace.update(repr((self.now_s, facts)).encode())

    def record(self, kind: str, *facts: object) -> None:
        """Count something rare, such as a fault, and keep it in the history."""
        self.coverage[kind] += 1
        self.history.append(f"{self.now_s:.6f} {kind} {' '.join(map(str, facts))}".rstrip())
        self.note(kind, *facts)

    def trace(self) -> str:
        """Return a digest of everything that happened so far."""
        return self._trace.hexdigest()

    # ---------------------------------------------------------------- time and order

    def time(self) -> float:
        """Return the virtual time [s]."""
        return self.now_s

    def pass_time(self, seconds: float) -> None:
        """Let time pass between two rounds; decide who goes first; notice an endless run."""
        self.now_s += seconds
        count = len(self._ready)
        self.steps += count or 1
        if self.steps > self._steps_max:
            raise EndlessError(f"more than {self._steps_max} steps after {self.now_s:.3f} virtual seconds")
        self._trace.update(_round(self.now_s, count))
        if count > 1:
            self._permute_tasks()

    def _permute_tasks(self) -> None:
        """Shuffle the task steps among their places; every other callback keeps its own."""
        handles = list(self._ready)
        places = [place for place, handle in enumerate(handles) if _is_task_step(handle)]
        if len(places) < 2:
            return
        steps = [handles[place] for place in places]
        self._order.shuffle(steps)
        for place, handle in zip(places, steps, strict=True):
            handles[place] = handle
        self._ready.clear()
        self._ready.extend(handles)

    def cancel_timers_of(self, process: SimProcess) -> None:
        """Let no timer of a dead process fire."""
        for handle in tuple(self._scheduled):
            context: contextvars.Context | None = getattr(handle, "_context", None)
            if context is not None and context.get(PROCESS) is process:
                handle.cancel()

    # ---------------------------------------------------------------- threads and sockets

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: object) -> "asyncio.Future[Any]":
        """Do the work at once, and tell its result after a moment. Work that blocks would block for ever."""
        future: asyncio.Future[Any] = self.create_future()
        delay = self._executor_rng.uniform(*EXECUTOR_S)
        try:
            result = func(*args)
        except Exception as problem:
            self.call_later(delay, _tell, future, future.set_exception, problem)
        else:
            self.call_later(delay, _tell, future, future.set_result, result)
        return future

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:  # noqa: ANN401
        """Listen in the simulated network."""
        _refuse_real_things(options)
        return self.network.listen(protocol_factory, host, port)

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:  # noqa: ANN401
        """Connect in the simulated network."""
        _refuse_real_things(options)
        return await self.network.connect(protocol_factory, host, port)

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:  # noqa: ANN401
        """Every name is its own address."""
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]

    def _process_events(self, event_list: Sequence[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    # ---------------------------------------------------------------- the end

    def cancel_all(self) -> None:
        """Cancel the tasks that are left, oldest first, and let them end."""
        self._steps_max += self.steps  # the end has a bound of its own
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        self.run_until_complete(asyncio.wait(left) if left else asyncio.sleep(0))
        self.run_until_complete(self.shutdown_asyncgens())
        if self.network is not None:
            self.network.shut_down()


def _new_task(
    loop: asyncio.AbstractEventLoop, coro: Any, context: contextvars.Context | None = None  # noqa: ANN401
) -> "asyncio.Task[Any]":  # fmt: skip
    assert isinstance(loop, SimLoop)
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, context=context)
    process = PROCESS.get() if context is None else context.get(PROCESS)
    for owner in (loop._tasks, process.tasks if process is not None else {}):
        owner[task] = None
        task.add_done_callback(owner.pop)
    if process is not None and not process.is_alive:
        task.cancel("the host crashed")
    return task


def _is_task_step(handle: asyncio.Handle) -> bool:
    return isinstance(getattr(getattr(handle, "_callback", None), "__self__", None), asyncio.Task)


def _keep_problem(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, SimLoop)
    problem = context.get("exception")
    if isinstance(problem, asyncio.CancelledError):
        return  # Python 3.11's streams ask a cancelled task for its exception
    loop.problems.append(f"{context['message']}: {problem!r}" if problem else str(context["message"]))


def _tell(future: "asyncio.Future[Any]", tell: Callable[[Any], None], outcome: object) -> None:
    if not future.done():
        tell(outcome)


def _refuse_real_things(options: dict[str, Any]) -> None:
    for name in ("ssl", "sock"):
        if options.get(name):
            raise NotImplementedError(f"the simulated network has no {name}")


class SimClock:
    """The clocks of a simulated machine; the wall clock can be set (`jump`, `offset_ms`), the other one not."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.offset_ms = 0

    def now(self) -> Instant:
        """Return the wall clock."""
        return Instant(EPOCH_MS + self.offset_ms + int(self._loop.time() * 1000))

    def monotonic(self) -> float:
        """Return the virtual time."""
        return self._loop.time()

    def jump(self, milliseconds: int) -> None:
        """Set the wall clock forward or back [ms]."""
        self.offset_ms += milliseconds
        self._loop.record("clock_jumps", milliseconds)


def run(seed: int, story: Callable[[SimLoop], Any], *, steps_max: int = STEPS_MAX) -> Any:  # noqa: ANN401
    """Run a coroutine function in a world of its own and return its result.

    Raises:
        DeadlockError: everybody waits for somebody.
        EndlessError: `steps_max` callbacks were not enough.
        UnhandledError: the story went well, but an exception ended nowhere.
    """
    loop = SimLoop(seed, steps_max=steps_max)
    asyncio.set_event_loop(loop)
    try:
        result = loop.run_until_complete(story(loop))
    except BaseException as problem:
        problem.add_note(f"{loop!r} after {loop.now_s:.3f} virtual seconds; unhandled before: {loop.problems[:3]}")
        raise
    finally:
        try:
            loop.cancel_all()
        finally:
            asyncio.set_event_loop(None)
            loop.close()
    if loop.problems:
        raise UnhandledError("; ".join(itertools.islice(loop.problems, 3)))
    return result
