"""The pool engine's memory: destinations, jobs, sessions, and what each machine was really sent.

**The job record is the key to every judgement** (design law 5): a share is judged by the `Terms` under which *this*
machine was sent *this* job, never by what the session's difficulty is now. That closes the difficulty race, late mask
changes and job-id collisions in one place.

All records are `msgspec.Struct`, so that a snapshot of the state is one call. They hold plain data only. Targets are 32
bytes, big-endian: they compare like numbers, and the journal's integers end at 64 bits.
"""

import msgspec

from hashwright.pool.duplicates import Duplicates
from hashwright.pool.events import DestinationSet, RequestId, TemplateSeen, UpstreamSet
from hashwright.pool.extranonce import Prefixes
from hashwright.pool.members import Books
from hashwright.pool.worth import BlockWorth
from hashwright.signals import DestinationState
from hashwright.stratum.proof import RENTED_AGENT

OWN_CHANNEL = 0
"""The one channel of a destination with its own node."""
NOWHERE = -1
"""Stands for the channel of a session that has none."""


class BlobWork(msgspec.Struct, frozen=True, array_like=True):
    """What a job of blob work has that a header's has not: the blob is `head`, nonce, and root and count, or `tail`.

    An upstream's blob has a fixed `tail`. `seed` is the key of RandomX, `next_seed` the coming one where it is known.
    """

    head: bytes
    tail: bytes
    transactions: int
    seed: bytes
    next_seed: bytes


class Job(msgspec.Struct, frozen=True, array_like=True):
    """Work prepared for hashing. The coinbase is `prefix + extranonce + suffix`, in the form without witness.

    Of a node's template it is made by us; an upstream's job is taken over under an id of our own. Then `upstream_job`
    is their id, `upstream_prefix` what they put before our part of the extranonce, and `upstream_target_be` the share
    target at which they take shares; all three are empty for a job of our own. `number` counts all jobs of a process.
    What is peculiar to blobs is in `blob`, and only `pool.work` looks at it.
    """

    id: str
    destination: str
    template: int
    height: int
    version: int
    prevhash_le: bytes
    nbits: int
    ntime: int
    mintime: int
    network_target_be: bytes
    coinbase_prefix: bytes
    coinbase_suffix: bytes
    branch: tuple[bytes, ...]
    reward: int
    made_at: int
    number: int = 0
    channel: int = OWN_CHANNEL
    upstream_job: str = ""
    upstream_prefix: bytes = b""
    upstream_target_be: bytes = b""
    upstream_difficulty: float = 0.0
    blob: BlobWork | None = None

    @property
    def is_own(self) -> bool:
        """Tell whether our own node takes its blocks."""
        return self.channel == OWN_CHANNEL


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """Under which conditions a machine was sent a job. Shared by all jobs sent while nothing changed."""

    prefix: bytes
    extranonce2_size: int
    difficulty: float
    target_be: bytes
    mask: int


class Pace(msgspec.Struct, array_like=True):
    """What vardiff remembers of a session: since when it counts, how many shares (weighed), its own bounds."""

    since: int
    shares: float
    last_share: int
    is_first: bool
    is_fixed: bool
    minimum: float


class Session(msgspec.Struct, array_like=True):
    """One machine's connection, as the pool sees it.

    `destination` is where it mines, or would like to; `channel` is NOWHERE while there is no room for it. `mask` is
    what the machine was told, `asked_mask` what it could roll. `difficulty` is what suits the machine; the terms of
    its jobs say what it really got.
    """

    id: int
    destination: str
    listener: str
    peer: str
    agent: str
    prefix: bytes
    extranonce2_size: int
    asked_mask: int
    mask: int
    difficulty: float
    pace: Pace
    terms: Terms | None
    worker: str
    can_extranonce: bool
    is_subscribed: bool
    is_authorized: bool
    opened_at: int
    sent: dict[str, Terms]
    channel: int = NOWHERE
    is_sliced: bool = False
    is_quick: bool = False
    is_leaving: bool = False
    moved_at: int = 0
    subscribe_request: RequestId = None
    waits_for_subscribe: bool = False

    @property
    def is_working(self) -> bool:
        """Tell whether it gets jobs, when there are any."""
        return self.is_subscribed and self.is_authorized

    @property
    def is_rented(self) -> bool:
        """Tell whether a hash-power market is behind it: many machines under one name."""
        return self.agent.startswith(RENTED_AGENT)


