"""A pool, its node and its machines in one simulated world, and what must hold in it whatever happens.

`World` boots the real kernel, shell, listener and node link on the simulated disk and network, lets machines work,
crashes the pool's host, and compares. The machines keep a log of what was acknowledged to them, outside of everything
that can crash. Checked: I7 (acknowledged is stored, once), I8 (every stored share hashes to what is said; the journal
replays to the same effects), I9 (no header is credited twice), exact credit (each share is worth the difficulty that
its machine was told), no honest share called a duplicate, no block lost, and liveness after the storm.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from hashwright.adapters.nodes.base import BlockState, NodeProbe, TipSeen
from hashwright.chain import target
from hashwright.chain.coinbase import decode_coinbase
from hashwright.chain.coins.bitcoin import COIN
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.errors import Disconnected
from hashwright.pool.effects import BlockChanged, CreditWork, PoolEffect, SubmitBlock
from hashwright.pool.events import DestinationSet, PoolEvent, ProcessStarted, ShareHashed
from hashwright.runtime import replay
from hashwright.runtime.engines import Engines
from hashwright.runtime.kernel import Kernel
from hashwright.runtime.live import LiveShell
from hashwright.runtime.node_link import NodeLink, StoredBlock
from hashwright.runtime.tcp import Limits, StratumListener
from hashwright.stratum import messages as said
from hashwright.stratum.client import ClientSession
from hashwright.testing.simulation.disk import SimDisk, SimStore
from hashwright.testing.simulation.loop import EPOCH_MS, SimClock, SimLoop
from hashwright.testing.simulation.network import SimNetwork

HOST = "pool"
BITS = 0x1F3FFFFF
"""The network's target: one share in a few hundred of the machines' is a block."""
SETTINGS = DestinationSet(
    destination="sim",
    coin="bitcoin",
    network="regtest",
    algorithm="sha256d",
    payout_script=b"\x00\x14" + bytes(20),
    coinbase_tag=b"/sim/",
    start_difficulty=1e-9,
    minimum_difficulty=1e-9,
    shares_per_minute=20.0,
    is_practice=True,
)
FRESH = ("accepted", "block")
LOW_DIFFICULTY = 23
"""An answer to a share on a live job: the machines do not hash, so many of theirs miss the target."""


class SimNode:
    """A node that accepts what builds on its tip and meets its target; it reorganises, freezes and forgets answers."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.height = 100
        self.tips = [f"{1:064x}"]
        self.accepted: dict[str, tuple[int, bytes]] = {}
        self.frozen_until = 0.0
        self.lost_answers = 0
        self._changed = asyncio.Event()

    def move(self, tip: str | None = None) -> None:
        """Take another tip: a new one of somebody else's, or an older one (A, B, A)."""
        self.tips.append(tip or hashlib.sha256(b"%d" % len(self.tips)).hexdigest())
        self._changed.set()

    async def _answer(self) -> None:
        await asyncio.sleep(max(self.frozen_until - self.loop.time(), 0) + self.loop.rng.uniform(0.001, 0.05))

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Give an empty template on the tip."""
        await self._answer()
        now = EPOCH_MS // 1000 + int(self.loop.time())
        return {
            "version": 0x20000000,
            "previousblockhash": self.tips[-1],
            "height": self.height + 1,
            "transactions": [],
            "coinbasevalue": 5_000_000_000 + int(self.loop.time()) % 7,
            "bits": f"{BITS:08x}",
            "curtime": now,
            "mintime": now - 3600,
        }

    async def submit(self, block: bytes) -> str:
        """Take a block that builds on the tip; at times the answer is lost on the way."""
        await self._answer()
        answer = self._judge(block)
        if self.loop.rng.random() < 0.1:
            self.lost_answers += 1
            raise Disconnected("the answer was lost", code="HW-414")
        return answer

    def _judge(self, block: bytes) -> str:
        hash_le = sha256d(block[:80])
        block_hash = hash_le[::-1].hex()
        if block_hash in self.accepted:
            return "duplicate"
        if int.from_bytes(hash_le, "little") > target.target_of_bits(BITS):
            return "high-hash"
        if block[4:36][::-1].hex() != self.tips[-1]:
            return "inconclusive"
        self.height += 1
        self.accepted[block_hash] = (self.height, block[81:])
        self.move(block_hash)
        return ""

    async def tip(self) -> TipSeen:
        """Return the tip."""
        await self._answer()
        return TipSeen(height=self.height, block_hash=self.tips[-1])

    async def watch(self) -> AsyncIterator[TipSeen]:
        """Yield each new tip."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield TipSeen(height=self.height, block_hash=self.tips[-1])

    async def block_state(self, block_hash: str) -> BlockState:
        """Tell of a block."""
        await self._answer()
        height, _ = self.accepted.get(block_hash, (0, b""))
        return BlockState(confirmations=self.height - height + 1 if height else 0, height=height)

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return the newest coinbases that were accepted."""
        await self._answer()
        newest = list(self.accepted.items())[-count:]
        return [(height, block_hash, coinbase) for block_hash, (height, coinbase) in newest]

    async def probe(self) -> NodeProbe:
        """Introduce itself."""
        return NodeProbe(state="ready", detail="", height=self.height, network="regtest", version="simulated")

    async def tip_header(self, block_hash: str) -> Any:  # noqa: ANN401
        """The simulated node knows no headers."""
        raise Disconnected("no header", code="HW-414")

    async def script_of_address(self, address: str) -> bytes | None:
        """It reads no addresses."""
        return None

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclasses.dataclass(slots=True)
class Log:
    """What the machines saw; it is outside of the pool and survives everything."""

    acknowledged: Counter[tuple[str, str, int]] = dataclasses.field(default_factory=Counter)
    told: dict[tuple[str, str, int], float] = dataclasses.field(default_factory=dict)
    refused_fresh: list[str] = dataclasses.field(default_factory=list)
    answers: Counter[str] = dataclasses.field(default_factory=Counter)
    last_good: dict[str, float] = dataclasses.field(default_factory=dict)


class SimMachine(asyncio.Protocol):
    """One machine: connects, works, repeats an old share at times, and connects again when cut off."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.session = ClientSession(agent="sim")
        self.transport: Any = None
        self.difficulty = 0.0
        self.job: said.Notify | None = None
        self.told: dict[str, float] = {}
        self.waiting: dict[int, tuple[tuple[str, str, int], bool]] = {}
        self.old: list[said.Submit] = []

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401
        """Log in."""
        self.transport = transport
        self.session.subscribe()
        self.session.authorize(self.name, "x")
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what the pool says."""
        for message in self.session.receive_data(data):
            self._hear(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Connect again after a while."""
        self.transport = None
        if self.world.is_running:
            self.world.loop.call_later(self.world.loop.rng.uniform(0.1, 1.0), self.world.connect, self.name)

    def _hear(self, message: said.Message) -> None:
        match message:
            case said.SetDifficulty():
                self.difficulty = message.difficulty
            case said.Notify():
                is_first = self.job is None
                self.job = message
                self.told[message.job] = self.difficulty
                if is_first:
                    self._work_later()
            case said.ShareAnswered():
                self._answered(message)
            case _:
                pass

    def _answered(self, answer: said.ShareAnswered) -> None:
        key, is_fresh = self.waiting.pop(answer.request, (None, False))
        log = self.world.log
        log.answers["good" if answer.is_accepted else answer.reason] += 1
        if answer.is_accepted or answer.code == LOW_DIFFICULTY:
            log.last_good[self.name] = self.world.loop.time()
        if answer.is_accepted and key is not None:
            log.acknowledged[key] += 1
        elif is_fresh and answer.code == 22:
            log.refused_fresh.append(f"{self.name}: {answer.reason}")

    def _work_later(self) -> None:
        self.world.loop.call_later(self.world.loop.rng.expovariate(4.0), self._work)

    def _work(self) -> None:
        if self.transport is None or not self.world.is_running:
            return
        rng = self.world.loop.rng
        if self.old and rng.random() < 0.1:
            self._send(rng.choice(self.old), is_fresh=False)
        else:
            self._send(self._found(), is_fresh=True)
        self._work_later()

    def _found(self) -> said.Submit:
        assert self.job is not None
        self.world.nonces[self.name] += 1  # over all connections: a share is told by worker, job and nonce
        return said.Submit(
            request=None, worker=self.name, job=self.job.job, extranonce2=bytes(8), ntime=self.job.ntime,
            nonce=self.world.nonces[self.name], version_bits=None,
        )  # fmt: skip

    def _send(self, share: said.Submit, *, is_fresh: bool) -> None:
        key = (share.worker, share.job, share.nonce)
        if is_fresh:
            self.world.log.told[key] = self.told[share.job]
            self.old = [*self.old[-20:], share]
        self.waiting[self.session.submit(share)] = (key, is_fresh)
        self._flush()

    def _flush(self) -> None:
        if self.transport is not None:
            self.transport.write(bytes(self.session.output))
        self.session.output.clear()


