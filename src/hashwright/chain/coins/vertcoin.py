"""Vertcoin: Verthash for graphics cards since 2021-02 (Lyra2 before), halved every 840,000 blocks.

Source: Vertcoin Core `src/chainparams.cpp`.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import DIFFICULTY_1, Adjustment, Economy
from hashwright.chain.emission import Halving

COIN = Coin(
    key="vertcoin",
    title="Vertcoin",
    ticker="VTC",
    algorithm="verthash",
    decimals=8,
    block_interval_s=150,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Halving(start=50 * 10**8, interval_blocks=840_000),
        adjustment=Adjustment(rule="kimoto_gravity_well", kind="window", window_s=86_400),
        known_block=(1_555_327, "2021-05-05"),
        source="Vertcoin Core src/chainparams.cpp",
    ),
)
