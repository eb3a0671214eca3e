"""A process for work that may be slow, hang or die: started when it is needed, ended when it does not answer.

It ends by itself when the program that started it is gone, however that ended.
"""

import asyncio
import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any, TypeVar

from hashwright.errors import HashwrightError, StaleInput

T = TypeVar("T")


def end_with_parent() -> None:
    """End this process when its parent does: a killed program leaves nobody behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(0)


class Worker:
    """One process that takes one piece of work at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._place = asyncio.Lock()

    async def call(self, function: Callable[..., T], *arguments: Any, limit_s: float, code: str) -> T:  # noqa: ANN401
        """Run a function of a module in the process.

        Raises:
            StaleInput: no answer came in time, or it failed (`code`).
        """
        async with self._place:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent)
            try:
                async with asyncio.timeout(limit_s):
                    return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
            except TimeoutError as error:
                self.close()
                raise StaleInput(f"No answer came within {limit_s:.0f} s.", code=code) from error
            except asyncio.CancelledError:
                self.close()  # whatever it does, nobody waits for it any more
                raise
            except (BrokenExecutor, HashwrightError, ArithmeticError, LookupError, ValueError, TypeError) as error:
                if isinstance(error, BrokenExecutor):
                    self.close()
                words = f"{type(error).__name__}: {error}"[:200]
                raise StaleInput(f"The work failed: {words}.", code=code) from error

    def close(self) -> None:
        """End the process."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for process in list((pool._processes or {}).values()):  # the only way to end one that hangs
            with contextlib.suppress(OSError):
                process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
