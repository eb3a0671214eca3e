"""What a feed is, and how a stranger's answer is read: bounded, exact, and distrusted.

A feed is a small file: which questions to ask for which coins, and how to turn the answers into observations, each with
`at` (when it was true, as the service says) and `known_at` (when we heard it). Numbers are read as decimals, never
through floats. What the numbers are worth is judged elsewhere (`economics.coin_facts`): a feed says only what it was
told.

`seen` says what stands behind a file: `recorded` answers of the real service are its tests; `documented`: only its
published form is; `live`: it was run against the real thing here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn

from hashwright.adapters import answers
from hashwright.economics.coin_facts import FieldName, Observation
from hashwright.errors import OperatorError

ANSWER_MAX: Final = 8 * 1024 * 1024
Seen = Literal["recorded", "documented", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request below the feed's address; with a `body` (JSON) it is posted."""

    path: str
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A plug-in. `pause_s` is how long it must not be asked again [s]; `coins` are the keys that it knows.

    `is_node` marks the owner's own node: it is asked only where its address is given.
    """

    title: str
    url: str
    seen: Seen
    coins: tuple[str, ...]
    pause_s: int
    ask: Callable[[Sequence[str]], Sequence[Question]]
    read: Callable[[Sequence[bytes], int], Sequence[Observation]]
    terms: str = ""
    """What the service asks of its users."""
    is_node: bool = False


def document(answer: bytes) -> Any:  # noqa: ANN401 (a stranger's JSON)
    """Read JSON; numbers with a point become Decimal, NaN is refused.

    Raises:
        OperatorError: it is something else (HW-811).
    """
    try:
        return answers.document(answer, limit=ANSWER_MAX)
    except answers.Unreadable as problem:
        misread(str(problem))


def mapping(value: object, *names: str) -> dict[str, Any]:
    """Walk into objects.

    Raises:
        OperatorError: one of them is missing (HW-811).
    """
    found = value
    for name in ("", *names):
        found = found.get(name) if name and isinstance(found, dict) else found
        if not isinstance(found, dict):
            misread(f"{name or 'an object'} is missing")
    assert isinstance(found, dict)
    return dict(found)


def listing(value: object) -> list[dict[str, Any]]:
    """Read a list of objects.

    Raises:
        OperatorError: it is none (HW-811).
    """
    if not isinstance(value, list):
        misread("a list is missing")
    return [row for row in value if isinstance(row, dict)]


def number(value: object) -> Decimal:
    """Read a number, or the text of one.

    Raises:
        OperatorError: it is none (HW-811).
    """
    try:
        return answers.number(value)
    except answers.Unreadable as problem:
        misread(str(problem))


def at_seconds(value: object) -> int:
    """Read a time in seconds since 1970 UTC, as milliseconds.

    Raises:
        OperatorError: it is none (HW-811).
    """
    found = int(number(value) * 1000)
    if not 1_230_000_000_000 <= found <= 4_102_444_800_000:
        misread(f"{str(value)[:30]} is no time")
    return found


def at_text(value: object) -> int:
    """Read an ISO time, as milliseconds since 1970 UTC; one without a zone is taken for UTC.

    Raises:
        OperatorError: it is none (HW-811).
    """
    text = str(value)[:40]
    head, point, rest = text.partition(".")
    zone = "+00:00" if point and rest.endswith("Z") else ""
    try:
        moment = datetime.fromisoformat(head + zone if point else text)
    except ValueError:
        misread(f"{text!r} is no time")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def seen(source: str, coin: str, name: FieldName, value: Decimal, at_ms: int, now_ms: int) -> Observation:
    """Build an observation."""
    return Observation(coin=coin, field=name, value=value, at_ms=at_ms, known_at_ms=now_ms, source=source)


def known(row: Mapping[str, Any], name: str) -> Decimal | None:
    """Read a number that may be absent; services write `-1`, `null` or an empty text for unknown."""
    value = row.get(name)
    if value is None or value == "":
        return None
    found = number(value)
    return found if found >= 0 else None


def misread(problem: str) -> NoReturn:
    """Raise the error for an answer that is not understood.

    Raises:
        OperatorError: always (HW-811).
    """
    raise OperatorError(
        f"The answer is not understood: {problem}. Nothing was taken from it.",
        code="HW-811",
        hint="Its form may have changed; other feeds and the last values serve.",
    )
