"""The engine's sums in a snapshot.

A farm of 100 PH/s does 2**63 hashes in a minute and a half, and MessagePack's integers end at 64 bits. While a state is
written, its sums stand aside as bytes of one length, in the order of groups and accounts; nothing else changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hashwright.routing.records import RoutingState

SUM_BYTES = 48
"""Signed: the work of 2**128 shares of the hardest target."""
SUMS = ("asked", "counted", "returned", "late", "debt", "unbooked")


@contextmanager
def sealed(state: RoutingState) -> Iterator[None]:
    """Put the sums aside while the state is written."""
    values = [getattr(holder, name) for holder, name in _places(state)]
    state.sealed = b"".join(value.to_bytes(SUM_BYTES, "big", signed=True) for value in values)
    for holder, name in _places(state):
        setattr(holder, name, 0)
    try:
        yield
    finally:
        open_sealed(state)


def open_sealed(state: RoutingState) -> None:
    """Put the sums of a state that was read back in their places.

    Raises:
        ValueError: they are not as many as there are places.
    """
    places = list(_places(state))
    if len(state.sealed) != SUM_BYTES * len(places):
        raise ValueError(f"{len(state.sealed)} bytes of sums for {len(places)} places")
    for index, (holder, name) in enumerate(places):
        part = state.sealed[index * SUM_BYTES : (index + 1) * SUM_BYTES]
        setattr(holder, name, int.from_bytes(part, "big", signed=True))
    state.sealed = b""


def _places(state: RoutingState) -> Iterator[tuple[object, str]]:
    for group in state.groups.values():
        yield group, "fresh"
        for account in group.accounts.values():
            for name in SUMS:
                yield account, name
