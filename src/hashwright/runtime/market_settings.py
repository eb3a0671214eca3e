"""The market's settings as a person sets them, and prices, amounts and rates as people write them.

A price is `0.0005` of the market's coin, for one unit of hash rate and day: PH/s unless set otherwise. The unit may be
written behind it (`0.0005BTC/PH/day`); then it must be the market's, because a price in another one is off by a
thousand.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from hashwright.errors import ConfigError, Finding, OperatorError
from hashwright.market.checks import TEXT_MAX
from hashwright.market.records import UNIT_LETTERS, Terms
from hashwright.money import Amount, Currency, MoneyError, amount_of, decimal_text
from hashwright.runtime.route_settings import parse_rate
from hashwright.signals import ORDER_PREFIX

KIND: Final = "market"
EXTRANONCE_MIN: Final = 4
"""Bytes that a buyer's pool must leave us. NiceHash asks the same: less leaves no room to tell machines apart."""
_PRICE = re.compile(r"([+-]?[0-9.]{1,40}) ?(?:([A-Za-z]{2,12}))?(?:/([A-Za-z]?)H(?:/s)?/(?:d|day))?", re.ASCII)
_ORDER = re.compile(rf"{ORDER_PREFIX}[0-9]{{1,15}}", re.ASCII)
_ACCOUNT = re.compile(r"[-a-zA-Z0-9_@+:]{1,64}", re.ASCII)
HINT: Final = "hw market settings --help shows each setting."


class MarketSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The market of one algorithm, as it is stored and published.

    `books` names the own pool whose coin is used, whose wallet takes deposits, and whose members the sellers are.
    Amounts are decimals of its coin, as text.
    """

    algorithm: Literal["sha256d", "scrypt"]
    books: str
    unit: Literal["H", "kH", "MH", "GH", "TH", "PH", "EH"] = "PH"
    price_step: str = "0.00000001"
    minimum_amount: str = "0.0001"
    minimum_limit: str = "1H/s"
    fee_percent: float = 2.0
    floor: str = "0"
    cooldown_s: int = 600
    closing_s: int = 10
    window_s: int = 10
    lock_hours_max: int = 24
    days_max: int = 10
    reject_percent_max: float = 5.0
    reject_percent_expected: float = 1.0
    silent_s: int = 10
    pool_difficulty_min: float = 1e-9
    pool_difficulty_max: float = 1e12
    pool_latency_ms_max: int = 3_000
    verify_s: int = 300
    confirmations: int = 6
    allows_private_pools: bool = False


def parse_market(raw: Mapping[str, Any], currency: Currency) -> tuple[MarketSettings, Terms]:
    """Read and check the settings of a market, every problem at once.

    Raises:
        ConfigError: with one finding a problem.
    """
    try:
        settings = msgspec.convert(dict(raw), MarketSettings)
    except msgspec.ValidationError as error:
        raise _refusal([_finding("market", str(error))]) from error
    findings, amounts = _read_amounts(settings, currency)
    findings += _check_bounds(settings)
    if findings:
        raise _refusal(findings)
    return settings, _terms(settings, currency, amounts)


def _read_amounts(settings: MarketSettings, currency: Currency) -> tuple[list[Finding], dict[str, int]]:
    findings, amounts = [], {}
    for name in ("price_step", "minimum_amount", "floor"):
        try:
            amounts[name] = amount_of(getattr(settings, name), currency).minor
            if amounts[name] < (0 if name == "floor" else 1):
                findings.append(_finding(name, "must be above zero"))
        except MoneyError as error:
            findings.append(_finding(name, str(error)))
    return findings, amounts


def _check_bounds(settings: MarketSettings) -> list[Finding]:
    bounds = {
        "fee_percent": (0.0, 50.0), "cooldown_s": (0, 86_400), "closing_s": (1, 600), "window_s": (1, 3_600),
        "lock_hours_max": (1, 240), "days_max": (1, 365), "reject_percent_max": (0.1, 100.0),
        "reject_percent_expected": (0.0, 50.0), "silent_s": (2, 600), "verify_s": (5, 86_400),
        "confirmations": (1, 1_000), "pool_latency_ms_max": (10, 60_000), "pool_difficulty_min": (0.0, 1e18),
        "pool_difficulty_max": (1e-12, 1e18),
    }  # fmt: skip
    findings = [
        _finding(name, f"must be between {low} and {high}")
        for name, (low, high) in bounds.items()
        if not low <= getattr(settings, name) <= high
    ]
    try:
        parse_rate(settings.minimum_limit)
    except ValueError as error:
        findings.append(_finding("minimum_limit", str(error)))
    return findings


def _terms(settings: MarketSettings, currency: Currency, amounts: Mapping[str, int]) -> Terms:
    return Terms(
        algorithm=settings.algorithm,
        books=settings.books,
        currency=currency.code,
        exponent=currency.exponent,
        unit=3 * UNIT_LETTERS.index(settings.unit[:-1]),
        price_step=amounts["price_step"],
        minimum_amount=amounts["minimum_amount"],
        minimum_limit_hs=float(parse_rate(settings.minimum_limit)),
        fee_ppm=round(settings.fee_percent * 10_000),
        floor=amounts["floor"],
        cooldown_ms=settings.cooldown_s * 1000,
        closing_ms=settings.closing_s * 1000,
        window_ms=settings.window_s * 1000,
        lock_max_ms=settings.lock_hours_max * 3_600_000,
        life_max_ms=settings.days_max * 86_400_000,
        reject_part_max=settings.reject_percent_max / 100,
        reject_part_expected=settings.reject_percent_expected / 100,
        silent_ms=settings.silent_s * 1000,
    )


def parse_price(text: str, terms: Terms) -> int:
    """Read a price [minor units], with its unit or without.

    Raises:
        OperatorError: it is no number (HW-861), or in another unit or coin than the market's (HW-862).
    """
    match = _PRICE.fullmatch(text.strip())
    if match is None:
        raise OperatorError(
            f"{text[:40]!r} is no price.", code="HW-861", hint=f"Write 0.0005, or 0.0005{price_unit(terms)}."
        )
    number, coin, unit = match.groups()
    if (coin and coin.upper() != terms.currency.upper()) or (unit is not None and unit != unit_letter(terms)):
        raise OperatorError(
            f"{text[:40]!r} is not in this market's unit.", code="HW-862", hint=f"It quotes in {price_unit(terms)}."
        )
    return parse_amount(number, terms, code="HW-861")


def parse_amount(text: str, terms: Terms, *, code: str = "HW-866") -> int:
    """Read an amount of the market's coin [minor units]; above zero.

    Raises:
        OperatorError: it is no such amount.
    """
    try:
        minor = amount_of(text.strip(), Currency(terms.currency, terms.exponent)).minor
    except MoneyError as error:
        raise OperatorError(f"{error}. Nothing was changed.", code=code) from error
    if minor <= 0:
        raise OperatorError(f"{text} is not above zero. Nothing was changed.", code=code)
    return minor


def parse_limit(text: str) -> float:
    """Read a hash rate [H/s].

    Raises:
        OperatorError: it is none (HW-863).
    """
    try:
        return float(parse_rate(text.strip()))
    except ValueError as error:
        raise OperatorError(f"{error}. Nothing was changed.", code="HW-863") from error


def check_account(name: str) -> str:
    """Return a name that can be an account: what stands before the dot of a worker's name.

    Raises:
        OperatorError: it cannot (HW-875).
    """
    if not _ACCOUNT.fullmatch(name):
        raise OperatorError(f"{name[:40]!r} is no account: letters, digits and - _ @ + : without a dot.", code="HW-875")
    return name


def check_reference(reference: object) -> str:
    """Return the id of a request: it is kept for ever, so it is short and printable.

    Raises:
        OperatorError: it is none (HW-967).
    """
    text = str(reference)
    if not (1 <= len(text) <= TEXT_MAX and text.isprintable()):
        raise OperatorError(
            f"{text[:40]!r} is no id of a request: 1 to {TEXT_MAX} printable characters.", code="HW-967"
        )
    return text


def is_order_id(text: str) -> bool:
    """Tell whether a text has the form of an order's id."""
    return _ORDER.fullmatch(text) is not None


