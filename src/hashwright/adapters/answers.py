"""How any stranger's answer is read: over a guarded line, bounded, exact, and distrusted.

Feeds, tariffs, weather, upstreams' accounts and public markets all read JSON over HTTP. What is the same for all of
them stands here; each turns `Unreadable` into its own error, which says what was not taken.
"""

import ipaddress
import json
from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

DIGITS_MAX: Final = 60
"""No price, difficulty or amount is written with more digits; a longer one is an attack on our patience."""
SIZE_MAX: Final = 40
"""No number of mining has more digits before the point, or zeros behind it."""

N = TypeVar("N")


class Unreadable(ValueError):
    """An answer, or a piece of it, is not what it should be. Its text says why, and fits into a sentence."""


def is_guarded(url: str) -> bool:
    """Tell whether nobody on the way can read or change what passes: https, or this computer's own address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    return parts.scheme == "https" or (parts.scheme == "http" and is_here)


async def body(response: Any, limit: int) -> bytes:  # noqa: ANN401 (httpx loads late)
    """Take the bytes of a streamed answer, as many as `limit` at most.

    Raises:
        Unreadable: there are more.
    """
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > limit:
            raise Unreadable(f"it has more than {limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def document(answer: bytes, *, limit: int) -> Any:  # noqa: ANN401 (a stranger's JSON)
    """Read JSON. Numbers with a point become Decimal; doubled keys, NaN and endless digits are refused.

    Raises:
        Unreadable: it is something else, or longer than `limit` bytes.
    """
    if len(answer) > limit:
        raise Unreadable(f"it has {len(answer)} bytes")
    if answer.lstrip()[:1] == b"<":
        raise Unreadable("it is a web page (HTML), not data")
    try:
        return json.loads(
            answer,
            parse_float=_bounded(Decimal),
            parse_int=_bounded(int),
            parse_constant=_no_constant,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError, DecimalException) as problem:
        raise Unreadable(f"it is no JSON: {str(problem)[:80]}") from problem


def number(value: object, *, digits: int = SIZE_MAX) -> Decimal:
    """Read a finite number, or the text of one, below 10**`digits` in size.

    Raises:
        Unreadable: it is none.
    """
    is_number = isinstance(value, int | str | Decimal) and not isinstance(value, bool)
    try:
        found = Decimal(value) if is_number and len(str(value)) <= DIGITS_MAX else Decimal("nan")  # type: ignore[arg-type]
    except DecimalException:
        found = Decimal("nan")
    if not found.is_finite() or abs(found.adjusted()) > digits:
        raise Unreadable(f"{str(value)[:40]!r} is no number")
    return found


def _bounded(make: Callable[[str], N]) -> Callable[[str], N]:
    def read(digits: str) -> N:
        if len(digits) > DIGITS_MAX:
            raise ValueError("a number is too long")
        return make(digits)

    return read


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found
