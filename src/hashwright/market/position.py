"""A cloud-mining contract as a position: what it should have paid by now, what it paid, and how far that drifts.

What is expected was accepted with the contract (an audit's figure: coins a day at the start, and how much less that
becomes each day as the difficulty grows). An early warning is a claim about a pattern, so it has rules: enough days, a
payment that is overdue, or a sum that is clearly short.
"""

from collections.abc import Sequence
from dataclasses import dataclass

DAYS_MIN = 7
SHORT_PART = 0.8
OVERDUE_FACTOR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What was accepted. `per_day` [minor units] at the start; `decay_day` is the part that is lost each day."""

    name: str
    began_ms: int
    days: int
    cost: int
    per_day: int
    decay_day: float
    pays_every_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a position stands. `expected` is an estimate [minor units]; `drift` the part that is missing, below 0.

    Nothing has drifted while what is paid lies between what had to be here by now and what was earned by now.
    """

    days: float
    expected: float
    paid: int
    drift: float
    whole: float
    warnings: tuple[str, ...]


def standing(contract: Contract, payments: Sequence[tuple[int, int]], *, now: int) -> Standing:
    """Compare payments (time [ms], minor units) with what was to come by now."""
    age = min(max((now - contract.began_ms) / 86_400_000, 0.0), float(contract.days))
    settled = max(age - contract.pays_every_days, 0.0)  # what is younger may still be on its way
    expected, paid = expected_by(contract, age), sum(minor for _, minor in payments)
    due = expected_by(contract, settled)
    warnings = []
    if settled >= DAYS_MIN and paid < SHORT_PART * due:
        warnings.append(f"it paid {paid / due:.0%} of what was due")
    last = max((at for at, _ in payments), default=contract.began_ms)
    quiet = (min(now, contract.began_ms + contract.days * 86_400_000) - last) / 86_400_000
    if quiet > OVERDUE_FACTOR * contract.pays_every_days and age >= OVERDUE_FACTOR * contract.pays_every_days:
        warnings.append(f"nothing came for {quiet:.0f} days, and it pays every {contract.pays_every_days}")
    return Standing(
        days=age,
        expected=expected,
        paid=paid,
        drift=_drift(paid, due, expected),
        whole=expected_by(contract, float(contract.days)),
        warnings=tuple(warnings),
    )


def _drift(paid: int, due: float, expected: float) -> float:
    if due > 0 and paid < due:
        return paid / due - 1.0
    return paid / expected - 1.0 if 0 < expected < paid else 0.0


def expected_by(contract: Contract, days: float) -> float:
    """Return what should have come after so many days [minor units, estimated]."""
    if contract.decay_day <= 0.0:
        return contract.per_day * days
    kept = 1.0 - contract.decay_day
    return float(contract.per_day * (1.0 - kept**days) / contract.decay_day)
