"""Ethereum: not forgotten, but not minable. Its answer is part of the product."""

from hashwright.chain.coin import Coin

COIN = Coin(
    key="ethereum",
    title="Ethereum",
    ticker="ETH",
    algorithm="",
    decimals=18,
    why_not=(
        "Ethereum cannot be mined: it left proof of work with the Merge on 2022-09-15. "
        "The nearest coin that can is Ethereum Classic (ETC); with what is built so far, Bitcoin, Litecoin and Monero"
        " can."
    ),
)