class Process:
    """One life of the pool's program."""

    def __init__(self, world: "World") -> None:
        self.world = world
        executor = concurrent.futures.ThreadPoolExecutor(1)
        self.shell = LiveShell(clock=world.clock, executor=executor, rng=world.loop.rng)
        self.store: SimStore = world.disk.open(self.shell.committed)
        recovered = replay.recover(self.store)
        boot = self.store.next_boot()
        self.shell._sessions = iter(range((boot << 32) + 1, (boot + 1) << 32))  # type: ignore[assignment]
        self.kernel = self.shell.kernel = Kernel(
            recovered.state,
            clock=world.clock,
            writer=self.store,
            timer=world.loop,
            perform=self.shell.perform,
            next_seq=recovered.last_seq + 1,
        )
        self.kernel.handle(ProcessStarted(boot, "sim"))
        self.kernel.handle(SETTINGS)
        self.listener = StratumListener("sim", "sha256d", self.shell, limits=Limits())
        self.shell.listeners.append(self.listener)
        self.link = NodeLink(SETTINGS, node=world.node, coin=COIN, clock=world.clock, outbox=self.store, desk=self)
        self.shell.nodes["sim"] = self.link
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and follow the node."""
        await self.listener.start(HOST, 3333)
        # allow task: cancelled by `crash`
        self.task = asyncio.get_running_loop().create_task(self.link.run())
        for payload in self.store.pending():
            self.link.submit_again(msgspec.msgpack.decode(payload, type=StoredBlock))

    def crash(self) -> None:
        """Lose power."""
        self.store.is_alive = False
        if self.task is not None:
            self.task.cancel()
        for task in self.link._tasks:
            task.cancel()
        if self.listener._sweeper is not None:
            self.listener._sweeper.cancel()

    def tell(self, event: PoolEvent) -> None:
        """Take the link's events, while the process lives."""
        if self.store.is_alive:
            self.kernel.handle(event)

    def unsettled(self, name: str) -> list[str]:
        """List open blocks."""
        return list(self.kernel.pool.blocks)

    def known_blocks(self, name: str) -> set[str]:
        """Return the blocks that the books know."""
        return self.world.booked_blocks() | set(self.kernel.pool.blocks)


