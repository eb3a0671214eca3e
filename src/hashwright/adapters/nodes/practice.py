"""PRACTICE chain: a full node's part played in process, so that a newcomer with no node sees the whole system work.

Blocks have Bitcoin's real format: proof of work (sha256d, or scrypt for a coin that uses it), merkle root, BIP 34
height, witness commitment, transactions. `_practice_rules` judges them as strictly as a node would. Not played are
scripts and signatures: the transactions spend outputs of an invented faucet, and only those that this node offered
itself may stand in a block. There is no extension block (MWEB) here. Nothing on this chain is worth anything, and it
is labelled PRACTICE wherever it shows.

Difficulty follows the miners: every block, the target moves by how long the last `WINDOW` blocks took, at most twofold
a block, never easier than the start. The branch with the most work is the best chain, the first of equals, as on a real
node: a block beside it is judged by its own branch, kept, and answered `inconclusive`. The algorithm is the coin's.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from hashwright.adapters.nodes import _practice_rules as rules
from hashwright.adapters.nodes.base import BlockState, NodeProbe, Plugin, TipSeen
from hashwright.chain.coin import Coin
from hashwright.chain.template import Tip
from hashwright.clock import Clock
from hashwright.errors import OperatorError

WINDOW = 8
MEDIAN_BLOCKS = 11
HEADER_SIZE = 80
SUBSIDY = 50 * 10**8
START_BITS = {"sha256d": 0x1F00FFFF, "scrypt": 0x2001FFFF}
"""About 65,000 sha256d hashes or 128 scrypt hashes a block: a moment's work of one CPU."""
FEE = 1_000
FAUCET_BODY_SIZE = 74
"""Of a faucet transaction: inputs and outputs, without version, witness and lock time."""
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of a practice chain."""

    block_interval_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 15.0
    transactions: Annotated[int, msgspec.Meta(ge=0, le=5_000)] = 3
    start_bits: Annotated[int, msgspec.Meta(ge=0, le=0x207FFFFF)] = 0
    """The easiest target, in compact form; 0 stands for the coin's own of `START_BITS`."""
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeBlock:
    """A block of the chain. `work` is the hashes expected for it and all before it."""

    block_hash: bytes
    parent: bytes
    height: int
    work: int
    ntime: int
    nbits: int
    coinbase: bytes
    """In the form without witness; empty for the first block, which nobody mined."""
    transactions: tuple[bytes, ...]


