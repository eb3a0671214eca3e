"""FPPS: each share is paid its part of subsidy *and* average fees when it is accepted, block or no block.

Mean a share `p (S + F) (1 - f)`, variance none (reference planning.md 2.4). F is what the chain's newest blocks paid in
fees on average (`mean_fees`), not what ours pay: nobody can tell in advance.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from hashwright.money import Amount, MoneyError
from hashwright.pool.schemes._reserve import PaidByWork
from hashwright.pool.schemes.base import Terms


class Fpps(PaidByWork, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Full pay per share."""

    title: ClassVar[str] = "FPPS: a fixed price for each share, with average fees"

    def worth(self, terms: Terms) -> Amount:
        """Return subsidy and average fees."""
        return terms.subsidy + terms.fees


def mean_fees(fees: Sequence[Amount]) -> Amount:
    """Return the average of what blocks paid in fees, rounded down.

    Raises:
        MoneyError: there are none, or not all are of one currency.
    """
    if not fees:
        raise MoneyError("the average of no blocks is unknown, not zero")
    first = fees[0]
    # Differences, because `-` refuses another currency.
    return first + Amount(sum((amount - first).minor for amount in fees) // len(fees), first.currency)


SCHEME: Final = Fpps
