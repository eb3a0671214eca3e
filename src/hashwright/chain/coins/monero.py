"""Monero: RandomX for processors, a block every two minutes, 0.6 coins for ever since 2022-06.

Its difficulty counts hashes. Sources: Monero `src/cryptonote_config.h`, `src/cryptonote_basic/difficulty.cpp`.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import Adjustment, Economy
from hashwright.chain.emission import Tail

COIN = Coin(
    key="monero",
    title="Monero",
    ticker="XMR",
    algorithm="randomx",
    decimals=12,
    block_interval_s=120,
    economy=Economy(
        work_factor=1,
        emission=Tail(two_minutes_from=1_009_827, tail_from=2_641_623),
        adjustment=Adjustment(rule="monero", kind="window", window_s=600 * 120, lag_s=75 * 120),
        maturity_blocks=60,
        session="cryptonote",
        known_block=(3_292_912, "2024-11-30"),
        source="Monero src/cryptonote_config.h, difficulty.cpp",
    ),
)
