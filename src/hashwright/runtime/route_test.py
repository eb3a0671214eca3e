"""A look at somebody else's pool before anything is sent there: `hw route test`, and the checks of `hw pool add`.

It connects as an upstream's link does (through the one gate of outgoing addresses, with the same TLS checks),
subscribes, logs in where a user is given, waits for the first job and decodes whom that job pays. No share is sent.
What it finds is a plain record; words for people are made in `cli`.
"""

import asyncio
import contextlib
import hashlib
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from hashwright import registry
from hashwright.chain import target
from hashwright.chain.address import address_of_script, script_of_address
from hashwright.chain.coin import Coin
from hashwright.chain.coinbase import decode_coinbase
from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import AuthRejected, Disconnected, HashwrightError, OperatorError, RemoteProtocolError, TimedOut
from hashwright.pool.channels import upstream_channel
from hashwright.pool.events import ChannelOpened
from hashwright.pool.payees import SOLO_SHARE_MIN
from hashwright.pool.work import HEADER
from hashwright.runtime.outgoing import check_outgoing
from hashwright.runtime.upstream_link import MINIMUM_BITS, VERSION_MASK
from hashwright.runtime.upstream_settings import UpstreamAddress, parse_address
from hashwright.runtime.upstream_socket import client_context, pin_problem
from hashwright.stratum import messages as said
from hashwright.stratum.client import ClientSession
from hashwright.stratum.messages import Message

AGENT: Final = "hashwright/0.1"
READ_BYTES: Final = 65_536
AGAIN: Final = "Check host and port, or try again later."
TEXTS_MAX: Final = 5
"""Messages of the pool to people that are kept."""
OP_RETURN: Final = 0x6A


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
    """The first job, and whom it pays. `problem` says why the coinbase could not be read; `paid` is what we get."""

    id: str
    previous_block: str
    version: str
    nbits: str
    network_difficulty: float
    ntime: int
    is_clean: bool
    branches: int
    height: int | None = None
    tag: str = ""
    total: str = "0"
    paid: str = ""
    outputs: tuple[Output, ...] = ()
    problem: str = ""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """The search space of one connection [bytes]: `own_bytes` of extranonce2 tell machines apart, so many at once."""

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


def parse_options(raw: dict[str, Any]) -> ProbeOptions:
    """Read what a program asks for.

    Raises:
        OperatorError: it is not usable.
    """
    try:
        options = msgspec.convert(raw, ProbeOptions)
    except msgspec.ValidationError as error:
        raise OperatorError(f"This cannot be tested: {error}.", code="HW-701") from error
    if options.algorithm not in ALGORITHMS:
        names = ", ".join(ALGORITHMS)
        raise OperatorError(f"There is no algorithm {options.algorithm!r}.", code="HW-701", hint=f"There are: {names}.")
    if options.solo_address:
        _script_of_ours(options)
    return options


def address_of_url(url: str) -> UpstreamAddress:
    """Read the address of a pool; a bare `host:port` is without TLS, and `stratum+tls` another word for ssl.

    Raises:
        OperatorError: it is of another form.
    """
    text = url.strip() if "://" in url else f"stratum+tcp://{url.strip()}"
    return parse_address(text.replace("stratum+tls://", "stratum+ssl://", 1))


async def probe(options: ProbeOptions, *, limits: ProbeLimits | None = None) -> Probe:
    """Look at a pool.

    Raises:
        LimitRefused: for others, and the address is not public.
        AuthRejected: the certificate is not trusted, or the user is refused.
        Unavailable: it does not answer, or gives no job although we are logged in.
        RemoteProtocolError: it speaks something else.
    """
    return await _Look(options, limits or ProbeLimits()).run()


