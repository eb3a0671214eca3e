"""A look at somebody else's pool: the connection and its patience, and the record of what was found.

It connects as an upstream's link does (through the one gate of outgoing addresses, with the same TLS checks). What is
then said is a dialect's own: `route_test` speaks Bitcoin's Stratum, `route_test_blob` CryptoNote's.
"""

import asyncio
import contextlib
import hashlib
import os
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import msgspec

from hashwright.errors import AuthRejected, Disconnected, RemoteProtocolError, TimedOut
from hashwright.runtime.outgoing import Guard, check_outgoing
from hashwright.runtime.upstream_settings import UpstreamAddress, parse_address
from hashwright.runtime.upstream_socket import client_context, pin_problem
from hashwright.stratum.messages import Message

AGENT: Final = "hashwright/0.1"
READ_BYTES: Final = 65_536
AGAIN: Final = "Check host and port, or try again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLimits:
    """How long each step may take [s]; all together are less than the 30 s that a command waits for its answer."""

    connect_s: float = 6.0
    subscribe_s: float = 6.0
    login_s: float = 6.0
    job_s: float = 9.0
    """From login to the first job; without a user many pools give none, and then this is spent in vain."""
    rest_s: float = 1.0
    """For what may come behind the first job: difficulty, and the answer about version rolling."""


class ProbeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to look at. An empty `user` does not log in; `for_others` lets only public addresses through."""

    url: str
    user: str = ""
    password: str = "x"  # noqa: S105 - Stratum's word for "none"
    algorithm: str = "sha256d"
    coin: str = ""
    network: str = "main"
    solo_address: str = ""
    pin_sha256: str = ""
    for_others: bool = False
    version_rolling: bool = True


class TlsFound(msgspec.Struct, frozen=True, kw_only=True):
    """The server's certificate: its SHA-256 fingerprint, and why it is trusted (`signed` or `pinned`)."""

    version: str
    sha256: str
    trusted: str


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a coinbase [minor units as text]; `address` is empty where the coin is unknown or it has none."""

    value: str
    script: str
    address: str
    is_data: bool


class JobFound(msgspec.Struct, frozen=True, kw_only=True):
    """The first job, and whom it pays. `problem` says why the coinbase, or the blob, could not be read.

    `paid` is what we get. A job of CryptoNote hides whom it pays and the network's difficulty; it has a `blob`, the
    `seed` that is the key of RandomX, and `doubts`: what is odd about it. `version` is its fork.
    """

    id: str
    previous_block: str
    version: str
    nbits: str
    network_difficulty: float | None
    ntime: int
    is_clean: bool
    branches: int
    height: int | None = None
    tag: str = ""
    total: str = "0"
    paid: str = ""
    outputs: tuple[Output, ...] = ()
    problem: str = ""
    algorithm: str = ""
    blob: str = ""
    seed: str = ""
    next_seed: str = ""
    doubts: tuple[str, ...] = ()


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """The search space of one connection [bytes]: `own_bytes` of extranonce2 tell machines apart, so many at once.

    Of CryptoNote it is the top byte of the nonce; `prefix` is what stands there where somebody else has taken it.
    """

    prefix: str
    extranonce2_size: int
    own_bytes: int
    machines: int


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found. Times [ms] count from the step before; None is unknown or did not happen."""

    url: str
    peer: str
    connected_ms: int
    tls: TlsFound | None
    subscribed_ms: int
    room: Room
    mask: str
    mask_bits: int
    is_authorized: bool
    first_job_ms: int | None
    difficulty: float | None
    job: JobFound | None
    texts: tuple[str, ...]
    sent_to: str
    """Where the pool would like us instead (`client.reconnect`); empty for nowhere. It is not followed."""
    kind: Literal["header", "blob"] = "header"
    session: str = ""
    """The id that a CryptoNote pool gave this connection."""
    alive_ms: int | None = None
    """How long a CryptoNote pool took to answer a sign of life; None where it did not."""


def address_of_url(url: str) -> UpstreamAddress:
    """Read the address of a pool; a bare `host:port` is without TLS, and `stratum+tls` another word for ssl.

    Raises:
        OperatorError: it is of another form.
    """
    text = url.strip() if "://" in url else f"stratum+tcp://{url.strip()}"
    return parse_address(text.replace("stratum+tls://", "stratum+ssl://", 1))


