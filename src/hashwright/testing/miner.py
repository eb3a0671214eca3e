"""The reference miner: a small CPU miner that does by the book what firmware does, for tests and for practice.

It is no way to earn money, and it is not made to be put on other people's machines: it runs in the foreground, under
its own name, says what it does, and ends by itself when bounded. One search thread unless told otherwise.

The search runs in slices in worker threads, so that a new job is taken up within a fraction of a second; the session
itself is `stratum.client`, on the event loop.
"""

import asyncio
import concurrent.futures
import dataclasses
from collections.abc import Callable

from hashwright.chain import target
from hashwright.chain.merkle import root_from_branch
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.errors import OperatorError
from hashwright.stratum import messages as said
from hashwright.stratum.client import ClientSession
from hashwright.stratum.messages import Message, Notify, Submit
from hashwright.testing.talk import (
    AGENT,
    MinerEvent,
    MinerOptions,
    MinerSummary,
    Talk,
    connect,
    first_to_end,
    parse_url,
)

SLICE_HASHES = {"sha256d": 20_000, "scrypt": 60}
"""Hashes of one slice: about 20 ms of one core."""
RECONNECTS_MAX = 1000
VERSION_MASK = 0x1FFFE000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One slice of work: 76 header bytes, where to start, and what counts as found."""

    head: bytes
    start: int
    count: int
    target: int
    algorithm: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we search: our prefix, and how much of the extranonce is ours [bytes]."""

    prefix: bytes
    extranonce2_size: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job with all that held when it came: a later extranonce, difficulty or mask is for later jobs."""

    job: Notify
    place: Place
    target: int
    mask: int


def search(work: Search) -> tuple[int, ...]:
    """Try a span of nonces and return those whose hash is not above the target."""
    hash_header = ALGORITHMS[work.algorithm].hash
    head, bound = work.head, work.target.to_bytes(32, "big")
    nonces = range(work.start, work.start + work.count)
    return tuple([nonce for nonce in nonces if hash_header(head + nonce.to_bytes(4, "little"))[::-1] <= bound])


class Miner(Talk):
    """One connection and its search."""

    def __init__(self, options: MinerOptions, on_event: Callable[[MinerEvent], None]) -> None:
        super().__init__(options, on_event, session=ClientSession(agent=AGENT))
        self._place = Place(prefix=b"", extranonce2_size=0)
        self._mask = 0
        self._difficulty = 1.0
        self._job: Work | None = None
        self._comes_again = False
        self._reconnects = 0
        self._has_job = asyncio.Event()
        self._extranonce2 = 0
        self._is_authorized = False

    async def run(self) -> MinerSummary:
        """Mine until a bound is reached or the connection ends; `client.reconnect` to the same address is obeyed."""
        host, port = parse_url(self.options.url)
        loop = asyncio.get_running_loop()
        started = loop.time()
        pool = concurrent.futures.ThreadPoolExecutor(self.options.threads, thread_name_prefix="hw-miner")
        try:
            async with asyncio.timeout(self.options.max_seconds or None):
                await self._one_connection(host, port, pool)
                while self._comes_again and self._reconnects < RECONNECTS_MAX:
                    self._begin_anew()
                    await self._one_connection(host, port, pool)
        except TimeoutError:
            self.summary.reason = f"{self.options.max_seconds:g} s are over"
        finally:
            self.summary.seconds = loop.time() - started
            pool.shutdown(wait=False, cancel_futures=True)
            if self._writer is not None:
                self._writer.close()
        self._say(MinerEvent(kind="closed", text=self.summary.reason))
        return self.summary

    async def _one_connection(self, host: str, port: int, pool: concurrent.futures.Executor) -> None:
        reader, self._writer = await connect(host, port)
        self._say(MinerEvent(kind="connected", text=f"{host}:{port}"))
        await self._work(reader, pool)

    def _begin_anew(self) -> None:
        """Forget the connection: shares without an answer stay unanswered."""
        assert self._writer is not None
        self._writer.close()
        self._session = ClientSession(agent=AGENT)
        self._job, self._open, self._difficulty, self._mask = None, 0, 1.0, 0
        self._has_job.clear()
        self._may_submit.set()
        self._comes_again = False
        self._reconnects += 1
        self.summary.reason = ""

    async def _work(self, reader: asyncio.StreamReader, pool: concurrent.futures.Executor) -> None:
        self._session.configure(mask=VERSION_MASK)
        self._session.subscribe()
        self._session.extranonce_subscribe()
        self._session.authorize(self.options.user, self.options.password)
        self._flush()
        await first_to_end(self._listen(reader), *(self._search(pool) for _ in range(self.options.threads)))

    # ---------------------------------------------------------------- the pool's side

    @property
    def _is_over(self) -> bool:
        return self._comes_again

    def _hear(self, message: Message) -> None:
        match message:
            case said.Subscribed() | said.SetExtranonce():
                self._place = Place(prefix=message.prefix, extranonce2_size=message.extranonce2_size)
            case said.Configured():
                self._mask = message.mask or 0
            case said.SetVersionMask():
                self._mask = message.mask
            case said.SetDifficulty():
                self._difficulty = message.difficulty
                self._say(MinerEvent(kind="difficulty", text=f"{message.difficulty:g}"))
            case said.Notify():
                self._take_job(message)
            case _:
                self._hear_answer(message)

    def _hear_answer(self, message: Message) -> None:
        match message:
            case said.Authorized() if not message.is_allowed:
                raise OperatorError(
                    f"The pool refuses {self.options.user!r}: {message.reason}", code="HW-303", hint="Check --user."
                )
            case said.ShareAnswered():
                self._take_verdict(message)
            case said.ShowMessage():
                self._say(MinerEvent(kind="message", text=message.text))
            case said.Reconnect() if not message.host or message.host == parse_url(self.options.url)[0]:
                self._comes_again = True
                self.summary.reason = "the pool asked for a new connection"
            case said.Fault() if message.is_fatal:
                self.summary.reason = message.text
            case _:
                pass

    def _take_job(self, job: Notify) -> None:
        diff1 = ALGORITHMS[self.options.algorithm].diff1_target
        goal = target.target_of_difficulty(self._difficulty, diff1)
        self._job = Work(job=job, place=self._place, target=goal, mask=self._mask)
        self._has_job.set()
        self._say(MinerEvent(kind="job", text=f"{job.job}{' (new block)' if job.is_clean else ''}"))

    # ---------------------------------------------------------------- the search

    async def _search(self, pool: concurrent.futures.Executor) -> None:
        """Search one extranonce2 after another; each thread takes its own."""
        loop = asyncio.get_running_loop()
        while True:
            await self._has_job.wait()
            work = self._job
            assert work is not None
            self._extranonce2 += 1
            size = work.place.extranonce2_size
            extranonce2 = (self._extranonce2 % 256**size).to_bytes(size, "big")
            head = head_of(work.job, work.place.prefix + extranonce2)
            step = SLICE_HASHES[self.options.algorithm]
            start = 0
            while self._job is work and start + step <= 2**32:
                span = Search(head=head, start=start, count=step, target=work.target, algorithm=self.options.algorithm)
                for nonce in await loop.run_in_executor(pool, search, span):
                    await self._submit(work, extranonce2, nonce)
                self.summary.hashes += step
                start += step

    async def _submit(self, work: "Work", extranonce2: bytes, nonce: int) -> None:
        await self._wait_for_room()
        job, newest = work.job, self._job
        if newest is not work and newest is not None and newest.job.prevhash_le != job.prevhash_le:
            return
        self._open += 1
        self.summary.submitted += 1
        self._session.submit(
            Submit(
                request=None,
                worker=self.options.user,
                job=job.job,
                extranonce2=extranonce2,
                ntime=job.ntime,
                nonce=nonce,
                version_bits=job.version & work.mask if work.mask else None,
            )
        )
        self._flush()


def head_of(job: Notify, extranonce: bytes) -> bytes:
    """Return the first 76 bytes of a job's header for one extranonce."""
    root = root_from_branch(sha256d(job.coinbase_prefix + extranonce + job.coinbase_suffix), job.branch)
    return b"".join(
        (
            job.version.to_bytes(4, "little"),
            job.prevhash_le,
            root,
            job.ntime.to_bytes(4, "little"),
            job.nbits.to_bytes(4, "little"),
        )
    )


async def mine(options: MinerOptions, on_event: Callable[[MinerEvent], None]) -> MinerSummary:
    """Mine with these options; every event is told as it happens.

    Raises:
        OperatorError: the address or the user is not accepted.
        Unavailable: nothing answers there.
    """
    return await Miner(options, on_event).run()