def solo_problem(found: Probe, options: ProbeOptions) -> str:
    """Say why the first job does not pay us as a solo pool should, or the empty string."""
    if not options.solo_address or found.job is None:
        return ""
    job = found.job
    if job.problem:
        return f"its coinbase cannot be read: {job.problem}"
    if int(job.paid) < int(job.total) * SOLO_SHARE_MIN or job.total == "0":
        return f"its coinbase pays {job.paid} of {job.total} to {options.solo_address}"
    return ""


class _Look:
    """One look at one pool."""

    def __init__(self, options: ProbeOptions, limits: ProbeLimits) -> None:
        self._options, self._limits = options, limits
        self._address = address_of_url(options.url)
        self._pin = options.pin_sha256.replace(":", "").lower()
        self._session = ClientSession(agent=AGENT)
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._peer = ""
        self._prefix, self._extranonce2_size = b"", -1
        self._mask: int | None = None
        self._is_authorized = False
        self._difficulty: float | None = None
        self._job: said.Notify | None = None
        self._texts: list[str] = []
        self._sent_to = ""

    async def run(self) -> Probe:
        now_s = asyncio.get_running_loop().time
        started_s = now_s()
        await self._connect()
        try:
            connected_s = now_s()
            tls = self._check_certificate()
            await self._subscribe()
            subscribed_s = now_s()
            first_job_ms = await self._wait_for_job(subscribed_s)
            return Probe(
                url=str(self._address),
                peer=self._peer,
                connected_ms=round((connected_s - started_s) * 1000),
                tls=tls,
                subscribed_ms=round((subscribed_s - connected_s) * 1000),
                room=room_of(self._prefix, self._extranonce2_size),
                mask=f"{self._mask or 0:08x}",
                mask_bits=(self._mask or 0).bit_count(),
                is_authorized=self._is_authorized,
                first_job_ms=first_job_ms,
                difficulty=self._difficulty,
                job=self._job_found(),
                texts=tuple(self._texts),
                sent_to=self._sent_to,
            )
        finally:
            await _drop(self._writer)

    # ---------------------------------------------------------------- connection

    async def _connect(self) -> None:
        address, limits = self._address, self._limits
        try:
            async with asyncio.timeout(limits.connect_s):
                hosts = await check_outgoing(address.host, address.port, for_others=self._options.for_others)
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

    # ---------------------------------------------------------------- conversation

    async def _subscribe(self) -> None:
        if self._options.version_rolling:
            self._session.configure(mask=VERSION_MASK, minimum_bits=MINIMUM_BITS, takes_extranonce=True)
        self._session.subscribe()
        await self._hear_until(lambda: self._extranonce2_size >= 0, self._limits.subscribe_s, "mining.subscribe")

    async def _wait_for_job(self, since_s: float) -> int | None:
        """Log in where a user is given, and wait for the first job; return how long that took [ms]."""
        if self._options.user:
            self._session.authorize(self._options.user, self._options.password)
            await self._hear_until(lambda: self._is_authorized, self._limits.login_s, "mining.authorize")
        try:
            await self._hear_until(lambda: self._job is not None, self._limits.job_s, "the wish for a job")
        except (TimedOut, Disconnected):
            if self._options.user:
                raise
            return None  # a pool that gives work only to those who log in, and lets the others go
        first_job_ms = round((asyncio.get_running_loop().time() - since_s) * 1000)
        is_rolling = self._options.version_rolling
        with contextlib.suppress(TimedOut, Disconnected):
            await self._hear_until(
                lambda: self._difficulty is not None and (self._mask is not None or not is_rolling),
                self._limits.rest_s,
                "the rest",
            )
        return first_job_ms

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
            problem = f"{self._address}: this is no Stratum of Bitcoin's kind: {self._session.should_close}."
            raise RemoteProtocolError(problem, hint="Check host, port and whether it wants TLS (stratum+ssl://).")

    def _flush(self) -> None:
        if self._session.output:
            self._writer.write(bytes(self._session.output))
            self._session.output.clear()

    def _hear(self, message: Message) -> None:
        match message:
            case said.Subscribed() | said.SetExtranonce():
                self._prefix, self._extranonce2_size = message.prefix, message.extranonce2_size
            case said.Configured():
                self._mask = (message.mask or 0) & VERSION_MASK
            case said.SetVersionMask():
                self._mask = message.mask & VERSION_MASK
            case said.SetDifficulty():
                self._difficulty = message.difficulty
            case said.Notify():
                self._job = message
            case _:
                self._hear_words(message)

    def _hear_words(self, message: Message) -> None:
        match message:
            case said.Authorized() if not message.is_allowed:
                text = f"{self._address} refuses the user {self._options.user}: {message.reason} ({message.code})."
                raise AuthRejected(text, code="HW-431", hint="Correct --user and --password-from.")
            case said.Authorized():
                self._is_authorized = True
            case said.ShowMessage():
                self._texts = [*self._texts, message.text][-TEXTS_MAX:]
            case said.Reconnect():
                self._sent_to = f"{message.host or self._address.host}:{message.port or self._address.port}"
            case _:
                pass

    def _job_found(self) -> JobFound | None:
        if self._job is None:
            return None
        return job_found(self._job, self._prefix + bytes(self._extranonce2_size), self._options)


