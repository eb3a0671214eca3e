"""JSON-RPC over HTTP to a node of Bitcoin's family: one call, its errors sorted, and one helper that tries again.

Numbers in answers are read as they are: amounts that we use are whole numbers already (`getblocktemplate`), and the
others are never money here.
"""

import asyncio
import base64
import itertools
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hashwright.adapters.secret import read_secret
from hashwright.errors import (
    AuthRejected,
    ConfigError,
    Disconnected,
    HashwrightError,
    NodeSyncing,
    OperatorError,
    TimedOut,
    Unavailable,
)

if TYPE_CHECKING:
    import httpx

ANSWER_MAX = 64 * 1024 * 1024
"""A full template with its transactions in hex is about 8 MB; this is far above and still bounded."""
TRIES = 4
FIRST_PAUSE_S = 0.1

WARMING_UP = -28
NOT_CONNECTED = -9
STILL_SYNCING = -10


class RpcError(OperatorError):
    """The node knows the call and says no. `number` is its own code."""

    def __init__(self, message: str, *, number: int, code: str = "HW-411", hint: str | None = None) -> None:
        super().__init__(message, code=code, hint=hint)
        self.number = number


class RpcClient:
    """One node's RPC address with its credentials."""

    def __init__(
        self, url: str, *, user: str = "", password_from: str = "", cookie_file: str = "", timeout_s: float = 10.0
    ) -> None:
        import httpx

        self.url = url
        self._user = user
        self._password_from = password_from
        self._cookie_file = cookie_file
        self._authorization = ""
        self._ids = itertools.count(1)
        # no proxy from the environment: the node is a machine of the owner's
        self._http = httpx.AsyncClient(timeout=timeout_s, trust_env=False, limits=httpx.Limits(max_connections=16))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, *params: object, timeout_s: float | None = None) -> Any:  # noqa: ANN401
        """Call once; a cookie that the node has renewed is read again.

        Raises:
            AuthRejected, NodeSyncing, RpcError, Disconnected, TimedOut, Unavailable: see the table of this file.
        """
        response = await self._post(method, params, timeout_s)
        if response.status_code == 401 and self._cookie_file:
            self._authorization = ""
            response = await self._post(method, params, timeout_s)
        return self._read(method, response)

    async def ask(self, method: str, *params: object) -> Any:  # noqa: ANN401
        """Call something that changes nothing, and try again while the node is out of reach for a moment."""
        return await retried(lambda: self.call(method, *params))

    async def _post(self, method: str, params: tuple[object, ...], timeout_s: float | None) -> "httpx.Response":
        import httpx

        body = msgspec.json.encode({"jsonrpc": "1.0", "id": next(self._ids), "method": method, "params": list(params)})
        headers = {"Authorization": self._authorize(), "Content-Type": "application/json"}
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else httpx.Timeout(timeout_s)
        try:
            request = self._http.build_request("POST", self.url, content=body, headers=headers, timeout=timeout)
            response = await self._http.send(request, stream=True)
            try:
                await self._read_body(method, response)
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise TimedOut(f"The node at {self.url} did not answer {method} in time.", code="HW-412") from error
        except httpx.HTTPError as error:
            raise Disconnected(
                f"The node at {self.url} cannot be reached: {str(error) or type(error).__name__}.", code="HW-401"
            ) from error
        return response

    async def _read_body(self, method: str, response: "httpx.Response") -> None:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > ANSWER_MAX:
                raise Unavailable(f"The node's answer to {method} is larger than {ANSWER_MAX} bytes.", code="HW-410")
        response._content = bytes(body)

    def _authorize(self) -> str:
        if not self._authorization:
            self._authorization = "Basic " + base64.b64encode(self._credentials().encode()).decode()
        return self._authorization

    def _credentials(self) -> str:
        if self._cookie_file:
            try:
                return Path(self._cookie_file).expanduser().read_text(encoding="utf-8").strip()
            except OSError as error:
                raise Unavailable(
                    f"The node's cookie {self._cookie_file} cannot be read: {error.strerror}.",
                    code="HW-401",
                    hint="The node writes it when it starts. Is it running, and may this user read the file?",
                ) from error
        if not self._user:
            raise ConfigError("The node needs a cookie file, or a user and a password.", code="HW-701")
        return f"{self._user}:{read_secret(self._password_from)}"

    def _read(self, method: str, response: "httpx.Response") -> Any:  # noqa: ANN401
        if response.status_code in (401, 403):
            raise AuthRejected(
                f"The node at {self.url} refuses our credentials.",
                code="HW-402",
                hint="Check the cookie file, or rpcuser and rpcpassword, and rpcallowip.",
            )
        try:
            answer = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unavailable(
                f"{self.url} answered {method} with something that is not JSON-RPC (HTTP {response.status_code}).",
                code="HW-410",
            ) from error
        if not isinstance(answer, dict) or "result" not in answer:
            raise Unavailable(f"{self.url} answered {method} with JSON that is not JSON-RPC.", code="HW-410")
        if answer.get("error") is not None:
            raise rpc_error(method, answer["error"])
        return answer["result"]


def rpc_error(method: str, error: object) -> HashwrightError:
    """Sort a node's error by who must act."""
    fields = error if isinstance(error, dict) else {}
    number, text = fields.get("code", 0), str(fields.get("message", error))[:300]
    if number == WARMING_UP:
        return NodeSyncing(f"The node is warming up: {text}", code="HW-403")
    if number == STILL_SYNCING:
        return NodeSyncing(f"The node is loading blocks: {text}", code="HW-403")
    if number == NOT_CONNECTED:
        return Unavailable(
            f"The node has no peer: {text}", code="HW-411", hint="Litecoin gives templates only with a peer connected."
        )
    return RpcError(f"The node refused {method}: {text} ({number})", number=number if isinstance(number, int) else 0)


async def retried(call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
    """Try an idempotent call a few times, with pauses that double and jitter."""
    pause_s = FIRST_PAUSE_S
    for attempt in range(TRIES):
        try:
            return await call()
        except NodeSyncing:
            raise
        except Unavailable:
            if attempt == TRIES - 1:
                raise
        await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
        pause_s *= 2
    raise AssertionError("unreachable")
