"""Who works for whom: highest price first, each up to its limit; the cheapest seller first. Pure and deterministic.

    bids   locked (fixed) ones before the others, then by price from the top, then by age
    asks   by floor price from the bottom, then by age

A bid takes sellers from the front of the queue for as long as their floor is not above its price, and the last one in
part. Because taken sellers are always the front of one queue, a clearing is a single walk over both lists. A bid with a
minimum that cannot be had takes nobody.

Everybody is paid the bid's own price: there is no single clearing price. `marginal` is the lowest price that got
anything, which is what one more seller would compete with.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Sequence
from typing import NamedTuple

SMALL = 1e-9
"""Part of a seller that is not worth a piece of its own."""


class Bid(NamedTuple):
    """A wish to buy. Rates in H/s; `number` orders those of one price."""

    id: str
    price: int
    limit_hs: float
    number: int
    minimum_hs: float = 0.0
    is_locked: bool = False

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Return the key by which bids are served."""
        return not self.is_locked, -self.price, self.number


class Ask(NamedTuple):
    """Hash power for sale. `since` orders those of one floor."""

    id: int
    floor: int
    rate_hs: float
    since: int

    @property
    def rank(self) -> tuple[int, int, int]:
        """Return the key by which sellers are taken."""
        return self.floor, self.since, self.id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """Who got what. `pieces` by ask, each with its bid and rate [H/s]; `filled` by bid [H/s]."""

    pieces: dict[int, tuple[tuple[str, float], ...]]
    filled: dict[str, float]
    marginal: int | None


def clear(bids: Sequence[Bid], asks: Sequence[Ask]) -> Clearing:
    """Match bids that are sorted by `rank` with asks that are sorted by `rank`.

    Returns:
        a clearing in which no bid is above its limit, no ask above its rate, and no piece below its ask's floor.
    """
    supply = _Supply(asks)
    filled: dict[str, float] = {}
    prices: list[int] = []
    for bid in bids:
        if supply.is_empty:
            break
        if bid.limit_hs <= 0 or (bid.minimum_hs > 0 and supply.available(bid.price) < bid.minimum_hs):
            continue
        got = supply.take(bid)
        if got > 0:
            filled[bid.id] = got
            prices.append(bid.price)
    return Clearing(
        pieces={id_: tuple(pieces) for id_, pieces in supply.pieces.items()},
        filled=filled,
        marginal=min(prices, default=None),
    )


class _Supply:
    """The queue of sellers, consumed from the front."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self.pieces: dict[int, list[tuple[str, float]]] = {}
        self._asks = asks
        self._place = 0
        self._left = asks[0].rate_hs if asks else 0.0
        self._floors: list[int] | None = None
        self._sums: list[float] = []

    @property
    def is_empty(self) -> bool:
        return self._place >= len(self._asks)

    def available(self, price: int) -> float:
        """Return the rate that sellers of this price still have [H/s]."""
        if self._floors is None:  # most clearings have no bid with a minimum
            self._floors = [ask.floor for ask in self._asks]
            self._sums = [0.0, *itertools.accumulate(ask.rate_hs for ask in self._asks)]
        end = bisect.bisect_right(self._floors, price)
        if end <= self._place:
            return 0.0
        return self._left + self._sums[end] - self._sums[self._place + 1]

    def take(self, bid: Bid) -> float:
        """Give a bid what it may have."""
        asks, id_, price, wanted = self._asks, bid.id, bid.price, bid.limit_hs
        got = 0.0
        while self._place < len(asks):
            ask = asks[self._place]
            if ask.floor > price:
                break
            part = min(self._left, wanted - got)
            if part > SMALL * ask.rate_hs:
                self.pieces.setdefault(ask.id, []).append((id_, part))
                got += part
            self._left -= part
            if self._left > SMALL * ask.rate_hs:
                break  # the bid has all that it wants
            self._place += 1
            self._left = asks[self._place].rate_hs if self._place < len(asks) else 0.0
            if got >= wanted:
                break
        return got
