"""Who is lying, and who is only unlucky? Probabilities, never verdicts by eye.

A pool that rejects good work steals it: what we judged good fails there for no reason of the work. Some rejects are
honest (a block came in between), so the question is how likely so many are at the expected rate: the binomial tail. A
seller who withholds blocks looks like an unlucky one: the Poisson tail says how unlucky.
"""

import math
from dataclasses import dataclass

SURE = 1e-6
"""Below this a chance is no explanation any more: one false alarm in a million looks."""
UNUSUAL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What was seen, what was expected, and how likely it is by chance."""

    seen: int
    expected: float
    p_value: float

    @property
    def words(self) -> str:
        """Say it as it is: unlucky is not guilty."""
        if self.p_value < SURE:
            return "not by chance"
        return "unusual, but chance does this" if self.p_value < UNUSUAL else "within chance"


def rejects(bad: int, answers: int, *, expected_part: float) -> Suspicion:
    """Judge a pool's rejects of work that we judged good."""
    p_value = binomial_at_least(bad, answers, expected_part)
    return Suspicion(seen=bad, expected=answers * expected_part, p_value=p_value)


def withheld(blocks: int, work: int, network_work: int) -> Suspicion:
    """Judge a seller's blocks against those that his work should have found."""
    expected = work / network_work if network_work > 0 else 0.0
    return Suspicion(seen=blocks, expected=expected, p_value=poisson_at_most(blocks, expected))


def binomial_at_least(count: int, trials: int, part: float) -> float:
    """Return the chance of `count` or more in so many trials, each with the chance `part`."""
    if count <= 0:
        return 1.0
    if count > trials or part <= 0.0:
        return 0.0
    if part >= 1.0:
        return 1.0
    base = math.lgamma(trials + 1) + trials * math.log1p(-part)
    odds = math.log(part) - math.log1p(-part)
    total = 0.0
    for hits in range(count, trials + 1):
        term = math.exp(base - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1) + hits * odds)
        total += term
        if hits > trials * part and term < total * 1e-15:
            break
    return min(total, 1.0)


def poisson_at_most(count: int, expected: float) -> float:
    """Return the chance of `count` or fewer where so many are expected."""
    if count < 0:
        return 0.0
    if expected <= 0.0:
        return 1.0
    spread = math.sqrt(expected)
    if expected > 1e6:  # the sum would be long; there the distribution is a normal one
        return 0.5 * math.erfc((expected - count - 0.5) / spread / math.sqrt(2))
    logs = (hits * math.log(expected) - expected - math.lgamma(hits + 1) for hits in range(count + 1))
    return min(math.fsum(math.exp(term) for term in logs), 1.0)
