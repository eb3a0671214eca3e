"""What is rented, where and for which pool, as a person sets it; and an action as it is journaled."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from hashwright import registry
from hashwright.errors import ConfigError, Finding, HashwrightError, LimitRefused, OperatorError
from hashwright.money import MoneyError, decimal_of
from hashwright.runtime.market_settings import check_account, parse_limit
from hashwright.runtime.upstream_settings import parse_address

KIND: Final = "rent"
"""Of the outbox: an action."""
SETTING: Final = "rental"
"""Of the settings: what `hw market rent set` keeps."""
OWN: Final = "own"
"""The market that runs here."""
SOLO: Final = "solo"
NEEDED: Final = {"market": "--market", "pool_url": "--pool", "pool_user": "--user", "limit": "--limit"}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


class RentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What to rent, where, for which pool. Secrets by reference; rates, prices and amounts as text.

    `hashprice` is what the work is expected to earn [coins for one EH/s and day]; without it, it is what the newest job
    of the destination `like`, or the newest template of the own pool `books`, promises. Work that comes to `books` is
    counted by our own judge. `budget` bounds everything ever committed under `name`, `budget_day` what is committed in
    24 hours. `pool_rate` is the hash rate of a pool that pays by its luck, or `solo`; empty for one that pays each
    share. `account` buys on the own market. `is_live`: a live autopilot may act on it.
    """

    name: str
    market: str = ""
    pool_url: str = ""
    pool_user: str = ""
    limit: str = ""
    budget: str = ""
    budget_day: str = ""
    pool_password: str = "x"  # noqa: S105 - Stratum's word for "none"
    algorithm: str = "sha256d"
    pool_fee_percent: float = 0.0
    margin_percent: float = 2.0
    hashprice: str = ""
    books: str = ""
    like: str = ""
    pool_rate: str = ""
    account: str = ""
    is_live: bool = False
    key_from: str = ""
    secret_from: str = ""
    organization: str = ""
    url: str = ""

    @property
    def destination(self) -> str:
        """Return the destination here whose promises say what the work is worth."""
        return self.like or self.books


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An action as it is journaled before it goes out, with what was seen: why it was right, and who wanted it."""

    name: str
    market: str
    client_id: str
    kind: str
    order: str
    price: str
    amount: str
    at_ms: int
    author: str = "person"
    why: str = ""
    saw: dict[str, Any] = {}


def parse_rent(raw: Mapping[str, Any]) -> RentSettings:
    """Read and check what to rent, every problem at once.

    Raises:
        OperatorError: it is not usable (HW-701).
    """
    try:
        settings = msgspec.convert(dict(raw), RentSettings)
    except msgspec.ValidationError as error:
        raise OperatorError(f"This cannot be rented: {error}.", code="HW-701") from error
    findings = [_finding(name, words) for name, words in _problems(settings)]
    if findings:
        text = "; ".join(f"{it.place}: {it.message}" for it in findings)
        raise ConfigError(
            f"This cannot be rented: {text}.", code="HW-701", hint="hw market rent --help", findings=tuple(findings)
        )
    return settings


def _problems(settings: RentSettings) -> list[tuple[str, str]]:
    found = [(option, "is missing") for name, option in NEEDED.items() if not str(getattr(settings, name)).strip()]
    known = (OWN, *registry.names("markets"))
    if settings.market and settings.market not in known:
        found.append(("market", f"there is no {settings.market[:40]!r}; known are {', '.join(known)}"))
    if not _NAME.fullmatch(settings.name):
        found.append(("name", f"{settings.name[:40]!r} is no name: letters, digits and . _ -"))
    if settings.market == OWN and not settings.account:
        found.append(("account", "the own market needs the account that buys"))
    for name, most in (("pool_fee_percent", 100.0), ("margin_percent", 100.0)):
        value = getattr(settings, name)
        if not (math.isfinite(value) and 0 <= value < most):
            found.append((name, f"{value} is not between 0 and {most:g}"))
    return found + _unreadable(settings)


def _unreadable(settings: RentSettings) -> list[tuple[str, str]]:
    """Return what cannot be read, each with the reader's own words."""
    readers: list[tuple[str, Callable[[str], object]]] = [
        (name, amount) for name in ("budget", "budget_day", "hashprice") if getattr(settings, name)
    ]
    readers += [("limit", parse_limit)] if settings.limit.strip() else []
    readers += [("pool_rate", parse_limit)] if settings.pool_rate not in ("", SOLO) else []
    readers += [("pool_url", parse_address)] if settings.pool_url.strip() else []
    readers += [("account", check_account)] if settings.account else []
    found = []
    for name, read in readers:
        try:
            read(getattr(settings, name))
        except HashwrightError as error:
            found.append((name, error.message.rstrip(".")))
    return found


def must_have_budget(settings: RentSettings) -> None:
    """Refuse to act without a bound.

    Raises:
        LimitRefused: there is no budget (HW-511).
    """
    if not settings.budget:
        raise LimitRefused(
            "Renting needs a budget. Nothing was done.", code="HW-511", hint="--budget COINS, and --budget-day COINS."
        )


def amount(text: str) -> Decimal:
    """Read an amount of coins; above zero.

    Raises:
        OperatorError: it is none (HW-866).
    """
    try:
        value = decimal_of(text)
    except MoneyError as error:
        raise OperatorError(f"{error}.", code="HW-866") from error
    if value <= 0:
        raise OperatorError(f"{text} is not above zero.", code="HW-866")
    return value


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-701", place=place, message=message, hint="hw market rent --help")
