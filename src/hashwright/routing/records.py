"""The routing engine's memory: machines, destinations with what they were asked for and did, plans and pins.

Everything is by algorithm: machines of one cannot help another. Work is a whole number of hashes; rates, shares and
ages are floats and integers of milliseconds, because nothing is paid by them. Plain data only; sums outgrow the 64 bits
of MessagePack within a day, so a snapshot seals them (`snapshot.py`).

Must not know: jobs, extranonces, sockets, who is paid.
"""

import msgspec

from hashwright.routing.events import RouteSet
from hashwright.signals import DestinationState

RATE_SPAN_MS = 300_000
"""A machine's rate is its work over about five minutes: long enough for chance, short enough for a throttled one."""


class Machine(msgspec.Struct, array_like=True):
    """One machine. `since` is when it came to its destination, `moved_at` when it last moved as a whole.

    `decayed` is its work, weighed by age; `slice_work` and `share_work` [hashes] are of the present slice and of its
    newest share. `wish` is where it was told to go and has not arrived, since `wish_at`. `pin` is where its name
    belongs: looked up when it comes and when pins change, for there may be many patterns and a tick comes each second.
    """

    session: int
    worker: str
    destination: str
    moves_freely: bool
    joined_at: int
    since: int
    moved_at: int = 0
    decayed: float = 0.0
    decayed_at: int = 0
    shares: int = 0
    slice_work: float = 0.0
    share_work: float = 0.0
    is_sliced: bool = False
    is_quick: bool = False
    wish: str = ""
    wish_at: int = 0
    pin: str = ""
    lent_to: str = ""


class Health(msgspec.Struct, array_like=True):
    """What an upstream's answers say about it: how many there were and how many of them were refusals, in the present
    window and in the one before. `restored_at` is when it was tried again after it was degraded, 0 before that.
    """

    answers: int = 0
    refusals: int = 0
    sent_since_yes: int = 0
    first_sent_at: int = 0
    is_degraded: bool = False
    degraded_at: int = 0
    rest_ms: int = 0
    why: str = ""
    latency_ms: float = -1.0
    answers_before: int = 0
    refusals_before: int = 0
    restored_at: int = 0


class Account(msgspec.Struct, array_like=True):
    """One destination: how it is, and its work. `debt` is what it is owed by the present plan [hashes].

    `refilled_at` is when it began to be filled slowly again; 0 where it is not. `falls` is how often it went away in
    short order, the last time at `fell_at`.
    """

    destination: str
    state: DestinationState
    reason: str
    health: Health
    asked: int = 0
    counted: int = 0
    returned: int = 0
    late: int = 0
    debt: int = 0
    unbooked: int = 0
    was_down: bool = False
    refilled_at: int = 0
    falls: int = 0
    fell_at: int = 0


class Group(msgspec.Struct, array_like=True):
    """The machines and destinations of one algorithm.

    `primary` gets everything while there is no plan. `fresh` is the work counted since the last tick, `total_hs` the
    rate of all machines at that time. Until `hurry_until` machines may be moved again however shortly they are there.
    `lent` are those that work for orders of the market: they are not among `machines`.
    """

    algorithm: str
    plan: RouteSet | None
    machines: dict[int, Machine]
    accounts: dict[str, Account]
    failed: str = ""
    primary: str = ""
    planned_at: int = 0
    review_at: int = 0
    reviews: int = 0
    reviewed_at: int = 0
    booked_at: int = 0
    fresh: int = 0
    total_hs: float = 0.0
    is_split: bool = False
    hurry_until: int = 0
    lent: dict[int, Machine] = msgspec.field(default_factory=dict)


class Tries(msgspec.Struct, array_like=True):
    """How often a machine that cannot be moved while it runs was asked to reconnect, within the hour from `since`."""

    since: int
    count: int
    is_told: bool = False


class RoutingState(msgspec.Struct, array_like=True):
    """Everything the routing engine knows. `groups` by algorithm; `where` is the algorithm of each session.

    `sealed` holds the sums while the state is in a snapshot (`snapshot.py`), and is empty otherwise.
    """

    groups: dict[str, Group] = msgspec.field(default_factory=dict)
    pins: dict[str, str] = msgspec.field(default_factory=dict)
    where: dict[int, str] = msgspec.field(default_factory=dict)
    tries: dict[str, Tries] = msgspec.field(default_factory=dict)
    sealed: bytes = b""
