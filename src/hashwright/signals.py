"""What every engine shares: the roots of events and effects, and what one engine tells another.

An engine takes events and returns effects. Most effects go out into the world. Those in this file stay inside as well:
`runtime.engines` hands them to the engine that they concern, in the same step, so that they need no journal entry of
their own: the same journal gives the same signals again.

    pool --MachineReady, MachineGone, CreditWork, ReturnWork, DestinationChanged--> routing
    pool <--MoveMachine------------------------------------------------------------ routing
    pool --the same five--> market --BindMachine--> routing

Targets and work are 32 bytes, big-endian: the journal's integers end at 64 bits.
"""

from typing import Literal

import msgspec

Outcome = Literal[
    "accepted",
    "block",
    "stale",
    "unknown-job",
    "duplicate",
    "low-difficulty",
    "bad-time",
    "bad-version",
    "malformed",
    "unauthorized",
    "bad-hash",
    "penalty",
]
"""Our judgement on a share. Only `accepted` and `block` are credited; `penalty` was good, and pays for a forged one."""

Delivery = Literal["submitted", "accepted", "rejected", "stale", "lost", "late"]
"""What became of work for an upstream: sent; its own answers; never answered; or found too late, after a switch.

The late was never credited; the rejected, stale and lost was, and must be taken off.
"""

DestinationState = Literal["ready", "waiting", "down", "removed"]
"""`waiting`: connected, or just set up, but without a job."""


class Event(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """One fact that the world told us. Journaled: fields are only ever added at the end, with a default."""


class Effect(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """One thing to do outside of the engine."""


class ProcessStarted(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The process begins; every session of an earlier process is over.

    `boot` counts starts of this data folder and is part of every job id, so that no id is ever used twice.
    """

    boot: int
    version: str


class ClockTicked(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A time that was asked for by `WakeAt` has come. The key begins with the engine's name: `pool-`, `routing-`."""

    key: str


class WakeAt(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Tell me `ClockTicked(key)` at this instant [ms since 1970 UTC]."""

    at: int
    key: str


class Alert(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Something that a person should know: a journaled record and a log line."""

    level: Literal["info", "warning", "critical"]
    code: str
    text: str


class PostEntry(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Write an entry of the books. Postings are account, currency, its exponent, and minor units (debit positive)."""

    source: str
    kind: str
    postings: tuple[tuple[str, str, int, int], ...]
    text: str
    link: str


# ---------------------------------------------------------------- from pool to routing


class MachineReady(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """A machine is logged in and mines for `destination`; said again when one of these facts changes.

    `moves_freely`: it takes a new extranonce while it runs; others must reconnect to change between upstreams.
    """

    session: int
    worker: str
    algorithm: str
    destination: str
    moves_freely: bool


class MachineGone(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """A machine that was ready is gone, or was asked to reconnect."""

    session: int


class CreditWork(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Count one share of a worker; only `accepted` and `block` are worth its work.

    `target_be` is the share target that the job was sent with. Its work is `chain.target.work_of_target` of that
    number; all shares of one target have the same. `destination` is the one of the share's job.
    """

    worker: str
    destination: str
    target_be: bytes
    outcome: Outcome
    session: int = 0


class ReturnWork(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. What an upstream did with a share of ours, or that it got none.

    `target_be` is the upstream's own share target; for `lost` shares that were never sent, the machine's. `reason` is
    the upstream's or ours, short and printable. `latency_ms` is from submit to answer, -1 where there was none.
    `submitted` names no worker: what a worker sent is the sum of its answers, and a row of the books less a share.
    """

    destination: str
    worker: str
    target_be: bytes
    state: Delivery
    reason: str
    latency_ms: int = -1


class DestinationChanged(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """A destination can be mined for now, or not."""

    destination: str
    algorithm: str
    state: DestinationState
    reason: str


# ---------------------------------------------------------------- from routing to pool


class MoveMachine(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Let a machine mine for a destination from now on.

    `is_sliced`: it works in time slices. `is_quick`: its shares must come often, because the split hangs on it.
    """

    session: int
    destination: str
    is_sliced: bool
    is_quick: bool = False


# ---------------------------------------------------------------- from market to routing

ORDER_PREFIX = "order-"
"""Destinations whose name begins so are the pools of buyers: only the market sends machines there."""


class BindMachine(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Lend a machine to an order's destination from now on; an empty one gives it back to the route."""

    session: int
    destination: str


def is_order(destination: str) -> bool:
    """Tell whether a destination is the pool of a buyer."""
    return destination.startswith(ORDER_PREFIX)
