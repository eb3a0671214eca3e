"""Zcash: Equihash, halved twice so far; a fifth of each block goes to funds.

Difficulty 1 is the easiest target of 2**243, so a block takes 8,192 solutions times the difficulty. Since Blossom
(block 653,600) blocks come every 75 s and pay half. Sources: zips 208, 214, 1014, 1015; Zcash `src/chainparams.cpp`.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import Adjustment, Economy
from hashwright.chain.emission import Steps

COIN = Coin(
    key="zcash",
    title="Zcash",
    ticker="ZEC",
    algorithm="equihash",
    decimals=8,
    block_interval_s=75,
    economy=Economy(
        work_factor=8192,
        emission=Steps(
            rows=(
                (0, 625_000_000),
                (20_000, 1_250_000_000),
                (653_600, 625_000_000),
                (1_046_400, 312_500_000),
                (2_726_400, 156_250_000),
                (4_406_400, 78_125_000),
                (6_086_400, 39_062_500),
            )
        ),
        adjustment=Adjustment(rule="zcash_average", kind="window", window_s=17 * 4 * 75),
        miner_shares=(("2016-10-28", 800_000),),
        known_block=(2_726_400, "2024-11-23"),
        source="ZIP 208, 1014, 1015",
    ),
)
