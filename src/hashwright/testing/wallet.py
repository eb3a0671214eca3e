"""A chain and a wallet in memory, with faults: for tests of everything that pays.

The chain is the judge: `paid` counts what confirmed transactions ever paid to a script. `Fault`s are drawn by the test:
an answer that is lost after the node took the transaction, an error of a node that took it all the same, one that never
got it, a locked wallet, a node that hangs.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hashwright.adapters.wallets._coins import SignedTransaction, Unspent, prepare_from_coins
from hashwright.adapters.wallets.base import (
    Arrival,
    Broadcast,
    Order,
    Outpoint,
    Prepared,
    Sight,
    Spent,
    WalletTip,
)
from hashwright.errors import OperatorError, Unavailable

Fault = Literal["", "answer-lost", "error-but-sent", "not-sent", "locked", "hang"]
OWN = b"\x00\x14" + b"own-wallet-of-pool.."


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction of the virtual chain."""

    txid: str
    inputs: tuple[Outpoint, ...]
    outputs: tuple[tuple[bytes, int], ...]


@dataclass(slots=True)
class VirtualChain:
    """Blocks, each a list of transactions, and a mempool."""

    blocks: list[list[Transaction]] = field(default_factory=list)
    mempool: dict[str, Transaction] = field(default_factory=dict)
    made: int = 0

    @property
    def height(self) -> int:
        """Return the number of blocks."""
        return len(self.blocks)

    def fund(self, script: bytes, minor: int) -> Outpoint:
        """Mine a block that gives coins out of nothing."""
        self.made += 1
        transaction = Transaction(f"{self.made:064x}", (), ((script, minor),))
        self.blocks.append([transaction])
        return Outpoint(transaction.txid, 0)

    def mine(self, count: int = 1) -> None:
        """Mine blocks; the first takes the mempool."""
        for _ in range(count):
            self.blocks.append(list(self.mempool.values()))
            self.mempool.clear()

    def reorganise(self, depth: int, *, drops: bool = False) -> None:
        """Take blocks away; their transactions go back to the mempool, or are forgotten."""
        for block in reversed(self.blocks[-depth:]):
            for transaction in block:
                if transaction.inputs and not drops:
                    self.mempool[transaction.txid] = transaction
        del self.blocks[-depth:]

    def mined(self) -> list[tuple[int, Transaction]]:
        """List confirmed transactions with their depth."""
        return [(self.height - at, it) for at, block in enumerate(self.blocks) for it in block]

    def spenders(self, outpoint: Outpoint) -> list[tuple[int, Transaction]]:
        """List what spends an output, with its depth; 0 is the mempool."""
        waiting = [(0, it) for it in self.mempool.values()]
        return [(depth, it) for depth, it in [*self.mined(), *waiting] if outpoint in it.inputs]

    def coins(self, script: bytes) -> dict[Outpoint, tuple[int, int]]:
        """Return the unspent outputs of a script: amount and depth."""
        found = {}
        for depth, it in [*self.mined(), *((0, other) for other in self.mempool.values())]:
            for index, (owner, minor) in enumerate(it.outputs):
                outpoint = Outpoint(it.txid, index)
                if owner == script and not self.spenders(outpoint):
                    found[outpoint] = (minor, depth)
        return found

    def paid(self, script: bytes) -> int:
        """Return what confirmed transactions paid to a script."""
        return sum(minor for _, it in self.mined() for owner, minor in it.outputs if owner == script)

    def take(self, transaction: Transaction) -> tuple[Broadcast, str]:
        """Take a transaction into the mempool, by the rules of a node."""
        if any(it.txid == transaction.txid for _, it in self.mined()):
            return "already-mined", "txn-already-known"
        if transaction.txid in self.mempool:
            return "already-known", "txn-already-in-mempool"
        for outpoint in transaction.inputs:
            spenders = self.spenders(outpoint)
            if spenders:
                return ("conflict", "txn-mempool-conflict") if spenders[0][0] == 0 else ("missing-inputs", "spent")
            if not any(it.txid == outpoint.txid_display for _, it in self.mined()) and (
                outpoint.txid_display not in self.mempool
            ):
                return "missing-inputs", "bad-txns-inputs-missingorspent"
        self.mempool[transaction.txid] = transaction
        return "accepted", ""


