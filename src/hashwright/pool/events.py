"""What the pool engine is told. Each event is journaled, so it holds plain data and nothing that lives.

Events are `msgspec.Struct` and not dataclasses: a share makes two of them, and they are written to the journal as they
are (docs/decisions/0002). `array_like` keeps a share record small: its field names are not stored. **Fields are only
ever added at the end, with a default**: an old journal must decode with a new program.
"""

from typing import Literal

import msgspec

from hashwright.chain.target import target_of_bits
from hashwright.signals import ClockTicked as ClockTicked
from hashwright.signals import Event, MoveMachine
from hashwright.signals import ProcessStarted as ProcessStarted

RequestId = int | str | None
"""The `id` of a JSON-RPC request, as the peer sent it."""


class DestinationSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A destination exists with these settings (again, if it did before).

    `scheme` is the payout scheme by which blocks are divided among members, with its settings (JSON); without one they
    are the owner's. `wallet` names the account where they arrive, the destination's own name where it is empty.
    """

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
    scheme: str = ""
    scheme_settings: bytes = b""
    wallet: str = ""


class DestinationRemoved(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A destination is gone; its sessions are closed."""

    destination: str


class BlobTemplate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a CryptoNote node's template has that a header has not.

    `head` is the block up to its nonce. `coinbase_prefix`, `room` [bytes] and `coinbase_suffix` are the miner
    transaction, without the last byte that its id leaves apart; the room is ours. `transactions` counts with it. `seed`
    is the key of RandomX, `next_seed` the coming one where it is known. `network_target_be` takes the place of nbits.
    `fees` [minor units] are what the block pays beyond new coins.
    """

    head: bytes
    coinbase_prefix: bytes
    room: int
    coinbase_suffix: bytes
    transactions: int
    network_target_be: bytes
    seed: bytes
    next_seed: bytes
    fees: int


class BlobJob(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an upstream's CryptoNote job has that a header's has not: the blob, whole, and its own share target."""

    blob: bytes
    height: int
    seed: bytes
    next_seed: bytes
    target_be: bytes


class TemplateSeen(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A node proposes a block. The transactions stay in the shell under the same `template` number.

    `prevhash_le` is in header order. `branch` are the merkle branch hashes from the coinbase's side. With a `blob` it
    is a CryptoNote node's: then `version` is the fork, and `nbits` and the times are 0.
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
    blob: BlobTemplate | None = None

    @property
    def network_target(self) -> int:
        """Return the target of a block.

        Raises:
            ValueError: nbits stand for none.
        """
        return target_of_bits(self.nbits) if self.blob is None else int.from_bytes(self.blob.network_target_be, "big")


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


class LoginAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """CryptoNote's `login`: subscribe and authorize in one. `difficulty` is a wish, 0.0 where there is none."""

    session: int
    request: RequestId
    user: str
    password: str
    agent: str
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
    `claimed_le` is the hash that a CryptoNote machine says it found. `chance` is how likely this share was to be hashed
    by us: 1.0 means that every share is; where it `is_believed` it was not, and `hash_le` is the machine's own.
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
    claimed_le: bytes = b""
    chance: float = 1.0
    is_believed: bool = False


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


class BlockReleased(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A person looked at an abnormal reward: it is the members', as it was divided, or the owner's to give back."""

    destination: str
    block_hash: str
    to: Literal["members", "owner"]


class ReserveMoved(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The owner puts coins of a pool's wallet into its reserve, or takes them out [minor units, out below zero].

    `reference` is never used twice.
    """

    destination: str
    minor: int
    reference: str


# ---------------------------------------------------------------- from upstreams


class UpstreamSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A destination whose work comes from somebody else's pool exists with these settings (again, if it did before).

    The fields that `DestinationSet` has too mean the same. `payout_script` is empty unless the upstream pays us in the
    coinbase itself (`solo`); then a coinbase that does not is an alert, and where `leaves_on_mismatch` is set the jobs
    that hold it are not mined.
    """

    destination: str
    coin: str
    network: str
    algorithm: str
    payout_script: bytes
    start_difficulty: float
    minimum_difficulty: float
    shares_per_minute: float
    is_practice: bool
    leaves_on_mismatch: bool


class ChannelOpened(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A connection to an upstream is subscribed and authorised, or its extranonce or mask changed (same `channel`).

    `channel` is never used twice within one data folder. `prefix` is the upstream's extranonce1, `extranonce2_size`
    [bytes] what it leaves to us, `mask` the version bits that it lets us roll.
    """

    destination: str
    channel: int
    prefix: bytes
    extranonce2_size: int
    mask: int


class ChannelClosed(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A connection to an upstream is gone. What was sent on it and has no answer will have none."""

    destination: str
    channel: int
    reason: str


class UpstreamJobSeen(Event, frozen=True, array_like=True, tag=True, gc=False):
    """An upstream gave a job. `difficulty` is the one in force for it; the coinbase is in the form without witness."""

    destination: str
    channel: int
    job: str
    prevhash_le: bytes
    coinbase_prefix: bytes
    coinbase_suffix: bytes
    branch: tuple[bytes, ...]
    version: int
    nbits: int
    ntime: int
    is_clean: bool
    difficulty: float
    blob: BlobJob | None = None


class ShareVerdict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An upstream's answer to one share. `share` is the number of `SubmitUpstream`; latency from submit [ms]."""

    share: int
    is_accepted: bool
    code: int
    reason: str
    latency_ms: int


class SharesAnswered(Event, frozen=True, array_like=True, tag=True, gc=False):
    """An upstream answered shares: all that were in one read."""

    destination: str
    channel: int
    verdicts: tuple[ShareVerdict, ...]


class UpstreamChanged(Event, frozen=True, array_like=True, tag=True, gc=False):
    """How it goes with an upstream, in words: connecting, refused, silent. Jobs alone make it ready."""

    destination: str
    state: Literal["connecting", "connected", "unreachable", "refused"]
    detail: str


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
    | LoginAsked
    | SessionClosed
    | ShareHashed
    | BlockAnswered
    | BlockSeen
    | BlockRecovered
    | BlockReleased
    | ReserveMoved
    | ClockTicked
    | UpstreamSet
    | ChannelOpened
    | ChannelClosed
    | UpstreamJobSeen
    | SharesAnswered
    | UpstreamChanged
    | MoveMachine
)
