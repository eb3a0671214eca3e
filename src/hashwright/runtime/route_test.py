"""A look at somebody else's pool before anything is sent there: `hw route test`, and the checks of `hw pool add`.

It subscribes, logs in where a user is given, waits for the first job and decodes whom that job pays. No share is sent.
What it finds is a plain record (`route_probe`); words for people are made in `cli`.
"""

import contextlib
from typing import Any, ClassVar, Final

import msgspec

from hashwright import registry
from hashwright.chain import target
from hashwright.chain.address import address_of_script, script_of_address
from hashwright.chain.coin import Coin
from hashwright.chain.coinbase import decode_coinbase
from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import AuthRejected, Disconnected, HashwrightError, OperatorError, TimedOut
from hashwright.pool.channels import upstream_channel
from hashwright.pool.events import ChannelOpened
from hashwright.pool.payees import SOLO_SHARE_MIN
from hashwright.pool.work import HEADER
from hashwright.runtime.outgoing import Guard
from hashwright.runtime.route_probe import (
    AGENT,
    JobFound,
    Look,
    Output,
    Probe,
    ProbeLimits,
    ProbeOptions,
    Room,
    TlsFound,
)
from hashwright.runtime.route_test_blob import BlobLook
from hashwright.runtime.upstream_link import MINIMUM_BITS, VERSION_MASK
from hashwright.stratum import messages as said
from hashwright.stratum.client import ClientSession
from hashwright.stratum.messages import Message

TEXTS_MAX: Final = 5
"""Messages of the pool to people that are kept."""
OP_RETURN: Final = 0x6A


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
    if ALGORITHMS[options.algorithm].work == "blob":
        _check_blob_options(options)
    elif options.solo_address:
        _script_of_ours(options)
    return options


def _check_blob_options(options: ProbeOptions) -> None:
    if not options.user:
        raise OperatorError(
            "A Monero pool says nothing before a login.", code="HW-701", hint="Add --user, often your address."
        )
    if options.solo_address:
        raise OperatorError(
            "Whom a Monero job pays cannot be seen.", code="HW-701", hint="Leave --solo-address out; mine to your node."
        )


async def probe(
    options: ProbeOptions, *, limits: ProbeLimits | None = None, guard: Guard | None = None, agent: str = AGENT
) -> Probe:
    """Look at a pool; with a guard, at one that somebody else named.

    Raises:
        LimitRefused: for others, and the address is not public.
        AuthRejected: the certificate is not trusted, or the user is refused.
        Unavailable: it does not answer, or gives no job although we are logged in.
        RemoteProtocolError: it speaks something else.
    """
    look = BlobLook if ALGORITHMS[options.algorithm].work == "blob" else HeaderLook
    return await look(options, limits or ProbeLimits(), for_others=guard or options.for_others, agent=agent).run()


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


class HeaderLook(Look):
    """One look at one pool of Bitcoin's kind."""

    kind: ClassVar[str] = "Bitcoin's"

    def __init__(self, options: ProbeOptions, limits: ProbeLimits, *, for_others: bool | Guard, agent: str) -> None:
        super().__init__(options, limits, for_others=for_others, session=ClientSession(agent=agent))
        self._prefix, self._extranonce2_size = b"", -1
        self._mask: int | None = None
        self._is_authorized = False
        self._difficulty: float | None = None
        self._job: said.Notify | None = None
        self._texts: list[str] = []
        self._sent_to = ""

    async def _talk(self, connected_ms: int, tls: TlsFound | None) -> Probe:
        connected_s = self._now_s()
        await self._subscribe()
        subscribed_s = self._now_s()
        first_job_ms = await self._wait_for_job(subscribed_s)
        return Probe(
            url=str(self._address),
            peer=self._peer,
            connected_ms=connected_ms,
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
        first_job_ms = self._since_ms(since_s)
        is_rolling = self._options.version_rolling
        with contextlib.suppress(TimedOut, Disconnected):
            await self._hear_until(
                lambda: self._difficulty is not None and (self._mask is not None or not is_rolling),
                self._limits.rest_s,
                "the rest",
            )
        return first_job_ms

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
