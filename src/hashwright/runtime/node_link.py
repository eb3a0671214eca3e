"""One destination's node: templates in, blocks out, and what became of them.

New-block path: the node's word about a new tip starts a template call at once; the answer becomes `TemplateSeen`, and
the engine sends the job. If the template takes longer than `LATE_TEMPLATE_S`, machines are given a job of a block with
nothing but the coinbase meanwhile, because work on the old tip is worth nothing (not on chains with an extension block,
which an empty block may not leave out, nor where the target may change).

A found block goes out at once, in parallel with its journal row and with its stored copy in the outbox. The answer is
an event; so is what the chain says about the block later. The block hash is the idempotency key: every start sends
again what has no answer, and looks through the newest blocks for our coinbase, in case the process died between the
node's yes and our commit.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Literal, Protocol, cast

import msgspec
import structlog

from hashwright.adapters.nodes.base import BlockState, CanJudgeProof, Node
from hashwright.chain.coin import Coin
from hashwright.clock import Clock
from hashwright.errors import AuthRejected, HashwrightError, NodeSyncing, NotSupported, OperatorError, Unavailable
from hashwright.pool import events as seen
from hashwright.pool.effects import SubmitBlock
from hashwright.pool.records import Job
from hashwright.runtime.node_work import REFRESH_S, AnyTemplate, work_of_node

log = structlog.get_logger()

PULSE_S = 5.0
LATE_TEMPLATE_S = 0.25
RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Pauses after a failed call; the last one repeats."""
TEMPLATES_MAX = 64
"""Templates kept for assembling blocks; more than the engine keeps jobs."""
WATCH_BLOCKS_S = 15.0
SCAN_BLOCKS = 30
"""Blocks looked through at a start: a day of Bitcoin's would be 144, but a process that died is started again soon."""
SUBMIT_TRIES = 20
SUBMIT_TIMEOUT_S = 30.0


NodeState = Literal["ready", "syncing", "unreachable", "refused"]


class Outbox(Protocol):
    """What the link needs of the store: effects that leave a mark outside."""

    def put_outbox(self, key: str, kind: str, payload: bytes) -> object:
        """Store an effect to be carried out."""

    def outbox_done(self, key: str, answer: str) -> object:
        """Note that it was carried out."""


class EventDesk(Protocol):
    """Who takes a link's events, and knows which blocks are open."""

    def tell(self, event: seen.PoolEvent) -> None:
        """Take an event."""

    def unsettled(self, name: str) -> list[str]:
        """List the hashes of a destination's blocks whose fate is open."""

    def known_blocks(self, name: str) -> set[str]:
        """Return the hashes of all blocks of a destination that the books know."""


class StoredBlock(msgspec.Struct, frozen=True, array_like=True):
    """A block in the outbox, whole: it can be sent again by a process that never saw its template."""

    destination: str
    block_hash: str
    block: bytes


