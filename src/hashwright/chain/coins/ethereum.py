"""Ethereum: not forgotten, but not minable. Its answer is part of the product.

Its history is known, so that a backtest may mine it until the last day of proof of work, and not a day longer.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.economy import Adjustment, Economy
from hashwright.chain.emission import Steps

COIN = Coin(
    key="ethereum",
    title="Ethereum",
    ticker="ETH",
    algorithm="",
    decimals=18,
    block_interval_s=13,
    economy=Economy(
        work_factor=1,
        emission=Steps(rows=((0, 5 * 10**18), (4_370_000, 3 * 10**18), (7_280_000, 2 * 10**18), (15_537_394, 0))),
        adjustment=Adjustment(rule="ethash", kind="relax", relax_s=19_200.0),
        ended="2022-09-15",
        source="EIP-649, EIP-1234, EIP-3675",
    ),
    why_not=(
        "Ethereum cannot be mined: it left proof of work with the Merge on 2022-09-15. "
        "The nearest coin that can is Ethereum Classic (ETC); with what is built so far, Bitcoin, Litecoin and Monero"
        " can."
    ),
)
