"""The engine's sums in a snapshot: they outgrow the 64 bits of MessagePack, so they stand aside as bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

from hashwright.market.records import MarketState

SUM_BYTES = 48


@contextmanager
def sealed(state: MarketState) -> Iterator[None]:
    """Put the sums aside while the state is written."""
    state.sealed = b"".join(getattr(holder, name).to_bytes(SUM_BYTES, "big") for holder, name in _places(state))
    for holder, name in _places(state):
        setattr(holder, name, 0)
    try:
        yield
    finally:
        open_sealed(state)


def open_sealed(state: MarketState) -> None:
    """Put the sums of a state that was read back in their places.

    Raises:
        ValueError: they are not as many as there are places.
    """
    places = list(_places(state))
    if len(state.sealed) != SUM_BYTES * len(places):
        raise ValueError(f"{len(state.sealed)} bytes of sums for {len(places)} places of the market")
    for index, (holder, name) in enumerate(places):
        setattr(holder, name, int.from_bytes(state.sealed[index * SUM_BYTES : (index + 1) * SUM_BYTES], "big"))
    state.sealed = b""


def _places(state: MarketState) -> Iterator[tuple[object, str]]:
    for order in state.orders.values():
        for name in ("due", "work", "unpaid_work"):
            yield order, name
        for contract in order.contracts.values():
            yield contract, "work"
            yield contract, "due"
