"""Hash rates of machines and destinations over the last ten minutes, hour and day, kept up minute by minute.

A year of history is not read for a page: a minute that is over is added once to three sliding windows and taken off
when it leaves them. The minute that still runs is read anew each time. All rates are estimates: accepted work divided
by the time that it took.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hashwright.store.rates import Done

HISTORY_SPAN: Final = 5
"""Minutes of one point of the plot of a day."""
DAY: Final = 1440
Key = tuple[str, str]
"""Worker, destination."""


@dataclass(slots=True)
class Total:
    """Work [hashes] and shares."""

    work: int = 0
    accepted: int = 0
    refused: int = 0

    def add(self, done: Done, sign: int = 1) -> None:
        """Add what was done, or take it off."""
        self.work += sign * done.work
        self.accepted += sign * done.accepted
        self.refused += sign * done.refused


@dataclass(slots=True)
class Window:
    """Sums over the last `minutes`, in steps of `span` minutes."""

    minutes: int
    span: int
    sums: dict[Key, Total] = field(default_factory=dict)
    _parts: deque[tuple[int, list[Done]]] = field(default_factory=deque)

    def add(self, minute: int, rows: list[Done]) -> None:
        """Add what was done in a minute, or in a span that begins with it. Minutes come in order."""
        begin = minute // self.span * self.span
        if not self._parts or self._parts[-1][0] != begin:
            self._parts.append((begin, []))
        self._parts[-1][1].extend(rows)
        for done in rows:
            self.sums.setdefault((done.worker, done.destination), Total()).add(done)

    def drop(self, now_minute: int) -> None:
        """Take off what is older than the window."""
        while self._parts and self._parts[0][0] + self.span <= now_minute - self.minutes:
            for done in self._parts.popleft()[1]:
                key = (done.worker, done.destination)
                total = self.sums[key]
                total.add(done, -1)
                if not (total.accepted or total.refused):
                    del self.sums[key]

    def seconds(self, now_ms: int, since_minute: int) -> float:
        """Return how long the time is that the sums are of [s]; `since_minute` is when anything can have begun."""
        first = (now_ms // 60_000 - self.minutes) // self.span * self.span + self.span
        first = max(first, since_minute)
        return max(now_ms / 1000 - first * 60, 1.0)


@dataclass(slots=True)
class RateBook:
    """The three windows, and the plot of the last day by destination."""

    windows: dict[str, Window] = field(
        default_factory=lambda: {"10m": Window(10, 1), "1h": Window(60, 5), "24h": Window(DAY, 60)}
    )
    history: dict[int, dict[str, Total]] = field(default_factory=dict)
    """By the first minute of each span, and by destination."""
    open_rows: list[Done] = field(default_factory=list)
    """What was done in minutes that may still grow."""
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Shares by worker, accepted and refused, since this book began: they only grow."""
    hours: dict[int, dict[str, int]] = field(default_factory=dict)
    """Work [hashes] by the first minute of each hour, and by worker: for the small plots of a list."""
    next_minute: int = 0
    """The first minute that is not in the windows yet."""

    def begin(self, minute: int) -> None:
        """Start empty before a minute."""
        fresh = RateBook()
        self.windows, self.history, self.open_rows, self.counted = fresh.windows, fresh.history, [], {}
        self.hours = {}
        self.next_minute = minute

    def close(self, minute: int, rows: Iterable[Done]) -> None:
        """Add what was done in the minutes from `next_minute` to before `minute`."""
        by_minute: dict[int, list[Done]] = {}
        for done in rows:
            by_minute.setdefault(done.minute, []).append(done)
        for at in sorted(by_minute):
            for window in self.windows.values():
                window.add(at, by_minute[at])
            self._plot(at, by_minute[at])
            self._count(by_minute[at])
        self.next_minute = minute
        for window in self.windows.values():
            window.drop(minute)
        for span in [span for span in self.history if span < minute - DAY]:
            del self.history[span]
        for hour in [hour for hour in self.hours if hour < minute - DAY - 60]:
            del self.hours[hour]

    def _count(self, rows: Iterable[Done]) -> None:
        for done in rows:
            accepted, refused = self.counted.get(done.worker, (0, 0))
            self.counted[done.worker] = (accepted + done.accepted, refused + done.refused)

    def _plot(self, minute: int, rows: Iterable[Done]) -> None:
        point = self.history.setdefault(minute // HISTORY_SPAN * HISTORY_SPAN, {})
        hour = self.hours.setdefault(minute // 60 * 60, {})
        for done in rows:
            point.setdefault(done.destination, Total()).add(done)
            hour[done.worker] = hour.get(done.worker, 0) + done.work

    def spark(self, worker: str, now_ms: int) -> tuple[float, ...]:
        """Return a worker's mean hash rates of the last 24 whole hours [H/s], oldest first."""
        last = now_ms // 3_600_000 * 60
        return tuple(self.hours.get(hour, {}).get(worker, 0) / 3600 for hour in range(last - DAY, last, 60))

    def of(self, window: str) -> dict[Key, Total]:
        """Return the sums of a window with the running minute."""
        sums = dict(self.windows[window].sums)
        for done in self.open_rows:
            key = (done.worker, done.destination)
            before = sums.get(key, Total())
            total = Total(before.work, before.accepted, before.refused)
            total.add(done)
            sums[key] = total
        return sums
