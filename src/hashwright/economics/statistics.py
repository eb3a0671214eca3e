"""What is known of each coin's changes where no history is at hand: single facts, each a number that we computed.

Computed from the daily series of Coin Metrics' community data and block headers (spans: the coin's years from 2016, or
later, to 2021-05 or 2024-11): volatility of the daily price, of the hash rate over four weeks, growth of the hash rate
less half of the price's, fees of blocks by new coins. Elasticities are those of planning.md 4.1. All logs, a year.
"""

from typing import Final

from hashwright.economics.changes import Statistics

_ROWS: Final = (
    #        price  hash  growth  elasticity  fees
    ("BTC", 0.70, 0.34, 0.48, 0.24, 0.07),
    ("LTC", 1.06, 0.69, 0.63, 0.55, 0.01),
    ("XMR", 1.20, 0.89, 0.53, 0.26, 0.01),
    ("DOGE", 1.50, 0.73, 0.27, 0.13, 0.005),
    ("ETC", 1.25, 0.90, 0.19, 0.49, 0.001),
    ("DASH", 1.00, 0.49, 0.24, 0.50, 0.001),
    ("BCH", 1.21, 0.89, 0.17, 0.40, 0.001),
    ("ZEC", 1.14, 0.48, 0.63, 0.40, 0.001),
    ("RVN", 1.05, 1.00, 0.23, 0.40, 0.001),
)
_OTHERS: Final = (1.2, 0.9, 0.3, 0.4, 0.001)
"""A coin of which no statistics are kept: as wild as the wilder ones."""


def statistics_of(ticker: str) -> Statistics:
    """Return the statistics of a coin; of one that is not listed, those of a middling small coin."""
    numbers = next((row[1:] for row in _ROWS if row[0] == ticker), _OTHERS)
    price, hashrate, growth, elasticity, fees = numbers
    return Statistics(
        coin=ticker,
        price_volatility=price,
        hashrate_volatility=hashrate,
        growth=growth,
        elasticity=elasticity,
        fees_ratio=fees,
    )
