"""What machines said of themselves over the last day: hash rate, what they should do, and power, in spans of 5 minutes.

It is kept in memory since the web began, because nobody stores it: before that it is unknown, and shown as such.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SPAN_S: Final = 300
SPANS: Final = 289
GAP_S: Final = 120.0
"""A longer pause between two readings is not filled in: nobody knows what was then."""
JOULES_A_KWH: Final = 3.6e6


@dataclass(slots=True)
class Mean:
    """A mean over time: value times seconds, and seconds."""

    sum: float = 0.0
    seconds: float = 0.0

    def add(self, value: float, seconds: float) -> None:
        """Add what held for so long."""
        self.sum += value * seconds
        self.seconds += seconds

    @property
    def value(self) -> float | None:
        """Return the mean; None where nothing was heard."""
        return self.sum / self.seconds if self.seconds > 0 else None


@dataclass(slots=True)
class Span:
    """Five minutes."""

    said_hs: Mean = field(default_factory=Mean)
    expected_hs: Mean = field(default_factory=Mean)
    power_w: Mean = field(default_factory=Mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What machines drew by their own word [J], over the seconds in which that was known, and since when [ms]."""

    joules: float
    seconds: float
    since_ms: int

    @property
    def kwh(self) -> float:
        """Return it in kWh."""
        return self.joules / JOULES_A_KWH


@dataclass(slots=True)
class Joules:
    """What each machine drew since the web began, by its own word [J]; one that left the fleet is forgotten."""

    drawn: dict[str, float] = field(default_factory=dict)
    _last_ms: int = 0

    def take(self, now_ms: int, watts: Mapping[str, float | None]) -> None:
        """Add a reading of all machines: it holds from the one before until now."""
        seconds = (now_ms - self._last_ms) / 1000
        self._last_ms = now_ms
        if not 0 < seconds <= GAP_S:
            seconds = 0.0
        self.drawn = {
            name: self.drawn.get(name, 0.0) + (power or 0.0) * seconds
            for name, power in watts.items()
            if power is not None or name in self.drawn
        }


@dataclass(slots=True)
class Trend:
    """The last day, by the number of the span since 1970."""

    spans: dict[int, Span] = field(default_factory=dict)
    _last_ms: int = 0

    def take(self, now_ms: int, *, said_hs: float | None, expected_hs: float | None, power_w: float | None) -> None:
        """Add a reading: it holds from the one before until now."""
        seconds = (now_ms - self._last_ms) / 1000
        self._last_ms = now_ms
        if not 0 < seconds <= GAP_S:
            return
        number = now_ms // 1000 // SPAN_S
        span = self.spans.setdefault(number, Span())
        for mean, value in ((span.said_hs, said_hs), (span.expected_hs, expected_hs), (span.power_w, power_w)):
            if value is not None:
                mean.add(value, seconds)
        for old in [it for it in self.spans if it <= number - SPANS]:
            del self.spans[old]

    def line(self, name: str, times_s: tuple[int, ...]) -> tuple[float | None, ...]:
        """Return the means of one of its numbers for spans that begin at these times; None where it is unknown."""
        found = []
        for time_s in times_s:
            span = self.spans.get(time_s // SPAN_S)
            mean: Mean | None = None if span is None else getattr(span, name)
            found.append(None if mean is None else mean.value)
        return tuple(found)

    def energy(self, since_ms: int) -> Energy | None:
        """Return what was drawn since a moment, as far as it was heard; None where nothing was."""
        found = [
            (number, span.power_w)
            for number, span in self.spans.items()
            if number * SPAN_S * 1000 >= since_ms and span.power_w.seconds
        ]
        if not found:
            return None
        return Energy(
            joules=sum(mean.sum for _, mean in found),
            seconds=sum(mean.seconds for _, mean in found),
            since_ms=max(min(number for number, _ in found) * SPAN_S * 1000, since_ms),
        )
