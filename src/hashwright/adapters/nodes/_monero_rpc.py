"""JSON-RPC to Monero's programs, monerod and monero-wallet-rpc: one call, its errors sorted by who must act.

| what comes back | what it becomes |
| --- | --- |
| 401, 403 | `AuthRejected`: the program was started with `--rpc-login`, or with another one |
| error -9, status "BUSY" | `NodeSyncing`: it loads blocks |
| error -32601 | `OperatorError` HW-417: it does not offer the call: an old one, or one that is restricted |
| status "PAYMENT REQUIRED" | `OperatorError` HW-418: somebody else's node, which wants to be paid for calls |
| any other error, another status | `MoneroError` with the program's number |
| HTML, half a JSON, a foreign id, too much | `OperatorError` HW-410; `Unavailable` where it says 5xx |
| nothing listens, connection lost | `Disconnected` |
| no answer in time | `TimedOut`: whether it was done is unknown |

Source: Monero `core_rpc_server_error_codes.h`, `wallet_rpc_server_error_codes.h`.
"""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from hashwright.adapters.nodes._http import Digest, HttpPost, Response, read_json
from hashwright.adapters.nodes._rpc import retried
from hashwright.adapters.secret import read_secret
from hashwright.errors import AuthRejected, HashwrightError, NodeSyncing, OperatorError, TimedOut, Unavailable

JSON_PATH: Final = "/json_rpc"
WRONG_PARAMETER: Final = -1
HEIGHT_TOO_BIG: Final = -2
RESERVE_TOO_BIG: Final = -3
WRONG_ADDRESS: Final = -4
INTERNAL: Final = -5
WRONG_BLOB: Final = -6
NOT_ACCEPTED: Final = -7
BUSY: Final = -9
SUBADDRESS: Final = -12
NO_METHOD: Final = -32601
STATUS_OK: Final = "OK"
STATUS_BUSY: Final = "BUSY"
STATUS_PAY: Final = "PAYMENT REQUIRED"


class MoneroError(OperatorError):
    """The program knows the call and says no. `number` and `text` are its own."""

    def __init__(self, what: str, *, number: int, text: str) -> None:
        super().__init__(f"{what}: {text} ({number}).", code="HW-411")
        self.number = number
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneroLogin:
    """User and a reference to the password, of the program's `--rpc-login`; empty where it has none."""

    user: str = ""
    password_from: str = ""

    def read(self) -> Digest | None:
        """Return what to authenticate with now.

        Raises:
            ConfigError: the password is not where it should be.
        """
        return Digest(user=self.user, password=read_secret(self.password_from)) if self.user else None


class MoneroRpc:
    """One program's RPC address. `who` is its name in messages: the node, the wallet."""

    def __init__(self, url: str, *, login: MoneroLogin, timeout_s: float, who: str = "node") -> None:
        self.url = url.rstrip("/")
        self._who = who
        self._login = login
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._http = HttpPost(self.url)

    def __repr__(self) -> str:
        return f"<MoneroRpc {self.url}>"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, params: object = None, *, timeout_s: float | None = None) -> Any:  # noqa: ANN401
        """Call once and return the result.

        Raises:
            HashwrightError: as the table of this file says.
        """
        number = next(self._ids)
        body = {"jsonrpc": "2.0", "id": str(number), "method": method, "params": {} if params is None else params}
        answer = await self._post(JSON_PATH, method, body, timeout_s)
        if "error" in answer:
            raise self._error(method, answer["error"])
        if answer.get("id") != str(number) or "result" not in answer:
            raise OperatorError(f"{self.url} answered {method} with the answer to another call.", code="HW-410")
        return self._checked(method, answer["result"])

    async def ask(self, method: str, params: object = None, *, timeout_s: float | None = None) -> Any:  # noqa: ANN401
        """Call what may be called twice without harm, and try again while it is out of reach for a moment."""
        return await retried(lambda: self.call(method, params, timeout_s=timeout_s))

    async def plain(self, path: str, params: object, *, timeout_s: float | None = None) -> Any:  # noqa: ANN401
        """Ask one of the older calls, which have a path of their own; only those that may be called twice."""
        return await retried(lambda: self._plain(path, params, timeout_s))

    async def raw(self, path: str, params: object) -> dict[str, Any]:
        """Ask once, and return the answer with its status, whatever that is: a refusal tells its reasons in it."""
        return await self._post(f"/{path}", path, params, None)

    async def _plain(self, path: str, params: object, timeout_s: float | None) -> Any:  # noqa: ANN401
        return self._checked(path, await self._post(f"/{path}", path, params, timeout_s))

    async def _post(self, path: str, what: str, body: object, timeout_s: float | None) -> dict[str, Any]:
        limit_s = timeout_s or self._timeout_s
        try:
            async with asyncio.timeout(limit_s):
                response = await self._http.post(msgspec.json.encode(body), path=path, digest=self._login.read())
        except TimeoutError as error:
            text = f"The {self._who} at {self.url} did not answer {what} in {limit_s:g} s."
            raise TimedOut(text, code="HW-412") from error
        return self._document(what, response)

    def _document(self, what: str, response: Response) -> dict[str, Any]:
        if response.status in (401, 403):
            raise AuthRejected(
                f"The {self._who} at {self.url} refuses our credentials (HTTP {response.status}).",
                code="HW-415",
                hint="Give the user and the password of its --rpc-login.",
            )
        answer = read_json(response.body)
        if response.status == 200 and isinstance(answer, dict):
            return answer
        if response.status >= 500:
            raise Unavailable(f"{self.url} answered {what} with HTTP {response.status}.", code="HW-410")
        raise OperatorError(
            f"{self.url} answered {what} with something that is not Monero's RPC (HTTP {response.status}).",
            code="HW-410",
        )

    def _checked(self, what: str, result: object) -> Any:  # noqa: ANN401
        """Return a result, unless its `status` says that it is none."""
        status = result.get("status", STATUS_OK) if isinstance(result, dict) else STATUS_OK
        if status == STATUS_OK:
            return result
        if status == STATUS_BUSY:
            raise NodeSyncing(f"The {self._who} is loading blocks.", code="HW-403")
        if status == STATUS_PAY:
            raise OperatorError(f"The {self._who} at {self.url} wants to be paid for {what}.", code="HW-418")
        raise MoneroError(f"The {self._who} refused {what}", number=0, text=str(status)[:300])

    def _error(self, method: str, error: object) -> HashwrightError:
        fields = error if isinstance(error, dict) else {}
        number, text = fields.get("code"), str(fields.get("message", error))[:300]
        if number == BUSY:
            return NodeSyncing(f"The {self._who} is loading blocks: {text}", code="HW-403")
        if number == NO_METHOD:
            return OperatorError(f"The {self._who} at {self.url} does not offer {method}.", code="HW-417")
        what = f"The {self._who} refused {method}"
        return MoneroError(what, number=number if isinstance(number, int) else 0, text=text)
