"""Numbers for people: three digits, also where rounding adds one, and never a traceback."""

import pytest

from hashwright import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.994, "9.99 H/s"),
        (9.999, "10.0 H/s"),
        (99.94, "99.9 H/s"),
        (99.96, "100 H/s"),
        (999.4, "999 H/s"),
        (999.5, "1.00 kH/s"),
        (9_999.0, "10.0 kH/s"),
        (99_990_000.0, "100 MH/s"),
        (999_600.0, "1.00 MH/s"),
        (-9_999.0, "-10.0 kH/s"),
    ],
)
def test_rounding_does_not_add_a_digit(value, text):
    assert units.hashrate_text(value) == text


@pytest.mark.parametrize(
    ("digits", "value", "text"), [(1, 12.3, "12 W"), (4, 1234.0, "1.234 kW"), (4, 99.999, "100.0 W")]
)
def test_the_number_of_digits_can_be_chosen(digits, value, text):
    assert units.scaled_text(value, "W", digits=digits) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_unknown_and_not_zero(value):
    assert units.hashrate_text(value) == "unknown"
    assert units.power_text(value) == "unknown"
    assert units.duration_text(value) == "unknown"


def test_a_span_has_no_negative_side_and_skips_empty_units():
    assert units.duration_text(-5) == "0 s"
    assert units.duration_text(86_400 + 300) == "1 d 5 min"
