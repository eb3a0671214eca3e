"""The outer wall: what is checked before a request is looked at, and the headers of every answer.

* The Host header must name us: a page of a stranger cannot reach us by a name that it points at this address.
* A body has a bound (one whose length was not told is bounded while it is read, by the framework).
* Each address has a bucket of requests, and signing in has a much smaller one.
* Every answer forbids what a page of ours never needs: foreign scripts, frames, guessing of types, caching of data.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from hashwright.clock import Clock
from hashwright.web.problems import MEDIA_TYPE, encoded, problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY_MAX: Final = 64 * 1024
RATE_A_SECOND: Final = 50.0
BURST: Final = 300.0
SIGN_IN_A_SECOND: Final = 1 / 12
SIGN_IN_BURST: Final = 6.0
PEERS_MAX: Final = 10_000
SIGN_IN_PATHS: Final = ("/api/v1/session", "/api/v1/setup", "/api/v1/session/link")
POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none';"
    " img-src 'self' data:"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


class Buckets:
    """Token buckets by address: so many a second, and so many at once."""

    def __init__(self, *, rate: float, burst: float, clock: Clock, most: int = PEERS_MAX) -> None:
        self._rate, self._burst, self._clock, self._most = rate, burst, clock, most
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Take one; return 0, or after how many seconds there is one again."""
        now = self._clock.monotonic()
        left, at = self._left.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        taken = left >= 1
        self._left[name] = (left - 1 if taken else left, now)  # put behind the others: the first is the oldest
        if len(self._left) > self._most:
            del self._left[next(iter(self._left))]
        return 0.0 if taken else (1 - left) / self._rate


class Shield:
    """Wraps the application."""

    def __init__(self, app: App, *, hosts: Iterable[str], is_https: bool, clock: Clock) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._headers = (*HEADERS, STRICT_TRANSPORT) if is_https else HEADERS
        self._all = Buckets(rate=RATE_A_SECOND, burst=BURST, clock=clock)
        self._sign_in = Buckets(rate=SIGN_IN_A_SECOND, burst=SIGN_IN_BURST, clock=clock)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no WebSocket is spoken here: the server answers 403 by itself
        sending = self._with_headers(scope, send)
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(sending, *refusal)
            return
        await self._app(scope, receive, sending)

    def _refusal(self, scope: MutableMapping[str, Any]) -> tuple[int, bytes, float] | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if _without_port(host) not in self._hosts:
            return _refused("HW-747", f"This server is not known as {_without_port(host)[:100]!r}.")
        peer = peer_of(scope)
        is_sign_in = scope["method"] == "POST" and scope["path"] in SIGN_IN_PATHS
        wait = self._sign_in.take(peer) if is_sign_in else self._all.take(peer)
        if wait:
            return _refused("HW-743", f"Too many requests. Try again in {wait:.0f} s.", wait=wait)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 12 or int(length) > BODY_MAX:
            return _too_large()
        return None

    def _with_headers(self, scope: MutableMapping[str, Any], send: Send) -> Send:
        is_data = scope["path"].startswith("/api/") or scope["path"] == "/metrics"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                said = {name.lower() for name, _ in own}  # a report brings a policy of its own, which is stricter
                headers = [*own, *(it for it in self._headers if it[0] not in said)]
                if is_data and b"cache-control" not in said:
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        return sending


def peer_of(scope: MutableMapping[str, Any]) -> str:
    """Return the address that a request came from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _refused(code: str, detail: str, *, wait: float = 0.0) -> tuple[int, bytes, float]:
    found = problem(code, detail)
    return found.status, encoded(found), wait


def _too_large() -> tuple[int, bytes, float]:
    return _refused("HW-750", f"A request has at most {BODY_MAX} bytes.")


async def _answer(send: Send, status: int, body: bytes, wait: float) -> None:
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    if wait:
        headers.append((b"retry-after", str(int(wait) + 1).encode()))
    if status == 413:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
