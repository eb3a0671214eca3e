"""What holds for every price and every sum, judged by fractions."""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.money import Amount, Currency, MoneyError, Price, amount_of, apportion, decimal_of

currencies = st.builds(Currency, st.sampled_from(("BTC", "EUR", "XMR")), st.integers(min_value=0, max_value=18))
decimals = st.decimals(min_value=-(10**6), max_value=10**6, allow_nan=False, allow_infinity=False, places=12)


def toward_zero(value):
    return floor(value) if value >= 0 else ceil(value)


def away_from_zero(value):
    return ceil(value) if value >= 0 else floor(value)


JUDGES = {"down": toward_zero, "up": away_from_zero, "half_even": round}


@given(decimals, decimals, currencies, st.sampled_from(sorted(JUDGES)))
def test_a_cost_is_the_exact_product_rounded_once(value, quantity, currency, mode):
    minor = JUDGES[mode](Fraction(value) * Fraction(quantity) * 10**currency.exponent)
    price = Price(value=value, currency=currency, per="kWh")
    if abs(minor) < 2**62:
        assert price.cost(quantity, rounding=mode) == Amount(minor, currency)
    else:
        with pytest.raises(MoneyError):
            price.cost(quantity, rounding=mode)


@given(st.integers(min_value=1 - 2**62, max_value=2**62 - 1), currencies)
def test_the_text_of_any_amount_in_any_currency_reads_back(minor, currency):
    assert amount_of(Amount(minor, currency).text(), currency) == Amount(minor, currency)


@given(st.text(alphabet="0123456789+-._eE \u0661\u00b2nai", max_size=12))
def test_any_text_is_a_plain_decimal_or_refused(text):
    try:
        value = decimal_of(text)
    except MoneyError:
        return
    assert value == Decimal(text)
    assert set(text) <= set("0123456789+-.")


@given(
    st.integers(min_value=-(2**62), max_value=2**62),
    st.integers(min_value=-(2**62), max_value=2**62),
    st.integers(min_value=-4, max_value=4),
)
def test_arithmetic_is_that_of_whole_numbers_or_refused(one, other, times):
    btc = Currency("BTC", 8)
    for wanted, attempt in (
        (one + other, lambda: Amount(one, btc) + Amount(other, btc)),
        (one - other, lambda: Amount(one, btc) - Amount(other, btc)),
        (one * times, lambda: Amount(one, btc) * times),
    ):
        if max(abs(one), abs(wanted)) < 2**62 and (abs(other) < 2**62 or wanted == one * times):
            assert attempt().minor == wanted
        else:
            with pytest.raises(MoneyError):
                attempt()


@given(st.integers(min_value=0, max_value=2**61), st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any))
def test_of_equal_weights_the_first_gets_the_odd_unit(minor, weights):
    parts = [part.minor for part in apportion(Amount(minor, Currency("BTC", 8)), weights)]
    for weight in set(weights):
        of_one_weight = [part for part, own in zip(parts, weights, strict=True) if own == weight]
        assert of_one_weight == sorted(of_one_weight, reverse=True)
        assert of_one_weight[0] - of_one_weight[-1] <= 1
