"""What a full node is to us, whatever its kind: the port that `runtime` uses and each file in this folder fills.

Errors are ours and sorted by who must act: `Unavailable` (and `NodeSyncing`) passes by itself, `AuthRejected` and
`OperatorError` need a person.

Chains differ in what a template and a block are, and `chain` reads them: a template comes as the node gave it, a block
goes as bytes. Of every template two keys are asked here, `height` and `previousblockhash`; an adapter whose node names
them otherwise adds them.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from hashwright.chain.template import Tip

NodeState = Literal["ready", "syncing", "warming-up", "unreachable", "refused"]
"""It gives templates; it loads blocks or has no peer; it has just started; nothing answers; a person must act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProbe:
    """What a node says of itself."""

    state: NodeState
    detail: str
    height: int
    network: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockState:
    """How deep a block is: -1 when another stands in its place, 0 when the chain does not tell.

    0 is no verdict: the node does not know the block, or its chain does not reach that far now (it may have crashed and
    be behind). `height` is 0 where it is not known.
    """

    confirmations: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TipSeen:
    """The best block, as RPC writes its hash."""

    height: int
    block_hash: str


class Node(Protocol):
    """A full node."""

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Return the node's template; with a long-poll id, when it has changed."""
        ...

    async def submit(self, block: bytes) -> str:
        """Submit a block; return the empty string when it was accepted, else the node's own word."""
        ...

    async def block_state(self, block_hash: str) -> BlockState:
        """Ask the chain, not the wallet, about a block."""
        ...

    async def tip(self) -> TipSeen:
        """Return the best block."""
        ...

    async def tip_header(self, block_hash: str) -> Tip:
        """Return what must be known to mine on a block."""
        ...

    def watch(self) -> AsyncIterator[TipSeen]:
        """Yield the best block at once, then each new one, for ever. Cancel it, or `aclose` it."""
        ...

    async def probe(self) -> NodeProbe:
        """Ask the node about itself; what is wrong is in the answer, nothing is raised."""
        ...

    async def script_of_address(self, address: str) -> bytes | None:
        """Return the script that the node itself reads from an address, or None where it cannot tell."""
        ...

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return height, hash and coinbase (without witness; Monero: miner transaction) of the newest blocks."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class CanJudgeProof(Protocol):
    """A node that hashes for others: the judge of RandomX where its library is not installed."""

    async def calc_pow(self, *, major_version: int, height: int, blob: bytes, seed: bytes) -> bytes:
        """Return the hash of a blob (32 bytes as the digest gives them) under a key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A kind of node: its name for people, its settings, the family of its coins, and how it is built.

    `build(config, *, coin, network, clock, address)`: `address` is whom a block pays, for nodes that make the coinbase.
    """

    title: str
    config: type[msgspec.Struct]
    build: Callable[..., Node]
    family: Literal["bitcoin", "cryptonote"] = "bitcoin"
