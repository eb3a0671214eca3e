"""One GET for tariffs and weather: bounded in time and size, no redirects, https unless it is this computer's own.

Whatever goes wrong ends as one of two errors: the service is silent (the caller's code for that), or its answer is not
what it should be. An answer is a stranger's: JSON is read with exact decimals, doubled keys and NaN are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from hashwright.adapters import answers
from hashwright.errors import ConfigError, OperatorError, RateLimited, Unavailable

ANSWER_MAX: Final = 8 * 1024 * 1024
"""A year of a typical year's hours is 2 MB of JSON."""
TIMEOUT_S: Final = 20.0
EXPONENT_MAX: Final = 13
"""Milliseconds since 1970 have 13 digits; nothing of a tariff has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request; header values may be secret and are written nowhere."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The two codes of a service: silent, and not understood."""

    silent: str
    misread: str


async def get(question: Question, codes: Codes) -> bytes:
    """Ask, and return the answer's bytes.

    Raises:
        ConfigError: the address is not https (HW-840).
        Unavailable: nothing answers, or not with 200.
        OperatorError: the answer is too long.
    """
    import httpx

    refuse_clear_text(question.url)
    host = urlsplit(question.url).netloc
    client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
    try:
        async with (
            client,
            client.stream(
                "GET", question.url, params=dict(question.params) or None, headers=dict(question.headers)
            ) as response,
        ):
            if response.status_code != 200:
                _refuse(host, response.status_code, response.headers.get("Retry-After", ""), codes)
            return await _body(response, codes)
    except httpx.HTTPError as problem:
        raise _silent(host, type(problem).__name__, codes) from problem


async def _body(response: Any, codes: Codes) -> bytes:  # noqa: ANN401 (httpx loads late)
    try:
        return await answers.body(response, ANSWER_MAX)
    except answers.Unreadable as problem:
        misread(str(problem), codes)


def _refuse(host: str, status: int, retry_after: str, codes: Codes) -> NoReturn:
    if status == 429:
        seconds = float(retry_after) if retry_after.isdecimal() and len(retry_after) < 7 else None
        raise RateLimited(f"{host} asks us to slow down (429).", code=codes.silent, retry_after_s=seconds)
    raise _silent(host, f"it answers {status}", codes)


def _silent(host: str, problem: str, codes: Codes) -> Unavailable:
    return Unavailable(f"{host} does not give data: {problem}.", code=codes.silent)


def refuse_clear_text(url: str) -> None:
    """Raise ConfigError for an address that is not https, but for this computer's own."""
    if not answers.is_guarded(url):
        raise ConfigError(
            f"{url[:80]} is no https address. Nothing was asked.",
            code="HW-840",
            hint="Prices and weather decide about machines: they come over https only.",
        )


def json_of(answer: bytes, codes: Codes) -> Any:  # noqa: ANN401 (a stranger's document)
    """Read JSON with exact decimals; doubled keys, NaN and endless digits are refused.

    Raises:
        OperatorError: it is none.
    """
    try:
        return answers.document(answer, limit=ANSWER_MAX)
    except answers.Unreadable as problem:
        misread(str(problem), codes)


def misread(problem: str, codes: Codes) -> NoReturn:
    """Raise the error for an answer that is not understood.

    Raises:
        OperatorError: always.
    """
    raise OperatorError(
        f"The answer is not understood: {problem}. Nothing was taken from it.",
        code=codes.misread,
        hint="Its form may have changed, or a setting names a field that is not there.",
    )


def number_of(value: object, codes: Codes) -> Decimal:
    """Return a finite number of a document, which may be written as text."""
    try:
        return answers.number(value, digits=EXPONENT_MAX)
    except answers.Unreadable as problem:
        misread(str(problem), codes)


def iso_utc(time_ms: int) -> str:
    """Write an instant as a service takes it: `2026-03-29T01:00:00Z`."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_utc(time_ms: int) -> str:
    """Write the UTC day of an instant."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
