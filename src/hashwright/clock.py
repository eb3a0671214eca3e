"""Time, as engines see it: an instant is a number that is handed in, never one that is read.

Elapsed time for time-outs comes from `monotonic`, which never goes back, and never meets an `Instant`.
"""

from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""Milliseconds since 1970-01-01 UTC."""


class Clock(Protocol):
    """Where `runtime` and the adapters read the time."""

    def now(self) -> Instant:
        """Return the wall clock [ms since 1970 UTC]; it may jump."""

    def monotonic(self) -> float:
        """Return a clock that never goes back [s], from an unknown start."""


class ManualClock:
    """A clock that stands still until it is told to go on; for tests and replays."""

    def __init__(self, now: int = 0) -> None:
        self._now = now
        self._elapsed_ms = 0

    def __repr__(self) -> str:
        return f"<ManualClock {self._now} ms>"

    def now(self) -> Instant:
        """Return the time that was set."""
        return Instant(self._now)

    def monotonic(self) -> float:
        """Return the seconds that were advanced."""
        return self._elapsed_ms / 1000

    def advance(self, milliseconds: int) -> Instant:
        """Let time pass [ms, not negative] on both clocks."""
        if milliseconds < 0:
            raise ValueError("time does not go back; use `jump` for a wall clock that was set")
        self._now += milliseconds
        self._elapsed_ms += milliseconds
        return self.now()

    def jump(self, milliseconds: int) -> Instant:
        """Set the wall clock forward or back [ms], as an operator or NTP does; the monotonic one does not move."""
        self._now += milliseconds
        return self.now()