def room_of(prefix: bytes, extranonce2_size: int) -> Room:
    """Return what the search space of a connection means: the engine itself says how many machines it carries."""
    channel = upstream_channel(ChannelOpened("", 0, prefix, extranonce2_size, 0), HEADER, now=0)
    return Room(
        prefix=prefix.hex(), extranonce2_size=extranonce2_size, own_bytes=channel.own_bytes, machines=channel.room
    )  # fmt: skip


def job_found(job: said.Notify, extranonce: bytes, options: ProbeOptions) -> JobFound:
    """Read a job and its coinbase."""
    try:
        bound = target.target_of_bits(job.nbits)
        difficulty = target.difficulty_of_target(bound, ALGORITHMS["sha256d"].diff1_target)
    except ValueError:
        difficulty = 0.0
    found = JobFound(
        id=job.job,
        previous_block=job.prevhash_le[::-1].hex(),
        version=f"{job.version:08x}",
        nbits=f"{job.nbits:08x}",
        network_difficulty=difficulty,
        ntime=job.ntime,
        is_clean=job.is_clean,
        branches=len(job.branch),
    )
    try:
        read = decode_coinbase(job.coinbase_prefix + extranonce + job.coinbase_suffix)
    except ValueError as problem:
        return msgspec.structs.replace(found, problem=str(problem)[:120])
    ours = _script_of_ours(options) if options.solo_address else b""
    paid = sum(value for value, script in read.outputs if ours and script == ours)
    return msgspec.structs.replace(
        found,
        height=read.height,
        tag=read.tag[:80],
        total=str(sum(value for value, _ in read.outputs)),
        paid=str(paid) if ours else "",
        outputs=outputs_of(read.outputs[:64], options.coin, options.network),
    )


def outputs_of(outputs: tuple[tuple[int, bytes], ...], coin_key: str, network: str) -> tuple[Output, ...]:
    """Write who is paid; with addresses where the coin is known."""
    coin = _coin_or_none(coin_key, network)
    return tuple(
        Output(
            value=str(value),
            script=script.hex(),
            address="" if coin is None else address_of_script(script, coin, network),
            is_data=script[:1] == bytes((OP_RETURN,)),
        )
        for value, script in outputs
    )


def _coin_or_none(key: str, network: str) -> Coin | None:
    if not key:
        return None
    try:
        coin: Coin = registry.load("coins", key).COIN
        coin.network(network)
    except HashwrightError:
        return None
    return coin


def _script_of_ours(options: ProbeOptions) -> bytes:
    if not options.coin:
        raise OperatorError("To read the address, the coin must be known.", code="HW-701", hint="Add --coin bitcoin.")
    return script_of_address(options.solo_address, registry.load("coins", options.coin).COIN, options.network)


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
