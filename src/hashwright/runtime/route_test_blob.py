"""A look at a CryptoNote pool, as Monero's are: login, first job, what that job is, and a sign of life.

Nothing is said there before a login, and the login's answer carries the first job. What is looked at: whether the
job's blob is one of RandomX and of a fork that is known, its key, its target, and whether the pool left us the top byte
of the nonce: that byte tells machines apart, so that one connection carries 255 of them. A proxy that splits the nonce
itself has set it, and then each machine needs a connection of its own. Whom a job pays it does not show.
"""

import contextlib
from typing import ClassVar, Final

import msgspec

from hashwright.chain.cryptonote.share import NONCE_AT, NONCE_BYTES, read_hashing_blob
from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import AuthRejected, Disconnected, TimedOut
from hashwright.runtime.outgoing import Guard
from hashwright.runtime.route_probe import JobFound, Look, Probe, ProbeLimits, ProbeOptions, Room, TlsFound
from hashwright.runtime.system import SystemClock
from hashwright.stratum import messages as said
from hashwright.stratum.cryptonote.client import BlobClientSession
from hashwright.stratum.cryptonote.messages import BlobJobSent, LoggedIn
from hashwright.stratum.cryptonote.targets import TOP_64
from hashwright.stratum.messages import Message

MACHINES_MAX: Final = 255
APART_MAX_S: Final = 7200
"""A block may be two hours ahead of the network's time; a job that is further away is no work of today."""
NO_MASK: Final = "00000000"


class BlobLook(Look):
    """One look at one CryptoNote pool."""

    kind: ClassVar[str] = "Monero's"

    def __init__(self, options: ProbeOptions, limits: ProbeLimits, *, for_others: bool | Guard, agent: str) -> None:
        session = BlobClientSession(agent=agent, algorithm=ALGORITHMS[options.algorithm].wire)
        super().__init__(options, limits, for_others=for_others, session=session)
        self._is_authorized = False
        self._is_alive = False
        self._job: BlobJobSent | None = None

    async def _talk(self, connected_ms: int, tls: TlsFound | None) -> Probe:
        began_s = self._now_s()
        self._session.login(self._options.user, self._options.password)
        await self._hear_until(lambda: self._is_authorized, self._limits.login_s, "login")
        logged_in_ms = self._since_ms(began_s)
        await self._hear_until(lambda: self._job is not None, self._limits.job_s, "the wish for a job")
        first_job_ms = self._since_ms(began_s)
        assert self._job is not None
        alive_ms = await self._sign_of_life()
        return Probe(
            kind="blob",
            url=str(self._address),
            peer=self._peer,
            connected_ms=connected_ms,
            tls=tls,
            subscribed_ms=logged_in_ms,
            room=room_of_blob(self._job.blob),
            mask=NO_MASK,
            mask_bits=0,
            is_authorized=True,
            first_job_ms=first_job_ms,
            difficulty=float(TOP_64 // self._job.target_64),
            job=blob_job_found(self._job, now_s=SystemClock().now() // 1000),
            texts=(),
            sent_to="",
            session=self._session.session,
            alive_ms=alive_ms,
        )

    async def _sign_of_life(self) -> int | None:
        """Ask whether it is still there, as machines do each minute; return how long the answer took [ms], if any."""
        began_s = self._now_s()
        self._session.keep_alive()
        with contextlib.suppress(TimedOut, Disconnected):
            await self._hear_until(lambda: self._is_alive, self._limits.rest_s, "keepalived")
            return self._since_ms(began_s)
        return None

    def _hear(self, message: Message) -> None:
        match message:
            case LoggedIn() if not message.is_allowed:
                text = f"{self._address} refuses the user {self._options.user}: {message.reason}."
                raise AuthRejected(text, code="HW-431", hint="Correct --user and --password-from.")
            case LoggedIn():
                self._is_authorized = True
            case BlobJobSent():
                self._job = message
            case said.Answer():
                self._is_alive = not message.error
            case _:
                pass


def room_of_blob(blob: bytes) -> Room:
    """Return what the search space of a connection means: the top byte of the nonce, where it is free, is ours."""
    nonce = blob[NONCE_AT : NONCE_AT + NONCE_BYTES]
    is_free = len(nonce) == NONCE_BYTES and not any(nonce)
    return Room(
        prefix="" if is_free else nonce[-1:].hex(),
        extranonce2_size=1 if is_free else 0,
        own_bytes=1 if is_free else 0,
        machines=MACHINES_MAX if is_free else 1,
    )


def blob_job_found(job: BlobJobSent, *, now_s: int) -> JobFound:
    """Read a job; `now_s` is the time [s since 1970 UTC] that its block is held against."""
    found = JobFound(
        id=job.job,
        previous_block="",
        version="",
        nbits="",
        network_difficulty=None,
        ntime=0,
        is_clean=True,
        branches=0,
        height=job.height or None,
        algorithm=job.algorithm,
        blob=job.blob.hex(),
        seed=job.seed.hex(),
        next_seed=job.next_seed.hex(),
    )
    try:
        fork, time_s, previous = read_hashing_blob(job.blob)
    except ValueError as problem:
        return msgspec.structs.replace(found, problem=str(problem)[:120])
    doubts = tuple(_doubts(job, time_s - now_s))
    return msgspec.structs.replace(found, previous_block=previous.hex(), version=str(fork), ntime=time_s, doubts=doubts)


def _doubts(job: BlobJobSent, apart_s: int) -> list[str]:
    found = []
    if abs(apart_s) > APART_MAX_S:
        side = "ahead of" if apart_s > 0 else "behind"
        found.append(f"its block is of {abs(apart_s) / 3600:,.1f} h {side} this computer's time")
    if not job.height:
        found.append("it does not say for which height it is")
    if not any(job.seed):
        found.append("its key of RandomX is all zeros")
    return found
