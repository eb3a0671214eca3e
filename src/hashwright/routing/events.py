"""What the routing engine is told by people and plans. The rest comes from the pool engine (`signals`).

Journaled: fields are only ever added at the end, with a default.
"""

from typing import Literal

import msgspec

from hashwright.signals import (
    BindMachine,
    ClockTicked,
    CreditWork,
    DestinationChanged,
    Event,
    MachineGone,
    MachineReady,
    ProcessStarted,
    ReturnWork,
)

TargetKind = Literal["share", "rate", "floor", "cap"]


class Target(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much one destination is to get.

    `share`: parts of the work that is left after rates and floors (any positive scale: 70 and 30, or 0.7 and 0.3);
    `rate`: so many hashes a second, no more and no less; `floor` and `cap`: bounds [H/s] beside a share. A destination
    may have one share or one rate, and one floor and one cap.
    """

    destination: str
    kind: TargetKind
    value: float


class RouteSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The plan for the machines of one algorithm, from now on.

    `fallbacks` take over, in this order, what an unavailable destination would have had; `safe` takes everything when
    the plan fails: it ran out (`valid_until` [ms], 0 for never), or it names nothing that exists. An empty `safe` means
    the first destination of the algorithm that is ready.
    """

    algorithm: str
    targets: tuple[Target, ...]
    fallbacks: tuple[str, ...]
    safe: str
    valid_until: int
    author: str


class PlanFailed(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The plan cannot be trusted (a broken reload, a dead feed, a journal that cannot be written).

    An empty `algorithm` means all. The safe destination takes over until the next `RouteSet`, or until `PlanRestored`.
    """

    algorithm: str
    reason: str


class PlanRestored(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What made the plan fail is over."""

    algorithm: str


class PinSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Machines whose worker name fits mine only for one destination; an empty destination takes the pin away.

    `pattern` is a worker name, or one with `*` for any characters: `kai.rack7-*`.
    """

    pattern: str
    destination: str


RoutingEvent = (
    ProcessStarted
    | ClockTicked
    | RouteSet
    | PlanFailed
    | PlanRestored
    | PinSet
    | MachineReady
    | MachineGone
    | CreditWork
    | ReturnWork
    | DestinationChanged
    | BindMachine
)
JOURNALED = RouteSet | PlanFailed | PlanRestored | PinSet
