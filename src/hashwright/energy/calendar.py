"""Prices by the clock on the wall: seasons, weekdays, holidays and hours of the day, in the site's own time zone.

Each slot is judged by its own local time, which `zoneinfo` gives: nothing is counted in hours of a day, so a day of 23
or 25 hours needs no rule of its own. In the hour that comes twice, both hours have the price of their wall clock.

The first rule that fits a slot counts; where none fits, the default price does. A rule's time may pass midnight
(22:00 to 06:00): the hours after midnight belong to the day on which they stand.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hashwright.energy.slots import DAY_MS, SLOT_MINUTES, Grid

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_WORDS: Final = {
    "any": frozenset(range(7)),
    "weekday": frozenset(range(5)),
    "weekend": frozenset((5, 6)),
    **{name: frozenset((number,)) for number, name in enumerate(WEEKDAYS)},
}
HOLIDAY: Final = "holiday"
_TIME: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_MONTH_DAY: Final = re.compile(r"(0[1-9]|1[0-2])-([0-2][0-9]|3[01])", re.ASCII)
_EASTER: Final = re.compile(r"easter(?:([+-])([0-9]{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Days of the year from `first` to `last` [(month, day), both included]; it may pass the new year."""

    name: str
    first: tuple[int, int]
    last: tuple[int, int]

    def holds(self, day: date) -> bool:
        """Tell whether a day is in this season."""
        at = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or at <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A price that holds on some days and hours [minutes since midnight]; `weekdays` are 0 (Monday) to 6.

    `season` is a season's name, or empty for all year. `is_on_holidays` says whether it also holds on holidays that
    fall on other weekdays. With `skips_holidays` it does not hold on any of them.
    """

    price: Decimal
    weekdays: frozenset[int]
    first_minute: int
    last_minute: int
    season: str = ""
    is_on_holidays: bool = False
    skips_holidays: bool = False

    def holds(self, minute: int, weekday: int, *, is_holiday: bool, season: str) -> bool:
        """Tell whether the rule holds at a minute of a day."""
        if self.season and self.season != season:
            return False
        if is_holiday and self.skips_holidays:
            return False
        if weekday not in self.weekdays and not (is_holiday and self.is_on_holidays):
            return False
        if self.first_minute < self.last_minute:
            return self.first_minute <= minute < self.last_minute
        return minute >= self.first_minute or minute < self.last_minute


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCalendar:
    """A tariff by the clock. `holidays` tells of a local day whether it is one."""

    zone: ZoneInfo
    default: Decimal
    rules: tuple[Rule, ...] = ()
    seasons: tuple[Season, ...] = ()
    holidays: Callable[[date], bool] = lambda _day: False

    def prices(self, grid: Grid) -> tuple[Decimal, ...]:
        """Return the price of each slot [currency/kWh]."""
        return tuple(self._price(local) for local in local_times(grid, self.zone))

    def _price(self, local: datetime) -> Decimal:
        day = local.date()
        season = next((it.name for it in self.seasons if it.holds(day)), "")
        minute, is_holiday = local.hour * 60 + local.minute, self.holidays(day)
        fits = (
            rule.price
            for rule in self.rules
            if rule.holds(minute, local.weekday(), is_holiday=is_holiday, season=season)
        )
        return next(fits, self.default)


def local_times(grid: Grid, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the wall clock at the start of each slot."""
    start = datetime.fromtimestamp(grid.start_ms / 1000, UTC)
    for number in range(grid.count):
        yield (start + timedelta(minutes=SLOT_MINUTES * number)).astimezone(zone)


def slots_of_day(day: date, zone: ZoneInfo) -> Grid:
    """Return the slots of a local day: 96, or 92 and 100 where the clock changes by an hour."""
    first = datetime(day.year, day.month, day.day, tzinfo=zone)
    next_day = day + timedelta(days=1)
    last = datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone)
    start_ms, end_ms = round(first.timestamp() * 1000), round(last.timestamp() * 1000)
    return Grid(start_ms=start_ms, count=(end_ms - start_ms) * 96 // DAY_MS)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise ValueError(f"{name[:40]!r} is no time zone; write one such as Europe/Berlin or UTC") from problem


def minute_of(text: str) -> int:
    """Read `HH:MM` as minutes since midnight, 24:00 included, on a quarter of an hour.

    Raises:
        ValueError: it is of another form, or between two slots.
    """
    match = _TIME.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    if not 0 <= minute <= 1440 or minute % SLOT_MINUTES:
        raise ValueError(f"{text[:20]!r} is no time such as 06:00, on a quarter of an hour")
    return minute


def month_day_of(text: str) -> tuple[int, int]:
    """Read `MM-DD`.

    Raises:
        ValueError: it is of another form, or no day of any year.
    """
    match = _MONTH_DAY.fullmatch(text)
    try:
        day = date(2024, int(match[1]), int(match[2])) if match else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError(f"{text[:20]!r} is no day such as 11-01")
    return day.month, day.day


def holiday_of(text: str) -> Callable[[date], bool]:
    """Read a holiday: a date (2026-10-03), the same each year (12-25), or by Easter (easter-2, easter+50).

    Raises:
        ValueError: it is none of these.
    """
    if match := _EASTER.fullmatch(text):
        offset = timedelta(days=int(f"{match[1] or '+'}{match[2] or 0}"))
        return lambda day: day - offset == easter(day.year)
    if _MONTH_DAY.fullmatch(text):
        wanted = month_day_of(text)
        return lambda day: (day.month, day.day) == wanted
    try:
        one = date.fromisoformat(text)
    except ValueError as problem:
        raise ValueError(f"{text[:20]!r} is no holiday such as 12-25, 2026-10-03, easter or easter+1") from problem
    return lambda day: day == one


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876, Meeus 1991)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
