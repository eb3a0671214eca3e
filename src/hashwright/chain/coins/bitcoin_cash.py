"""Bitcoin Cash: Bitcoin's hash and coins, another difficulty rule (ASERT since 2020-11-15).

A sha256d machine mines it at any pool of it; no node of it is spoken to here. Source: Bitcoin Cash Node `src/pow.cpp`.
"""

import math

from hashwright.chain.coin import Coin
from hashwright.chain.economy import DIFFICULTY_1, Adjustment, Economy
from hashwright.chain.emission import Halving

COIN = Coin(
    key="bitcoin_cash",
    title="Bitcoin Cash",
    ticker="BCH",
    algorithm="sha256d",
    decimals=8,
    block_interval_s=600,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Halving(start=50 * 10**8, interval_blocks=210_000),
        adjustment=Adjustment(rule="asert", kind="relax", relax_s=172_800 / math.log(2)),
        session="bitcoin",
        known_block=(840_000, "2024-04-03"),
        source="Bitcoin Cash Node src/pow.cpp, specification aserti3-2d",
    ),
)
