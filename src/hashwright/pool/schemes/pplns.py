"""PPLNS: a block is divided by the newest work, whoever found it.

The window is N times what a block takes on average, measured in work and not in shares or minutes, and it does not end
with a block: what a share earns hangs only on the blocks that come *after* it, so leaving when a round is long or
coming when it is short gains nothing. Mean a share `p B (1 - f)`, variance `B**2 p (1 - p) / N` (reference planning.md
2.4). Nobody owes anybody anything while no block comes: the pool needs no reserve.

Until the window is full for the first time a block is divided by the work that is there. That favours the first members
of a pool; a window that takes over from another era has no such beginning (`pool.eras`).
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

import msgspec

from hashwright.money import Amount
from hashwright.pool.schemes.base import PaidByBlock, Split, share_out


class Pplns(PaidByBlock, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pay the last N units of work. `window_percent` is N [percent of the work that a block takes on average]."""

    title: ClassVar[str] = "PPLNS: a block is divided by the newest work"
    window_percent: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200

    def window_work(self, network_work: int) -> int:
        """Return the size of the window [hashes]."""
        return max(1, network_work * self.window_percent // 100)

    def split_block(self, gross: Amount, *, finder: str, work: Mapping[str, int]) -> Split:
        """Divide a block by the window's work."""
        return share_out(gross, work, fee_ppm=self.fee_ppm)


SCHEME: Final = Pplns
