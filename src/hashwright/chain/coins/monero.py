"""Monero: RandomX, a block every two minutes, a tail of 0.6 XMR a block for ever, rewards locked for 60 blocks.

Its difficulty counts hashes. Sources: Monero `cryptonote_config.h`, `cryptonote_basic_impl.cpp`, `difficulty.cpp`. The
rules of money and time are in `chain.cryptonote.rules`. A node on regtest ("fakechain") has the first block and the
addresses of the main network.
"""

from typing import Final

from hashwright.chain.coin import Coin, Network
from hashwright.chain.economy import Adjustment, Economy
from hashwright.chain.emission import Tail

TARGET_LIMIT: Final = 2**256 - 1
GENESIS: Final = "418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3"

COIN = Coin(
    key="monero",
    title="Monero",
    ticker="XMR",
    algorithm="randomx",
    decimals=12,
    family="cryptonote",
    block_interval_s=120,
    spendable_depth=60,
    networks={
        "main": Network(name="main", target_limit=TARGET_LIMIT, genesis_display=GENESIS),
        "test": Network(name="test", target_limit=TARGET_LIMIT),
        "stage": Network(name="stage", target_limit=TARGET_LIMIT),
        "regtest": Network(
            name="regtest",
            target_limit=TARGET_LIMIT,
            genesis_display=GENESIS,
            address_network="main",
            is_retargeting=False,
        ),
    },
    economy=Economy(
        work_factor=1,
        emission=Tail(two_minutes_from=1_009_827, tail_from=2_641_623),
        adjustment=Adjustment(rule="monero", kind="window", window_s=600 * 120, lag_s=75 * 120),
        session="cryptonote",
        known_block=(3_292_912, "2024-11-30"),
        source="Monero src/cryptonote_config.h, difficulty.cpp",
    ),
)
