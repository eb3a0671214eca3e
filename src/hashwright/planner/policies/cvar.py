"""Spread machines by the mean-CVaR programme: a little less on average for a smaller loss in the worst scenarios.

Where the snapshot brings scenarios (a plan does), those are weighed. In a backtest there are none; then each stretch of
a week in the past half year is one: what each way earned over the week, by what it had earned the day before, joint for
all ways. The machines' place is looked at again once a week.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from hashwright.planner.allocation import Column, Problem, allocate
from hashwright.planner.decide import FloatArray, Proposal, Snapshot, mean_of_days

RATIO_MAX: Final = 10.0
WEEKDAY: Final = 4
"""1970-01-01 was a Thursday: day 4 since then was a Monday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cvar:
    """Weigh the mean against the tail."""

    title: ClassVar[str] = "spread by mean and risk (CVaR), looked at once a week"
    window_days: int = 182
    review_days: int = 7
    tail: float = 0.9
    mean_days: int = 7

    def propose(self, snapshot: Snapshot) -> Proposal:
        """Say what it wants."""
        mean = mean_of_days(snapshot.revenue_usd_day, self.mean_days)
        is_first = float(snapshot.held @ snapshot.layout.idle) == len(snapshot.layout.groups)
        if snapshot.scenarios_usd is None and snapshot.day % self.review_days != WEEKDAY and not is_first:
            return Proposal(weights=snapshot.held, expected_usd_day=mean, why="looked at once a week")
        rules = snapshot.rules
        gross = snapshot.scenarios_usd
        gross = self._scenarios(snapshot, mean) if gross is None else gross
        days = self.review_days if snapshot.scenarios_usd is None else rules.hold_days
        columns = _columns(snapshot, days)
        problem = Problem(
            columns=columns, gross_usd=gross, risk=rules.risk, tail=self.tail, venue_caps=rules.venue_caps
        )
        found = allocate(problem)
        weights = _shares(snapshot, found.weights)
        return Proposal(
            weights=weights, expected_usd_day=gross.mean(axis=0) / days, why="mean less risk over scenarios"
        )

    def _scenarios(self, snapshot: Snapshot, mean: FloatArray) -> FloatArray:
        """Return what each way may earn until the next review, one scenario for each past stretch of as many days."""
        rows = np.nan_to_num(snapshot.revenue_usd_day[-self.window_days :])
        step = self.review_days
        if len(rows) <= 2 * step:
            return mean[np.newaxis, :] * step
        sums = np.cumsum(np.concatenate((np.zeros((1, rows.shape[1])), rows)), axis=0)
        weeks = sums[step:] - sums[:-step]
        before, after = weeks[:-step], weeks[step:]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(before > 0, after / before, 0.0)
        scenarios: FloatArray = np.clip(ratios, 0.0, RATIO_MAX) * mean * step
        return scenarios


def _columns(snapshot: Snapshot, days: float) -> tuple[Column, ...]:
    held = snapshot.held
    return tuple(
        Column(
            key=way.key,
            kind=way.kind,
            group=way.group,
            coin=way.coin,
            venue=way.venue,
            spend_usd=way.cost_usd_day * days,
            exposure=1.0 if way.venue else 0.0,
            width=way.width,
            held=float(held[place]),
            move_usd=way.move_usd,
        )
        for place, way in enumerate(snapshot.layout.ways)
    )


def _shares(snapshot: Snapshot, weights: FloatArray) -> FloatArray:
    """Make each group's weights sum to one exactly."""
    shares = weights.copy()
    for _, places in snapshot.layout.groups:
        total = shares[places].sum()
        shares[places] = shares[places] / total if total > 0 else snapshot.held[places]
    return shares


POLICY: Final = Cvar
