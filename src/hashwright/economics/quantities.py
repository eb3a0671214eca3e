"""Quantities as people write them: `200 TH/s`, `3.5 kW`, `0.08`, `8 ct`, `s21 x3`. What is absurd is asked back.

A number whose unit is in doubt is never guessed: the error says what it would mean, and how to write either.
"""

import math
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from hashwright.errors import OperatorError
from hashwright.units import hashrate_text, power_text

POWER_PRICE_MAX: Final = 2.0
"""Dearer power than this a kWh is not known of a grid; it is taken for cents and asked back."""
_SCALES: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18}
_NUMBER: Final = r"([+-]?[0-9][0-9_ ]*(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,2})?)"
_HASHRATE: Final = re.compile(rf"{_NUMBER}\s*([kmgtpe]?)(?:h|hs|h/s|hash/s|sol|sol/s)", re.ASCII | re.IGNORECASE)
_POWER: Final = re.compile(rf"{_NUMBER}\s*([km]?)w", re.ASCII | re.IGNORECASE)
_PRICE: Final = re.compile(rf"{_NUMBER}\s*(usd|\$|ct|c|cent|cents)?(?:/kwh)?", re.ASCII | re.IGNORECASE)
RATE_RANGES_HS: Final = {"cpu": (10.0, 1e6), "gpu": (1e5, 1e10), "asic": (1e3, 1e17)}
"""What machines of a kind hash a second, from the slowest to beyond the fastest."""


def hashrate_of(text: str) -> float:
    """Read a hash rate [hash/s]; its unit must be written.

    Raises:
        OperatorError: it is none (HW-803).
    """
    match = _HASHRATE.fullmatch(text.strip())
    value = _number(match[1]) * _SCALES[match[2].lower()] if match else math.nan
    if not value > 0:
        raise _no_quantity(text, "a hash rate", "Write it with its unit: 200 TH/s, 9.05 GH/s, 15.3 kH/s.")
    return value


def power_of(text: str) -> float:
    """Read a power [W]; a bare number is watts.

    Raises:
        OperatorError: it is none (HW-803).
    """
    written = text.strip()
    match = _POWER.fullmatch(written) or _POWER.fullmatch(f"{written}W")
    value = _number(match[1]) * _SCALES[match[2].lower()] if match else math.nan
    if not value >= 0:
        raise _no_quantity(text, "a power", "Write it with its unit: 3500 W, 3.5 kW.")
    if value > 1e6:
        raise _no_quantity(text, "the power of one machine", f"{power_text(value)} is a power station.")
    return value


def check_power(power_w: float, *, model: str) -> None:
    """Ask back where a machine draws no power.

    Raises:
        OperatorError: it is not above zero (HW-803).
    """
    if not power_w > 0:
        raise OperatorError(
            f"{model} draws {power_text(power_w)}: no machine hashes without power.",
            code="HW-803",
            hint="Give what it draws at the wall; if its power costs nothing, --power-price 0.",
        )


def power_price_of(text: str) -> float:
    """Read a price of power [USD/kWh]: `0.08`, `8 ct`, `0.08 USD/kWh`. It may be negative.

    Raises:
        OperatorError: it is none (HW-803), or looks like cents (HW-804).
    """
    match = _PRICE.fullmatch(text.strip())
    if match is None:
        raise _no_quantity(text, "a price of power", "Write it in USD a kWh, 0.08, or in cents, 8ct.")
    value, unit = _number(match[1]), (match[2] or "").lower()
    if unit.startswith("c"):
        value /= 100
    elif abs(value) > POWER_PRICE_MAX and not unit:
        raise OperatorError(
            f"Is a power price of {text.strip()} meant in cents? In dollars, no grid sells so dear.",
            code="HW-804",
            hint=f"Write {value / 100:g} (USD/kWh) or {value:g}ct; if it is dollars indeed, {value:g}USD.",
        )
    return value


def share_of(text: str, what: str) -> float:
    """Read a share of one: `0.02` or `2%`.

    Raises:
        OperatorError: it is none, or not between 0 and 1 (HW-803).
    """
    written = text.strip()
    is_percent = written.endswith("%")
    try:
        value = float(written.rstrip("% ")) / (100 if is_percent else 1)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        meant = f" Did you mean {written}%?" if value > 1 and not is_percent else ""
        raise _no_quantity(text, what, f"Write a share such as 0.02 or 2%.{meant}")
    return value


def check_hashrate(hashrate_hs: float, kind: str, *, model: str) -> None:
    """Ask back where a hash rate is impossible for a kind of machine.

    Raises:
        OperatorError: it is outside of what such machines can (HW-803).
    """
    low, high = RATE_RANGES_HS.get(kind, (0.0, math.inf))
    if low <= hashrate_hs <= high:
        return
    far = "slower" if hashrate_hs > high else "faster"
    what = f"{'an' if kind == 'asic' else 'a'} {kind.upper()}"
    raise OperatorError(
        f"{hashrate_text(hashrate_hs)} for {model} is asked back: {what} is far {far}.",
        code="HW-803",
        hint=f"{kind.upper()}s do {hashrate_text(low)} to {hashrate_text(high)}. Is the unit right?",
    )


def nearest(word: str, known: Iterable[str], *, count: int = 4) -> tuple[str, ...]:
    """Return the known names that a mistyped one may mean, best first."""
    names = {name.lower(): name for name in known}
    wanted = word.strip().lower()
    inside = sorted((name for name in names if wanted and wanted in name), key=len)[:count]
    close = get_close_matches(wanted, names, n=count, cutoff=0.5)
    return tuple(names[name] for name in dict.fromkeys([*inside, *close]))[:count]


def _number(text: str) -> float:
    return float(text.replace("_", "").replace(" ", ""))


def _no_quantity(text: str, what: str, hint: str) -> OperatorError:
    return OperatorError(f"{text.strip()[:40]!r} is not {what}.", code="HW-803", hint=hint)
