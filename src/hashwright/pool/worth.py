"""What a block of an own pool is worth now: the hashes that one takes, its new coins, and its fees on average.

Subsidy is a rule of the coin. Fees are what our node's templates offered at the end of each block's time, averaged over
the newest tips: nobody can tell what the next block will pay, and ours alone are too few. One tip counts with three
times what was expected at most, so that somebody's mistaken fee is not promised to everybody for a day.
"""

import msgspec

from hashwright import registry
from hashwright.chain.subsidy import subsidy
from hashwright.chain.target import work_of_target
from hashwright.money import Amount, Currency
from hashwright.pool.events import DestinationSet, TemplateSeen
from hashwright.pool.schemes.base import Terms
from hashwright.pool.schemes.fpps import mean_fees

TIPS_KEPT = 144
"""A day of Bitcoin's blocks, ten hours of Litecoin's."""
ABNORMAL = 3
"""A reward above so many times the expected one is a mistake or an attack until a person has looked."""


class BlockWorth(msgspec.Struct, array_like=True):
    """What a destination's templates said. Money in minor units; `tip_fees` is one number a tip, oldest first."""

    network_work_be: bytes
    subsidy: int
    newest_fees: int
    tip_le: bytes
    tip_fees: list[int] = []

    @property
    def network_work(self) -> int:
        """Return the hashes that a block takes on average."""
        return int.from_bytes(self.network_work_be, "big")

    @property
    def expected(self) -> int:
        """Return what a block is expected to pay: with no tip seen so far, its new coins only."""
        return self.subsidy + (sum(self.tip_fees) // len(self.tip_fees) if self.tip_fees else 0)

    def terms(self, currency: Currency) -> Terms:
        """Return the terms by which a payout scheme values work."""
        fees = self.tip_fees or [self._counted(self.newest_fees)]
        return Terms(
            network_work=self.network_work,
            subsidy=Amount(self.subsidy, currency),
            fees=mean_fees([Amount(minor, currency) for minor in fees]),
        )

    def take(self, newest: "BlockWorth") -> None:
        """Go on with what a newer template says; at a new tip, what the last one offered in fees is counted."""
        if newest.tip_le != self.tip_le:
            self.tip_fees = [*self.tip_fees, self._counted(self.newest_fees)][-TIPS_KEPT:]
        self.tip_le, self.newest_fees = newest.tip_le, newest.newest_fees
        self.network_work_be, self.subsidy = newest.network_work_be, newest.subsidy

    def is_abnormal(self, reward: int) -> bool:
        """Tell whether a block pays so much that somebody should look first."""
        return self.expected > 0 and reward > ABNORMAL * self.expected

    def _counted(self, fees: int) -> int:
        return min(fees, ABNORMAL * self.expected - self.subsidy) if self.expected else fees


def worth_of(settings: DestinationSet, seen: TemplateSeen) -> BlockWorth:
    """Read what a template says a block is worth."""
    new_coins = _new_coins(settings, seen)
    return BlockWorth(
        network_work_be=work_of_target(seen.network_target).to_bytes(32, "big"),
        subsidy=new_coins,
        newest_fees=seen.coinbase_value - new_coins,
        tip_le=seen.prevhash_le,
    )


def _new_coins(settings: DestinationSet, seen: TemplateSeen) -> int:
    if seen.blob is not None:
        return max(seen.coinbase_value - seen.blob.fees, 0)
    coin = registry.load("coins", settings.coin).COIN
    return min(subsidy(seen.height, coin, settings.network), seen.coinbase_value)
