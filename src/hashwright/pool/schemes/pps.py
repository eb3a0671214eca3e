"""PPS: each share is paid its part of the subsidy when it is accepted, block or no block.

Mean a share `p B (1 - f)`, variance none: the luck is the pool's (reference planning.md 2.4). Fees of transactions are
not part of the price; with the blocks they go to the reserve.
"""

from typing import ClassVar, Final

from hashwright.pool.schemes._reserve import PaidByWork


class Pps(PaidByWork, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pay per share."""

    title: ClassVar[str] = "PPS: a fixed price for each share"


SCHEME: Final = Pps
