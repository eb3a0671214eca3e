"""Mine what paid most on the average of a week, so that one bad day stops no machine and one good day lures none."""

from dataclasses import dataclass
from typing import ClassVar, Final

from hashwright.planner.decide import Proposal, Snapshot, best_of_groups, mean_of_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Averaged:
    """Follow the mean of some days."""

    title: ClassVar[str] = "mine what paid most on the average of 7 days"
    days: int = 7

    def propose(self, snapshot: Snapshot) -> Proposal:
        """Say what it wants."""
        mean = mean_of_days(snapshot.revenue_usd_day, self.days)
        weights = best_of_groups(snapshot.layout, mean - snapshot.layout.costs)
        return Proposal(weights=weights, expected_usd_day=mean, why=f"the mean of {self.days} days")


POLICY: Final = Averaged
