"""Asking a feed: with a time-out, a bound on the answer, and a clear word for each way it can go wrong."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from hashwright.adapters import answers
from hashwright.adapters.feeds.base import ANSWER_MAX, Feed, Question, misread
from hashwright.errors import ConfigError, OperatorError, RateLimited, Unavailable

TIMEOUT_S: Final = 15.0
PAUSE_ASKED_S: Final = 900.0
"""How long we keep away from a feed that asked us to slow down and did not say for how long."""
PAUSE_MAX_S: Final = 86_400.0


async def fetch(feed: Feed, coins: Sequence[str], *, url: str = "", timeout_s: float = TIMEOUT_S) -> list[bytes]:
    """Ask a feed all its questions. `url` takes the place of its own address.

    Raises:
        RateLimited: it asks us to slow down (HW-812), and for how long.
        Unavailable: nothing answers in time (HW-813).
        OperatorError: the answer is too long (HW-811).
        ConfigError: the address is not https (HW-701).
    """
    import httpx

    base = (url or feed.url).rstrip("/")
    _refuse_clear_text(base, is_node=feed.is_node)
    host = urlsplit(base).hostname or ""
    given = []
    async with httpx.AsyncClient(timeout=httpx.Timeout(timeout_s), follow_redirects=False, trust_env=False) as client:
        for question in feed.ask(coins):
            try:
                given.append(await _ask(client, base, question, host))
            except httpx.HTTPError as problem:
                is_late = isinstance(problem, httpx.TimeoutException)
                raise _unreachable(host, "no answer in time" if is_late else "no connection") from problem
            except httpx.InvalidURL as problem:
                raise ConfigError("The address of a feed is none.", code="HW-701") from problem
    return given


async def _ask(client: Any, base: str, question: Question, host: str) -> bytes:  # noqa: ANN401 (httpx loads late)
    method = "POST" if question.body else "GET"
    headers = {"Accept": "application/json", "User-Agent": "hashwright"}
    content = question.body.encode() or None
    async with client.stream(method, base + question.path, headers=headers, content=content) as response:
        _refuse_status(response.status_code, response.headers.get("Retry-After", ""), host)
        try:
            return await answers.body(response, ANSWER_MAX)
        except answers.Unreadable as problem:
            misread(str(problem))


def _refuse_status(status: int, retry_after: str, host: str) -> None:
    if status in (429, 418):
        pause = min(float(retry_after), PAUSE_MAX_S) if retry_after.isascii() and retry_after.isdecimal() else None
        raise RateLimited(
            f"{host} asks us to slow down (HTTP {status}).", code="HW-812", retry_after_s=pause or PAUSE_ASKED_S
        )
    if status in (401, 403):
        raise OperatorError(f"{host} refuses us (HTTP {status}).", code="HW-813", hint="User or password, or a block?")
    if status != 200:
        raise _unreachable(host, f"it answers HTTP {status}")


def _unreachable(host: str, problem: str) -> Unavailable:
    return Unavailable(f"{host} cannot be read: {problem}.", code="HW-813")


def _refuse_clear_text(base: str, *, is_node: bool) -> None:
    """Raise for an address that is not https, but for this computer's own and an own node's."""
    parts = urlsplit(base)
    if answers.is_guarded(base) or (parts.scheme == "http" and is_node):
        return
    raise ConfigError(
        f"{parts.hostname or base[:40]!r} is no https address. Nothing was asked.",
        code="HW-701",
        hint="A price is read over https only: an answer could be changed on the way.",
    )
