"""Ravencoin: KawPow for graphics cards, halved every 2,100,000 blocks. Source: Ravencoin `src/validation.cpp`."""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import DIFFICULTY_1, Adjustment, Economy
from hashwright.chain.emission import Halving

COIN = Coin(
    key="ravencoin",
    title="Ravencoin",
    ticker="RVN",
    algorithm="kawpow",
    decimals=8,
    block_interval_s=60,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Halving(start=5_000 * 10**8, interval_blocks=2_100_000),
        adjustment=Adjustment(rule="dark_gravity_wave", kind="window", window_s=180 * 60),
        known_block=(2_100_000, "2022-01-11"),
        source="Ravencoin src/chainparams.cpp, src/pow.cpp",
    ),
)
