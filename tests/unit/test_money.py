"""Prices and weights: exact or refused, with the rounding that was asked for."""

from decimal import Decimal

import pytest

from hashwright.money import Amount, Currency, MoneyError, Price, amount_of, apportion, decimal_of

EUR, POINTS = Currency("EUR", 2), Currency("POINTS", 0)


def price(value, currency=EUR):
    return Price(value=value, currency=currency, per="kWh")


@pytest.mark.parametrize("value", [0.2, 1, "0.2", Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")])
def test_neither_a_price_nor_a_quantity_is_a_float_or_no_number(value):
    with pytest.raises(MoneyError, match="no finite Decimal"):
        price(value)
    with pytest.raises(MoneyError, match="no finite Decimal"):
        price(Decimal(1)).cost(value, rounding="up")


@pytest.mark.parametrize(
    ("value", "mode", "minor"),
    [("0.005", "half_even", 0), ("0.015", "half_even", 2), ("0.0001", "up", 1), ("0.0199", "down", 1),
     ("-0.0199", "down", -1), ("-0.0001", "up", -1), ("-0.015", "half_even", -2)],
)  # fmt: skip
def test_down_is_toward_zero_and_up_away_from_it(value, mode, minor):
    assert price(Decimal(value)).cost(Decimal(1), rounding=mode) == Amount(minor, EUR)


def test_a_cost_is_rounded_once():
    just_below_one = Decimal("0." + "9" * 81)
    assert price(Decimal(1), POINTS).cost(just_below_one, rounding="down") == Amount(0, POINTS)


def test_the_longest_numbers_that_can_be_read_can_be_multiplied():
    longest = decimal_of("0." + "9" * 30)
    assert price(longest).cost(decimal_of("9" * 15 + "." + "9" * 30), rounding="up") == Amount(10**17, EUR)


@pytest.mark.parametrize("quantity", [Decimal("0." + "9" * 250), Decimal("1e250"), Decimal("1e999999")])
def test_what_cannot_be_held_exactly_is_refused(quantity):
    with pytest.raises(MoneyError, match="too many digits"):
        price(Decimal("0.21")).cost(quantity, rounding="down")


def test_a_cost_out_of_bounds_is_refused():
    with pytest.raises(MoneyError, match="out of bounds"):
        price(Decimal("1e30")).cost(Decimal(1), rounding="down")


def test_an_unknown_rounding_is_refused():
    with pytest.raises(MoneyError, match="down, up, half_even"):
        price(Decimal(1)).cost(Decimal(1), rounding="ceiling")


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1, 2.0), (True, False), (Decimal(1),)])
def test_weights_are_whole_numbers(weights):
    with pytest.raises(MoneyError, match="whole numbers"):
        apportion(Amount(10, EUR), weights)


def test_an_exponent_is_a_whole_number():
    with pytest.raises(MoneyError):
        Currency("EUR", True)


def test_the_bound_is_checked_at_both_ends_and_after_each_sum():
    largest = Amount(2**62 - 1, EUR)
    assert -largest == Amount(-(2**62) + 1, EUR)
    for attempt in (lambda: largest + Amount(1, EUR), lambda: -largest - Amount(1, EUR), lambda: largest * 2):
        with pytest.raises(MoneyError, match="out of bounds"):
            attempt()
    with pytest.raises(MoneyError, match="out of bounds"):
        amount_of("9" * 30, EUR)
