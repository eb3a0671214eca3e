"""Several own nodes of one chain, as one: the first healthy one is asked, a found block goes to all.

What holds, whatever the nodes do:

- **No step back.** A node that crashed comes back with an old tip and calls itself ready (measured: height 41 instead
  of 112, "initial block download: no"). Work on an old tip is worth nothing, so the group remembers the highest tip it
  ever gave and answers with none before that. When all nodes stand behind it, it says that they are syncing; only when
  they all agree for long is the old tip forgotten, for then there was a reorganisation to a shorter chain.
- **A tip alone proves no chain.** A fallback that was set up for another network may call out greater heights. Its tip
  counts only after it gave a template, for which the adapters compare network and first block.
- **No flapping.** Of two blocks at one height the first one heard counts, or that of the preferred node, whose
  templates are used. A node that failed comes back to its place only after a while of health (`node_members`).
- **A block goes to every node at once.** The best answer wins, the first good one ends the waiting, and what the others
  still do goes on: a block that is on its way is never taken back.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import structlog

from hashwright.adapters.nodes.base import BlockState, CanJudgeProof, Node, NodeProbe, TipSeen
from hashwright.chain.template import Tip
from hashwright.clock import Clock
from hashwright.errors import HashwrightError, NodeSyncing, NotSupported, OperatorError, TimedOut
from hashwright.runtime.node_members import Asked, Member, Members, Patience, ended
from hashwright.runtime.node_submissions import Submissions

log = structlog.get_logger()

T = TypeVar("T")

SLOW_HEDGE_S = 20.0
"""Reading thirty blocks takes a node seconds."""
PROBE_S = 10.0


class HighWater:
    """The highest tip that was given, and since when all nodes stand behind it."""

    def __init__(self, agree_s: float) -> None:
        self.given: TipSeen | None = None
        self._agree_s = agree_s
        self._behind_since_s: float | None = None
        self._changed: list[asyncio.Event] = []

    def allows(self, height: int) -> bool:
        """Tell whether a tip of this height is no step back."""
        return self.given is None or height >= self.given.height

    def hold(self) -> None:
        """Note that a node does not stand behind the tip."""
        self._behind_since_s = None

    def give(self, tip: TipSeen) -> None:
        """Note a tip that is given; the caller has made sure that it may be."""
        self.hold()
        if tip != self.given:
            self.given = tip
            for event in self._changed:
                event.set()

    def is_forgotten(self, now_s: float) -> bool:
        """Note that all nodes stand behind the tip; tell whether they have done so for long."""
        if self._behind_since_s is None:
            self._behind_since_s = now_s
        return now_s - self._behind_since_s >= self._agree_s

    @contextlib.contextmanager
    def watched(self, event: asyncio.Event) -> Iterator[None]:
        """Set an event whenever another tip is given."""
        self._changed.append(event)
        try:
            yield
        finally:
            self._changed.remove(event)


class NodeGroup:
    """Several nodes behind the port of one (`adapters.nodes.base.Node`). The first of `named` is the preferred one."""

    def __init__(
        self, named: Sequence[tuple[str, Node]], *, clock: Clock, patience: Patience | None = None
    ) -> None:  # fmt: skip
        self._patience = patience or Patience()
        self._clock = clock
        self._mark = HighWater(self._patience.agree_s)
        self._members = Members(named, clock=clock, patience=self._patience, is_current=self._is_current)
        self._submissions = Submissions(self._members.all, patience_s=self._patience.submit_s)

    def __repr__(self) -> str:
        members = ", ".join(f"{member.name}{' failed' if member.failed else ''}" for member in self._members.all)
        return f"<NodeGroup {members}>"

    # ---------------------------------------------------------------- what is mined on

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Return the template of the first node that gives one which is no step back.

        A long poll is held by the first node alone: an id means nothing to another.

        Raises:
            NodeSyncing: all nodes stand behind a tip that was given before.
        """
        if longpoll is not None:
            with contextlib.suppress(HashwrightError):
                return await self._held_template(longpoll)
        asked = await self._members.ask(lambda member: member.node.template(None), is_usable=self._is_current)
        if asked.usable is None:
            return self._old(asked, _tip_of_template)
        member, answer = asked.usable
        self._give_template(member, answer)
        return answer

    async def tip(self) -> TipSeen:
        """Return the best block of the first node whose tip is no step back.

        Raises:
            NodeSyncing: all nodes stand behind a tip that was given before.
        """
        asked = await self._members.ask(_tip_by, is_usable=lambda tip: self._mark.allows(tip.height))
        if asked.usable is None:
            return self._old(asked, lambda tip: tip)
        member, tip = asked.usable
        self._members.note_well(member)
        self._mark.hold()
        self._hear(member, tip)
        return tip

    async def tip_header(self, block_hash: str) -> Tip:
        """Return what must be known to mine on a block, by the first node that knows it."""
        return _usable(await self._members.ask(lambda member: member.node.tip_header(block_hash), is_telling=False))

    async def watch(self) -> AsyncIterator[TipSeen]:
        """Yield the best block, then each new one: whichever node hears of it first."""
        changed, last = asyncio.Event(), None
        # allow task: `finally` cancels them and waits; the loop below raises what ended one
        pumps = [asyncio.get_running_loop().create_task(self._pump(member)) for member in self._members.all]
        for pump in pumps:
            pump.add_done_callback(lambda _: changed.set())
        try:
            with self._mark.watched(changed):
                while True:
                    changed.clear()
                    for pump in pumps:
                        if pump.done():
                            pump.result()
                    if self._mark.given is not None and self._mark.given != last:
                        last = self._mark.given
                        yield last
                    else:
                        await changed.wait()
        finally:
            await ended(pumps)

    # ---------------------------------------------------------------- blocks

    async def submit(self, block: bytes) -> str:
        """Submit a block to all nodes; return the best word as soon as one has accepted it.

        Raises:
            Unavailable: no node could judge it now; send it again. Where one is still at it, it is not sent twice.
        """
        return await self._submissions.submit(block)

    async def block_state(self, block_hash: str) -> BlockState:
        """Ask the chains of all trusted nodes about a block; where they contradict each other there is no verdict."""
        answers, problems = await self._asked_at_once(block_hash)
        deepest = max(answers, key=lambda state: state.confirmations, default=None)
        if deepest is None:
            raise problems[0] if problems else TimedOut("No node answers about a block.", code="HW-412")
        replaced = next((state for state in answers if state.confirmations < 0), None)
        if replaced is None or deepest.confirmations == 0:
            return replaced or deepest
        if deepest.confirmations < 0:
            return deepest
        return BlockState(confirmations=0, height=deepest.height)

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return the newest coinbases of the first node that can tell."""
        asked = await self._members.ask(
            lambda member: member.node.coinbases(count),
            is_telling=False,
            hedge_s=max(SLOW_HEDGE_S, self._patience.hedge_s),
        )
        return _usable(asked)

    async def script_of_address(self, address: str) -> bytes | None:
        """Return the script that the first node able to tell reads from an address; None where none can."""
        asked = await self._members.ask(
            lambda member: member.node.script_of_address(address),
            is_usable=lambda script: script is not None,
            is_telling=False,
        )
        return None if asked.usable is None and asked.others else _usable(asked)

    async def calc_pow(self, *, major_version: int, height: int, blob: bytes, seed: bytes) -> bytes:
        """Let the first node that can hash a blob: the judge of RandomX where its library is missing.

        Raises:
            HashwrightError: none can.
        """

        async def hash_by(member: Member) -> bytes:
            if not hasattr(member.node, "calc_pow"):
                raise NotSupported(f"{member.name} hashes nothing for others.", code="HW-209")
            judge = cast(CanJudgeProof, member.node)
            return await judge.calc_pow(major_version=major_version, height=height, blob=blob, seed=seed)

        return _usable(await self._members.ask(hash_by, is_telling=False))

    # ---------------------------------------------------------------- the nodes themselves

    async def probe(self) -> NodeProbe:
        """Say how each node is; the group's own state is that of the best one. Nodes of two networks are refused."""
        probes = await self.probes()
        best = next((probe for _, probe in probes if probe.state == "ready"), probes[0][1])
        networks = {probe.network for _, probe in probes if probe.network}
        words = [f"{name}: {probe.state}{f', {probe.detail}' if probe.detail else ''}" for name, probe in probes]
        if len(networks) > 1:
            words.insert(0, f"the nodes are on different networks ({', '.join(sorted(networks))})")
        return NodeProbe(
            state="refused" if len(networks) > 1 else best.state,
            detail="; ".join(words),
            height=best.height,
            network=best.network,
            version=best.version,
        )

    async def probes(self) -> list[tuple[str, NodeProbe]]:
        """Ask each node about itself; one that says nothing is unreachable."""
        return list(
            zip(
                (member.name for member in self._members.all),
                await asyncio.gather(*(_probe(member.node) for member in self._members.all)),
                strict=True,
            )
        )

    async def aclose(self) -> None:
        """Let blocks on their way finish for a moment, then let go of all nodes."""
        await self._submissions.aclose()
        await self._members.aclose()

    # ---------------------------------------------------------------- no step back

    def _is_current(self, answer: dict[str, Any]) -> bool:
        tip = _tip_of_template(answer)
        return tip is not None and self._mark.allows(tip.height)

    def _is_news(self, member: Member, tip: TipSeen) -> bool:
        """Tell whether a tip counts: it is higher than the last, or the preferred node's of the same height."""
        given = self._mark.given
        if given is None or tip.height != given.height:
            return given is None or tip.height > given.height
        return tip.block_hash != given.block_hash and member is self._members.trusted()[0]

    def _give_template(self, member: Member, answer: dict[str, Any]) -> None:
        self._members.note_well(member)
        tip = _tip_of_template(answer)
        assert tip is not None
        self._mark.give(tip)

    async def _held_template(self, longpoll: str) -> dict[str, Any]:
        member = self._members.order()[0]
        answer = await member.node.template(longpoll)
        if not self._is_current(answer):
            raise NodeSyncing(f"{member.name} is behind the other nodes.", code="HW-403")
        self._give_template(member, answer)
        return answer

    def _old(self, asked: Asked[T], tip_of: Callable[[T], TipSeen | None]) -> T:
        """Return the best of answers that all stand behind, if they agree for long; else say what is wrong."""
        tips = [(tip, answer) for answer in asked.others.values() if (tip := tip_of(answer)) is not None]
        if not tips:
            return _usable(asked)
        best, answer = max(tips, key=lambda pair: pair[0].height)
        if self._mark.is_forgotten(self._clock.monotonic()):
            log.warning("all nodes agree on an older tip", height=best.height, block=best.block_hash)
            self._mark.give(best)
            return answer
        height = 0 if self._mark.given is None else self._mark.given.height
        raise NodeSyncing(
            f"The nodes stand at block {best.height}, behind block {height} that one of them gave before.",
            code="HW-403",
        )

    async def _pump(self, member: Member) -> None:
        """Take one node's tips; an unknown node must first show that it is on our chain."""
        while True:
            with contextlib.suppress(HashwrightError):
                async for tip in member.node.watch():
                    if self._is_news(member, tip) and (member.is_proven or await self._members.prove(member)):
                        self._hear(member, tip)  # the proof took a while
            await asyncio.sleep(self._patience.check_s)

    def _hear(self, member: Member, tip: TipSeen) -> None:
        if self._is_news(member, tip):
            self._mark.give(tip)

    # ---------------------------------------------------------------- asking all

    async def _asked_at_once(self, block_hash: str) -> tuple[list[BlockState], list[HashwrightError]]:
        """Ask all trusted nodes about a block; wait for one answer, and a short time for the others."""
        loop = asyncio.get_running_loop()
        # allow task: `finally` cancels what still runs, and waits for it
        tasks = [loop.create_task(member.node.block_state(block_hash)) for member in self._members.trusted()]
        try:
            done, pending = await asyncio.wait(tasks, timeout=self._patience.hedge_s)
            if not done:
                rest_s = max(self._patience.give_up_s - self._patience.hedge_s, 0.0)
                done, pending = await asyncio.wait(pending, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
            failed = [error for task in done if isinstance(error := task.exception(), HashwrightError)]
            return [task.result() for task in tasks if task in done and task.exception() not in failed], failed
        finally:
            await ended(tasks)


def _usable(asked: Asked[T]) -> T:
    """Return the answer, or one that must do; else raise the problem of the most preferred node."""
    if asked.usable is not None:
        return asked.usable[1]
    if asked.others:
        return next(iter(asked.others.values()))
    if asked.problems:
        raise next(iter(asked.problems.values()))
    raise TimedOut("No node gave an answer in time.", code="HW-412")


async def _tip_by(member: Member) -> TipSeen:
    """Ask a node for its tip; one that has not shown yet that it is on our chain, for a template that says it."""
    if member.is_proven:
        return await member.node.tip()
    tip = _tip_of_template(await member.node.template(None))
    if tip is None:
        raise OperatorError(f"{member.name} gives templates that do not say what they build on.", code="HW-408")
    return tip


def _tip_of_template(answer: dict[str, Any]) -> TipSeen | None:
    """Return the block that a template builds on; None where it does not say so in the known form."""
    height, block_hash = answer.get("height"), answer.get("previousblockhash")
    if type(height) is not int or not isinstance(block_hash, str):
        return None
    return TipSeen(height=height - 1, block_hash=block_hash)


async def _probe(node: Node) -> NodeProbe:
    try:
        async with asyncio.timeout(PROBE_S):
            return await node.probe()
    except TimeoutError:
        detail = f"it gave no answer in {PROBE_S:.0f} s"
        return NodeProbe(state="unreachable", detail=detail, height=0, network="", version="")
