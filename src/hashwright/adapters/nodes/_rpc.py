"""JSON-RPC over HTTP to a node of Bitcoin's family: one call, its errors sorted by who must act.

| what comes back | what it becomes |
| --- | --- |
| 401, 403 | `AuthRejected`; at 401 the cookie is read again first, because each start of the node makes a new one |
| error -28 | `WarmingUp`: it loads its block index |
| error -10, -9 | `NodeSyncing`: it downloads blocks, or has no peer (Litecoin then gives no template) |
| any other error | `RpcError` with the node's number |
| 503, "Work queue depth exceeded" | `RateLimited` |
| HTML, half a JSON, a foreign id, too much | `OperatorError` HW-410; `Unavailable` where a proxy says 5xx |
| nothing listens, connection lost | `Disconnected` |
| no answer in time | `TimedOut`: whether it was done is unknown |
"""

import asyncio
import base64
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from hashwright.adapters.nodes._http import HttpPost, Response, read_json
from hashwright.adapters.secret import read_secret
from hashwright.errors import (
    AuthRejected,
    Disconnected,
    HashwrightError,
    NodeSyncing,
    OperatorError,
    RateLimited,
    TimedOut,
    Unavailable,
)

TRIES: Final = 4
FIRST_PAUSE_S: Final = 0.1

WARMING_UP: Final = -28
SYNCING: Final = -10
NO_PEER: Final = -9
NOT_FOUND: Final = -5
BAD_PARAMETER: Final = -8
CANNOT_DECODE: Final = -22
CANNOT_VERIFY: Final = -25

_Answer = TypeVar("_Answer")


class RpcError(OperatorError):
    """The node knows the call and says no. `number` and `text` are its own."""

    def __init__(self, method: str, *, number: int, text: str) -> None:
        super().__init__(f"The node refused {method}: {text} ({number}).", code="HW-411")
        self.number = number
        self.text = text


class WarmingUp(NodeSyncing):
    """The node has started and loads its blocks: a matter of seconds or minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where credentials are: a cookie file, else a user and a reference to the password. Neither is a secret itself."""

    cookie_file: str = ""
    user: str = ""
    password_from: str = ""

    def read(self) -> str:
        """Return `user:password` as it is now.

        Raises:
            Disconnected: there is no cookie: the node writes it when it starts, and removes it when it ends.
            AuthRejected: the cookie may not be read.
            ConfigError: the password is not where it should be.
        """
        if not self.cookie_file:
            return f"{self.user}:{read_secret(self.password_from)}"
        try:
            return Path(self.cookie_file).expanduser().read_text(encoding="utf-8").strip()
        except PermissionError as error:
            raise AuthRejected(
                f"The node's cookie {self.cookie_file} may not be read by this user.",
                code="HW-415",
                hint="Run Hashwright in the node's group with rpccookieperms=group, or use a user and a password.",
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise Disconnected(
                f"The node's cookie {self.cookie_file} cannot be read: {reason}.",
                code="HW-414",
                hint="The node writes it when it starts. Is it running, and is this its data folder?",
            ) from error


class RpcClient:
    """One node's RPC address with its credentials."""

    def __init__(self, url: str, *, login: Login, timeout_s: float) -> None:
        self.url = url
        self._login = login
        self._secret = ""
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._http = HttpPost(url)

    def __repr__(self) -> str:
        return f"<RpcClient {self.url}>"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, *params: object, timeout_s: float | None = None) -> Any:  # noqa: ANN401
        """Call once and return the result.

        Raises:
            HashwrightError: as the table of this file says.
        """
        limit_s = timeout_s or self._timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._call(method, params)
        except TimeoutError as error:
            raise TimedOut(
                f"The node at {self.url} did not answer {method} in {limit_s:g} s.", code="HW-412"
            ) from error

    async def ask(self, method: str, *params: object, timeout_s: float | None = None) -> Any:  # noqa: ANN401
        """Call what may be called twice without harm, and try again while the node is out of reach for a moment."""
        return await retried(lambda: self.call(method, *params, timeout_s=timeout_s))

    async def _call(self, method: str, params: tuple[object, ...]) -> Any:  # noqa: ANN401
        number = next(self._ids)
        body = msgspec.json.encode({"jsonrpc": "1.0", "id": number, "method": method, "params": params})
        response = await self._send(body, self._secret or self._read_login())
        if response.status == 401 and self._login_is_new():
            response = await self._send(body, self._secret)
        return self._result(method, number, response)

    def _read_login(self) -> str:
        self._secret = self._login.read()
        return self._secret

    def _login_is_new(self) -> bool:
        """Read the credentials again and tell whether they changed: a node's cookie is another one after a restart."""
        before = self._secret
        return self._read_login() != before

    async def _send(self, body: bytes, secret: str) -> Response:
        authorization = "Basic " + base64.b64encode(secret.encode()).decode()
        return await self._http.post(body, headers={"Authorization": authorization})

    def _result(self, method: str, number: int, response: Response) -> Any:  # noqa: ANN401
        if response.status in (401, 403):
            raise AuthRejected(
                f"The node at {self.url} refuses our credentials (HTTP {response.status}).",
                code="HW-415",
                hint="Check the cookie file, or rpcuser and rpcpassword, and rpcallowip.",
            )
        answer = read_json(response.body)
        if not isinstance(answer, dict) or not {"result", "error"} & answer.keys():
            raise self._nonsense(method, response)
        if answer.get("error") is not None:
            raise error_of(method, answer["error"])
        if answer.get("id") != number:
            raise OperatorError(f"{self.url} answered {method} with the answer to another call.", code="HW-410")
        return answer.get("result")

    def _nonsense(self, method: str, response: Response) -> HashwrightError:
        status = response.status
        if status == 503 or response.body.startswith(b"Work queue depth exceeded"):
            return RateLimited(f"The node at {self.url} has too many calls to serve.", code="HW-412")
        if status >= 500:
            return Unavailable(f"{self.url} answered {method} with HTTP {status}.", code="HW-410")
        return OperatorError(
            f"{self.url} answered {method} with something that is not JSON-RPC (HTTP {status}).", code="HW-410"
        )


def error_of(method: str, error: object) -> HashwrightError:
    """Sort a node's error by who must act."""
    fields = error if isinstance(error, dict) else {}
    number, text = fields.get("code"), str(fields.get("message", error))[:300]
    if number == WARMING_UP:
        return WarmingUp(f"The node is warming up: {text}", code="HW-403")
    if number == SYNCING:
        return NodeSyncing(f"The node is loading blocks: {text}", code="HW-403")
    if number == NO_PEER:
        return NodeSyncing(
            f"The node has no connection to other nodes: {text}",
            code="HW-403",
            hint="Give it a peer (addnode). Litecoin gives no template without one.",
        )
    return RpcError(method, number=number if isinstance(number, int) else 0, text=text)


async def retried(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Try an idempotent call a few times while the node is out of reach, with pauses that double, and jitter.

    Not after a time-out: the caller has waited long enough, and knows better whether to wait on.
    """
    pause_s = FIRST_PAUSE_S
    for _ in range(TRIES - 1):
        try:
            return await call()
        except (Disconnected, RateLimited):
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            pause_s *= 2
    return await call()
