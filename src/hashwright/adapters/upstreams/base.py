"""What a reader of an upstream's account is, and how a stranger's JSON is read: bounded, exact, and distrusted.

Amounts are decimals that never were floats; more places than the currency has are rounded down, so that an upstream is
never believed to owe more than it says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, DecimalException
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from hashwright.adapters import answers
from hashwright.errors import ConfigError, OperatorError, Unavailable
from hashwright.money import Amount, Currency, MoneyError

ANSWER_MAX: Final = 512 * 1024
TIMEOUT_S: Final = 20.0
PAYOUTS_MAX: Final = 2_000
DIGITS_MAX: Final = 40
SUFFIXES: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18, "Z": 10**21}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """What an upstream says of our account. None: it does not tell.

    `hashrate` [hash/s]; `unpaid` is owed and not sent; `paid` is all that it ever sent, as it says.
    """

    hashrate: int | None
    unpaid: Amount | None
    paid: Amount | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request: a path below the reader's address, and headers, whose values may be secret."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A plug-in. `ask` lists the questions for an account; `read` turns their answers into a report.

    `seen` says what stands behind it: `recorded` answers of the real service, or its `documented` form only.
    """

    title: str
    url: str
    seen: str
    needs_token: bool
    ask: Callable[[str, str, Currency], Sequence[Question]]
    read: Callable[[Sequence[bytes], Currency], AccountReport]


def document(answer: bytes) -> dict[str, Any]:
    """Read a JSON object; numbers with a point become Decimal, doubled keys and NaN are refused.

    Raises:
        OperatorError: it is something else (HW-640).
    """
    try:
        found = answers.document(answer, limit=ANSWER_MAX)
    except answers.Unreadable as problem:
        misread(str(problem))
    if not isinstance(found, dict):
        misread(f"a {type(found).__name__} stands where an object belongs")
    return found


def inner(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Walk into objects."""
    for name in names:
        value = found.get(name)
        if not isinstance(value, dict):
            misread(f"{name} is missing")
        found = value
    return dict(found)


def amount(value: object, currency: Currency, *, places: int | None = None) -> Amount:
    """Read an amount: a decimal of coins, or with `places` a whole number of a smaller unit. Rounded down.

    Raises:
        OperatorError: it is no number, negative, or out of bounds (HW-640).
    """
    number = decimal(value)
    if number < 0:
        misread(f"{str(value)[:40]} is negative")
    exponent = currency.exponent if places is None else currency.exponent - places
    try:
        return Amount(int(number.scaleb(exponent).to_integral_value(rounding=ROUND_DOWN)), currency)
    except (MoneyError, DecimalException):
        misread(f"{str(value)[:40]} is out of bounds")


def decimal(value: object) -> Decimal:
    """Read a number, or the text of one."""
    try:
        return answers.number(value)
    except answers.Unreadable as problem:
        misread(str(problem))


def hashrate(value: object, *, unit: int = 1) -> int:
    """Read a hash rate [hash/s]: a number of a unit, or text such as `44.4K`."""
    if isinstance(value, str) and value[-1:].upper() in SUFFIXES and value[-1:].isalpha():
        unit, value = SUFFIXES[value[-1:].upper()], value[:-1]
    number = decimal(value) * unit
    if number < 0 or number.adjusted() > DIGITS_MAX:
        misread(f"a hash rate of {str(value)[:40]}")
    return int(number)


def rows(value: object) -> list[dict[str, Any]]:
    """Read a list of objects, bounded."""
    if not isinstance(value, list) or len(value) > PAYOUTS_MAX or not all(isinstance(it, dict) for it in value):
        misread("a list of objects is missing, or too long")
    return value


async def fetch(reader: Reader, *, url: str, account: str, token: str, currency: Currency) -> AccountReport:
    """Ask an upstream about an account. `url` takes the place of the reader's own address where it is set.

    Raises:
        OperatorError: the answer is not understood (HW-640).
        ConfigError: the address is not https (HW-701).
        Unavailable: nothing answers, or it is asked too often (HW-641).
    """
    import httpx

    base = (url or reader.url).rstrip("/")
    refuse_clear_text(base)
    given = []
    limits = httpx.Timeout(TIMEOUT_S)
    async with httpx.AsyncClient(timeout=limits, follow_redirects=False, trust_env=False) as client:
        for question in reader.ask(account, token, currency):
            try:
                given.append(await _get(client, base + question.path, dict(question.headers)))
            except httpx.HTTPError as problem:
                raise unreachable(urlsplit(base).netloc, type(problem).__name__) from problem
    return reader.read(given, currency)


async def _get(client: Any, url: str, headers: dict[str, str]) -> bytes:  # noqa: ANN401 (httpx loads late)
    async with client.stream("GET", url, headers={"Accept": "application/json", **headers}) as response:
        if response.status_code != 200:
            raise unreachable(urlsplit(url).netloc, f"it answers {response.status_code}")
        try:
            return await answers.body(response, ANSWER_MAX)
        except answers.Unreadable as problem:
            misread(str(problem))


def refuse_clear_text(url: str) -> None:
    """Raise ConfigError for an address that is not https, but for this computer's own."""
    if answers.is_guarded(url):
        return
    raise ConfigError(
        f"{url[:80]} is no https address. Nothing was asked.",
        code="HW-701",
        hint="An account is read over https only: a token must not be seen, nor an answer changed.",
    )


def unreachable(host: str, problem: str) -> Unavailable:
    """Build the error for an upstream whose account cannot be read now."""
    return Unavailable(
        f"The account at {host} cannot be read: {problem}.",
        code="HW-641",
        hint="It is tried again by itself. Is the account, or the token, right?",
    )


def misread(problem: str) -> NoReturn:
    """Raise the error for an answer that is not understood.

    Raises:
        OperatorError: always (HW-640).
    """
    raise OperatorError(
        f"The upstream's answer is not understood: {problem}. Nothing was taken from it.",
        code="HW-640",
        hint="Its form may have changed. What it owes stays as it was read last.",
    )