class PracticeNode:
    """The chain, its faucet, and the node's answers."""

    def __init__(self, config: Config, *, coin: Coin, clock: Clock) -> None:
        self.config = config
        self.algorithm = coin.algorithm
        self._hash = _scrypt if coin.algorithm == "scrypt" else _sha256d
        self._clock = clock
        self._start_bits = config.start_bits or START_BITS[coin.algorithm]
        genesis = PracticeBlock(
            block_hash=hashlib.sha256(f"PRACTICE {coin.key} {config.seed}".encode()).digest(),
            parent=b"",
            height=0,
            work=0,
            ntime=self._now_s() - 600,
            nbits=self._start_bits,
            coinbase=b"",
            transactions=(),
        )
        self._blocks: dict[bytes, PracticeBlock] = {genesis.block_hash: genesis}
        self.chain: list[PracticeBlock] = [genesis]
        self._invalid: set[bytes] = set()
        self._known: dict[bytes, rules.Known] = {}
        self._faucet = 0
        self._pool: list[bytes] = []
        self._changed = asyncio.Condition()
        self._fill_pool()

    def __repr__(self) -> str:
        return f"<PracticeNode PRACTICE {self.algorithm} height {self.chain[-1].height}>"

    # ---------------------------------------------------------------- what a node answers

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Return a getblocktemplate answer; with a long-poll id, when the tip is another one."""
        async with self._changed:
            await self._changed.wait_for(lambda: longpoll != self._longpoll_id())
        tip = self.chain[-1]
        wtxids = [_sha256d(raw) for raw in self._pool]
        root, _ = rules.tree([bytes(32), *wtxids])
        return {
            "version": 0x20000000,
            "rules": ["csv", "!segwit"],
            "previousblockhash": tip.block_hash[::-1].hex(),
            "height": tip.height + 1,
            "bits": f"{self.next_bits():08x}",
            "curtime": max(self._now_s(), self.median_time() + 1),
            "mintime": self.median_time() + 1,
            "coinbasevalue": SUBSIDY + sum(self._known[raw].fee for raw in self._pool),
            "transactions": [self._offer(raw) for raw in self._pool],
            "default_witness_commitment": (rules.WITNESS_MARK + _sha256d(root + bytes(32))).hex(),
            "longpollid": self._longpoll_id(),
        }

    async def submit(self, block: bytes) -> str:
        """Judge a block and take it; the empty string, or the node's word for what else became of it."""
        block_hash, parent = _sha256d(block[:HEADER_SIZE]), block[4:36]
        if problem := self._misplaced(block_hash, parent, len(block)):
            return problem
        branch = self._branch(parent)
        try:
            transactions = rules.judge_block(block, self._expected(branch))
        except rules.Refused as refusal:
            return str(refusal)
        taken = self._keep(block_hash, branch[-1], block, transactions)
        if taken.work <= self.chain[-1].work:
            return "inconclusive"
        await self._move_to(taken)
        return ""

    async def block_state(self, block_hash: str) -> BlockState:
        """Tell how deep a block is."""
        known = self._blocks.get(_hash_le(block_hash))
        if known is None:
            return BlockState(confirmations=0, height=0)
        tip = self.chain[-1].height
        if known.height > tip:
            return BlockState(confirmations=0, height=known.height)
        if self.chain[known.height] is not known:
            return BlockState(confirmations=-1, height=known.height)
        return BlockState(confirmations=tip - known.height + 1, height=known.height)

    async def tip(self) -> TipSeen:
        """Return the best block."""
        tip = self.chain[-1]
        return TipSeen(height=tip.height, block_hash=tip.block_hash[::-1].hex())

    async def tip_header(self, block_hash: str) -> Tip:
        """Return what must be known to mine on a block."""
        block = self._blocks.get(_hash_le(block_hash))
        if block is None:
            raise OperatorError("The PRACTICE chain has no such block.", code="HW-411")
        return Tip(block_hash=block_hash, height=block.height, mediantime=_median_time(self._branch(block.block_hash)))

    async def watch(self) -> AsyncIterator[TipSeen]:
        """Yield the best block, then each new one at once."""
        seen = b""
        while True:
            seen = await self._another_tip_than(seen)
            yield await self.tip()

    async def probe(self) -> NodeProbe:
        """Introduce itself."""
        return NodeProbe(
            state="ready", detail="PRACTICE chain, in process", height=self.chain[-1].height, network="regtest",
            version="PRACTICE",
        )  # fmt: skip

    async def script_of_address(self, address: str) -> bytes | None:
        """A practice node reads no addresses."""
        return None

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return height, hash and coinbase (without witness) of the newest blocks, newest first."""
        newest = [block for block in self.chain[-count:] if block.height > 0]
        return [(block.height, block.block_hash[::-1].hex(), block.coinbase) for block in reversed(newest)]

    async def aclose(self) -> None:
        """Nothing is open."""

    # ---------------------------------------------------------------- the chain

    async def invalidate(self, block_hash: str) -> None:
        """Declare a block bad, and all that build on it, as `invalidateblock` does: the next best branch takes over.

        Raises:
            OperatorError: there is no such block, or it is the first one (HW-411).
        """
        bad = self._blocks.get(_hash_le(block_hash))
        if bad is None or bad.height == 0:
            raise OperatorError("The PRACTICE chain has no such block to drop.", code="HW-411")
        self._invalid.add(bad.block_hash)
        for block in self._blocks.values():  # parents stand before their children
            if block.parent in self._invalid:
                self._invalid.add(block.block_hash)
        valid = [block for block in self._blocks.values() if block.block_hash not in self._invalid]
        best = max(valid, key=lambda block: block.work)
        if best is not self.chain[-1]:
            await self._move_to(best)

    def next_bits(self) -> int:
        """Return the bits that the next block must have: the last target, moved by how long the last blocks took."""
        return self._bits_after(self.chain)

    def median_time(self) -> int:
        """Return the median time of the last 11 blocks."""
        return _median_time(self.chain)

    def _bits_after(self, branch: list[PracticeBlock]) -> int:
        recent = branch[-WINDOW - 1 :]
        if len(recent) < 3:
            return self._start_bits
        wanted = self.config.block_interval_s * (len(recent) - 1)
        taken = recent[-1].ntime - recent[0].ntime
        target = rules.expand(recent[-1].nbits)
        moved = target * max(int(taken * 1000), 1) // max(int(wanted * 1000), 1)
        bounded = min(max(moved, target // 2), target * 2, rules.expand(self._start_bits))
        return rules.compact(bounded)

    def _misplaced(self, block_hash: bytes, parent: bytes, size: int) -> str:
        """Return the word for a block that has no place on this chain, or the empty string."""
        if size < HEADER_SIZE:
            return "bad-blk-length"
        if block_hash in self._invalid:
            return "duplicate-invalid"
        if block_hash in self._blocks:
            return "duplicate"
        if parent not in self._blocks:
            return "prev-blk-not-found"
        return "bad-prevblk" if parent in self._invalid else ""

    def _branch(self, block_hash: bytes) -> list[PracticeBlock]:
        """Return the blocks that lead to one, from the first one on."""
        block = self._blocks[block_hash]
        beside = []
        while block.height >= len(self.chain) or self.chain[block.height] is not block:
            beside.append(block)
            block = self._blocks[block.parent]
        return self.chain[: block.height + 1] + beside[::-1]

    def _expected(self, branch: list[PracticeBlock] | None = None) -> rules.Expected:
        branch = branch or self.chain
        spent = _included(branch)
        return rules.Expected(
            prevhash=branch[-1].block_hash,
            height=branch[-1].height + 1,
            nbits=self._bits_after(branch),
            median_time=_median_time(branch),
            now_s=self._now_s(),
            subsidy=SUBSIDY,
            known={raw: known for raw, known in self._known.items() if raw not in spent},
            proof_of_work=self._hash,
        )

    def _keep(
        self, block_hash: bytes, parent: PracticeBlock, raw: bytes, transactions: tuple[rules.Parsed, ...]
    ) -> PracticeBlock:
        nbits = int.from_bytes(raw[72:76], "little")
        block = PracticeBlock(
            block_hash=block_hash,
            parent=parent.block_hash,
            height=parent.height + 1,
            work=parent.work + 2**256 // (rules.expand(nbits) + 1),
            ntime=int.from_bytes(raw[68:72], "little"),
            nbits=nbits,
            coinbase=transactions[0].plain,
            transactions=tuple(item.raw for item in transactions[1:]),
        )
        self._blocks[block_hash] = block
        return block

    async def _move_to(self, best: PracticeBlock) -> None:
        """Make the branch of a block the best chain; what it does not include is on offer again."""
        self.chain = self._branch(best.block_hash)
        spent = _included(self.chain)
        self._pool = [raw for raw in self._known if raw not in spent]
        self._fill_pool()
        await self._announce()

    async def _another_tip_than(self, seen: bytes) -> bytes:
        async with self._changed:
            await self._changed.wait_for(lambda: self.chain[-1].block_hash != seen)
        return self.chain[-1].block_hash

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _longpoll_id(self) -> str:
        return f"{self.chain[-1].block_hash[::-1].hex()}{self.chain[-1].height}"

    # ---------------------------------------------------------------- the faucet

    def _fill_pool(self) -> None:
        while len(self._pool) < self.config.transactions:
            self._faucet += 1
            raw, spends = _faucet_transaction(self._faucet, self.config.seed)
            self._known[raw] = rules.Known(fee=FEE, spends=(spends,))
            self._pool.append(raw)

    def _offer(self, raw: bytes) -> dict[str, Any]:
        return {
            "data": raw.hex(),
            "txid": _sha256d(_without_witness(raw))[::-1].hex(),
            "hash": _sha256d(raw)[::-1].hex(),
            "fee": self._known[raw].fee,
            "weight": 3 * len(_without_witness(raw)) + len(raw),
        }

    def _now_s(self) -> int:
        return self._clock.now() // 1000


def _median_time(branch: list[PracticeBlock]) -> int:
    times = sorted(block.ntime for block in branch[-MEDIAN_BLOCKS:])
    return times[len(times) // 2]


def _included(branch: list[PracticeBlock]) -> set[bytes]:
    return {raw for block in branch for raw in block.transactions}


def _faucet_transaction(number: int, seed: int) -> tuple[bytes, bytes]:
    """Invent a transaction with one input and one output: every second one with a witness."""
    outpoint = hashlib.sha256(f"PRACTICE faucet {seed} {number}".encode()).digest() + bytes(4)
    output = (10**8 + number).to_bytes(8, "little") + b"\x16\x00\x14" + outpoint[:20]
    body = b"\x01" + outpoint + b"\x00" + b"\xff" * 4 + b"\x01" + output
    version, lock_time = (2).to_bytes(4, "little"), bytes(4)
    if number % 2:
        return version + body + lock_time, outpoint
    witness = b"\x02\x04" + outpoint[:4] + b"\x21" + b"\x02" + outpoint[:32]
    return version + b"\x00\x01" + body + witness + lock_time, outpoint


def _without_witness(raw: bytes) -> bytes:
    """Strip the witness of a faucet transaction: its parts have fixed places."""
    return raw if raw[4:6] != b"\x00\x01" else raw[:4] + raw[6 : 6 + FAUCET_BODY_SIZE] + raw[-4:]


def _hash_le(display: str) -> bytes:
    """Read a hash as RPC writes it; what is none names no block."""
    return bytes.fromhex(display)[::-1] if _HASH.fullmatch(display) else b""  # allow hex: checked by the pattern


def _sha256d(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def _scrypt(header: bytes) -> bytes:
    return hashlib.scrypt(header, salt=header, n=1024, r=1, p=1, dklen=32)


def _build(config: Config, *, coin: Coin, network: str, clock: Clock, address: str = "") -> PracticeNode:
    return PracticeNode(config, coin=coin, clock=clock)


PLUGIN = Plugin(title="PRACTICE chain, in process: no node, no network, no value", config=Config, build=_build)