class VirtualWallet:
    """A wallet on a virtual chain. `faults` are used up one a call of `broadcast`."""

    def __init__(self, chain: VirtualChain, *, is_watch_only: bool = False, rate: int = 1_000) -> None:
        self.chain = chain
        self.is_watch_only = is_watch_only
        self.faults: list[Fault] = []
        self.is_locked = False
        self.broadcasts = 0
        self.signed = 0
        self._rate = rate

    async def aclose(self) -> None:
        """Nothing is open."""

    async def prepare(self, order: Order, *, reserved: Collection[tuple[str, int]]) -> Prepared:
        """Choose coins and sign."""
        return await prepare_from_coins(self, order, reserved=reserved)

    async def unspent(self, minimum_confirmations: int) -> list[Unspent]:
        """List what it can spend."""
        return [
            Unspent(outpoint=outpoint, minor=minor, confirmations=depth)
            for outpoint, (minor, depth) in self.chain.coins(OWN).items()
            if depth >= minimum_confirmations
        ]

    async def sign(self, outputs: Sequence[tuple[bytes, int]], *, inputs: Sequence[Outpoint]) -> SignedTransaction:
        """Sign."""
        if self.is_locked:
            raise OperatorError("The wallet is locked.", code="HW-624", hint="Unlock it.")
        self.signed += 1  # a signature is never the same twice
        content = [[it.txid_display, it.index] for it in inputs], [[it[0].hex(), it[1]] for it in outputs], self.signed
        raw = json.dumps(content).encode()
        return SignedTransaction(
            txid_display=hashlib.sha256(raw).hexdigest(), raw=raw, inputs=tuple(inputs), outputs=tuple(outputs)
        )

    async def broadcast(self, raw: bytes) -> tuple[Broadcast, str]:
        """Send, or fail as the next fault says."""
        self.broadcasts += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "not-sent":
            raise Unavailable("The node does not answer.", code="HW-412", hint="")
        if fault == "hang":
            return "unknown", "timed out before it was sent"
        word, detail = self.chain.take(decode(raw))
        if fault == "answer-lost":
            raise Unavailable("The node does not answer.", code="HW-412", hint="")
        if fault == "error-but-sent":
            return "unknown", "HTTP 500"
        return word, detail

    async def sight(self, txid_display: str, inputs: Sequence[Outpoint]) -> Sight:
        """Ask the chain."""
        for depth, it in self.chain.mined():
            if it.txid == txid_display:
                return Sight(state="mined", confirmations=depth, txid_display=txid_display)
        for outpoint in inputs:
            for depth, it in self.chain.spenders(outpoint):
                if depth and it.txid != txid_display:
                    return Sight(state="conflicted", confirmations=depth, txid_display=it.txid)
        state: Literal["mempool", "absent"] = "mempool" if txid_display in self.chain.mempool else "absent"
        return Sight(state=state, confirmations=0, txid_display=txid_display)

    async def fee_rate(self, target_blocks: int) -> int:
        """Return the rate."""
        return self._rate

    async def change_script(self) -> bytes:
        """Return the one script of the wallet."""
        return OWN

    async def outgoing(self) -> list[str]:
        """List what spent the wallet's coins."""
        own = {
            Outpoint(it.txid, index)
            for _, it in self.chain.mined()
            for index, (owner, _minor) in enumerate(it.outputs)
            if owner == OWN
        }
        every = [*(it for _, it in self.chain.mined()), *self.chain.mempool.values()]
        return [it.txid for it in every if own.intersection(it.inputs)]

    async def arrivals(self) -> list[Arrival]:
        """List what came in from others; coins out of nothing are blocks that the books know."""
        every = [*self.chain.mined(), *((0, it) for it in self.chain.mempool.values())]
        own = {Outpoint(it.txid, at) for _, it in every for at, (owner, _) in enumerate(it.outputs) if owner == OWN}
        return [
            Arrival(txid_display=it.txid, net=net, confirmations=depth, block_hash="")
            for depth, it in every
            if it.inputs
            and not own.intersection(it.inputs)
            and (net := sum(minor for owner, minor in it.outputs if owner == OWN))
        ]

    async def spent(self, txid_display: str) -> Spent:
        """Return what a transaction took out."""
        every = [*self.chain.mined(), *((0, it) for it in self.chain.mempool.values())]
        depth, found = next(it for it in every if it[1].txid == txid_display)
        amounts = {
            Outpoint(it.txid, index): (owner, minor)
            for _, it in every
            for index, (owner, minor) in enumerate(it.outputs)
        }
        coins = [amounts[it] for it in found.inputs]
        come = sum(minor for owner, minor in coins if owner == OWN)
        back = sum(minor for owner, minor in found.outputs if owner == OWN)
        fee = sum(minor for _, minor in coins) - sum(minor for _, minor in found.outputs)
        return Spent(txid_display=txid_display, net=come - back, fee=fee, outputs=found.outputs, confirmations=depth)

    async def balance(self) -> int:
        """Return what it holds."""
        return sum(minor for minor, _ in self.chain.coins(OWN).values())

    async def tip(self) -> WalletTip:
        """Return the best block."""
        return WalletTip(height=self.chain.height, block_hash=f"{self.chain.height:064x}")


def decode(raw: bytes) -> Transaction:
    """Read a virtual transaction."""
    inputs, outputs, _number = json.loads(raw)
    # allow hex: written by `sign` of this file
    paid = tuple((bytes.fromhex(script), minor) for script, minor in outputs)
    return Transaction(hashlib.sha256(raw).hexdigest(), tuple(Outpoint(txid, index) for txid, index in inputs), paid)
