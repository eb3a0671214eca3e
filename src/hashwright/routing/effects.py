"""What the routing engine wants done."""

from hashwright.signals import Alert, Effect, MoveMachine, WakeAt


class AskWork(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """BOOKED. By the plan, a destination was to get this much of the work done since the last time.

    `work_be` is a number of hashes in 32 bytes, big-endian.
    """

    destination: str
    work_be: bytes


RoutingEffect = MoveMachine | AskWork | Alert | WakeAt
