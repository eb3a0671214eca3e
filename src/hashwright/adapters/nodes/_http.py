"""One JSON document to a node or wallet by HTTP, and its answer read whole, bounded, and without floats.

No connection is kept: litecoind does not end for 30 s while an idle one is open, and a call on one that the node has
just closed is lost. Calls are few, and a connection on this machine costs next to nothing. Numbers with a decimal point
are read as `Decimal`: no amount passes through a float.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.errors import Disconnected, OperatorError

if TYPE_CHECKING:
    import httpx

ANSWER_MAX: Final = 64 * 1024 * 1024
"""A full template with its transactions in hex is about 8 MB; this is far above and still bounded [bytes]."""
CONNECTIONS_MAX: Final = 8
"""litecoind serves four calls at once and queues the others; one of ours may be a long poll."""

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP answer, read whole."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """User and password for HTTP digest authentication (RFC 7616), which Monero's programs use."""

    user: str
    password: str


class HttpPost:
    """Posts JSON to one address. No proxy of the environment is used: the other side is the owner's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = _client(url, connections=CONNECTIONS_MAX, kept=0)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(
        self, body: bytes, *, path: str = "", headers: Mapping[str, str] | None = None, digest: Digest | None = None
    ) -> Response:
        """Post once and return the answer. The caller bounds the time.

        Raises:
            Disconnected: nothing listens, or the connection was lost (HW-414).
            OperatorError: the answer is larger than anything that we ask for (HW-410).
        """
        import httpx

        try:
            if digest is None:
                return await self._sent(self._http, body, path, headers, None)
            # Monero's programs remember the challenge with the connection, so both halves must go over the same one.
            async with _client(self.url, connections=1, kept=1) as alone:
                return await self._sent(alone, body, path, headers, httpx.DigestAuth(digest.user, digest.password))
        except httpx.HTTPError as error:
            raise Disconnected(
                f"The node at {self.url} cannot be reached: {str(error) or type(error).__name__}.", code="HW-414"
            ) from error

    async def _sent(
        self,
        http: "httpx.AsyncClient",
        body: bytes,
        path: str,
        headers: Mapping[str, str] | None,
        auth: "httpx.DigestAuth | None",
    ) -> Response:
        every = {**(headers or {}), "Content-Type": "application/json"}
        async with http.stream("POST", self.url + path, content=body, headers=every, auth=auth) as response:
            return Response(status=response.status_code, body=await self._read_body(response))

    async def _read_body(self, response: "httpx.Response") -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > ANSWER_MAX:
                raise OperatorError(f"The answer of {self.url} is larger than {ANSWER_MAX} bytes.", code="HW-410")
        return bytes(body)


def read_json(body: bytes) -> Any:  # noqa: ANN401
    """Return what a body says, or None where it is not JSON."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError):
        return None


def _client(url: str, *, connections: int, kept: int) -> "httpx.AsyncClient":
    import httpx  # lazy: it takes longer to import than all of ours

    return httpx.AsyncClient(
        timeout=None,  # noqa: S113 - the whole call has one, of the caller
        trust_env=False,
        verify=url.startswith("https:"),  # without TLS no certificate store need be loaded
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=kept),
    )
