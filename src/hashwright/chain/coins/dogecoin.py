"""Dogecoin: scrypt, a block a minute, 10,000 coins for ever; mined along with Litecoin by the same hashes.

Source: Dogecoin Core `src/dogecoin.cpp`. Before block 145,000 a block paid a random number of coins; the rows say its
mean.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import DIFFICULTY_1, Adjustment, Economy
from hashwright.chain.emission import Steps

COIN = Coin(
    key="dogecoin",
    title="Dogecoin",
    ticker="DOGE",
    algorithm="scrypt",
    decimals=8,
    block_interval_s=60,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Steps(
            rows=(
                (0, 500_000 * 10**8),
                (100_000, 250_000 * 10**8),
                (145_000, 250_000 * 10**8),
                (200_000, 125_000 * 10**8),
                (300_000, 62_500 * 10**8),
                (400_000, 31_250 * 10**8),
                (500_000, 15_625 * 10**8),
                (600_000, 10_000 * 10**8),
            )
        ),
        adjustment=Adjustment(rule="digishield", kind="relax", relax_s=480.0, mean_interval_s=63.0),
        known_block=(3_717_167, "2021-05-05"),
        merged_parent="litecoin",
        source="Dogecoin Core src/dogecoin.cpp",
    ),
)
