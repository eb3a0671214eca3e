"""An invented history, to see how a backtest works where no real days are: never evidence of anything.

Prices and difficulties walk by a fixed rule from a fixed seed, so that everybody sees the same example, and its name
says everywhere that it is invented. Its end is a day of the past, so nobody takes it for today.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from hashwright.planner.series import CoinTable, day_of, table_of, text_of_day

NAME: Final = "an INVENTED example, no real days"
DAYS: Final = 240
FIRST: Final = "2023-01-01"
SEED: Final = 20230101
COINS: Final = (
    ("BTC", 30_000.0, 4.0e13, 0.025, 900.0, 144),
    ("BCH", 130.0, 1.9e11, 0.045, 900.0, 144),
    ("LTC", 90.0, 2.2e7, 0.04, 7200.0, 576),
    ("XMR", 160.0, 3.2e11, 0.03, 432.0, 720),
)
"""Ticker, price [USD] and difficulty of the first day, how much both move a day, new coins and blocks a day."""


def example_table() -> CoinTable:
    """Return the invented days."""
    return table_of(_lines(), source=NAME)


def _lines() -> Iterator[str]:
    yield "date,coin,price_usd,difficulty,issuance_native,fees_native,blocks,net_src"
    rng = np.random.default_rng(SEED)
    first = day_of(FIRST)
    for ticker, price, difficulty, step, issued, blocks in COINS:
        moves = rng.normal(0.0005, step, DAYS)
        # Difficulty follows the price of two weeks before, with a will of its own: that is what makes choices.
        late = np.concatenate([np.zeros(14), moves[:-14]])
        network = 0.4 * late + rng.normal(0.001, step / 3, DAYS)
        prices, difficulties = price * np.exp(np.cumsum(moves)), difficulty * np.exp(np.cumsum(network))
        for at in range(DAYS):
            numbers = f"{prices[at]:.4f},{difficulties[at]:.6g},{issued:g},0,{blocks}"
            yield f"{text_of_day(first + at)},{ticker},{numbers},invented"
