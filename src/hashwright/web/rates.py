"""Hash rates of machines and destinations over the last ten minutes, hour and day, kept up minute by minute.

A year of history is not read for a page: a minute that is over is added once to three sliding windows and taken off
when it leaves them. The minute that still runs is read anew each time. All rates are estimates: accepted work divided
by the time that it took.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

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


class Worked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one worker did, over all destinations: work [hashes] and shares."""

    work: int = 0
    accepted: int = 0
    refused: int = 0
    destinations: tuple[str, ...] = ()

    def plus(self, other: "Worked") -> "Worked":
        """Add what was done elsewhere, or at another time."""
        return Worked(
            work=self.work + other.work,
            accepted=self.accepted + other.accepted,
            refused=self.refused + other.refused,
            destinations=self.destinations
            if other.destinations == self.destinations
            else tuple(sorted({*self.destinations, *other.destinations})),
        )


@dataclass(slots=True)
class Window:
    """Sums over the last `minutes`, in steps of `span` minutes."""

    minutes: int
    span: int
    sums: dict[Key, Total] = field(default_factory=dict)
    all: Total = field(default_factory=Total)
    """The sum of the sums: it is asked for with every picture."""
    _parts: deque[tuple[int, list[Done]]] = field(default_factory=deque)

    def add(self, minute: int, rows: list[Done]) -> None:
        """Add what was done in a minute, or in a span that begins with it. Minutes come in order."""
        begin = minute // self.span * self.span
        if not self._parts or self._parts[-1][0] != begin:
            self._parts.append((begin, []))
        self._parts[-1][1].extend(rows)
        for done in rows:
            self.sums.setdefault((done.worker, done.destination), Total()).add(done)
            self.all.add(done)

    def drop(self, now_minute: int) -> None:
        """Take off what is older than the window."""
        while self._parts and self._parts[0][0] + self.span <= now_minute - self.minutes:
            for done in self._parts.popleft()[1]:
                key = (done.worker, done.destination)
                total = self.sums[key]
                total.add(done, -1)
                self.all.add(done, -1)
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
    _kept: dict[str, tuple[int, dict[str, Worked]]] = field(default_factory=dict)

    def begin(self, minute: int) -> None:
        """Start empty before a minute."""
        fresh = RateBook()
        self.windows, self.history, self.open_rows, self.counted = fresh.windows, fresh.history, [], {}
        self.hours, self._kept = {}, {}
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

    def total(self, window: str) -> Total:
        """Return the sum of a window over everybody, with the running minutes."""
        closed = self.windows[window].all
        total = Total(closed.work, closed.accepted, closed.refused)
        for done in self.open_rows:
            total.add(done)
        return total

    def of(self, window: str) -> dict[str, Worked]:
        """Return the sums of a window by worker, without the running minutes; made once a minute."""
        kept = self._kept.get(window)
        if kept is None or kept[0] != self.next_minute:
            sums = self.windows[window].sums.items()
            kept = (self.next_minute, by_worker((key, it.work, it.accepted, it.refused) for key, it in sums))
            self._kept[window] = kept
        return kept[1]

    def running(self) -> dict[str, Worked]:
        """Return what was done by worker in the minutes that may still grow."""
        return by_worker(((it.worker, it.destination), it.work, it.accepted, it.refused) for it in self.open_rows)


def by_worker(sums: Iterable[tuple[Key, int, int, int]]) -> dict[str, Worked]:
    """Sum over the destinations of each worker."""
    found: dict[str, Worked] = {}
    for (worker, destination), work, accepted, refused in sums:
        one = Worked(work=work, accepted=accepted, refused=refused, destinations=(destination,))
        before = found.get(worker)
        found[worker] = one if before is None else before.plus(one)
    return found
