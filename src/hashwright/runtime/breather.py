"""Moderates how often the loop wakes up, as network cards moderate interrupts.

At a thousand shares a second nearly every share wakes the loop alone, and waking costs more than the share: poll, a
cold cache, the switch between threads. While that many come, the loop pauses for `PAUSE_S` after each round, so that
the next one finds a handful. A job or a block is late by 8 ms at most, against 25 ms that the commit takes its time for
anyway; when few machines speak, or when a round was full, there is no pause.
"""

import time
from collections.abc import Callable

PAUSE_S = 0.008
ROUND_MAX = 16
"""A round with this many messages is full: the loop is not waking up for single ones."""
RATE_MIN = 250
"""Messages a second from which it pays: a pause itself costs a wake-up."""
WINDOW_S = 0.5


class Breather:
    """Counts messages and pauses between rounds while they come one by one."""

    def __init__(
        self,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        monotonic: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._call_soon = call_soon
        self._monotonic = monotonic
        self._pause = pause
        self._is_waiting = False
        self._in_round = 0
        self._in_window = 0
        self._window_began = 0.0
        self._is_busy = False

    def count(self) -> None:
        """Note a message."""
        self._in_round += 1
        if not self._is_waiting:
            self._is_waiting = True
            self._call_soon(self._end_round)

    def _end_round(self) -> None:
        self._is_waiting = False
        count, self._in_round = self._in_round, 0
        self._in_window += count
        now = self._monotonic()
        if now - self._window_began >= WINDOW_S:
            self._is_busy = self._in_window >= RATE_MIN * (now - self._window_began)
            self._window_began, self._in_window = now, 0
        if self._is_busy and count < ROUND_MAX:
            self._pause(PAUSE_S)
