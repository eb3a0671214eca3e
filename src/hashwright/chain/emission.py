"""New coins of a block by its height, for every coin that is compared here; whole numbers of minor units.

A rule is a small record with `subsidy(height)` and `next_change(height)`. The halving rule of Bitcoin and its family is
`Halving`; what follows no formula is `Steps`. What a block pays to others than its miner (masternodes, a development
fund) is not taken off here: `Economy.miner_share` says that part.

Monero's block depends on the coins that exist. `Tail` computes them from the height by the closed form of the emission
curve; blocks above the median weight paid a little less, so before the tail (height 2,641,623) it is an estimate.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from hashwright.chain.cryptonote.rules import SUPPLY, base_reward

_HALVINGS_MAX: Final = 64


class Emission(Protocol):
    """What a rule answers."""

    def subsidy(self, height: int) -> int:
        """Return the new coins of the block at a height [minor units]."""

    def next_change(self, height: int) -> int | None:
        """Return the first height above this one whose block pays something else; None: it never changes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """Half as much after each `interval_blocks`. (Bitcoin Core: `GetBlockSubsidy`.)"""

    start: int
    interval_blocks: int

    def subsidy(self, height: int) -> int:
        """Return the new coins of a block [minor units]."""
        halvings = height // self.interval_blocks
        return self.start >> halvings if halvings < _HALVINGS_MAX else 0

    def next_change(self, height: int) -> int | None:
        """Return the height of the next halving, or None where nothing is left to halve."""
        return (height // self.interval_blocks + 1) * self.interval_blocks if self.subsidy(height) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A table: from each height on, so much. The first row begins at 0."""

    rows: tuple[tuple[int, int], ...]

    def subsidy(self, height: int) -> int:
        """Return the new coins of a block [minor units]."""
        return next(coins for start, coins in reversed(self.rows) if height >= start)

    def next_change(self, height: int) -> int | None:
        """Return the first row above a height."""
        return next((start for start, _ in self.rows if start > height), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinking:
    """A fraction less after each interval, cut to whole units at each step, as consensus does.

    ECIP-1017 takes a fifth, Dash a fourteenth, Decred keeps 100 of 101. `offset` is the height of the last block of
    the interval before the first: Ethereum Classic counts eras from block 1, Dash from the parent's height.
    """

    start: int
    interval_blocks: int
    keep: int
    of: int
    offset: int = 0
    takes_part: bool = False
    """Dash: the fourteenth is rounded down and taken off; the others round what is kept."""

    def subsidy(self, height: int) -> int:
        """Return the new coins of a block [minor units]."""
        coins = self.start
        for _ in range(self._steps(height)):
            coins = (
                coins - coins * (self.of - self.keep) // self.of if self.takes_part else coins * self.keep // self.of
            )
        return coins

    def next_change(self, height: int) -> int | None:
        """Return the first height of the next interval, or None where nothing is left."""
        return (self._steps(height) + 1) * self.interval_blocks + self.offset if self.subsidy(height) else None

    def _steps(self, height: int) -> int:
        return max(height - self.offset, 0) // self.interval_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Monero: a curve, then 0.6 XMR for ever. Blocks of one minute until `two_minutes_from`, of two since."""

    two_minutes_from: int
    tail_from: int

    def subsidy(self, height: int) -> int:
        """Return the new coins of a block [piconero]; an estimate before `tail_from`."""
        block_s = 60 if height < self.two_minutes_from else 120
        return base_reward(self.generated_est(height), block_s=block_s)

    def generated_est(self, height: int) -> int:
        """Return the coins that exist before a block [piconero], had no block paid a penalty."""
        if height >= self.tail_from:
            return SUPPLY - (1 << 58)  # any number so close to the end: the tail's floor holds
        ones, twos = min(height, self.two_minutes_from), max(height - self.two_minutes_from, 0)
        left = (1 - 2.0**-20) ** ones * (1 - 2.0**-19) ** twos
        return int(SUPPLY * (1 - left))

    def next_change(self, height: int) -> int | None:
        """Return the next height: each block pays a little less than the one before, until the tail."""
        return height + 1 if height < self.tail_from else None
