"""Prices by the clock on the wall: seasons, weekdays, holidays, hours. The rules are `energy/calendar`'s.

[tariff]
kind = "time_of_use"
zone = "Europe/Berlin"
price = 0.31                      # where no rule fits
holidays = ["01-01", "easter+1", "12-25"]
[[tariff.seasons]]
name = "winter"
from = "11-01"
to = "03-31"
[[tariff.rules]]
price = 0.19
days = ["any"]                    # any, weekday, weekend, holiday, mon ... sun
from = "22:00"
to = "06:00"
season = "winter"                 # all year without it
"""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import msgspec

from hashwright.adapters.tariffs.base import CurrencyCode, PriceNumber, TariffPlugin
from hashwright.energy.calendar import (
    DAY_WORDS,
    HOLIDAY,
    PriceCalendar,
    Rule,
    Season,
    holiday_of,
    minute_of,
    month_day_of,
    zone_of,
)
from hashwright.energy.settings import Problem
from hashwright.energy.slots import SLOT_MS, Grid, merged
from hashwright.energy.tariff import TariffAnswer


class SeasonConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A season from one day of the year to another, both included."""

    name: str
    first: str = msgspec.field(name="from")
    last: str = msgspec.field(name="to")

    def problems(self) -> Iterator[Problem]:
        """Find days that are none."""
        yield from _unreadable("from", month_day_of, self.first)
        yield from _unreadable("to", month_day_of, self.last)


class RuleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price [currency/kWh] of some days and hours. A rule without `holiday` holds on holidays by their weekday."""

    price: PriceNumber
    days: tuple[str, ...] = ("any",)
    first: str = msgspec.field(name="from", default="00:00")
    last: str = msgspec.field(name="to", default="24:00")
    season: str = ""
    skip_holidays: bool = False

    def problems(self) -> Iterator[Problem]:
        """Find times and days that are none."""
        yield from _unreadable("from", minute_of, self.first)
        yield from _unreadable("to", minute_of, self.last)
        for day in self.days:
            if day != HOLIDAY and day not in DAY_WORDS:
                yield Problem(
                    field="days", message=f"{day[:20]!r} is no day", hint=f"Known: {', '.join((*DAY_WORDS, HOLIDAY))}."
                )
        if self.first == self.last:
            yield Problem(field="to", message="the rule lasts no time", hint="A whole day is 00:00 to 24:00.")


class TimeOfUseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tariff by the clock; `price` [currency/kWh] holds where no rule does."""

    kind: str
    price: PriceNumber
    zone: str
    currency: CurrencyCode = "EUR"
    holidays: tuple[str, ...] = ()
    seasons: tuple[SeasonConfig, ...] = ()
    rules: tuple[RuleConfig, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """Find what no single rule can know."""
        yield from _unreadable("zone", zone_of, self.zone)
        for word in self.holidays:
            yield from _unreadable("holidays", holiday_of, word)
        names = {season.name for season in self.seasons}
        for rule in self.rules:
            if rule.season and rule.season not in names:
                yield Problem(field="rules", message=f"there is no season {rule.season[:40]!r}", hint="Add it.")


def _unreadable(field: str, read: Callable[[str], Any], text: str) -> Iterator[Problem]:
    try:
        read(text)
    except ValueError as problem:
        yield Problem(field=field, message=str(problem))


def calendar_of(config: TimeOfUseConfig) -> PriceCalendar:
    """Return the calendar that checked settings describe."""
    tests = tuple(holiday_of(word) for word in config.holidays)

    def is_holiday(day: date) -> bool:
        return any(test(day) for test in tests)

    seasons = tuple(
        Season(name=it.name, first=month_day_of(it.first), last=month_day_of(it.last)) for it in config.seasons
    )
    return PriceCalendar(
        zone=zone_of(config.zone),
        default=config.price,
        rules=tuple(_rule(it) for it in config.rules),
        seasons=seasons,
        holidays=is_holiday,
    )


def _rule(config: RuleConfig) -> Rule:
    weekdays: frozenset[int] = frozenset().union(*(DAY_WORDS.get(day, frozenset()) for day in config.days))
    return Rule(
        price=config.price,
        weekdays=weekdays,
        first_minute=minute_of(config.first),
        last_minute=minute_of(config.last),
        season=config.season,
        is_on_holidays=HOLIDAY in config.days,
        skips_holidays=config.skip_holidays,
    )


class TimeOfUseTariff:
    """A tariff by the clock."""

    def __init__(self, config: TimeOfUseConfig) -> None:
        self.config = config
        self.calendar = calendar_of(config)

    async def prices(self, start_ms: int, end_ms: int, *, now_ms: int) -> TariffAnswer:
        """Answer with the prices of the time: the calendar knows all of them."""
        first = start_ms - start_ms % SLOT_MS
        grid = Grid(start_ms=first, count=-(-(end_ms - first) // SLOT_MS))
        spans = merged(self.calendar.prices(grid), grid)
        return TariffAnswer(currency=self.config.currency, spans=spans, known_at_ms=now_ms)


PLUGIN = TariffPlugin(title="Prices by the clock", seen="own rules", config=TimeOfUseConfig, build=TimeOfUseTariff)
