"""What people read is close to the number, and never longer than it has to be."""

from hypothesis import given
from hypothesis import strategies as st

from hashwright.units import duration_text, scaled_text

PREFIXES = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24}
SECONDS = {"d": 86_400, "h": 3600, "min": 60, "s": 1}


@given(st.floats(min_value=1.0, max_value=9e26))
def test_three_digits_say_the_number_to_half_a_percent(value):
    number, unit = scaled_text(value, "H").split(" ")
    assert sum(character.isdigit() for character in number) == 3
    assert abs(float(number) * 10 ** PREFIXES[unit.removesuffix("H")] - value) <= value * 0.0051


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_float_can_be_shown(value):
    assert scaled_text(value, "W").endswith(("W", "unknown"))
    assert duration_text(value)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_span_is_cut_below_its_two_largest_units(seconds):
    words = duration_text(seconds).split(" ")
    shown = [(int(number), SECONDS[unit]) for number, unit in zip(words[::2], words[1::2], strict=True)]
    assert len(shown) <= 2
    rest = seconds - sum(number * size for number, size in shown)
    assert 0 <= rest < shown[-1][1]
