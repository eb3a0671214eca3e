"""Dash: X11, a fourteenth less every 210,240 blocks; masternodes and the treasury take most of a block.

The miner's part is that of a year's mean: 45 % until 2020, less in steps until 36 %, and 20 % since version 20
(2023-11). Source: Dash Core `src/validation.cpp`, `src/masternode/payments.cpp`.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import DIFFICULTY_1, PPM, Adjustment, Economy
from hashwright.chain.emission import Shrinking

COIN = Coin(
    key="dash",
    title="Dash",
    ticker="DASH",
    algorithm="x11",
    decimals=8,
    block_interval_s=158,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Shrinking(start=5 * 10**8, interval_blocks=210_240, keep=13, of=14, offset=1, takes_part=True),
        adjustment=Adjustment(rule="dark_gravity_wave", kind="window", window_s=24 * 150),
        maturity_blocks=100,
        miner_shares=(
            ("2014-01-19", PPM // 2),
            ("2015-09-06", 450_000),
            ("2020-11-01", 430_000),
            ("2021-11-01", 400_000),
            ("2022-11-01", 380_000),
            ("2023-11-15", 200_000),
        ),
        known_block=(2_143_770, "2024-09-23"),
        source="Dash Core src/validation.cpp",
    ),
)
