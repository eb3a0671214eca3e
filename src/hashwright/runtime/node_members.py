"""The nodes of a group, each with what is known of its health, and how to ask several for one answer.

A node that failed is *failed* until it has given good templates for `return_s`: one that restarts comes back with an
old chain, without peers, or for a moment only. While it is failed the others are asked first, and it last. Its health
is looked at when somebody asks the group for something (a pulse of seconds), never by a task that runs for ever.

Asking begins with the best node. One that says no is followed by the next at once; one that says nothing is joined by
the next after `hedge_s`, and the first usable answer wins: so a node that hangs delays nobody for longer than that.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Generic, TypeVar

import structlog

from hashwright.adapters.nodes.base import Node
from hashwright.clock import Clock
from hashwright.errors import HashwrightError, TimedOut

log = structlog.get_logger()

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a group waits, for what [s]."""

    hedge_s: float = 3.0
    """Without an answer for so long, the next node is asked as well. A template right after a new tip takes a second
    or two."""
    give_up_s: float = 35.0
    """For all nodes together; longer than the 30 s that an adapter itself gives a template."""
    check_s: float = 10.0
    """Between two looks at a failed node."""
    return_s: float = 60.0
    """So long a failed node must give good templates before it is asked first again."""
    agree_s: float = 120.0
    """So long all nodes must stand behind a tip that one of them gave before, until it is forgotten."""
    submit_s: float = 20.0
    """So long an answer that is no yes waits for a better one of another node."""


@dataclasses.dataclass(slots=True, eq=False)
class Member:
    """One node. `failed` says why it is not trusted now; `is_proven`: a template showed that it is on our chain."""

    name: str
    node: Node
    failed: str = ""
    is_proven: bool = False
    well_since_s: float | None = None
    check_at_s: float = 0.0
    check: "asyncio.Task[None] | None" = None


@dataclasses.dataclass(slots=True)
class Asked(Generic[T]):
    """What came of asking: a usable answer, or all others and the problems, by member."""

    usable: tuple[Member, T] | None = None
    others: dict[Member, T] = dataclasses.field(default_factory=dict)
    problems: dict[Member, HashwrightError] = dataclasses.field(default_factory=dict)


class Members:
    """The nodes in the order in which they are preferred."""

    def __init__(
        self,
        named: Sequence[tuple[str, Node]],
        *,
        clock: Clock,
        patience: Patience,
        is_current: Callable[[dict[str, Any]], bool],
    ) -> None:
        self.all = tuple(Member(name, node) for name, node in named)
        self.patience = patience
        self._clock = clock
        self._is_current = is_current

    def order(self) -> list[Member]:
        """Return the trusted ones, then the failed ones; and look at the failed ones, if it is time."""
        self._look_at_failed()
        return sorted(self.all, key=lambda member: bool(member.failed))

    def trusted(self) -> list[Member]:
        """Return those that have not failed, or all where none is left."""
        return [member for member in self.all if not member.failed] or list(self.all)

    def note_failed(self, member: Member, problem: str) -> None:
        """Trust a member no longer."""
        member.well_since_s, member.is_proven = None, False
        member.check_at_s = self._clock.monotonic() + self.patience.check_s
        if not member.failed:
            log.warning("a node failed, the others are asked first", node=member.name, problem=problem)
        member.failed = problem or "no reason given"

    def note_well(self, member: Member) -> None:
        """Note that a member gave a template on our chain that is not behind the others."""
        member.is_proven = True
        if not member.failed:
            return
        now_s = self._clock.monotonic()
        if member.well_since_s is None:
            member.well_since_s = now_s
        elif now_s - member.well_since_s >= self.patience.return_s:
            member.failed, member.well_since_s = "", None
            log.info("a node is trusted again", node=member.name)

    async def prove(self, member: Member) -> bool:
        """Ask a member for a template, to see whether it can be trusted: its tip alone shows no chain."""
        try:
            async with asyncio.timeout(self.patience.give_up_s):
                answer = await member.node.template(None)
        except TimeoutError:
            self.note_failed(member, "it gives no template")
        except HashwrightError as error:
            self.note_failed(member, error.message)
        else:
            if self._is_current(answer):
                self.note_well(member)
                return True
            member.well_since_s = None
        return False

    async def ask(
        self,
        call: Callable[[Member], Awaitable[T]],
        *,
        is_usable: Callable[[T], bool] = lambda _: True,
        is_telling: bool = True,
        hedge_s: float | None = None,
    ) -> Asked[T]:
        """Ask one after the other until an answer is usable.

        Args:
            is_telling: whether an error means that the node has failed, and not that it does not know.
            hedge_s: another patience than the usual one.
        """
        hedge_s = hedge_s or self.patience.hedge_s
        loop, waiting, asked = asyncio.get_running_loop(), self.order(), Asked[T]()
        end_s = loop.time() + self.patience.give_up_s
        running: dict[asyncio.Task[T], tuple[Member, float]] = {}
        try:
            while (waiting or running) and asked.usable is None:
                if waiting:
                    member = waiting.pop(0)
                    # allow task: `finally` cancels what still runs, and waits for it
                    running[loop.create_task(_called(call, member))] = (member, loop.time())
                patience_s = hedge_s if waiting else max(end_s - loop.time(), 0.0)
                done, _ = await asyncio.wait(running, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._take(asked, running.pop(task)[0], task, is_usable=is_usable, is_telling=is_telling)
                if not done and not waiting:
                    break
            self._note_silent(asked, running.values(), hedge_s, loop.time())
            return asked
        finally:
            await ended(running)

    async def aclose(self) -> None:
        """Stop looking at failed nodes, and let go of all."""
        await ended([member.check for member in self.all if member.check is not None])
        async with asyncio.TaskGroup() as group:
            for member in self.all:
                group.create_task(member.node.aclose())

    def _take(
        self,
        asked: Asked[T],
        member: Member,
        task: "asyncio.Task[T]",
        *,
        is_usable: Callable[[T], bool],
        is_telling: bool,
    ) -> None:
        try:
            answer = task.result()
        except HashwrightError as error:
            asked.problems[member] = error
            if is_telling:
                self.note_failed(member, error.message)
            return
        if asked.usable is None and is_usable(answer):
            asked.usable = (member, answer)
        else:
            asked.others[member] = answer

    def _note_silent(
        self, asked: Asked[T], silent: Collection[tuple[Member, float]], hedge_s: float, now_s: float
    ) -> None:
        """Note those that were given their time and said nothing. One that was asked late is not blamed."""
        for member, since_s in silent:
            if now_s - since_s >= hedge_s:
                problem = TimedOut(f"{member.name} gave no answer in {now_s - since_s:.0f} s.", code="HW-412")
                asked.problems[member] = problem
                self.note_failed(member, problem.message)

    def _look_at_failed(self) -> None:
        now_s = self._clock.monotonic()
        for member in self.all:
            is_looking = member.check is not None and not member.check.done()
            if member.failed and not is_looking and now_s >= member.check_at_s:
                # allow task: one a member, bounded by `give_up_s`, cancelled by `aclose`
                member.check = asyncio.get_running_loop().create_task(self._check(member))

    async def _check(self, member: Member) -> None:
        try:
            await self.prove(member)
        finally:
            member.check_at_s = self._clock.monotonic() + self.patience.check_s


async def _called(call: Callable[[Member], Awaitable[T]], member: Member) -> T:
    return await call(member)


async def ended(tasks: "Collection[asyncio.Task[Any]]") -> None:
    """Cancel tasks and wait for their end; what they would have said is of no interest any more."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()
