"""What a coin pays and how its difficulty moves, as data: the part of a coin's file that forecasts need.

`work_factor` turns a difficulty into the expected hashes of a block: 2**32 for Bitcoin and its family, 1 where the
difficulty already counts hashes (Monero, Ethereum Classic), 8192 for Zcash, whose easiest target is 2**243.

`session` names the kind of Stratum session that mines the coin here; without one it is "compare only": shown and
reckoned with, never a routing target.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hashwright.chain.emission import Emission

DIFFICULTY_1: Final = 2**32
"""Expected hashes of a share of difficulty 1 in Bitcoin's unit, as everybody counts (exactly 2**48 / (2**16 - 1))."""
PPM: Final = 1_000_000
SessionKind = Literal["", "bitcoin", "cryptonote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """How a chain's difficulty follows its hash rate.

    `epoch`: once in `epoch_blocks`, by the time they took, at most by `factor_max`. `window`: with each block, by the
    time of the last blocks; `window_s` is how much of the past it looks at when blocks come as planned, `lag_s` how
    much of the newest past it leaves out. `relax`: a part of the deviation with each block, so that it dies away by
    1/e in `relax_s`. The exact rules are named in `rule` and, where they are built, stand in `chain.retarget`,
    `chain.adjustment`, `chain.windows` and `chain.cryptonote.rules`.
    """

    rule: str
    kind: Literal["epoch", "window", "relax"]
    epoch_blocks: int = 0
    epoch_intervals: int = 0
    """Intervals that an epoch's time is measured over (Bitcoin: one less than its blocks)."""
    factor_max: float = 4.0
    window_s: int = 0
    lag_s: int = 0
    relax_s: float = 0.0
    mean_interval_s: float = 0.0
    """What a block takes at rest, where luck makes it another time than the plan [s]."""


EPOCH_2016: Final = Adjustment(rule="bitcoin", kind="epoch", epoch_blocks=2016, epoch_intervals=2015)


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """What forecasts need of a coin. Dates are ISO days (UTC)."""

    work_factor: int
    emission: Emission
    adjustment: Adjustment
    session: SessionKind = ""
    merged_parent: str = ""
    """The coin with whose hashes this one is mined at the same time."""
    miner_shares: tuple[tuple[str, int], ...] = (("2009-01-03", PPM),)
    """From each day on, the part of the new coins that goes to the miner [ppm]; fees are all the miner's."""
    ended: str = ""
    """The first day without proof of work."""
    known_block: tuple[int, str] = (0, "")
    """A height and its day, from which the height of a later day is reckoned."""
    source: str = ""

    def work_hashes(self, difficulty: float) -> float:
        """Return the expected hashes of a block at a difficulty (planning.md 2.1)."""
        return difficulty * self.work_factor

    def miner_share_ppm(self, day: str) -> int:
        """Return the part of the new coins that a miner got on a day [ppm]; 0 after the end of proof of work."""
        if self.ended and day >= self.ended:
            return 0
        return _row_of(self.miner_shares, day)


def _row_of(rows: Sequence[tuple[str, int]], day: str) -> int:
    return next((value for start, value in reversed(rows) if day >= start), rows[0][1])
