"""Sum what a batch of effects changes in the readable tables, so that one transaction writes journal and tables.

The accumulator is on the path of every share: it counts by the key of a table's row, without a database. Shares of
one target are worth the same, so their work is multiplied once, when the batch is closed and what was collected
leaves as `Rows`.

A share for an upstream is seen three times: as `CreditWork` when we judged it (table `work`), as `ReturnWork` when it
was sent, and as `ReturnWork` again when the upstream answered (table `delivery`). The work of `delivery` is always
counted, whatever became of it: what was rejected or lost was work all the same.
"""

from dataclasses import dataclass
from typing import NamedTuple

from hashwright.chain.target import work_of_target
from hashwright.clock import Instant
from hashwright.fleet.effects import FleetEffect
from hashwright.market.effects import MarketEffect, OrderNoted, TradeNoted
from hashwright.pool.effects import Alert, BlockChanged, CreditWork, PoolEffect, PostEntry, ReturnWork, SubmitBlock
from hashwright.routing.effects import AskWork, RoutingEffect
from hashwright.store.reasons import ReasonSet

MINUTE_MS = 60_000
CREDITED = ("accepted", "block")


class WorkKey(NamedTuple):
    """What a row of the table `work` is summed by. `minute` counts from 1970 UTC."""

    minute: int
    destination: str
    worker: str
    target_be: bytes
    outcome: str


class DeliveryKey(NamedTuple):
    """What a row of the table `delivery` is summed by."""

    minute: int
    destination: str
    worker: str
    target_be: bytes
    state: str
    reason: str


class AskedKey(NamedTuple):
    """What a row of the table `asked` is summed by."""

    minute: int
    destination: str


class WorkSum(NamedTuple):
    """Shares, and their work [hashes]."""

    shares: int
    work: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Changes of the readable tables that belong to one batch. Block changes are in the order they happened."""

    work: tuple[tuple[WorkKey, WorkSum], ...] = ()
    delivery: tuple[tuple[DeliveryKey, WorkSum], ...] = ()
    asked: tuple[tuple[AskedKey, WorkSum], ...] = ()
    blocks: tuple[tuple[Instant, SubmitBlock | BlockChanged], ...] = ()
    alerts: tuple[tuple[Instant, Alert], ...] = ()
    entries: tuple[tuple[Instant, PostEntry], ...] = ()
    market: tuple[tuple[Instant, OrderNoted | TradeNoted], ...] = ()


class Accumulator:
    """Collects effects until the batch is closed."""

    __slots__ = ("_alerts", "_asked", "_blocks", "_entries", "_market", "_reasons", "_returned", "_shares")

    def __init__(self) -> None:
        self._shares: dict[tuple[int, str, str, bytes, str], int] = {}
        self._returned: dict[tuple[int, str, str, bytes, str, str], int] = {}
        self._reasons: dict[tuple[int, str], ReasonSet] = {}
        self._asked: dict[tuple[int, str], int] = {}
        self._blocks: list[tuple[Instant, SubmitBlock | BlockChanged]] = []
        self._alerts: list[tuple[Instant, Alert]] = []
        self._entries: list[tuple[Instant, PostEntry]] = []
        self._market: list[tuple[Instant, OrderNoted | TradeNoted]] = []

    def add(self, now: Instant, effect: PoolEffect | RoutingEffect | MarketEffect | FleetEffect) -> None:
        """Count one effect; effects that change no table are ignored."""
        if type(effect) is CreditWork:
            key = (now // MINUTE_MS, effect.destination, effect.worker, effect.target_be, effect.outcome)
            shares = self._shares
            shares[key] = shares.get(key, 0) + 1
        elif type(effect) is ReturnWork:
            minute, destination, reason = now // MINUTE_MS, effect.destination, effect.reason
            if reason:
                reason = self._bounded(minute, destination, reason)
            place = (minute, destination, effect.worker, effect.target_be, effect.state, reason)
            returned = self._returned
            returned[place] = returned.get(place, 0) + 1
        elif isinstance(effect, AskWork):
            span = (now // MINUTE_MS, effect.destination)
            self._asked[span] = self._asked.get(span, 0) + int.from_bytes(effect.work_be, "big")
        elif isinstance(effect, SubmitBlock | BlockChanged):
            self._blocks.append((now, effect))
        elif isinstance(effect, Alert):
            self._alerts.append((now, effect))
        elif isinstance(effect, PostEntry):
            self._entries.append((now, effect))
        elif isinstance(effect, OrderNoted | TradeNoted):
            self._market.append((now, effect))

    def take(self) -> Rows:
        """Give what was collected and begin anew."""
        rows = Rows(
            work=tuple(_credited(WorkKey(*key), shares) for key, shares in self._shares.items()),
            delivery=tuple(_returned(DeliveryKey(*key), shares) for key, shares in self._returned.items()),
            asked=tuple((AskedKey(*key), WorkSum(0, work)) for key, work in self._asked.items()),
            blocks=tuple(self._blocks),
            alerts=tuple(self._alerts),
            entries=tuple(self._entries),
            market=tuple(self._market),
        )
        self._shares, self._returned, self._reasons, self._asked = {}, {}, {}, {}
        self._blocks, self._alerts, self._entries, self._market = [], [], [], []
        return rows

    def _bounded(self, minute: int, destination: str, reason: str) -> str:
        place = (minute, destination)
        reasons = self._reasons.get(place)
        if reasons is None:
            reasons = self._reasons[place] = ReasonSet()
        return reasons.admit(reason)


def _credited(key: WorkKey, shares: int) -> tuple[WorkKey, WorkSum]:
    return key, WorkSum(shares, work_of_row(key.target_be, shares) if key.outcome in CREDITED else 0)


def _returned(key: DeliveryKey, shares: int) -> tuple[DeliveryKey, WorkSum]:
    return key, WorkSum(shares, work_of_row(key.target_be, shares))


def work_of_row(target_be: bytes, shares: int) -> int:
    """Compute the work [hashes] of shares of one target."""
    return shares * work_of_target(int.from_bytes(target_be, "big"))
