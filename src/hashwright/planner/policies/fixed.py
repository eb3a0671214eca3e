"""Stay with one coin: the best of the first day, or what is mined already. It never moves and never rests."""

from dataclasses import dataclass
from typing import ClassVar, Final

from hashwright.planner.decide import Proposal, Snapshot, best_of_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What most people do: choose once."""

    title: ClassVar[str] = "stay with the best coin of the first day, whatever comes"

    def propose(self, snapshot: Snapshot) -> Proposal:
        """Say what it wants: what it has, or where nothing runs yet, the best."""
        layout, newest = snapshot.layout, snapshot.newest
        best = best_of_groups(layout, newest - layout.costs, may_idle=False)
        weights = snapshot.held.copy()
        for _, places in layout.groups:
            if layout.idle[places] @ snapshot.held[places] > 0.5:
                weights[places] = best[places]
        return Proposal(weights=weights, expected_usd_day=newest, why="a coin is chosen once", is_forced=True)


POLICY: Final = Fixed
