"""Money is a whole number of minor units with a currency. There is no division and no float.

To divide, `apportion`; to apply a rate, `Price.cost` with the rounding named at the call. A forecast is an `Estimate`,
a type that no ledger accepts. Amounts are text in JSON, because JavaScript turns 18400000000000000001 into ...000.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Final, Literal

BOUND: Final = 2**62
"""Half of a signed 64-bit column: two amounts can be added before the database sees the sum."""
Rounding = Literal["down", "up", "half_even"]
_MODES: Final = {"down": ROUND_DOWN, "up": ROUND_UP, "half_even": ROUND_HALF_EVEN}
_EXACT: Final = Context(prec=200, traps=[InvalidOperation, Inexact])
"""Holds the product of any two numbers of `decimal_of`; refuses more, since a product cut first is rounded twice."""
_ROUNDING: Final = Context(prec=200, traps=[InvalidOperation])
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?", re.ASCII)


class MoneyError(ValueError):
    """An amount is out of bounds, of another currency, or its text is no number."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency and the exponent of its minor unit in our ledger: BTC 8, EUR 2."""

    code: str
    exponent: int

    def __post_init__(self) -> None:
        if not (1 <= len(self.code) <= 12 and self.code.isascii() and self.code.isalnum()):
            raise MoneyError(f"{self.code!r} is no currency code")
        if type(self.exponent) is not int or not 0 <= self.exponent <= 18:
            raise MoneyError(f"{self.code}: an exponent is 0 to 18, not {self.exponent}")


@dataclass(frozen=True, slots=True, order=False)
class Amount:
    """A whole number of minor units of one currency."""

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise MoneyError(f"an amount is a whole number, not {type(self.minor).__name__}")
        if not -BOUND < self.minor < BOUND:
            raise MoneyError(f"{self.minor} minor units of {self.currency.code} are out of bounds")

    def __str__(self) -> str:
        return f"{self.text()} {self.currency.code}"

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Amount":
        return Amount(-self.minor, self.currency)

    def __mul__(self, times: int) -> "Amount":
        if type(times) is not int:
            raise MoneyError("an amount is multiplied by whole numbers; use Price.cost for a rate")
        return Amount(self.minor * times, self.currency)

    def __lt__(self, other: "Amount") -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: "Amount") -> bool:
        return self.minor <= self._same(other)

    def text(self) -> str:
        """Return the amount as a plain decimal: `0.00012300`."""
        return decimal_text(self.minor, self.currency.exponent)

    def _same(self, other: "Amount") -> int:
        if not isinstance(other, Amount) or other.currency != self.currency:
            raise MoneyError(f"{self} and {other} are not of one currency")
        return other.minor


@dataclass(frozen=True, slots=True)
class Estimate:
    """A forecast of money. It is no amount: it cannot be added to one, and no ledger takes it."""

    value: float
    currency: Currency

    def __str__(self) -> str:
        return f"about {self.value:.{min(self.currency.exponent, 8)}f} {self.currency.code} (estimated)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Money per unit of something, exactly as it was quoted: 0.21 EUR per kWh."""

    value: Decimal
    currency: Currency
    per: str

    def __post_init__(self) -> None:
        _require_number(self.value)

    def cost(self, quantity: Decimal, *, rounding: Rounding) -> Amount:
        """Return what a quantity [in the price's unit] costs, rounded once, to minor units, as named.

        `down` is toward zero and `up` away from it, for costs and for refunds alike.

        Raises:
            MoneyError: the quantity is no finite Decimal, or the cost is out of bounds or has too many digits.
        """
        _require_number(quantity)
        if rounding not in _MODES:
            raise MoneyError(f"rounding is one of {', '.join(_MODES)}, not {rounding!r}")
        try:
            exact = _EXACT.multiply(self.value, quantity).scaleb(self.currency.exponent, context=_EXACT)
            minor = exact.quantize(Decimal(1), rounding=_MODES[rounding], context=_ROUNDING)
        except DecimalException as error:
            raise MoneyError(f"{self.value} per {self.per} times {quantity} has too many digits") from error
        return Amount(int(minor), self.currency)


def _require_number(value: object) -> None:
    if type(value) is not Decimal or not value.is_finite():
        raise MoneyError(f"{value!r} is no finite Decimal; floats are no money, read prices from text")


def decimal_text(minor: int, exponent: int) -> str:
    """Write minor units as a plain decimal; also a sum that is more than one `Amount` can hold."""
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else sign + digits


def decimal_of(text: str) -> Decimal:
    """Read a plain decimal number; nothing with an exponent, blanks, or other digits than 0-9.

    Raises:
        MoneyError: the text is of another form.
    """
    if not _NUMBER.fullmatch(text):
        raise MoneyError(f"{text[:40]!r} is not a plain decimal number such as 12.50")
    return Decimal(text)


def amount_of(text: str, currency: Currency) -> Amount:
    """Read an amount, exactly.

    Raises:
        MoneyError: it is no number, or has more places than the currency.
    """
    minor = decimal_of(text).scaleb(currency.exponent, context=_EXACT)
    if minor != minor.to_integral_value(context=_EXACT):
        raise MoneyError(f"{text} has more than {currency.exponent} places, {currency.code} has no smaller unit")
    return Amount(int(minor), currency)


def apportion(amount: Amount, weights: Sequence[int]) -> tuple[Amount, ...]:
    """Divide an amount by whole weights into parts that sum to it exactly.

    Each part is rounded toward zero; what is left goes, one minor unit each, to the largest remainders, ties to the
    first (Hamilton's method).

    Raises:
        MoneyError: there are no weights, one is negative or no whole number, or all are zero.
    """
    if any(type(weight) is not int for weight in weights):
        raise MoneyError("weights are whole numbers: a float cannot be divided exactly")
    total = sum(weights)
    if not weights or min(weights) < 0 or total == 0:
        raise MoneyError("an amount is divided by weights that are not negative and not all zero")
    size, sign = abs(amount.minor), -1 if amount.minor < 0 else 1
    shares = [divmod(size * weight, total) for weight in weights]
    left = size - sum(whole for whole, _ in shares)
    order = sorted(range(len(weights)), key=lambda i: (-shares[i][1], i))
    extra = set(order[:left])
    return tuple(Amount(sign * (whole + (i in extra)), amount.currency) for i, (whole, _) in enumerate(shares))
