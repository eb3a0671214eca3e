"""What the market remembers: terms, buyers' funds, orders, what sellers delivered, machines that are for sale.

**A price** is a whole number of minor units for one unit of hash rate over one day; `Terms.scale` is the number of
hashes that such a unit is: 86,400 * 10**15 for a price by PH/s and day. Nothing is divided before money is due: what is
owed for work is `price * work`, an exact number of minor units times `scale`, and it is only ever added up.

Plain data only. Sums outgrow the 64 bits of MessagePack, so a snapshot seals them (`snapshot.py`).

Must not know: sockets, jobs, how a machine is moved.
"""

from typing import Literal

import msgspec

DAY_S = 86_400
OrderKind = Literal["standard", "fixed"]
OrderState = Literal["checking", "active", "paused", "closing", "cancelled", "fulfilled", "expired", "refused"]
"""`checking`: the pool has not been looked at yet. `closing`: no new hash power; shares on their way are still paid."""
OPEN: tuple[OrderState, ...] = ("checking", "active", "paused", "closing")
UNIT_LETTERS = ("", "k", "M", "G", "T", "P", "E")
SCALES: dict[int, int] = {3 * place: 10 ** (3 * place) * DAY_S for place in range(len(UNIT_LETTERS))}
"""Hashes of one price unit by its power of ten; looked up with every share."""


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The published settings of the market of one algorithm.

    `books` is the own pool whose members are the sellers, and whose wallet holds the coins. `unit` is the power of ten
    of the hash rate in a price (15 for PH/s). `fee_ppm` is what the house keeps of each payment, in millionths. Times
    in ms.
    """

    algorithm: str
    books: str
    currency: str
    exponent: int
    unit: int
    price_step: int = 1
    minimum_amount: int = 1
    minimum_limit_hs: float = 0.0
    fee_ppm: int = 0
    floor: int = 0
    cooldown_ms: int = 600_000
    closing_ms: int = 10_000
    window_ms: int = 10_000
    lock_max_ms: int = 86_400_000
    life_max_ms: int = 10 * 86_400_000
    reject_part_max: float = 0.05
    reject_part_expected: float = 0.01
    silent_ms: int = 10_000

    @property
    def scale(self) -> int:
        """Return the hashes of one price unit: a day at one unit of hash rate."""
        return SCALES[self.unit]


class Pool(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a buyer wants the work to go."""

    url: str
    user: str
    password: str = "x"  # noqa: S105 - Stratum's word for "none"


class Contract(msgspec.Struct, array_like=True):
    """What one seller delivered to one order.

    `due` is price times work, in minor units times the scale. `gross` and `fee` [minor units] are what was entered in
    the books so far; the seller has the difference.
    """

    seller: str
    work: int = 0
    due: int = 0
    gross: int = 0
    fee: int = 0
    shares: int = 0
    blocks: int = 0


class Answers(msgspec.Struct, array_like=True):
    """What became of an order's shares, by count: our refusals, and the answers of the buyer's pool."""

    ours: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    stale: int = 0
    lost: int = 0
    recent: int = 0
    recent_bad: int = 0
    open: int = 0
    open_since: int = 0
    reason: str = ""


class Order(msgspec.Struct, array_like=True):
    """One order. `held` [minor units] is the escrow that is left in the books, `due` the sum over its contracts.

    `matched_hs` is what the last clearing gave it; `debt` [hashes] what it is owed of that. `fee_ppm` is the fee at the
    time when it was placed: new terms change no order that stands.
    """

    id: str
    number: int
    account: str
    algorithm: str
    kind: OrderKind
    price: int
    limit_hs: float
    minimum_hs: float
    budget: int
    pool: Pool
    created_at: int
    expires_at: int
    locked_until: int = 0
    lowered_at: int = 0
    state: OrderState = "checking"
    reason: str = ""
    ends_as: str = ""
    closes_at: int = 0
    is_ready: bool = False
    held: int = 0
    holds: int = 0
    settles: int = 0
    due: int = 0
    work: int = 0
    unpaid_work: int = 0
    matched_hs: float = 0.0
    debt: float = 0.0
    contracts: dict[str, Contract] = msgspec.field(default_factory=dict)
    answers: Answers = msgspec.field(default_factory=Answers)
    latency_ms: int = -1
    checked_at: int = 0
    paused_by: str = ""
    paused_at: int = 0
    fee_ppm: int = 0

    @property
    def destination(self) -> str:
        """Return the name under which the router knows it."""
        return self.id

    @property
    def settled(self) -> int:
        """Return what sellers and the house got of it [minor units]."""
        return self.budget - self.held


class Sale(msgspec.Struct, array_like=True):
    """A seller's standing offer: all machines of the account that hash this algorithm, from `floor` up."""

    account: str
    algorithm: str
    floor: int
    since: int


class Machine(msgspec.Struct, array_like=True):
    """A machine as the market sees it. `pieces` are the orders that the last clearing gave it, with rates [H/s].

    `rate_hs` is its rate at that time. `bound` is the order that it was last told to work for, since `bound_at`; until
    `shy_until` it is left out, because it did not come when it was sent.
    """

    session: int
    account: str
    algorithm: str
    destination: str
    moves_freely: bool
    joined_at: int
    decayed: float = 0.0
    decayed_at: int = 0
    shares: int = 0
    pieces: tuple[tuple[str, float], ...] = ()
    bound: str = ""
    bound_at: int = 0
    shy_until: int = 0
    rate_hs: float = 0.0


class Given(msgspec.Struct, array_like=True):
    """The answer that a request got, for when it comes again: the same words with the same `digest`."""

    digest: str
    order: str
    code: str
    text: str


class MarketState(msgspec.Struct, array_like=True):
    """Everything that the market engine knows.

    `funds` [minor units] are buyers' free deposits by account and algorithm's market; `given` what each request got, by
    account and reference; `ended` the last words about orders that are over. Of `given`, `deposits` and `ended` the old
    part is in tables (`memory.py`).
    """

    terms: dict[str, Terms] = msgspec.field(default_factory=dict)
    funds: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    orders: dict[str, Order] = msgspec.field(default_factory=dict)
    sales: dict[str, Sale] = msgspec.field(default_factory=dict)
    machines: dict[int, Machine] = msgspec.field(default_factory=dict)
    given: dict[str, Given] = msgspec.field(default_factory=dict)
    ended: dict[str, tuple[str, str, str]] = msgspec.field(default_factory=dict)
    deposits: dict[str, tuple[str, int, int]] = msgspec.field(default_factory=dict)
    orders_made: int = 0
    moves_made: int = 0
    is_dirty: bool = True
    cleared_at: int = 0
    ticked_at: int = 0
    settled_at: int = 0
    sealed: bytes = b""
    owed: dict[str, int] = msgspec.field(default_factory=dict)
    """What buyers owe [minor units], by market and account: deposits that were spent, then taken back by the chain."""
    memory_moves: int = 0
    """How often tables took over a part of `given`, `deposits` and `ended`; 0 means that no table need be asked."""

    @property
    def is_on(self) -> bool:
        """Tell whether there is anything to deliver to."""
        return bool(self.orders)
