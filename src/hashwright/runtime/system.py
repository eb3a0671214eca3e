"""Where time and chance enter: the only place that reads the machine's clock."""

import gc
import random
import time
from collections.abc import Callable

from hashwright.clock import Instant

SLOW = 0.5
"""How fast time goes on while the wall clock, set back, catches up."""
COLLECT_AFTER = 20_000
"""So many new things between two looks for circles: a login of ten thousand machines costs some hundred looks."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """Return the wall clock [ms since 1970 UTC]."""
        return Instant(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Return a clock that never goes back [s]."""
        return time.monotonic()


class SteadyClock:
    """The wall clock, as engines may see it: it never goes back.

    A clock that is set forward is followed at once. One that is set back would make every wait, dwell and slice last
    until it is made up for; so time then goes on at half its speed until the wall clock has caught up.
    """

    def __init__(
        self,
        *,
        wall_ms: Callable[[], float] = lambda: time.time_ns() / 1e6,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall_ms, self.monotonic = wall_ms, monotonic
        self._now_ms, self._at_s = wall_ms(), monotonic()

    def now(self) -> Instant:
        """Return the time [ms since 1970 UTC]."""
        at_s = self.monotonic()
        slow_ms = self._now_ms + (at_s - self._at_s) * 1000 * SLOW
        self._now_ms, self._at_s = max(self._wall_ms(), slow_ms), at_s
        return Instant(int(self._now_ms))


def system_rng() -> random.Random:
    """Return randomness for jitter; nothing secret is made of it."""
    return random.Random()  # noqa: S311


def calm_collector() -> None:
    """Let Python look for garbage in circles less often: here nearly nothing is one, and machines stay for days.

    As it comes it walks over all that thousands of machines hold whenever 700 things were made. What was made by the
    imports is never walked over again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)
