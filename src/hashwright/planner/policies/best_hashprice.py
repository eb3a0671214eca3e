"""Mine what paid most on the newest day, and idle where nothing pays its power."""

from dataclasses import dataclass
from typing import ClassVar, Final

from hashwright.planner.decide import Proposal, Snapshot, best_of_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class BestHashprice:
    """Follow the newest day; moving still has to pay."""

    title: ClassVar[str] = "mine what paid most yesterday, if moving there pays"

    def propose(self, snapshot: Snapshot) -> Proposal:
        """Say what it wants."""
        newest = snapshot.newest
        weights = best_of_groups(snapshot.layout, newest - snapshot.layout.costs)
        return Proposal(weights=weights, expected_usd_day=newest, why="the newest day's hashprice")


POLICY: Final = BestHashprice
