"""The reference miner for RandomX: what xmrig does by the book, slowly, for tests and practice.

Like `miner` it runs in the foreground under its own name and ends by itself when bounded. It uses RandomX's light mode,
some 25 hashes a second and core: real mining is xmrig's business.

A job whose nonce is not zero belongs to a pool that tells machines apart by its top byte: that byte is left alone.
"""

import asyncio
import concurrent.futures
import dataclasses
from collections.abc import Callable

from hashwright.chain.cryptonote.randomx import RandomX
from hashwright.chain.cryptonote.share import NONCE_AT, NONCE_BYTES
from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import OperatorError
from hashwright.stratum import messages as said
from hashwright.stratum.cryptonote.client import BlobClientSession
from hashwright.stratum.cryptonote.messages import BlobJobSent, BlobShare, LoggedIn
from hashwright.stratum.cryptonote.targets import target_be_of
from hashwright.stratum.messages import Message
from hashwright.testing.talk import (
    AGENT,
    OPEN_SHARES_MAX,
    MinerEvent,
    MinerOptions,
    MinerSummary,
    Talk,
    connect,
    first_to_end,
    parse_url,
)

SLICE_HASHES = 4
"""Hashes of one slice: a new job is taken up within a fraction of a second."""
KEEP_ALIVE_S = 60.0
LOGIN_S = 20.0
"""As long as xmrig waits for an answer."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BlobWork:
    """One job, ready to search: the bytes around the nonce, what is good, and how much of the nonce is ours."""

    job: BlobJobSent
    head: bytes
    tail: bytes
    bound_be: bytes
    fixed: int
    nonces: int


def work_of(job: BlobJobSent) -> BlobWork:
    """Read what a job leaves to us."""
    end = NONCE_AT + NONCE_BYTES
    given = int.from_bytes(job.blob[NONCE_AT:end], "little")
    return BlobWork(
        job=job,
        head=job.blob[:NONCE_AT],
        tail=job.blob[end:],
        bound_be=target_be_of(job.target_64),
        fixed=given & 0xFF000000 if given else 0,
        nonces=2**24 if given else 2**32,
    )


def search(work: BlobWork, machine: RandomX, start: int, count: int) -> tuple[tuple[int, bytes], ...]:
    """Try a span of nonces; return those whose hash is good, with the hash."""
    found = []
    for offset in range(start, min(start + count, work.nonces)):
        nonce = work.fixed | offset
        hash_le = machine.hash(work.head + nonce.to_bytes(NONCE_BYTES, "little") + work.tail)
        if hash_le[::-1] <= work.bound_be:
            found.append((nonce, hash_le))
    return tuple(found)


class BlobMiner(Talk):
    """One connection and its search."""

    def __init__(self, options: MinerOptions, on_event: Callable[[MinerEvent], None]) -> None:
        session = BlobClientSession(agent=AGENT, algorithm=ALGORITHMS[options.algorithm].wire)
        super().__init__(options, on_event, session=session)
        self._work: BlobWork | None = None
        self._machine: RandomX | None = None
        self._old: list[RandomX] = []
        """Of earlier keys: a thread may still hash with one, so they end with the miner."""
        self._making: asyncio.Future[RandomX] | None = None
        self._next = 0
        self._has_job = asyncio.Event()

    async def run(self) -> MinerSummary:
        """Mine until a bound is reached or the connection ends.

        Raises:
            OperatorError: the address or the login is not accepted.
            NotSupported: RandomX is not installed (HW-209).
            Unavailable: nothing answers there.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        pool = concurrent.futures.ThreadPoolExecutor(self.options.threads, thread_name_prefix="hw-miner")
        try:
            async with asyncio.timeout(self.options.max_seconds or None):
                reader, self._writer = await connect(*parse_url(self.options.url))
                self._say(MinerEvent(kind="connected", text=self.options.url))
                await self._mine(reader, pool)
        except TimeoutError:
            self.summary.reason = f"{self.options.max_seconds:g} s are over"
        finally:
            self.summary.seconds = loop.time() - started
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)
            for machine in (*self._old, *([] if self._machine is None else [self._machine])):
                machine.close()
            if self._writer is not None:
                self._writer.close()
        self._say(MinerEvent(kind="closed", text=self.summary.reason))
        return self.summary

    async def _mine(self, reader: asyncio.StreamReader, pool: concurrent.futures.Executor) -> None:
        self._session.login(self.options.user, self.options.password)
        self._flush()
        searches = (self._search(pool) for _ in range(self.options.threads))
        await first_to_end(self._listen(reader), self._keep_alive(), *searches)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            self._session.keep_alive()
            self._flush()

    def _hear(self, message: Message) -> None:
        match message:
            case LoggedIn() if not message.is_allowed:
                raise OperatorError(
                    f"The pool refuses {self.options.user!r}: {message.reason}", code="HW-303", hint="Check --user."
                )
            case BlobJobSent():
                self._work, self._next = work_of(message), 0
                self._has_job.set()
                self._say(MinerEvent(kind="job", text=f"{message.job} height {message.height}"))
            case said.ShareAnswered():
                self._take_verdict(message)
            case said.Fault() if message.is_fatal:
                self.summary.reason = message.text
            case _:
                pass

    # ---------------------------------------------------------------- the search

    async def _search(self, pool: concurrent.futures.Executor) -> None:
        """Take one slice of the newest job after the other; threads share the nonces of a job."""
        loop = asyncio.get_running_loop()
        while True:
            await self._has_job.wait()
            work = self._work
            assert work is not None
            machine = await self._machine_for(work.job.seed)
            start, self._next = self._next, self._next + SLICE_HASHES
            if start >= work.nonces:
                self._has_job.clear()
                continue
            found = await loop.run_in_executor(pool, search, work, machine, start, SLICE_HASHES)
            self.summary.hashes += SLICE_HASHES
            for nonce, hash_le in found:
                await self._submit(work, nonce, hash_le)

    async def _machine_for(self, seed: bytes) -> RandomX:
        """Make the key's cache, once for all threads."""
        while self._machine is None or self._machine.key != seed:
            if self._making is None:
                self._making = asyncio.ensure_future(asyncio.to_thread(RandomX, seed))  # allow task: awaited below
            making = self._making
            made = await asyncio.shield(making)
            if self._making is making:
                self._old += [] if self._machine is None else [self._machine]
                self._machine, self._making = made, None
        return self._machine

    async def _submit(self, work: BlobWork, nonce: int, hash_le: bytes) -> None:
        await self._wait_for_room()
        if self._work is None or self._work.head[-32:] != work.head[-32:]:
            return  # another previous block: the share is worth nothing
        self._open += 1
        self.summary.submitted += 1
        self._session.submit(BlobShare(None, work.job.job, nonce, hash_le, ""))
        self._flush()

    def _open_max(self) -> int:
        """Return how many shares may wait for an answer: never more than are still wanted."""
        if not self.options.max_shares:
            return OPEN_SHARES_MAX
        return min(OPEN_SHARES_MAX, max(self.options.max_shares - self.summary.accepted, 1))

    def _refusal_text(self, answer: said.ShareAnswered) -> str:
        return answer.reason  # every error has the same code here