def unit_letter(terms: Terms) -> str:
    """Return the letter of the hash rate in a price."""
    return UNIT_LETTERS[terms.unit // 3]


def price_unit(terms: Terms) -> str:
    """Return how a price is quoted: `BTC/PH/day`."""
    return f"{terms.currency}/{unit_letter(terms)}H/day"


def document_of_terms(terms: Terms) -> dict[str, Any]:
    """Return a market's terms as they are published: numbers with their units."""
    return {
        "algorithm": terms.algorithm,
        "unit": price_unit(terms),
        "price_step": price_text(terms.price_step, terms),
        "minimum_amount": amount_text(terms.minimum_amount, terms),
        "minimum_limit_hs": terms.minimum_limit_hs,
        "fee_percent": terms.fee_ppm / 10_000,
        "floor": price_text(terms.floor, terms),
        "currency": terms.currency,
        "exponent": terms.exponent,
        "cooldown_s": terms.cooldown_ms // 1000,
        "lock_hours_max": terms.lock_max_ms / 3_600_000,
        "days_max": terms.life_max_ms / 86_400_000,
        "closing_s": terms.closing_ms // 1000,
        "window_s": terms.window_ms // 1000,
        "reject_percent_max": terms.reject_part_max * 100,
        "reject_percent_expected": terms.reject_part_expected * 100,
        "silent_s": terms.silent_ms // 1000,
    }


def document_of_looks(settings: MarketSettings) -> dict[str, Any]:
    """Return what a market asks of buyers' pools and deposits, as it is published."""
    return {
        "pool_difficulty_min": settings.pool_difficulty_min,
        "pool_difficulty_max": settings.pool_difficulty_max,
        "pool_latency_ms_max": settings.pool_latency_ms_max,
        "pool_extranonce_min": EXTRANONCE_MIN,
        "verify_s": settings.verify_s,
        "confirmations": settings.confirmations,
    }


def price_text(minor: int, terms: Terms) -> str:
    """Return a price for people."""
    return f"{decimal_text(minor, terms.exponent)} {price_unit(terms)}"


def amount_text(minor: int, terms: Terms) -> str:
    """Return an amount for people."""
    return str(Amount(minor, Currency(terms.currency, terms.exponent)))


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-876", place=place, message=message, hint=HINT)


def _refusal(findings: list[Finding]) -> ConfigError:
    text = "; ".join(f"{finding.place}: {finding.message}" for finding in findings)
    return ConfigError(f"The market was not set. {text}.", code="HW-876", hint=HINT, findings=tuple(findings))
