"""Sum what a batch of effects changes in the readable tables, so that one transaction writes journal and tables.

The accumulator is on the path of every share: it counts by (minute, destination, worker, target, outcome), without
a database. Shares of one target are worth the same, so their work is multiplied once, when the batch is closed and
what was collected leaves as `Rows`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from hashwright.chain.target import work_of_target
from hashwright.clock import Instant
from hashwright.pool.effects import Alert, BlockChanged, CreditWork, PoolEffect, SubmitBlock

MINUTE_MS = 60_000
CREDITED = ("accepted", "block")


class WorkKey(NamedTuple):
    """What a row of the table `work` is summed by. `minute` counts from 1970 UTC."""

    minute: int
    destination: str
    worker: str
    target_be: bytes
    outcome: str


class WorkSum(NamedTuple):
    """Shares, and their work [hashes]."""

    shares: int
    work: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Changes of the readable tables that belong to one batch. Block changes are in the order they happened."""

    work: tuple[tuple[WorkKey, WorkSum], ...] = ()
    blocks: tuple[tuple[Instant, SubmitBlock | BlockChanged], ...] = ()
    alerts: tuple[tuple[Instant, Alert], ...] = ()


class Accumulator:
    """Collects effects until the batch is closed."""

    __slots__ = ("_alerts", "_blocks", "_shares")

    def __init__(self) -> None:
        self._shares: dict[tuple[int, str, str, bytes, str], int] = {}
        self._blocks: list[tuple[Instant, SubmitBlock | BlockChanged]] = []
        self._alerts: list[tuple[Instant, Alert]] = []

    def add(self, now: Instant, effect: PoolEffect) -> None:
        """Count one effect; effects that change no table are ignored."""
        if type(effect) is CreditWork:
            key = (now // MINUTE_MS, effect.destination, effect.worker, effect.target_be, effect.outcome)
            shares = self._shares
            shares[key] = shares.get(key, 0) + 1
        elif isinstance(effect, SubmitBlock | BlockChanged):
            self._blocks.append((now, effect))
        elif isinstance(effect, Alert):
            self._alerts.append((now, effect))

    def take(self) -> Rows:
        """Give what was collected and begin anew."""
        rows = Rows(
            work=tuple(_row(WorkKey(*key), shares) for key, shares in self._shares.items()),
            blocks=tuple(self._blocks),
            alerts=tuple(self._alerts),
        )
        self._shares, self._blocks, self._alerts = {}, [], []
        return rows


def _row(key: WorkKey, shares: int) -> tuple[WorkKey, WorkSum]:
    work = shares * work_of_target(int.from_bytes(key.target_be, "big")) if key.outcome in CREDITED else 0
    return key, WorkSum(shares, work)
