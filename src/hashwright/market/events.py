"""What the market engine is told by people and by the shell. The rest comes from the pool engine (`signals`).

Journaled: fields are only ever added at the end, with a default. A `reference` is the id that who asks has given: the
same account and reference get the same answer, whatever happened in between.
"""

from typing import Literal

from hashwright.market.records import OrderKind, Pool, Terms
from hashwright.signals import (
    ClockTicked,
    CreditWork,
    DestinationChanged,
    Event,
    MachineGone,
    MachineReady,
    ProcessStarted,
    ReturnWork,
)


class MarketSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The market of an algorithm has these terms, from now on. Orders keep their price."""

    terms: Terms


class FundsMoved(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Coins of a buyer came (positive) or were taken back by the chain (negative) [minor units].

    `place` is the account of the books where they lie; `origin` names what happened, and counts once: a deposit's
    outpoint, with a running number where the chain changed its mind.
    """

    algorithm: str
    account: str
    minor: int
    place: str
    origin: str


class FundsAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A buyer wants free funds moved to what the pool pays out to him [minor units]."""

    algorithm: str
    account: str
    reference: str
    minor: int


class OrderAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Somebody wants to buy. Price and budget in minor units, rates in H/s, times in ms.

    `life_ms` is how long it may stand, 0 for as long as the market allows; `lock_ms` how long a fixed price holds.
    """

    account: str
    reference: str
    algorithm: str
    kind: OrderKind
    price: int
    limit_hs: float
    minimum_hs: float
    budget: int
    pool: Pool
    life_ms: int = 0
    lock_ms: int = 0


class OrderChecked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The buyer's pool was looked at. An empty `problem` means that it can be mined for; `latency_ms` is to a job."""

    order: str
    problem: str
    latency_ms: int = -1


class ChangeAsked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A buyer wants an order changed.

    `refill` adds `minor` to its budget; `reprice` sets its price; `limit` its limit [H/s]; `cancel` ends it.
    """

    account: str
    reference: str
    order: str
    what: Literal["cancel", "refill", "reprice", "limit"]
    minor: int = 0
    rate_hs: float = 0.0


class SaleSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """An account sells its machines of an algorithm from this floor price up, or no longer."""

    account: str
    algorithm: str
    floor: int
    is_on: bool


class OrderBarred(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Somebody wants to buy for a pool whose address the gate refuses: the answer is no, for good, and nothing is held.

    The shell judges an address only where the request is a new one, and tells this in place of `asked`.
    """

    asked: OrderAsked
    code: str
    text: str


class MemoryMoved(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Tables hold these for good: the engine need not carry them any more.

    `answers` by account and reference, `deposits` by origin, `ended` by order.
    """

    answers: tuple[str, ...] = ()
    deposits: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


class MemoryRecalled(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What a table holds and the engine is about to need, told before the request that needs it.

    `answers`: key, digest, order, code, text; `deposits`: origin, account, amount [minor units], time; `ended`: order,
    account, state, reason.
    """

    answers: tuple[tuple[str, str, str, str, str], ...] = ()
    deposits: tuple[tuple[str, str, int, int], ...] = ()
    ended: tuple[tuple[str, str, str, str], ...] = ()


MarketJournaled = (
    MarketSet
    | FundsMoved
    | FundsAsked
    | OrderAsked
    | OrderBarred
    | OrderChecked
    | ChangeAsked
    | SaleSet
    | MemoryMoved
    | MemoryRecalled
)
MarketEvent = (
    MarketJournaled
    | ProcessStarted
    | ClockTicked
    | MachineReady
    | MachineGone
    | CreditWork
    | ReturnWork
    | DestinationChanged
)
