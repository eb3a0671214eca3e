"""When to ask a node for its best block, and asking it for ever. A hint says nothing, it is only a reason to ask.

Push is quick but may be lost (ZMQ has no acknowledgement, a long poll hangs on a dead connection), so every source
also returns by itself after its interval: a lost hint costs that long and no more. (Debian's litecoind has no ZMQ at
all, and takes the setting for it without a word.)
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol

from hashwright.adapters.nodes.base import TipSeen
from hashwright.errors import HashwrightError

PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses of `follow` while the node is gone; the last one repeats."""


class Hints(Protocol):
    """A source of hints."""

    async def wait(self) -> None:
        """Return when it is time to ask again; sometimes for nothing."""

    async def renew(self) -> None:
        """Begin again: the tip is another one now, or the node was gone."""

    async def aclose(self) -> None:
        """Let go of everything."""


async def follow(
    ask: Callable[[str], Awaitable[TipSeen | None]], hints: Hints, *, on_lost: Callable[[], None]
) -> AsyncIterator[TipSeen]:
    """Yield the best block, then each new one, for ever; a node that is gone is asked again with growing pauses.

    Args:
        ask: returns the best block, or None while it is the one with this hash.
        on_lost: is told that the node was gone: it may come back as another one.
    """
    last, failures = "", 0
    try:
        while True:
            try:
                seen = await ask(last)
            except HashwrightError:
                on_lost()
                await hints.renew()
                await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
                failures += 1
                continue
            failures = 0
            if seen is not None:
                last = seen.block_hash
                await hints.renew()
                yield seen
            await hints.wait()
    finally:
        await hints.aclose()


class Timer:
    """A hint in regular intervals."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s

    async def wait(self) -> None:
        """Wait for the interval."""
        await asyncio.sleep(self._interval_s)

    async def renew(self) -> None:
        """Nothing is kept."""

    async def aclose(self) -> None:
        """Nothing is open."""


class ZmqHints:
    """What a node publishes of new blocks (bitcoind's `hashblock`). The socket connects again by itself."""

    def __init__(self, address: str, *, interval_s: float, topic: bytes = b"hashblock") -> None:
        import zmq
        import zmq.asyncio

        self._interval_s = interval_s
        self._context = zmq.asyncio.Context()
        self._socket: Any = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, 16)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2_000)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 15_000)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 30_000)
        self._socket.setsockopt(zmq.SUBSCRIBE, topic)
        self._socket.connect(address)

    async def wait(self) -> None:
        """Wait for a message, or for the interval."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interval_s):
                await self._socket.recv_multipart()

    async def renew(self) -> None:
        """The socket does that by itself."""

    async def aclose(self) -> None:
        """Close the socket."""
        self._socket.close()
        self._context.term()


class LongPollHints:
    """A template call that the node holds back until there is something new (BIP 22).

    The call is left running over the interval and not begun anew: a node goes on serving one that was given up,
    and a few of those would use up its threads. Without long polling (no peer, no such key) it is a timer.
    """

    def __init__(self, template: Callable[[str | None], Awaitable[dict[str, Any]]], *, interval_s: float) -> None:
        self._template = template
        self._interval_s = interval_s
        self._id: str | None = None
        self._task: asyncio.Task[dict[str, Any]] | None = None

    async def wait(self) -> None:
        """Wait until the node answers, or for the interval."""
        if self._task is None:
            # allow task: `aclose` and `renew` cancel it and wait; `wait` takes its result
            self._task = asyncio.get_running_loop().create_task(self._ask())
        done, _ = await asyncio.wait({self._task}, timeout=self._interval_s)
        if done:
            await self._take_answer(self._task)

    async def renew(self) -> None:
        """Give up a call that did not notice the new tip; an id that is not in use stays good."""
        if self._task is not None:
            self._id = None
            await self._cancel()

    async def aclose(self) -> None:
        """Give up the call."""
        await self._cancel()

    async def _ask(self) -> dict[str, Any]:
        return await self._template(self._id)

    async def _take_answer(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._task = None
        self._id = None
        with contextlib.suppress(HashwrightError):
            offered = task.result().get("longpollid")
            self._id = offered if isinstance(offered, str) and offered else None
        if self._id is None:
            await asyncio.sleep(self._interval_s)

    async def _cancel(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # an error of a call that nobody waits for any more is of no interest
