"""Where time and chance enter: the only place that reads the machine's clock."""

import random
import time

from hashwright.clock import Instant


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """Return the wall clock [ms since 1970 UTC]."""
        return Instant(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Return a clock that never goes back [s]."""
        return time.monotonic()


def system_rng() -> random.Random:
    """Return randomness for jitter; nothing secret is made of it."""
    return random.Random()  # noqa: S311
