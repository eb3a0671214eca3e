"""RandomX for the pool: a few threads, one cache a key that all of them share, and the coming key made ahead.

A key holds for 2,048 blocks (2.8 days), and a cache takes a second to make, a full dataset half a minute: when a
template names the coming key, it is made while the old one is in use. Two keys are alive at most, the one that was not
used for longest goes first, and only when no thread hashes with it.

Nothing here blocks the event loop: keys are made and hashes are computed in threads.
"""

import asyncio
import concurrent.futures
import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from hashwright.chain.cryptonote.randomx import RandomX
from hashwright.errors import NotSupported

log = structlog.get_logger()

KEYS_MAX: Final = 2


@dataclasses.dataclass(slots=True, eq=False)
class _Key:
    """One key. `using` counts the hashes that are queued or running with it."""

    seed: bytes
    made: "concurrent.futures.Future[RandomX]"
    using: int = 0
    used_s: float = 0.0


class RandomXDesk:
    """Hashes under any key, in bounded threads."""

    def __init__(self, *, threads: int, is_full: bool = False) -> None:
        self.threads = threads
        self.is_full = is_full
        self.waiting = 0
        """Hashes that are queued or running."""
        self.hashes = 0
        self.is_missing = False
        """The library is not installed."""
        self._keys: dict[bytes, _Key] = {}
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="randomx")
        self._maker = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="randomx-key")
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<RandomXDesk {'full' if self.is_full else 'light'}, {len(self._keys)} keys, {self.waiting} waiting>"

    @property
    def seeds(self) -> tuple[bytes, ...]:
        """Return the keys that are alive, or being made."""
        return tuple(self._keys)

    def prepare(self, *seeds: bytes) -> None:
        """Make keys ahead, the first one first; those that are there already are left alone."""
        for seed in seeds:
            if seed and not self.is_missing:
                self._key(seed)

    def hash(self, seed: bytes, blob: bytes, note_pace: Callable[[float], None]) -> "asyncio.Future[bytes]":
        """Hash in a thread; the future is of the running loop. `note_pace` hears how long one took [s]."""
        loop = asyncio.get_running_loop()
        key = self._key(seed)
        key.using += 1
        self.waiting += 1
        future = asyncio.wrap_future(self._pool.submit(_hash, key.made, blob), loop=loop)
        answer: asyncio.Future[bytes] = loop.create_future()

        def finish(done: "asyncio.Future[tuple[bytes, float]]") -> None:
            key.using -= 1
            self.waiting -= 1
            self.hashes += 1
            if answer.cancelled():
                return
            if done.cancelled():
                answer.cancel()
            elif (problem := done.exception()) is not None:
                answer.set_exception(problem)
            else:
                hash_le, seconds = done.result()
                note_pace(seconds)
                answer.set_result(hash_le)

        future.add_done_callback(finish)
        return answer

    def close(self) -> None:
        """Give everything back; hashes that wait are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._maker.shutdown(wait=True, cancel_futures=True)
        for key in self._keys.values():
            _release(key.made)
        self._keys.clear()

    def _key(self, seed: bytes) -> _Key:
        key = self._keys.get(seed)
        if key is None:
            self._make_room()
            key = self._keys[seed] = _Key(seed, self._maker.submit(self._make, seed))
        key.used_s = time.monotonic()
        return key

    def _make_room(self) -> None:
        """Let go of the key that was not used for longest, unless a thread hashes with it."""
        idle = sorted((key for key in self._keys.values() if not key.using), key=lambda key: key.used_s)
        while len(self._keys) >= KEYS_MAX and idle:
            oldest = idle.pop(0)
            del self._keys[oldest.seed]
            self._maker.submit(_release, oldest.made)

    def _make(self, seed: bytes) -> RandomX:
        began = time.monotonic()
        try:
            made = RandomX(seed, is_full=self.is_full)
        except NotSupported:
            self.is_missing = True
            log.warning("RandomX is not installed: the node must judge each share", code="HW-209")
            raise
        mode = "full" if self.is_full else "light"
        log.info(
            "a key of RandomX is ready", seed=seed.hex()[:16], mode=mode, seconds=round(time.monotonic() - began, 1)
        )
        return made


def _hash(made: "concurrent.futures.Future[RandomX]", blob: bytes) -> tuple[bytes, float]:
    machine = made.result()
    began = time.perf_counter()
    return machine.hash(blob), time.perf_counter() - began


def _release(made: "concurrent.futures.Future[RandomX]") -> None:
    if made.cancel() or made.exception() is not None:
        return
    made.result().close()
