"""A found block to several nodes at once: the best answer wins, and nobody waits for a node that hangs.

A yes ends the waiting; what the other nodes still do goes on, because a block on its way is never taken back. A node
that is behind answers a good block with a word that decides nothing: that word is only believed when all were heard.
"""

import asyncio
from collections.abc import Sequence

import structlog

from hashwright.errors import TimedOut, Unavailable
from hashwright.runtime.node_members import Member, ended

log = structlog.get_logger()

ACCEPTED = ("", "duplicate")
"""Accepted; known already, mostly because another of our nodes passed it on."""
UNDECIDED = ("inconclusive", "duplicate-inconclusive", "prev-blk-not-found", "bad-prevblk")
"""What a node says about a good block that builds on one which it has not heard of."""
CLOSE_S = 2.0


class Submissions:
    """The blocks on their way, one task a node and block."""

    def __init__(self, members: Sequence[Member], *, patience_s: float) -> None:
        self._members = members
        self._patience_s = patience_s
        self._running: dict[tuple[str, bytes], asyncio.Task[str]] = {}

    async def submit(self, block: bytes) -> str:
        """Send a block to all nodes; return the best word as soon as one has accepted it, or the patience is over.

        Raises:
            Unavailable: no node has judged it now; send it again. Where one is still at it, it is not sent twice.
        """
        tasks = [self._task(member, block) for member in self._members]
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._patience_s
        pending = set(tasks)
        while pending:
            patience_s = max(end_s - loop.time(), 0.0)
            done, pending = await asyncio.wait(pending, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            if not done or any(_word(task) in ACCEPTED for task in done):
                break
        return _best_word(tasks)

    async def aclose(self) -> None:
        """Let blocks on their way finish for a moment, then let go of them."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=CLOSE_S)
        await ended(list(self._running.values()))

    def _task(self, member: Member, block: bytes) -> "asyncio.Task[str]":
        key = (member.name, block)
        task = self._running.get(key)
        if task is None:
            # allow task: bounded by the adapter's own time-out; `aclose` waits for it and cancels
            task = asyncio.get_running_loop().create_task(member.node.submit(block))
            self._running[key] = task
            task.add_done_callback(lambda done: self._answered(key, done))
        return task

    def _answered(self, key: tuple[str, bytes], task: "asyncio.Task[str]") -> None:
        self._running.pop(key, None)
        if task.cancelled():
            return
        problem = task.exception()
        if problem is not None:
            log.error("a node did not take a block", node=key[0], problem=str(problem))
        else:
            log.info("a node answered about a block", node=key[0], answer=task.result() or "accepted")


def _word(task: "asyncio.Task[str]") -> str | None:
    """Return a node's word on a block, None where it gave none."""
    return task.result() if task.done() and not task.cancelled() and task.exception() is None else None


def _best_word(tasks: "Sequence[asyncio.Task[str]]") -> str:
    """Return yes before known before undecided before no; an undecided word only where no node is still to be heard.

    Raises:
        Unavailable: nobody decided, and not all were heard.
    """
    words = [word for task in tasks if (word := _word(task)) is not None]
    if len(words) < len(tasks) and not any(word in ACCEPTED for word in words):
        decided = [word for word in words if word not in UNDECIDED]
        if not decided:
            raise _problem(tasks)
        words = decided
    ranks = {word: rank for rank, word in enumerate((*ACCEPTED, *UNDECIDED[:2]))}
    return min(words, key=lambda word: ranks.get(word, len(ranks)))


def _problem(tasks: "Sequence[asyncio.Task[str]]") -> BaseException:
    """Choose what is wrong: a time-out, else what passes by itself, else what a person must mend."""
    errors = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    known = [error for error in errors if error is not None]
    passing = [error for error in known if isinstance(error, Unavailable)]
    return next(iter(passing or known), TimedOut("No node has judged the block yet.", code="HW-412"))
