"""Mine the best coin of the week's average and never stop, even where the power costs more than it earns.

It is there to be compared with: the difference to `averaged` is what the option to stop is worth.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from hashwright.planner.decide import Proposal, Snapshot, best_of_groups, mean_of_days


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysOn:
    """Never rest."""

    title: ClassVar[str] = "as averaged, but never stop"
    days: int = 7

    def propose(self, snapshot: Snapshot) -> Proposal:
        """Say what it wants; a machine that is off is switched on at once."""
        layout = snapshot.layout
        mean = mean_of_days(snapshot.revenue_usd_day, self.days)
        weights = best_of_groups(layout, mean - layout.costs, may_idle=False)
        is_off = bool((snapshot.held * layout.idle).sum() > 0)
        return Proposal(weights=weights, expected_usd_day=mean, why="never rest", is_forced=is_off)


POLICY: Final = AlwaysOn
