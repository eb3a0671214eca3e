"""What the pool engine is told. Each event is journaled, so it holds plain data and nothing that lives.

Events are `msgspec.Struct` and not dataclasses: a share makes two of them, and they are written to the journal as they
are (docs/decisions/0002). `array_like` keeps a share record small: its field names are not stored. **Fields are only
ever added at the end, with a default**: an old journal must decode with a new program.
"""

from typing import Literal

import msgspec

RequestId = int | str | None
"""The `id` of a JSON-RPC request, as the peer sent it."""


class Event(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """One fact that the world told us."""


class ProcessStarted(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The process begins; every session of an earlier process is over.

    `boot` counts starts of this data folder and is part of every job id, so that no id is ever used twice.
    """

    boot: int
    version: str


class DestinationSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A destination exists with these settings (again, if it did before)."""

    destination: str
    coin: str
    network: str
    algorithm: str
    payout_script: bytes
    coinbase_tag: bytes
    start_difficulty: float
    minimum_difficulty: float
    shares_per_minute: float
    is_practice: bool


class DestinationRemoved(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A destination is gone; its sessions are closed."""

    destination: str


class TemplateSeen(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A node proposes a block. The transactions stay in the shell under the same `template` number.

    `prevhash_le` is in header order. `branch` are the merkle branch hashes from the coinbase's side.
    """

    destination: str
    template: int
    height: int
    version: int
    prevhash_le: bytes
    nbits: int
    curtime: int
    mintime: int
    coinbase_value: int
    witness_commitment: bytes
    branch: tuple[bytes, ...]


class NodeChanged(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The node behind a destination was lost, is syncing, or is back."""

    destination: str
    state: Literal["ready", "syncing", "unreachable", "refused"]
    detail: str


class SessionOpened(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A machine connected. `session` is never used twice within one data folder."""

    session: int
    listener: str
    destination: str
    peer: str


class SubscribeAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """`mining.subscribe`."""

    session: int
    request: RequestId
    agent: str


class ConfigureAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """`mining.configure` (BIP 310). `mask` is None where version rolling was not asked for."""

    session: int
    request: RequestId
    extensions: tuple[str, ...]
    mask: int | None
    minimum_difficulty: float | None


class AuthorizeAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """`mining.authorize`."""

    session: int
    request: RequestId
    user: str
    password: str


class DifficultyAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """`mining.suggest_difficulty`."""

    session: int
    request: RequestId
    difficulty: float


class ExtranonceAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """`mining.extranonce.subscribe`: this machine can be given a new extranonce while it runs."""

    session: int
    request: RequestId


class SessionClosed(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The connection is gone."""

    session: int
    reason: str


class ShareHashed(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A share, with the hash that the shell computed for it (32 bytes as the digest gives them, little-endian number).

    `hash_le` is empty where there was nothing to hash: an unknown job, a wrong size, bits outside of the mask.
    `submitted` is when the bytes came, which for a slow hash is earlier than the event.
    """

    session: int
    request: RequestId
    worker: str
    job: str
    extranonce2: bytes
    ntime: int
    nonce: int
    version_bits: int | None
    hash_le: bytes


class BlockAnswered(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The node answered `submitblock`. `answer` is empty for accepted, else the node's own word."""

    destination: str
    block_hash: str
    answer: str


class BlockSeen(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The chain was asked about a block of ours: how deep it is, or that another stands at its height (-1)."""

    destination: str
    block_hash: str
    confirmations: int


class BlockRecovered(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A block with our coinbase stands in the chain, and our books do not know it: we died between yes and commit."""

    destination: str
    block_hash: str
    height: int
    reward: int


class ClockTicked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A time that was asked for by `WakeAt` has come."""

    key: str


PoolEvent = (
    ProcessStarted
    | DestinationSet
    | DestinationRemoved
    | TemplateSeen
    | NodeChanged
    | SessionOpened
    | SubscribeAsked
    | ConfigureAsked
    | AuthorizeAsked
    | DifficultyAsked
    | ExtranonceAsked
    | SessionClosed
    | ShareHashed
    | BlockAnswered
    | BlockSeen
    | BlockRecovered
    | ClockTicked
)