class Look(ABC):
    """One look at one pool; what is said there is a dialect's own."""

    kind: ClassVar[str]
    """Whose Stratum is spoken, for people."""

    def __init__(
        self,
        options: ProbeOptions,
        limits: ProbeLimits,
        *,
        for_others: bool | Guard,
        session: Any,  # noqa: ANN401 (one of a dialect)
    ) -> None:
        self._options, self._limits, self._for_others = options, limits, for_others
        self._address = address_of_url(options.url)
        self._pin = options.pin_sha256.replace(":", "").lower()
        self._session = session
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._peer = ""

    async def run(self) -> Probe:
        """Connect, talk, and end the connection whatever came of it."""
        started_s = self._now_s()
        await self._connect()
        try:
            connected_ms = self._since_ms(started_s)
            return await self._talk(connected_ms, self._check_certificate())
        finally:
            await _drop(self._writer)

    @abstractmethod
    async def _talk(self, connected_ms: int, tls: TlsFound | None) -> Probe:
        """Ask what there is to know."""

    @abstractmethod
    def _hear(self, message: Message) -> None:
        """Take what the pool said."""

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _since_ms(self, began_s: float) -> int:
        return round((self._now_s() - began_s) * 1000)

    # ---------------------------------------------------------------- connection

    async def _connect(self) -> None:
        address, limits = self._address, self._limits
        try:
            async with asyncio.timeout(limits.connect_s):
                hosts = await check_outgoing(address.host, address.port, for_others=self._for_others)
                await self._connect_to_one_of(hosts)
        except TimeoutError as error:
            raise TimedOut(f"{address}: no connection in {limits.connect_s:g} s.", code="HW-430", hint=AGAIN) from error

    async def _connect_to_one_of(self, hosts: tuple[str, ...]) -> None:
        failure: OSError | None = None
        context = client_context(self._pin) if self._address.is_tls else None
        for host in hosts:
            try:
                async with asyncio.timeout(self._limits.connect_s / len(hosts)):
                    self._reader, self._writer = await self._open(host, context)
                self._peer = host
                return
            except ssl.SSLCertVerificationError as error:
                raise await self._untrusted(host, error) from error
            except OSError as error:
                failure = error
        raise Disconnected(f"{self._address}: {_words_of(failure)}.", code="HW-430", hint=AGAIN)

    async def _open(
        self, host: str, context: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self._address.host if context is not None else None
        return await asyncio.open_connection(
            host, self._address.port, ssl=context, server_hostname=name, limit=READ_BYTES
        )

    async def _untrusted(self, host: str, error: ssl.SSLCertVerificationError) -> AuthRejected:
        """Say what is wrong with a certificate, and show it: a person can compare it with what the pool publishes."""
        hint = "Correct the host name, or pin the certificate: --pin-sha256."
        with contextlib.suppress(OSError):
            _, writer = await self._open(host, client_context("any"))
            hint = f"If the pool itself publishes this fingerprint, pin it: --pin-sha256 {_fingerprint(writer)}."
            await _drop(writer)
        text = f"{self._address}: its certificate is not trusted: {error.verify_message}. Nothing was sent."
        return AuthRejected(text, code="HW-435", hint=hint)

    def _check_certificate(self) -> TlsFound | None:
        if not self._address.is_tls:
            return None
        problem = pin_problem(self._pin, self._writer.transport)
        if problem:
            raise AuthRejected(f"{self._address} {problem}. Nothing was sent.", code="HW-435")
        version = self._writer.get_extra_info("ssl_object").version() or ""
        return TlsFound(
            version=version, sha256=_fingerprint(self._writer), trusted="pinned" if self._pin else "signed"
        )  # fmt: skip

    async def _hear_until(self, is_done: Callable[[], bool], seconds: float, question: str) -> None:
        """Listen until something is known.

        Raises:
            TimedOut: it was not in time.
            Disconnected: the pool closed the connection.
        """
        try:
            async with asyncio.timeout(seconds):
                while not is_done():
                    await self._hear_more()
        except TimeoutError as error:
            raise TimedOut(
                f"{self._address}: no answer to {question} in {seconds:g} s.", code="HW-430", hint=AGAIN
            ) from error
        except OSError as error:
            raise Disconnected(f"{self._address}: the connection broke: {error}.", code="HW-430", hint=AGAIN) from error

    async def _hear_more(self) -> None:
        self._flush()
        data = await self._reader.read(READ_BYTES)
        if not data:
            raise Disconnected(f"{self._address}: it closed the connection.", code="HW-430", hint=AGAIN)
        for message in self._session.receive_data(data):
            self._hear(message)
        self._flush()
        if self._session.should_close:
            problem = f"{self._address}: this is no Stratum of {self.kind} kind: {self._session.should_close}."
            raise RemoteProtocolError(problem, hint="Check host, port and whether it wants TLS (stratum+ssl://).")

    def _flush(self) -> None:
        if self._session.output:
            self._writer.write(bytes(self._session.output))
            self._session.output.clear()


async def _drop(writer: asyncio.StreamWriter) -> None:
    """End a connection without a goodbye, and wait until the loop has let go of it."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _words_of(failure: OSError | None) -> str:
    """Say why a connection was not made; asyncio's own texts repeat the address."""
    if isinstance(failure, ssl.SSLError):
        return f"no TLS there ({failure.reason or failure})"
    if failure is not None and failure.errno and failure.errno > 0:
        return os.strerror(failure.errno)
    return "it does not take the connection in time"


def _fingerprint(writer: asyncio.StreamWriter) -> str:
    secured = writer.get_extra_info("ssl_object")
    return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
