"""Decred: a hundredth less every 6,144 blocks; voters and a treasury take most, since 2023-08 nearly all.

Blake256 until 2023-08-29, blake3 since. The miner's part: 60 %, 10 % since DCP-0010 (2022-05), 1 % since DCP-0012
(2023-08). Sources: dcrd `blockchain/standalone/subsidy.go`, DCP-0010, DCP-0011, DCP-0012.
"""

import math

from hashwright.chain.coin import Coin
from hashwright.chain.economy import DIFFICULTY_1, Adjustment, Economy
from hashwright.chain.emission import Shrinking

COIN = Coin(
    key="decred",
    title="Decred",
    ticker="DCR",
    algorithm="blake3",
    decimals=8,
    block_interval_s=300,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Shrinking(start=3_119_582_664, interval_blocks=6_144, keep=100, of=101),
        adjustment=Adjustment(rule="asert", kind="relax", relax_s=43_200 / math.log(2)),
        miner_shares=(("2016-02-08", 600_000), ("2022-05-08", 100_000), ("2023-08-29", 10_000)),
        known_block=(620_001, "2021-12-29"),
        source="DCP-0010, DCP-0011, DCP-0012",
    ),
)
