"""One grid in UTC: holes and overlaps are found, and the clock on the wall may change by an hour."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from hashwright.energy.calendar import (
    PriceCalendar,
    Rule,
    Season,
    easter,
    holiday_of,
    local_times,
    minute_of,
    month_day_of,
    slots_of_day,
    zone_of,
)
from hashwright.energy.slots import HOUR_MS, MINUTE_MS, SLOT_MS, Grid, Span, grid_of, merged, ms_of, on_grid
from hashwright.energy.tariff import Markup, TariffAnswer, net_metering_bill, slotted_prices

START = ms_of(datetime(2026, 3, 1, tzinfo=UTC))
BERLIN = zone_of("Europe/Berlin")
D = Decimal


def span(first_minute, last_minute, value):
    return Span(start_ms=START + first_minute * MINUTE_MS, end_ms=START + last_minute * MINUTE_MS, value=D(value))


def test_hours_become_quarters_and_a_hole_is_found_with_its_time():
    slotted = on_grid([span(0, 60, "0.1"), span(90, 120, "0.2")], Grid(start_ms=START, count=8))
    assert slotted.values == (D("0.1"),) * 4 + (None, None) + (D("0.2"),) * 2
    assert slotted.has_holes
    (hole,) = slotted.findings
    assert hole.code == "HW-841"
    assert hole.place == "tariff, 2026-03-01 01:00 UTC to 2026-03-01 01:30 UTC"
    assert "2 slots" in hole.message


def test_a_slot_of_several_spans_has_their_mean_by_time_and_no_part_of_one_is_enough():
    slotted = on_grid([span(0, 5, "0.1"), span(5, 15, "0.4"), span(15, 20, "1")], Grid(start_ms=START, count=2))
    assert slotted.values == (D("0.3"), None)


@pytest.mark.parametrize("turned", [False, True])
def test_the_shorter_of_two_spans_counts_in_any_order_and_the_contradiction_is_found(turned):
    spans = [span(0, 60, "0.1"), span(15, 30, "0.5")]
    slotted = on_grid(spans[::-1] if turned else spans, Grid(start_ms=START, count=4))
    assert slotted.values == (D("0.1"), D("0.5"), D("0.1"), D("0.1"))
    assert [it.code for it in slotted.findings] == ["HW-842"]


def test_two_spans_that_say_the_same_are_no_contradiction_and_of_equal_ones_the_later_counts():
    assert on_grid([span(0, 60, "0.1"), span(0, 60, "0.1")], Grid(start_ms=START, count=4)).findings == ()
    assert on_grid([span(0, 15, "0.1"), span(0, 15, "0.2")], Grid(start_ms=START, count=1)).values == (D("0.2"),)


def test_neighbours_of_one_value_are_merged_and_unknown_ones_left_out():
    grid = Grid(start_ms=START, count=5)
    spans = merged((D(1), D(1), None, D(1), D(2)), grid)
    assert [(it.start_ms - START, it.end_ms - START) for it in spans] == [
        (0, 2 * SLOT_MS),
        (3 * SLOT_MS, 4 * SLOT_MS),
        (4 * SLOT_MS, 5 * SLOT_MS),
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Span(start_ms=START, end_ms=START, value=D(1)),
        lambda: Span(start_ms=START + 1, end_ms=START + MINUTE_MS, value=D(1)),
        lambda: Span(start_ms=START, end_ms=START + MINUTE_MS, value=D("nan")),
        lambda: Grid(start_ms=START + 1, count=1),
        lambda: Grid(start_ms=START, count=0),
        lambda: ms_of(datetime(2026, 1, 1)),  # noqa: DTZ001 (the missing zone is the point)
    ],
)
def test_what_is_no_span_and_no_grid_is_refused(make):
    with pytest.raises(ValueError, match=r"no|slots"):
        make()


def test_a_grid_begins_with_the_slot_that_holds_the_instant():
    grid = grid_of(START + 20 * MINUTE_MS, 48)
    assert (grid.start_ms, grid.count) == (START + SLOT_MS, 192)


@pytest.mark.parametrize(
    ("day", "slots"),
    [
        (date(2026, 3, 29), 92),
        (date(2026, 10, 25), 100),
        (date(2026, 7, 1), 96),
    ],
)
def test_a_day_of_23_or_25_hours_has_92_or_100_slots_and_all_have_a_price(day, slots):
    grid = slots_of_day(day, BERLIN)
    night = Rule(price=D("0.2"), weekdays=frozenset(range(7)), first_minute=0, last_minute=360)
    prices = PriceCalendar(zone=BERLIN, default=D("0.3"), rules=(night,)).prices(grid)
    assert len(prices) == slots
    assert prices.count(D("0.2")) == 24 - (96 - slots)
    assert {it.date() for it in local_times(grid, BERLIN)} == {day}


def test_the_hour_that_comes_twice_has_one_price_and_the_missing_one_none():
    rule = Rule(price=D(9), weekdays=frozenset(range(7)), first_minute=120, last_minute=180)
    calendar = PriceCalendar(zone=BERLIN, default=D(0), rules=(rule,))
    counts = [calendar.prices(slots_of_day(day, BERLIN)).count(D(9)) for day in (date(2026, 10, 25), date(2026, 3, 29))]
    assert counts == [8, 0]


def test_seasons_weekdays_holidays_and_hours_past_midnight():
    rules = (
        Rule(price=D(1), weekdays=frozenset((5, 6)), first_minute=0, last_minute=1440, is_on_holidays=True),
        Rule(price=D(2), weekdays=frozenset(range(5)), first_minute=1320, last_minute=360, season="winter"),
        Rule(price=D(3), weekdays=frozenset(range(7)), first_minute=0, last_minute=1440, season="winter"),
    )
    calendar = PriceCalendar(
        zone=BERLIN,
        default=D(4),
        rules=rules,
        seasons=(Season(name="winter", first=(11, 1), last=(3, 31)),),
        holidays=holiday_of("12-25"),
    )

    def price(*local):
        at = ms_of(datetime(*local, tzinfo=BERLIN))
        return calendar.prices(Grid(start_ms=at, count=1))[0]

    assert price(2026, 12, 25, 12) == 1  # a Friday, and a holiday
    assert price(2026, 12, 26, 12) == 1  # a Saturday
    assert price(2026, 12, 28, 23) == 2
    assert price(2026, 12, 29, 5, 45) == 2
    assert price(2026, 12, 29, 6) == 3
    assert price(2026, 6, 3, 23) == 4
    assert price(2026, 3, 31, 23) == 2


def test_a_rule_may_leave_holidays_out():
    rule = Rule(price=D(1), weekdays=frozenset(range(5)), first_minute=0, last_minute=1440, skips_holidays=True)
    assert not rule.holds(0, 4, is_holiday=True, season="")
    assert rule.holds(0, 4, is_holiday=False, season="")


def test_easter_of_some_years_and_holidays_that_follow_it():
    assert [easter(year) for year in (2024, 2025, 2026, 2038)] == [
        date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2038, 4, 25),
    ]  # fmt: skip
    assert holiday_of("easter+1")(date(2026, 4, 6))
    assert holiday_of("easter-2")(date(2026, 4, 3))
    assert holiday_of("2026-10-03")(date(2026, 10, 3))
    assert not holiday_of("2026-10-03")(date(2027, 10, 3))


@pytest.mark.parametrize(("read", "text"), [
    (minute_of, "6:00"), (minute_of, "24:15"), (minute_of, "06:05"), (month_day_of, "02-30"), (month_day_of, "2-3"),
    (holiday_of, "xmas"), (zone_of, "Mars/Olympus"), (zone_of, "../etc/passwd"),
])  # fmt: skip
def test_what_is_no_time_day_or_zone_is_refused_with_what_to_write(read, text):
    with pytest.raises(ValueError, match="such as"):
        read(text)


def test_extreme_prices_are_used_and_found():
    spans = (span(0, 15, "4.2"), span(15, 30, "-0.5"), span(30, 45, "9"), span(45, 60, "-0.6"))
    answer = TariffAnswer(currency="EUR", spans=spans, known_at_ms=START)
    slotted = slotted_prices(answer, Grid(start_ms=START, count=4))
    assert [float(it) for it in slotted.values] == [4.2, -0.5, 9, -0.6]
    (finding,) = slotted.findings
    assert finding.code == "HW-845"
    assert "2 slots have a price from -0.6 to 9 EUR/kWh" in finding.message


def test_a_markup_is_exact_and_net_metering_pays_only_what_is_left():
    (it,) = Markup(factor=D("1.19"), add=D("0.155")).of([span(0, 15, "0.0649")])
    assert it.value == D("0.232231")
    assert net_metering_bill(bought_kwh=D(100), sold_kwh=D(60), price=D("0.3"), surplus_price=D("0.05")) == 12
    assert net_metering_bill(bought_kwh=D(60), sold_kwh=D(100), price=D("0.3"), surplus_price=D("0.05")) == -2
    assert HOUR_MS == 4 * SLOT_MS
