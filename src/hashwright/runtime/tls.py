"""TLS for machines: the certificate, and the door that holds a connection through its handshake.

A connection is counted and limited from its first moment, not from the end of its handshake: otherwise ten thousand
silent sockets would hold ten thousand descriptors that no limit sees. So the listener takes a plain connection, admits
it as any other, and only then hands its socket to TLS.

It is handed over as a second descriptor of the same socket, and the plain transport let go before it has read a byte:
of the ways that asyncio and uvloop share this is the one in which no byte can come to the wrong reader. (`start_tls`
begins a moment later; on uvloop the machine's first bytes may come before, and would be taken for Stratum's.)
"""

import asyncio
import os
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from hashwright.errors import ConfigError, Finding

if TYPE_CHECKING:
    from hashwright.runtime.tcp import Connection, StratumListener

HANDSHAKE_S: Final = 10.0
"""As long as a machine has for its login; an honest handshake takes some milliseconds."""
SHUTDOWN_S: Final = 2.0
"""TLS says goodbye; a machine that does not answer is left after this."""


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """Read a certificate (with its chain) and its key from PEM files, for TLS 1.2 and above.

    Raises:
        ConfigError: a file is missing, not readable, not PEM, has a password, or the two do not belong together.
    """
    findings = [finding for name, path in (("tls_certificate", certificate), ("tls_key", key))
                if (finding := _unreadable(name, path)) is not None]  # fmt: skip
    if findings:
        raise _refusal(findings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # a peer could let us compute for ever
    try:
        # an empty password, because without one OpenSSL would ask for it on the terminal
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise _refusal([_mismatch(error, certificate, key)]) from error
    return context


def _unreadable(name: str, path: str) -> Finding | None:
    if not path:
        return _finding(name, "is not set, but a listener has +tls.", "Name the PEM file by its absolute path.")
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        return _finding(name, f"{path} cannot be read: {error.strerror or error}.", "Correct path or rights.")
    return None


def _mismatch(error: Exception, certificate: str, key: str) -> Finding:
    reason = getattr(error, "reason", None) or ""
    if reason == "KEY_VALUES_MISMATCH":
        return _finding("tls_key", f"{key} is not the key of {certificate}.", "Name the key that belongs to it.")
    return _finding(
        "tls_certificate, tls_key",
        f"{certificate} and {key} are no certificate and key in PEM form without a password ({reason or error}).",
        "Both begin with -----BEGIN. A key with a password: openssl pkey -in OLD -out NEW.",
    )


def _finding(place: str, message: str, hint: str) -> Finding:
    return Finding(code="HW-701", place=place, message=message, hint=hint)


def _refusal(findings: list[Finding]) -> ConfigError:
    text = " ".join(f"{finding.place}: {finding.message}" for finding in findings)
    return ConfigError(
        f"TLS for machines cannot be offered. {text}", code="HW-701", hint=findings[0].hint, findings=tuple(findings)
    )


class TlsDoor(asyncio.Protocol):
    """Stands before one connection until its handshake is done."""

    __slots__ = ("_connection", "_context", "_listener", "_socket")

    def __init__(self, listener: "StratumListener", connection: "Connection", context: ssl.SSLContext) -> None:
        self._listener = listener
        self._connection = connection
        self._context = context
        self._socket: socket.socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the machine, or close at once; then begin the handshake."""
        plain = cast(asyncio.Transport, transport)
        connection = self._connection
        if not connection.arrive(plain):
            return
        connection.transport = None
        try:
            self._socket = socket.socket(fileno=os.dup(plain.get_extra_info("socket").fileno()))
        except OSError:  # no descriptor is left
            connection.leave()
        else:
            connection.handshake = self._listener.shake_hands(self._shake_hands(self._socket), self._is_over)
        plain.abort()

    async def _shake_hands(self, plain: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: self._connection,
            plain,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=SHUTDOWN_S,
        )

    def _is_over(self, handshake: "asyncio.Task[None]") -> None:
        """Forget a machine that did not come through; also one that was let go before the first step."""
        if self._connection.is_open:
            return
        assert self._socket is not None
        self._socket.close()
        problem = None if handshake.cancelled() else handshake.exception()
        self._listener.note_handshake(self._connection, self._connection.reason or _reason(problem))
        self._connection.leave()


def _reason(problem: BaseException | None) -> str:
    """Say in a few words why a handshake failed."""
    if isinstance(problem, ssl.SSLError):
        return (problem.reason or "no TLS").replace("_", " ").lower()
    if "longer than" in str(problem):
        return "no handshake in time"
    return str(problem or "") or "the machine closed it"
