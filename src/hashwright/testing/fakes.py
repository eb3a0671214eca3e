"""Stand-ins for what is on the other side of a port: a transport that only collects, and a full node that misbehaves.

`FakeNode` fills the `Node` port with a chain in memory. It judges blocks as far as a header tells (proof of work, the
block it builds on, the merkle root of a block without transactions) and has the manners of real nodes that cost pools
money: it reorganises, is slow, hangs, loses answers after the deed, and comes back from a crash with an old tip while
it says that all is well (litecoind 0.21 did: height 112, then 41, then 112). It takes time by `asyncio.sleep`, so it
runs in a `SimLoop` as well as on a real loop, and all its chance comes from the `rng` it is given.
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from hashwright.adapters.nodes.base import BlockState, NodeProbe, TipSeen
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.chain.target import target_of_bits
from hashwright.chain.template import Tip
from hashwright.clock import Clock
from hashwright.errors import Disconnected, HashwrightError

EASY_BITS = 0x207FFFFF
"""Regtest's target: every second hash is a block."""
START_HEIGHT = 100
REWARD = 5_000_000_000
MINTIME_S = 3600
"""How far before now the chain's median time lies."""


class ScriptedTransport(asyncio.Transport):
    """Collects what a protocol writes; a test decides when the buffer is full and when the connection ends."""

    def __init__(self, protocol: asyncio.Protocol, *, peername: tuple[str, int] = ("10.0.0.1", 40_001)) -> None:
        super().__init__({"peername": peername})
        self.protocol = protocol
        self.written = bytearray()
        self.ending = ""
        """Empty while it is open, else `closed` or `aborted`."""
        self.is_paused = self.is_reading_paused = False
        self.high_bytes = 0
        protocol.connection_made(self)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self.written)
        self.written.clear()
        return taken

    def pause(self) -> None:
        """Tell the protocol that the peer does not read."""
        self.is_paused = True
        self.protocol.pause_writing()

    def resume(self) -> None:
        """Tell the protocol that the peer reads again."""
        self.is_paused = False
        self.protocol.resume_writing()

    def lose(self, problem: Exception | None = None) -> None:
        """End the connection, as the loop does after `close` or when the peer is gone."""
        self.ending = self.ending or "closed"
        self.protocol.connection_lost(problem)

    def write(self, data: Any) -> None:  # noqa: ANN401
        """Collect."""
        if not self.ending:
            self.written += data

    def get_write_buffer_size(self) -> int:
        """Return what a peer that does not read leaves behind [bytes]."""
        return len(self.written) if self.is_paused else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Note the limit."""
        self.high_bytes = high or 0

    def is_closing(self) -> bool:
        """Tell whether the end was asked for."""
        return bool(self.ending)

    def pause_reading(self) -> None:
        """Note that nothing is wanted."""
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        """Note that more is wanted."""
        self.is_reading_paused = False

    def close(self) -> None:
        """Note the end; the test calls `lose`."""
        self.ending = self.ending or "closed"

    def abort(self) -> None:
        """Note the end; the test calls `lose`."""
        self.ending = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeBlock:
    """A block of the fake chain. `coinbase` is empty for the blocks of others."""

    height: int
    block_hash: str
    previous: str
    coinbase: bytes = b""


class FakeNode:
    """A full node in memory. Set its attributes, or call a fault, at any time."""

    def __init__(
        self, clock: Clock, rng: random.Random, *, bits: int = EASY_BITS, algorithm: str = "sha256d"
    ) -> None:  # fmt: skip
        self.bits = bits
        self.delay_s = (0.001, 0.05)
        """How long an answer takes; make it longer for a slow node."""
        self.lost_answer_rate = 0.0
        """How often a block is judged, and the answer lost."""
        self.problem: HashwrightError | None = None
        """What every call raises, while it is set."""
        self.lost_answers = 0
        self.blocks: dict[str, FakeBlock] = {}
        """Every block that was ever accepted, by hash, in the best chain or not."""
        self._clock = clock
        self._rng = rng
        self._hash = ALGORITHMS[algorithm].hash
        self._frozen_until = 0.0
        self._hidden: list[str] = []
        self._chain: list[str] = []
        self._changed = asyncio.Event()
        self._salt = 0
        self._add(FakeBlock(height=START_HEIGHT, block_hash=f"{START_HEIGHT:064x}", previous="0" * 64))

    # ---------------------------------------------------------------- what happens to it

    @property
    def best(self) -> FakeBlock:
        """The tip as the node sees it now."""
        return self.blocks[self._chain[-1]]

    def ours(self) -> list[FakeBlock]:
        """Return the blocks that were submitted here, in the best chain or not."""
        return [block for block in self.blocks.values() if block.coinbase]

    def move(self, count: int = 1) -> None:
        """Let others find blocks."""
        for _ in range(count):
            self._salt += 1
            block_hash = hashlib.sha256(f"{self.best.block_hash} {self._salt}".encode()).hexdigest()
            self._add(FakeBlock(height=self.best.height + 1, block_hash=block_hash, previous=self.best.block_hash))

    def reorganise(self, depth: int) -> None:
        """Let a longer branch of others replace the newest `depth` blocks."""
        if not 0 < depth < len(self._chain):
            raise ValueError(f"{depth} blocks cannot be replaced, the chain has {len(self._chain)}")
        del self._chain[-depth:]
        self.move(depth + 1)

    def fall_back(self, count: int) -> None:
        """Come back from a crash with a tip `count` blocks older, until `catch_up`; the node calls itself ready."""
        if not 0 < count < len(self._chain):
            raise ValueError(f"it cannot lose {count} blocks, the chain has {len(self._chain)}")
        self._hidden = self._chain[-count:] + self._hidden
        del self._chain[-count:]
        self._announce()

    def catch_up(self) -> None:
        """Have the blocks again that were not written before the crash."""
        self._chain += self._hidden
        self._hidden = []
        self._announce()

    def freeze(self, seconds: float) -> None:
        """Answer nothing for a while, as a stopped process."""
        self._frozen_until = self._clock.monotonic() + seconds

    # ---------------------------------------------------------------- adapters.nodes.base.Node

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Return a template without transactions; with the present long-poll id, when the tip has changed."""
        await self._answer()
        while longpoll == self.best.block_hash:
            await self._changed.wait()
        return self._template()

    async def submit(self, block: bytes) -> str:
        """Judge a block, and at times lose the answer."""
        await self._answer()
        answer = self._judge(block)
        if self._rng.random() < self.lost_answer_rate:
            self.lost_answers += 1
            raise Disconnected("The answer was lost on the way.", code="HW-414")
        return answer

    async def block_state(self, block_hash: str) -> BlockState:
        """Tell how deep a block is: -1 when another stands in its place, 0 when this chain does not tell."""
        await self._answer()
        block = self.blocks.get(block_hash)
        if block is None or block.height > self.best.height:
            return BlockState(confirmations=0, height=0)
        depth = self.best.height - block.height
        is_best = self._chain[-1 - depth] == block_hash
        return BlockState(confirmations=depth + 1 if is_best else -1, height=block.height)

    async def tip(self) -> TipSeen:
        """Return the best block."""
        await self._answer()
        return self._tip()

    async def tip_header(self, block_hash: str) -> Tip:
        """Return what must be known to mine on a block."""
        await self._answer()
        block = self.blocks.get(block_hash)
        if block is None:
            raise Disconnected("The node does not know this block.", code="HW-414")
        return Tip(block_hash=block_hash, height=block.height, mediantime=self._now_s() - MINTIME_S)

    async def watch(self) -> AsyncIterator[TipSeen]:
        """Yield the best block at once, then each new one."""
        while True:
            changed, tip = self._changed, self._tip()
            yield tip
            if tip == self._tip():
                await changed.wait()

    async def probe(self) -> NodeProbe:
        """Introduce itself."""
        if self.problem is not None:
            return NodeProbe(state="unreachable", detail=str(self.problem), height=0, network="", version="")
        return NodeProbe(state="ready", detail="", height=self.best.height, network="regtest", version="fake")

    async def script_of_address(self, address: str) -> bytes | None:
        """It reads no addresses."""
        return None

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return the newest coinbases of the best chain, as far as they are known here."""
        await self._answer()
        newest = [self.blocks[block_hash] for block_hash in self._chain[-count:]]
        return [(block.height, block.block_hash, block.coinbase) for block in newest if block.coinbase]

    async def aclose(self) -> None:
        """Nothing is open."""

    # ---------------------------------------------------------------- inside

    async def _answer(self) -> None:
        frozen = max(0.0, self._frozen_until - self._clock.monotonic())
        await asyncio.sleep(frozen + self._rng.uniform(*self.delay_s))
        if self.problem is not None:
            raise self.problem

    def _template(self) -> dict[str, Any]:
        now_s = self._now_s()
        return {
            "version": 0x20000000,
            "previousblockhash": self.best.block_hash,
            "height": self.best.height + 1,
            "transactions": [],
            "coinbasevalue": REWARD,
            "bits": f"{self.bits:08x}",
            "curtime": now_s,
            "mintime": now_s - MINTIME_S,
            "longpollid": self.best.block_hash,
        }

    def _judge(self, block: bytes) -> str:
        header, coinbase = block[:80], block[81:]
        block_hash = sha256d(header)[::-1].hex()
        if block_hash in self.blocks:
            return "duplicate"
        checks: tuple[tuple[Callable[[], bool], str], ...] = (
            (lambda: len(block) > 81 and block[80] == 1, "rejected"),
            (lambda: int.from_bytes(self._hash(header), "little") <= target_of_bits(self.bits), "high-hash"),
            (lambda: header[36:68] == sha256d(coinbase), "bad-txnmrklroot"),
            (lambda: header[4:36][::-1].hex() in self.blocks, "prev-blk-not-found"),
            (lambda: header[4:36][::-1].hex() == self.best.block_hash, "inconclusive"),
        )
        for is_good, answer in checks:
            if not is_good():
                return answer
        best = self.best
        self._add(FakeBlock(height=best.height + 1, block_hash=block_hash, previous=best.block_hash, coinbase=coinbase))
        return ""

    def _add(self, block: FakeBlock) -> None:
        self.blocks[block.block_hash] = block
        self._chain.append(block.block_hash)
        self._hidden = []
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _tip(self) -> TipSeen:
        return TipSeen(height=self.best.height, block_hash=self.best.block_hash)

    def _now_s(self) -> int:
        return self._clock.now() // 1000
