"""What one hash is worth: a block's reward times the chance that the hash finds it.

With work W hashes a block on the average and a reward R, each hash earns R/W (Rosenfeld, "Analysis of Bitcoin Pooled
Mining Reward Systems", 2011, section 2). Exact fractions; only a display rounds.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from hashwright.money import Currency, Estimate

DAY_S: Final = 86_400
PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPerHash:
    """The expected reward of one hash [minor units of `currency`]."""

    value: Fraction
    currency: Currency

    def of(self, work: int, *, fee_ppm: int = 0) -> Fraction:
        """Return what work [hashes] is expected to earn after a fee [minor units]."""
        return self.value * work * (PPM - fee_ppm) / PPM

    def hashprice(self, hashes_per_second: int) -> Estimate:
        """Return what a hash rate is expected to earn a day, before power: an estimate, never money."""
        coins = self.value * hashes_per_second * DAY_S / 10**self.currency.exponent
        return Estimate(float(coins), self.currency)


def reward_per_hash(block_reward: int, network_work: int, currency: Currency) -> RewardPerHash:
    """Return the reward of one hash: `block_reward` [minor units, fees included] by `network_work` [hashes a block].

    Raises:
        ValueError: the work is not positive, or the reward is negative.
    """
    if network_work <= 0 or block_reward < 0:
        raise ValueError(f"a block of {block_reward} minor units for {network_work} hashes is none")
    return RewardPerHash(value=Fraction(block_reward, network_work), currency=currency)