class OpenShare(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A share on its way to an upstream."""

    worker: str
    target_be: bytes


class Coinbase(msgspec.Struct, frozen=True, array_like=True):
    """Whom an upstream's job really pays: what its coinbase says, as of the newest job.

    `paid` is what reaches `payout_script`, of `total` [minor units]; both are 0 where it could not be read, and then
    `problem` says why.
    """

    height: int | None
    tag: str
    outputs: tuple[tuple[int, bytes], ...]
    paid: int
    total: int
    problem: str


class Channel(msgspec.Struct, array_like=True):
    """One source of jobs with a search space of its own: a node's templates, or one connection to an upstream.

    `own_bytes` of what the upstream leaves are our part: who searches, or which slice. `extranonce2_size` [bytes] is
    what is left to the machine. `room` is how many machines it carries at once. `clean_from` is the number of the
    oldest job that is not stale, `base_number` of the one that went to all machines last. `members` have a place
    here, `working` get jobs.
    """

    id: int
    destination: str
    prefix: bytes
    own_bytes: int
    extranonce2_size: int
    mask: int
    room: int
    prefixes: Prefixes
    opened_at: int
    job: str = ""
    jobs: list[str] = []
    tip_le: bytes = b""
    clean_from: int = 0
    job_at: int = 0
    base_number: int = 0
    spent_job: str = ""
    is_renewed: bool = False
    is_shunned: bool = False
    working: dict[int, None] = {}
    members: dict[int, None] = {}
    empty_since: int = 0
    shares_sent: int = 0
    open: dict[int, OpenShare] = {}
    coinbase: Coinbase | None = None


class Destination(msgspec.Struct, array_like=True):
    """Where work comes from. `waiting` are the sessions for which no channel has room, first come first."""

    settings: DestinationSet | UpstreamSet
    template: TemplateSeen | None
    node_state: str
    node_detail: str
    templates_seen: int
    last_template_at: int
    channels: dict[int, Channel]
    waiting: dict[int, None]
    state: DestinationState = "waiting"
    alerted: dict[str, int] = {}

    @property
    def is_own(self) -> bool:
        """Tell whether the work comes from a node of our own."""
        return type(self.settings) is DestinationSet

    @property
    def job(self) -> str:
        """Return the newest job, or an empty string."""
        return max((channel.job for channel in self.channels.values()), key=len_and_text, default="")

    @property
    def working(self) -> dict[int, None]:
        """Return the sessions that get its jobs."""
        return {id_: None for channel in self.channels.values() for id_ in channel.working}


def len_and_text(text: str) -> tuple[int, str]:
    """Order hexadecimal numbers without leading zeros by size."""
    return len(text), text


class BlockRecord(msgspec.Struct, array_like=True):
    """A block of ours whose fate the chain has not settled yet.

    `parts` are who gets how much [minor units], as it was divided when it was found; `rest` is how much of the pool's
    own part is the reserve's. `entries` counts what the books hold of it, `is_entered` tells whether it stands there
    now, `depth` how deep it was seen last. One that `is_held` pays so much that a person looks first: nobody is
    credited, and when it has matured it waits here for his word.
    """

    destination: str
    block_hash: str
    height: int
    worker: str
    reward: int
    state: str
    found_at: int
    parts: tuple[tuple[str, int], ...] = ()
    entries: int = 0
    is_entered: bool = False
    depth: int = 0
    network_work_be: bytes = b""
    rest: int = 0
    is_held: bool = False
    is_matured: bool = False


class Reserve(msgspec.Struct, array_like=True):
    """What a pool that pays for work remembers; it outlives the destination, as its account in the books does.

    `funds` are by currency code [minor units], as the books hold them. `pending` is work by member that is not credited
    yet [hashes, big-endian], `carried` fractions [2**-62 minor units]. The terms in force have no network work before
    the first template.
    """

    funds: dict[str, int] = {}
    pending: dict[str, bytes] = {}
    carried: dict[str, int] = {}
    network_work_be: bytes = b""
    subsidy: int = 0
    fees: int = 0
    credited_at: int = 0
    is_stopped: bool = False
    stopped_at: int = 0


class PoolState(msgspec.Struct, array_like=True):
    """Everything the pool engine knows."""

    boot: int = 0
    started_at: int = 0
    jobs_made: int = 0
    destinations: dict[str, Destination] = msgspec.field(default_factory=dict)
    sessions: dict[int, Session] = msgspec.field(default_factory=dict)
    jobs: dict[str, Job] = msgspec.field(default_factory=dict)
    blocks: dict[str, BlockRecord] = msgspec.field(default_factory=dict)
    prefixes: Prefixes = msgspec.field(default_factory=Prefixes)
    duplicates: Duplicates = msgspec.field(default_factory=Duplicates)
    books: dict[str, Books] = msgspec.field(default_factory=dict)
    worths: dict[str, BlockWorth] = msgspec.field(default_factory=dict)
    reserves: dict[str, Reserve] = msgspec.field(default_factory=dict)
    credits_made: int = 0
    debts: dict[str, int] = msgspec.field(default_factory=dict)
    """By worker: so many good shares are not credited, because one was forged while not every share was hashed."""
