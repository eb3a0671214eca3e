"""Hashing before the event: the shell's shares get their hash here, and the event loop never waits for one.

sha256d takes microseconds and is done at once. scrypt goes to a few threads. RandomX goes to threads of its own, over
`RandomXDesk`; where its library is missing, the node of the destination computes it (`calc_pow`).

**Every RandomX share is hashed** while the queue is short. When more waits than `BEHIND_S` of work, shares of machines
that have proved themselves are hashed with a chance below one, and the claimed hash of the others is believed; a forged
one that is caught costs its worker at least as many good shares as that chance let through (`pool.shares`). A claim
that would be a block is always hashed.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final

import structlog

from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import HashwrightError, NotSupported
from hashwright.pool.records import Job, Terms
from hashwright.runtime.randomx import RandomXDesk

log = structlog.get_logger()

WAITING_MAX: Final = 2_000
"""Slow hashes queued: half a second of scrypt on two cores. Beyond it the sessions are not read for a while."""
BEHIND_S: Final = 2.0
"""RandomX hashes that take longer than this to work off are too many to hash all."""
TRUSTED_SHARES: Final = 32
"""Hashed and found good, before a machine's word is taken for anything."""
CHANCE_MIN: Final = 1 / 16
PACE_WEIGHT: Final = 0.05

Done = Callable[[bytes, float, bool], None]
"""Takes the hash, the chance with which this share was to be hashed, and whether the machine's claim is believed."""
NodeHash = Callable[[Job, bytes], Coroutine[Any, Any, bytes]]


class Hashing:
    """Gives each share its hash."""

    def __init__(self, executor: Executor, randomx: RandomXDesk, rng: random.Random) -> None:
        self.waiting = 0
        self.believed = 0
        """Shares whose claim was taken as it was, since the start."""
        self.randomx = randomx
        self.by_node: dict[str, NodeHash] = {}
        """Who hashes for a destination when the library is missing."""
        self._executor = executor
        self._rng = rng
        self._hash_s = 0.04
        """How long one RandomX hash took lately [s]."""
        self._proved: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Tell whether no more should be read."""
        return self.waiting > WAITING_MAX or self._backlog_s() > 8 * BEHIND_S

    @property
    def is_short(self) -> bool:
        """Tell whether there is room again."""
        return self.waiting < WAITING_MAX // 2 and self._backlog_s() < 4 * BEHIND_S

    def take(
        self, session: int, algorithm: str, found: tuple[Job, Terms], hashed: bytes, claimed: bytes, done: Done
    ) -> None:
        """Hash a share, and call back: at once, or in the loop's later rounds."""
        proof = ALGORITHMS[algorithm]
        if not proof.is_slow:
            done(proof.hash(hashed), 1.0, False)
        elif proof.is_keyed:
            self._take_keyed(session, found[0], hashed, claimed, done)
        else:
            self._aside(asyncio.get_running_loop().run_in_executor(self._executor, proof.hash, hashed), done, 1.0)

    def prepare(self, job: Job) -> None:
        """Make ready for a job's key, and for the one that follows."""
        if job.blob is not None:
            self.randomx.prepare(job.blob.seed, job.blob.next_seed)

    def forget(self, session: int) -> None:
        """A machine is gone."""
        self._proved.pop(session, None)

    # ---------------------------------------------------------------- RandomX

    def _take_keyed(self, session: int, job: Job, hashed: bytes, claimed: bytes, done: Done) -> None:
        chance = self.chance_of(session)
        is_block = claimed[::-1] <= job.network_target_be
        if chance < 1.0 and not is_block and self._rng.random() >= chance:
            self.believed += 1
            done(claimed, chance, True)
            return

        def note(hash_le: bytes, chance: float, is_believed: bool) -> None:
            proved = self._proved.get(session, 0)
            self._proved[session] = proved + 1 if hash_le == claimed else 0
            done(hash_le, chance, is_believed)

        assert job.blob is not None
        if self.randomx.is_missing:
            self._spawn(self._ask_node(job, hashed, note))
            return
        future = self.randomx.hash(job.blob.seed, hashed, self._note_pace)
        self._aside(future, note, chance, otherwise=lambda: self._spawn(self._ask_node(job, hashed, note)))

    def chance_of(self, session: int) -> float:
        """Return how likely a share of a machine is to be hashed now."""
        backlog_s = self._backlog_s()
        if backlog_s <= BEHIND_S or self._proved.get(session, 0) < TRUSTED_SHARES:
            return 1.0
        return max(BEHIND_S / backlog_s, CHANCE_MIN)

    def _backlog_s(self) -> float:
        return self.randomx.waiting * self._hash_s / self.randomx.threads

    def _note_pace(self, seconds: float) -> None:
        self._hash_s += PACE_WEIGHT * (seconds - self._hash_s)

    async def _ask_node(self, job: Job, hashed: bytes, done: Done) -> None:
        """Let the node of the job's destination hash; an upstream has none, and then nothing can be checked."""
        self.waiting += 1
        hash_le, by_node = b"", self.by_node.get(job.destination)
        try:
            hash_le = b"" if by_node is None else await by_node(job, hashed)
        except HashwrightError as error:
            log.warning("the node could not hash a share; it is refused", problem=error.message)
        finally:
            self.waiting -= 1
        done(hash_le, 1.0, False)

    def _aside(
        self,
        future: "asyncio.Future[bytes]",
        done: Done,
        chance: float,
        *,
        otherwise: Callable[[], None] | None = None,
    ) -> None:
        """Call back when a thread is done; `otherwise` where its library is missing."""
        self.waiting += 1

        def finish(ended: "asyncio.Future[bytes]") -> None:
            self.waiting -= 1
            if ended.cancelled():
                return
            problem = ended.exception()
            if isinstance(problem, NotSupported) and otherwise is not None:
                otherwise()
                return
            if problem is not None:
                log.error("a share could not be hashed; it is refused", problem=str(problem))
            done(b"" if problem is not None else ended.result(), chance, False)

        future.add_done_callback(finish)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # allow task: ends by itself, the adapter's time-out bounds it
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
