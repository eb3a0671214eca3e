"""Ethereum Classic: Etchash, a fifth less every 5,000,000 blocks (ECIP-1017); what Ethereum's machines mine since 2022.

Its difficulty counts hashes. Amounts are billionths: wei do not fit a ledger. Sources: ECIP-1017, ECIP-1099, EIP-100.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import Adjustment, Economy
from hashwright.chain.emission import Shrinking

COIN = Coin(
    key="ethereum_classic",
    title="Ethereum Classic",
    ticker="ETC",
    algorithm="etchash",
    decimals=9,
    block_interval_s=13,
    economy=Economy(
        work_factor=1,
        emission=Shrinking(start=5 * 10**9, interval_blocks=5_000_000, keep=4, of=5, offset=1),
        adjustment=Adjustment(rule="ethash", kind="relax", relax_s=19_200.0),
        known_block=(20_000_000, "2024-05-31"),
        source="ECIP-1017, ECIP-1099, EIP-100",
    ),
)
