"""The newest facts of a history: of each coin the last day that knows both price and difficulty.

A pair of one day, as in the snapshot: the newest price beside an old difficulty would flatter every machine.
"""

from decimal import Decimal

import numpy as np

from hashwright.chain.coin import Coin
from hashwright.economics.coin_facts import CoinFacts, Fact, FieldName
from hashwright.planner.series import CoinSeries, CoinTable, known_at_ms

FEE_DAYS = 7
"""Fees are a mean over so many days: of one day they say little."""
DIGITS = 12


def newest_facts(table: CoinTable, coins: tuple[Coin, ...], *, older: CoinFacts) -> CoinFacts:
    """Return the facts of a history that are newer than those that are known already."""
    facts: dict[tuple[str, FieldName], Fact] = {}
    for coin in coins:
        series = table.coins.get(coin.ticker)
        if series is None:
            continue
        for name, fact in _facts(series, table.source).items():
            known = older.fact(coin.key, name)
            if known is None or known.at_ms < fact.at_ms:
                facts[coin.key, name] = fact
    return CoinFacts(facts=facts)


def _facts(series: CoinSeries, source: str) -> dict[FieldName, Fact]:
    both = np.flatnonzero((series.price_usd > 0) & (series.difficulty > 0))
    if not len(both):
        return {}
    at = int(both[-1])
    at_ms = known_at_ms(series.first_day + at)
    found: dict[FieldName, float] = {
        "price_usd": float(series.price_usd[at]),
        "difficulty": float(series.difficulty[at]),
    }
    week = slice(max(at - FEE_DAYS + 1, 0), at + 1)
    fees, blocks = series.fees_native[week], series.blocks[week]
    if not np.isnan(fees).any() and np.nansum(blocks) > 0:
        found["fees_coins"] = float(fees.sum() / np.nansum(blocks))
    return {
        name: Fact(
            value=Decimal(f"{value:.{DIGITS}g}"), at_ms=at_ms, known_at_ms=at_ms, sources=(f"imported {source}",)
        )
        for name, value in found.items()
    }