class World:
    """Everything, with the faults and the checks."""

    def __init__(self, loop: SimLoop, *, machines: int = 12, lies: bool = False) -> None:
        self.loop = loop
        self.clock = SimClock(loop)
        self.network = SimNetwork(loop)
        self.disk = SimDisk(loop, lies=lies)
        self.node = SimNode(loop)
        self.log = Log()
        self.nonces: Counter[str] = Counter()
        self.names = [f"farm.r{number:03d}" for number in range(machines)]
        self.is_running = True
        self.process: Process | None = None
        self._dials: set[asyncio.Task[Any]] = set()

    async def live(self, *, seconds: float, crashes: int) -> None:
        """Let the world run with faults, crash the pool a few times, heal, and check."""
        await self._boot()
        for name in self.names:
            self.connect(name)
        for _ in range(crashes):
            await self._trouble(seconds / (crashes + 1))
            await self._crash()
        await self._trouble(seconds / (crashes + 1))
        healed = self.loop.time()
        await asyncio.sleep(30)
        self.is_running = False
        late = [name for name in self.names if self.log.last_good.get(name, 0.0) < healed]
        assert not late, f"not back at work 30 s after the last fault: {late}"
        await asyncio.sleep(5)
        self._power_off()
        self.check()

    def connect(self, name: str) -> None:
        """Let a machine dial until it gets through."""
        if self.is_running:
            # allow task: bounded by the run; kept so that it is not lost
            task = self.loop.create_task(self._dial(name))
            self._dials.add(task)
            task.add_done_callback(self._dials.discard)

    async def _dial(self, name: str) -> None:
        while self.is_running:
            with contextlib.suppress(ConnectionError):
                await self.loop.create_connection(lambda: SimMachine(self, name), HOST, 3333)
                return
            await asyncio.sleep(self.loop.rng.uniform(0.2, 1.5))

    async def _trouble(self, seconds: float) -> None:
        """Faults at random: tips, templates, resets, partitions, a frozen disk, a frozen node, a set clock."""
        rng = self.loop.rng
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            await asyncio.sleep(rng.uniform(0.5, 3.0))
            fault = rng.randrange(8)
            if fault == 0:
                self.node.move()
            elif fault == 1 and len(self.node.tips) > 2:
                self.node.move(self.node.tips[-2])
            elif fault == 2:
                self.network.reset_some(0.3)
            elif fault == 3:
                self.network.partition(HOST, rng.uniform(0.5, 4.0))
            elif fault == 4:
                self.disk.freeze(rng.uniform(0.1, 2.0))
            elif fault == 5:
                self.node.frozen_until = self.loop.time() + rng.uniform(0.5, 5.0)
            elif fault == 6:
                self.clock.offset_ms += rng.choice((-5000, 5000, 60_000))
            elif self.process is not None:
                self.process.link.want_template()

    async def _boot(self) -> None:
        self.process = Process(self)
        await self.process.start()

    async def _crash(self) -> None:
        """Cut the power, every second time while the disk is slow: then something is under way."""
        if self.loop.rng.random() < 0.5:
            self.disk.freeze(1.0)
            await asyncio.sleep(self.loop.rng.uniform(0.1, 0.9))
        self._power_off()
        await asyncio.sleep(self.loop.rng.uniform(0.5, 2.0))
        await self._boot()

    def _power_off(self) -> None:
        assert self.process is not None
        self.process.crash()
        self.network.crash(HOST)
        self.disk.crash()

    # ---------------------------------------------------------------- checks

    def booked_blocks(self) -> set[str]:
        """Return the hashes of blocks in the durable books."""
        return {
            effect.block_hash for effect in self._durable_effects() if isinstance(effect, SubmitBlock | BlockChanged)
        }

    def _durable_effects(self) -> list[PoolEffect]:
        return [effect for batch in self.disk.synced for _, effect in (*batch.rows.blocks, *())]

    def check(self) -> None:
        """Hold what is durable against what the machines wrote down."""
        store = SimStore(self.disk, lambda seq: None)
        batches = list(store.read_batches(0))
        verified = replay.verify(batches, state=Engines())
        assert not verified.findings, verified.findings[:3]
        stored: Counter[tuple[str, str, int]] = Counter()
        headers: Counter[bytes] = Counter()
        for batch in batches:
            for _, event, mark in batch.entries():
                if type(event) is ShareHashed and mark in FRESH:
                    stored[(event.worker, event.job, event.nonce)] += 1
                    headers[event.hash_le] += 1
        lost = self.log.acknowledged - stored
        assert not lost, f"{sum(lost.values())} acknowledged shares are lost: {list(lost)[:3]}"
        assert max(self.log.acknowledged.values(), default=0) <= 1, "a share was acknowledged twice"
        assert max(headers.values(), default=0) <= 1, "a header was credited twice"
        assert not self.log.refused_fresh, f"honest shares were refused: {self.log.refused_fresh[:3]}"
        self._check_credit(batches, stored)
        self._check_blocks()

    def _check_credit(self, batches: list[Any], stored: Counter[tuple[str, str, int]]) -> None:
        """Compare the books with what each machine was told its shares are worth."""
        diff1 = ALGORITHMS["sha256d"].diff1_target
        expected = 0
        for share in stored:
            told = self.log.told.get(share)
            assert told is not None, f"a share was credited that no machine sent: {share}"
            expected += target.work_of_target(target.target_of_difficulty(told, diff1))
        state = Engines()
        booked = 0
        for batch in batches:
            for now, event, mark in batch.entries():
                for effect in replay.replay_entry(state, event, mark, now=now):
                    if type(effect) is CreditWork and effect.outcome in FRESH:
                        booked += target.work_of_target(int.from_bytes(effect.target_be, "big"))
        assert booked == expected, f"the books say {booked} hashes, the machines were told {expected}"

    def _check_blocks(self) -> None:
        known = self.booked_blocks() | set(self.process.kernel.pool.blocks if self.process else ())
        ours = {
            block_hash
            for block_hash, (_, coinbase) in self.node.accepted.items()
            if b"/sim/" in decode_coinbase(coinbase).script_sig
        }
        assert ours <= known, f"blocks that the node took and the books do not know: {ours - known}"