class NodeLink:
    """Keeps one destination supplied with templates and takes its blocks to the node."""

    def __init__(
        self,
        settings: seen.DestinationSet,
        *,
        node: Node,
        coin: Coin,
        clock: Clock,
        outbox: Outbox,
        desk: "EventDesk",
    ) -> None:
        self.destination = settings.destination
        self._settings = settings
        self.node = node
        self.templates: dict[int, AnyTemplate] = {}
        self._coin = coin
        self._work = work_of_node(coin)
        self._clock = clock
        self._outbox = outbox
        self._tell = desk.tell
        self._desk = desk
        self._numbers = 0
        self._newest: AnyTemplate | None = None
        self._wanted = asyncio.Event()
        self._moved = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_templates(), name=f"templates of {self.destination}")
            group.create_task(self._follow_tips(), name=f"tips of {self.destination}")
            group.create_task(self._watch_blocks(), name=f"blocks of {self.destination}")
            group.create_task(self._feel_pulse(), name=f"pulse of {self.destination}")
            group.create_task(self._scan_chain(), name=f"scan of {self.destination}")

    async def aclose(self) -> None:
        """Let running submissions finish for a moment, then close the node."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        for task in self._tasks:
            task.cancel()
        await self.node.aclose()

    # ---------------------------------------------------------------- templates

    def want_template(self) -> None:
        """Ask for a template as soon as possible."""
        self._wanted.set()

    async def _keep_templates(self) -> None:
        failures = 0
        while True:
            self._wanted.clear()
            try:
                await self._fetch_template()
                failures = 0
            except HashwrightError as error:
                self._tell(seen.NodeChanged(self.destination, node_state(error), str(error)[:200]))
                pause = RETRY_S[min(failures, len(RETRY_S) - 1)]
                failures += 1
                await asyncio.sleep(pause)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S):
                    await self._wanted.wait()

    async def _fetch_template(self) -> None:
        answer = await self.node.template(None)
        template = self._work.read(answer, self._coin)
        self._tell(seen.NodeChanged(self.destination, "ready", ""))
        self._announce(template)

    def _announce(self, template: AnyTemplate) -> None:
        """Make an event of a template, unless nothing in it is new."""
        if self._newest is not None and self._work.is_same(self._newest, template):
            return
        self._newest = template
        self._numbers += 1
        self.templates[self._numbers] = template
        for number in [n for n in self.templates if n <= self._numbers - TEMPLATES_MAX]:
            del self.templates[number]
        self._tell(self._work.event(self.destination, self._numbers, template))

    # ---------------------------------------------------------------- tips

    async def _follow_tips(self) -> None:
        async for tip in self.node.watch():
            self._moved.set()
            newest = self._newest
            if newest is not None and newest.prevhash_display == tip.block_hash:
                continue
            self.want_template()
            self._spawn(self._bridge(tip.block_hash))

    async def _bridge(self, tip_hash: str) -> None:
        """Give an empty job for a new tip when the full template is late."""
        await asyncio.sleep(LATE_TEMPLATE_S)
        newest = self._newest
        if newest is None or newest.prevhash_display == tip_hash:
            return
        try:
            tip = await self.node.tip_header(tip_hash)
        except HashwrightError:
            return
        newest = self._newest
        if newest is None or newest.prevhash_display == tip_hash:
            return
        empty = self._work.bridge(newest, tip, self._coin, now_s=self._clock.now() // 1000)
        if empty is not None:
            self._announce(empty)

    async def _feel_pulse(self) -> None:
        """Notice within seconds that the node is gone: the template call then says how, and keeps trying."""
        while True:
            await asyncio.sleep(PULSE_S)
            try:
                await self.node.tip()
            except HashwrightError:
                self.want_template()

    # ---------------------------------------------------------------- blocks

    def submit(self, effect: SubmitBlock) -> None:
        """Send a found block to the node, now."""
        template = self.templates.get(effect.template)
        if template is None:
            log.critical("the template of a block is gone", block=effect.block_hash, template=effect.template)
            return
        block = self._work.block(template, effect)
        self._spawn(self._submit(effect.block_hash, block))
        stored = StoredBlock(self.destination, effect.block_hash, block)
        with contextlib.suppress(Unavailable):  # the store is behind: the block goes out all the same
            self._outbox.put_outbox(outbox_key(effect.block_hash), "block", msgspec.msgpack.encode(stored))

    async def hash_blob(self, job: Job, blob: bytes) -> bytes:
        """Let the node hash a blob: the judge of RandomX where its library is missing.

        Raises:
            HashwrightError: it does not answer, or cannot do that.
        """
        assert job.blob is not None
        if not hasattr(self.node, "calc_pow"):
            raise NotSupported("This node hashes nothing for others.", code="HW-209")
        judge = cast(CanJudgeProof, self.node)
        return await judge.calc_pow(major_version=job.version, height=job.height, blob=blob, seed=job.blob.seed)

    def submit_again(self, stored: StoredBlock) -> None:
        """Send a block again that an earlier process left without an answer."""
        self._spawn(self._submit(stored.block_hash, stored.block))

    async def _submit(self, block_hash: str, block: bytes) -> None:
        for attempt in range(SUBMIT_TRIES):
            try:
                async with asyncio.timeout(SUBMIT_TIMEOUT_S):
                    answer = await self.node.submit(block)
                break
            except (Unavailable, TimeoutError) as error:
                log.error("the node did not take a block, trying again", block=block_hash, problem=str(error))
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            except OperatorError as error:
                log.critical("the node refuses to talk to us about a block", block=block_hash, problem=str(error))
                await asyncio.sleep(RETRY_S[-1])
        else:
            return  # the outbox keeps it: the next start tries again
        self.want_template()
        self._tell(seen.BlockAnswered(self.destination, block_hash, answer))
        with contextlib.suppress(Unavailable):  # it is sent once more at the next start, which does no harm
            self._outbox.outbox_done(outbox_key(block_hash), answer)

    async def _scan_chain(self) -> None:
        """Look through the newest blocks, once a start, for some of ours that the books do not know."""
        newest = await self._newest_coinbases()
        known = self._desk.known_blocks(self.destination)
        for height, block_hash, coinbase in newest:
            reward = self._work.our_reward(self._settings, height, coinbase)
            if reward and block_hash not in known:
                self._tell(seen.BlockRecovered(self.destination, block_hash, height, reward))

    async def _newest_coinbases(self) -> list[tuple[int, str, bytes]]:
        failures = 0
        while True:
            try:
                return await self.node.coinbases(SCAN_BLOCKS)
            except HashwrightError:
                await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1

    async def _watch_blocks(self) -> None:
        """Ask the chain, block by block, what became of ours."""
        while True:
            for block_hash in self._desk.unsettled(self.destination):
                with contextlib.suppress(HashwrightError):
                    state: BlockState = await self.node.block_state(block_hash)
                    self._tell(seen.BlockSeen(self.destination, block_hash, state.confirmations))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH_BLOCKS_S):
                    await self._moved.wait()
            self._moved.clear()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # allow task: ends by itself, its tries are bounded; `aclose` waits for it and cancels
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def node_state(error: HashwrightError) -> NodeState:
    """Name the state that an error of a node stands for."""
    if isinstance(error, NodeSyncing):
        return "syncing"
    if isinstance(error, AuthRejected | OperatorError):
        return "refused"
    return "unreachable"


def outbox_key(block_hash: str) -> str:
    """Return the idempotency key of a block submission."""
    return f"block:{block_hash}"
