"""The one grid of energy: slots of 15 minutes in UTC, and how a series of any steps comes onto it.

A series is a list of `Span`s, each with its start, its end and a value, in any order and of any length: hours of a
day-ahead market, half-hours of a retailer, quarter-hours of a balancing market, mixed as they come. UTC has no clock
changes, so a day of 23 or 25 hours is simply 92 or 100 slots.

Rules of this file:

* Nothing is filled in. A slot that is not wholly covered has no value, and the hole is a finding.
* Where spans overlap, the shorter one says it more exactly and wins; of equal ones the later in the list. Overlaps of
  different values are findings.
* A slot that several spans share has their mean by time, in exact decimals.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import numpy as np

from hashwright.errors import Finding

MINUTE_MS: Final = 60_000
SLOT_MINUTES: Final = 15
SLOT_MS: Final = SLOT_MINUTES * MINUTE_MS
SLOT_H: Final = 0.25
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
SLOTS_MAX: Final = 4 * 24 * 366 * 3
"""Three years: a longer grid is a mistake, and would take memory for it."""
FINDINGS_MAX: Final = 50
"""A series with more holes than that is not read one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A value that holds from `start_ms` until before `end_ms` [ms since 1970 UTC, whole minutes]."""

    start_ms: int
    end_ms: int
    value: Decimal

    def __post_init__(self) -> None:
        if self.start_ms % MINUTE_MS or self.end_ms % MINUTE_MS or self.end_ms <= self.start_ms:
            raise ValueError(f"{utc_text(self.start_ms)} to {utc_text(self.end_ms)} is no span of whole minutes")
        if not self.value.is_finite():
            raise ValueError(f"{self.value} is no finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """`count` slots from `start_ms` [ms since 1970 UTC, a whole quarter of an hour]."""

    start_ms: int
    count: int

    def __post_init__(self) -> None:
        if self.start_ms % SLOT_MS:
            raise ValueError(f"{self.start_ms} is no quarter of an hour")
        if not 1 <= self.count <= SLOTS_MAX:
            raise ValueError(f"a grid has 1 to {SLOTS_MAX} slots, not {self.count}")

    @property
    def end_ms(self) -> int:
        """Return the end of the last slot [ms]."""
        return self.start_ms + self.count * SLOT_MS

    def starts_ms(self) -> tuple[int, ...]:
        """Return the start of each slot [ms]."""
        return tuple(range(self.start_ms, self.end_ms, SLOT_MS))

    def part(self, first: int, count: int) -> "Grid":
        """Return `count` slots from slot `first` on."""
        return Grid(start_ms=self.start_ms + first * SLOT_MS, count=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slotted:
    """A series on a grid: one value a slot, None where it is not known, and what was wrong with it."""

    grid: Grid
    values: tuple[Decimal | None, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def has_holes(self) -> bool:
        """Tell whether any slot has no value."""
        return None in self.values


def grid_of(start_ms: int, hours: float) -> Grid:
    """Return the grid that holds an instant in its first slot, and is at least `hours` long."""
    first = start_ms - start_ms % SLOT_MS
    return Grid(start_ms=first, count=max(round(hours / SLOT_H), 1))


def on_grid(spans: Sequence[Span], grid: Grid, *, what: str = "tariff") -> Slotted:
    """Bring a series onto a grid; holes (HW-841) and contradicting overlaps (HW-842) are findings, each with its time.

    `what` names the series in the findings.
    """
    owner, findings = _painted(spans, grid, what)
    rows = owner.reshape(grid.count, SLOT_MINUTES)
    values: list[Decimal | None] = []
    for first, is_one, row in zip(rows[:, 0], (rows == rows[:, :1]).all(axis=1), rows, strict=True):
        if is_one:
            values.append(spans[first].value if first >= 0 else None)
        else:
            values.append(None if (row < 0).any() else _mean(spans, row))
    findings.extend(_holes(values, grid, what))
    return Slotted(grid=grid, values=tuple(values), findings=tuple(findings[:FINDINGS_MAX]))


def _painted(
    spans: Sequence[Span], grid: Grid, what: str
) -> "tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[Finding]]":
    """Give each minute the number of the span that it belongs to, -1 where there is none: longest spans first."""
    owner = np.full(grid.count * SLOT_MINUTES, -1, dtype=np.int64)
    findings: list[Finding] = []
    order = sorted(range(len(spans)), key=lambda number: (spans[number].start_ms - spans[number].end_ms, number))
    for number in order:
        span = spans[number]
        first = max((span.start_ms - grid.start_ms) // MINUTE_MS, 0)
        last = min((span.end_ms - grid.start_ms) // MINUTE_MS, len(owner))
        if first >= last:
            continue
        others = {int(it) for it in np.unique(owner[first:last]) if it >= 0}
        if any(spans[it].value != span.value for it in others):
            findings.append(_overlap(span, [spans[it] for it in others], what))
        owner[first:last] = number
    return owner, findings


def _mean(spans: Sequence[Span], row: Iterable[int]) -> Decimal:
    return sum((spans[number].value for number in row), Decimal(0)) / SLOT_MINUTES


def _overlap(span: Span, others: Sequence[Span], what: str) -> Finding:
    values = ", ".join(str(it.value) for it in others[:3])
    return Finding(
        code="HW-842",
        place=f"{what}, {utc_text(span.start_ms)} to {utc_text(span.end_ms)}",
        message=f"Two values stand for one time: {values} and {span.value}",
        hint="The shorter span counts, of equal ones the later. If that is wrong, name one product or auction only.",
    )


def _holes(values: Sequence[Decimal | None], grid: Grid, what: str) -> Iterator[Finding]:
    start = None
    for number, value in enumerate((*values, Decimal(0))):
        if value is None and start is None:
            start = number
        elif value is not None and start is not None:
            yield _hole(grid.part(start, number - start), what)
            start = None


def _hole(grid: Grid, what: str) -> Finding:
    return Finding(
        code="HW-841",
        place=f"{what}, {utc_text(grid.start_ms)} to {utc_text(grid.end_ms)}",
        message=f"No value is known for {grid.count} slot{'s' if grid.count > 1 else ''}",
        hint="Nothing is planned on a price that is not known. Fill the hole, or plan a shorter time.",
    )


def merged(values: Sequence[Decimal | None], grid: Grid) -> tuple[Span, ...]:
    """Return neighbouring slots of one value as one span; slots without a value are left out."""
    spans: list[Span] = []
    for start, value in zip(grid.starts_ms(), values, strict=True):
        if value is None:
            continue
        if spans and spans[-1].end_ms == start and spans[-1].value == value:
            spans[-1] = Span(start_ms=spans[-1].start_ms, end_ms=start + SLOT_MS, value=value)
        else:
            spans.append(Span(start_ms=start, end_ms=start + SLOT_MS, value=value))
    return tuple(spans)


def utc_text(time_ms: int) -> str:
    """Return an instant for people: `2026-03-29 01:00 UTC`."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def ms_of(when: datetime) -> int:
    """Return an aware time [ms since 1970 UTC]."""
    if when.tzinfo is None:
        raise ValueError(f"{when} has no time zone")
    return round(when.timestamp() * 1000)
