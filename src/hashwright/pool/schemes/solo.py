"""SOLO: who finds a block gets it, less the fee.

Mean a share `p B (1 - f)`, variance `B**2 p (1 - p)`: everything hangs on one's own luck (reference planning.md 2.4).
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from hashwright.money import Amount
from hashwright.pool.schemes.base import PaidByBlock, Split, share_out


class Solo(PaidByBlock, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The finder is paid."""

    title: ClassVar[str] = "SOLO: the finder gets the block"

    def window_work(self, network_work: int) -> int:
        """Keep no window."""
        return 0

    def split_block(self, gross: Amount, *, finder: str, work: Mapping[str, int]) -> Split:
        """Give the block to its finder."""
        return share_out(gross, {finder: 1}, fee_ppm=self.fee_ppm)


SCHEME: Final = Solo
