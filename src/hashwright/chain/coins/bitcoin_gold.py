"""Bitcoin Gold: Bitcoin's coins by Equihash 144,5 since its split at block 491,407. Source: BTCGPU `src/pow.cpp`."""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import Adjustment, Economy
from hashwright.chain.emission import Halving

COIN = Coin(
    key="bitcoin_gold",
    title="Bitcoin Gold",
    ticker="BTG",
    algorithm="equihash144_5",
    decimals=8,
    block_interval_s=600,
    economy=Economy(
        work_factor=8192,
        emission=Halving(start=50 * 10**8, interval_blocks=210_000),
        adjustment=Adjustment(rule="lwma", kind="window", window_s=45 * 600),
        known_block=(722_000, "2021-12-29"),
        source="BTCGPU src/pow.cpp",
    ),
)
