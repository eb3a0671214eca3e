"""What a connector to a public market is, and how it speaks HTTP: bounded, exact, and distrusted.

Prices are decimals of coins for one EH/s and day, whatever the market's own unit; rates are H/s; amounts are coins.

**A retry must not double.** Readings are asked again. An action is asked again only where the market said that it did
nothing (429), or where doing it twice is doing it once (a cancel). Any other silence leaves the outcome unknown, and
says so (HW-883): whoever asked has to look before anything else is done.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from hashwright.adapters import answers
from hashwright.adapters.upstreams.base import refuse_clear_text
from hashwright.errors import AuthRejected, OperatorError, RateLimited, TimedOut, Unavailable

ANSWER_MAX: Final = 2 * 1024 * 1024
TIMEOUT_S: Final = 15.0
TRIES: Final = 3
PAUSE_S: Final = 0.5
EH: Final = Decimal(10) ** 18


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach an account. Secrets are read already; `url` takes the place of the market's own address."""

    key: str = ""
    secret: str = ""
    organization: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A market's own rules. `fee_part` is on top of what is spent; `price_down` is the largest step down, 0 for any."""

    fee_part: Decimal
    order_fee: Decimal
    minimum_amount: Decimal
    minimum_limit_hs: float
    maximum_limit_hs: float
    price_step: Decimal
    price_down: Decimal
    down_every_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One order of the public book: its price, its limit (0 for none) and what it gets [H/s]."""

    id: str
    price: Decimal
    limit_hs: float
    speed_hs: float
    is_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """One order of ours. `spent` and `amount` in coins; `estimated` is what counters say and is not settled yet."""

    id: str
    client_id: str
    price: Decimal
    limit_hs: float
    amount: Decimal
    spent: Decimal
    estimated: Decimal
    speed_hs: float
    work: Decimal
    rejected: Decimal
    is_open: bool
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An order to place. `client_id` is ours; the market is looked through for it before a second try."""

    client_id: str
    algorithm: str
    price: Decimal
    limit_hs: float
    amount: Decimal
    pool_url: str
    pool_user: str
    pool_password: str


class PublicMarket(Protocol):
    """A connector. Every method may raise OperatorError (it says no) or Unavailable (it does not answer)."""

    async def rules(self, algorithm: str) -> Rules:
        """Return the market's rules."""
        ...

    async def book(self, algorithm: str) -> list[Level]:
        """Return the public order book."""
        ...

    async def rentals(self, algorithm: str) -> list[Rental]:
        """Return our orders, those of late that are over too."""
        ...

    async def place(self, wish: Wish) -> str:
        """Place an order and return its id there. TimedOut (HW-883): the outcome is unknown."""
        ...

    async def reprice(self, rental: Rental, price: Decimal, limit_hs: float, algorithm: str) -> None:
        """Change price and limit."""
        ...

    async def refill(self, rental: Rental, amount: Decimal) -> None:
        """Add to an order's amount."""
        ...

    async def cancel(self, rental: Rental) -> None:
        """End an order."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What a file of this folder defines. `seen` says what stands behind it.

    `sells_at` are the Stratum addresses where sellers connect, by algorithm; it is empty where there are none. `coin`
    and `network` say in what it is paid.
    """

    title: str
    url: str
    seen: str
    algorithms: Mapping[str, str]
    open: Any
    sells_at: Mapping[str, str] = field(default_factory=dict)
    coin: str = "bitcoin"
    network: str = "main"


class Caller:
    """HTTP for one market: JSON in and out, a bound on everything, and the rule about retries."""

    def __init__(self, base: str) -> None:
        refuse_clear_text(base)
        self.base = base.rstrip("/")
        self.host = urlsplit(base).netloc
        self._client: Any = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def ask(
        self, method: str, target: str, *, headers: Callable[[], Mapping[str, str]], body: bytes = b"", may_repeat: bool
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Ask once, or again where that cannot double. `headers` builds them anew for each try.

        Raises:
            RateLimited: it is asked too often.
            TimedOut: an action was sent and nothing is known of it (HW-883).
            Unavailable: a reading was not answered (HW-880).
        """
        for number in range(TRIES):
            try:
                status, heads, raw = await self._send(method, target, headers(), body)
            except Unavailable:
                if not may_repeat or number == TRIES - 1:
                    raise
            else:
                if status != 429 and (status < 500 or not may_repeat):
                    return status, heads, self._read(raw, status)
                if number == TRIES - 1:
                    raise RateLimited(f"{self.host} asks us to wait ({status}).", code="HW-880", retry_after_s=30.0)
            await asyncio.sleep(PAUSE_S * 2**number)
        raise AssertionError("unreachable")

    async def _send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        plain = {"Accept": "application/json", "Content-Type": "application/json", **headers}
        try:
            async with self._client.stream(method, self.base + target, headers=plain, content=body) as response:
                raw = await answers.body(response, ANSWER_MAX)
                return response.status_code, dict(response.headers), raw
        except answers.Unreadable as problem:
            raise misread(self.host, str(problem)) from problem
        except httpx.ConnectError as problem:
            raise Unavailable(f"{self.host} cannot be reached; nothing was sent.", code="HW-880") from problem
        except httpx.HTTPError as problem:
            if method == "GET":
                raise Unavailable(f"{self.host} does not answer: {type(problem).__name__}.", code="HW-880") from problem
            text = f"{self.host} did not answer {method} {target.partition('?')[0]}; whether it was done is not known."
            raise TimedOut(text, code="HW-883") from problem

    def _read(self, raw: bytes, status: int) -> dict[str, Any]:
        if not raw:
            return {}
        try:
            found = answers.document(raw, limit=ANSWER_MAX)
        except answers.Unreadable as problem:
            if status >= 400:
                return {}
            raise misread(self.host, str(problem)) from problem
        if isinstance(found, dict):
            return found
        raise misread(self.host, "it is no JSON object")


def number(value: object, host: str) -> Decimal:
    """Read a number, or the text of one; finite and of a bounded length.

    Raises:
        OperatorError: it is none (HW-882).
    """
    try:
        return answers.number(value)
    except answers.Unreadable as problem:
        raise misread(host, str(problem)) from problem


def text(found: Any, name: str, host: str) -> str:  # noqa: ANN401
    """Read a text of an object."""
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, str) or len(value) > 500:
        raise misread(host, f"{name} is missing")
    return value


def rows(value: object, host: str) -> Sequence[dict[str, Any]]:
    """Read a list of objects."""
    if not isinstance(value, list) or len(value) > 10_000 or not all(isinstance(it, dict) for it in value):
        raise misread(host, "a list is missing")
    return value


def misread(host: str, problem: str) -> OperatorError:
    """Build the error for an answer that is not understood."""
    return OperatorError(f"The answer of {host} is not understood: {problem}.", code="HW-882")


def refused(host: str, status: int, reason: str) -> OperatorError:
    """Build the error for a no."""
    if status in (401, 403):
        return AuthRejected(f"{host} refuses our key: {reason}.", code="HW-881", hint="Check the key and its rights.")
    return OperatorError(f"{host} says no ({status}): {reason}. Nothing was done.", code="HW-881")


def plain(value: Decimal) -> str:
    """Write a decimal without an exponent."""
    return f"{value:f}"
