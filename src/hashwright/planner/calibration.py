"""How honest are the bands? Walk forward through the history and count how often what came lay within them.

At each origin only the days before it are known: changes are drawn from them, scenarios start there, and the realised
price, difficulty and revenue per hash after each horizon are looked up. A 90 % band is honest if about 90 % lie within.
Horizons overlap, so that the share of a long one rests on few independent years: it is told how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hashwright.chain.coin import Coin
from hashwright.economics.changes import changes_of
from hashwright.economics.scenarios import DEFAULT, Assumptions, CoinStart, Progress, World, simulate
from hashwright.economics.watchers import Fan
from hashwright.planner.series import CoinSeries
from hashwright.planner.worlds import HISTORY_DAYS

Quantity = Literal["price", "difficulty", "revenue"]
QUANTITIES: Final[tuple[Quantity, ...]] = ("price", "difficulty", "revenue")
LEVELS: Final = (5, 25, 75, 95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The shares of realised values in the 50 % and the 90 % band, and above the median, over all origins."""

    coin: str
    quantity: Quantity
    horizon_days: int
    origins: int
    in_50: float
    in_90: float
    above_median: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One coin's history, what is assumed, and how many paths are drawn at each origin."""

    series: CoinSeries
    coin: Coin
    horizons: tuple[int, ...] = (30, 90, 180, 365)
    assumptions: Assumptions = DEFAULT
    paths: int = 300


def calibrate(
    study: Study, origins: Sequence[int], *, rng: np.random.Generator, progress: Progress | None = None
) -> tuple[Coverage, ...]:
    """Count coverage of one coin.

    `origins` are days [since 1970]; an origin counts for a horizon only if the day after it is known.
    """
    series, horizons = study.series, study.horizons
    found: dict[tuple[Quantity, int], list[tuple[bool, bool, bool]]] = {
        (quantity, days): [] for quantity in QUANTITIES for days in horizons
    }
    for count, origin in enumerate(origins):
        fan = _fan(study, origin, rng)
        for place, days in enumerate(horizons):
            real = _realised(series, origin, days)
            for quantity in QUANTITIES:
                value = real[quantity]
                if not np.isfinite(value):
                    continue
                drawn = getattr(fan, {"difficulty": "work"}.get(quantity, quantity))[place, 0]
                low, lower, upper, high = np.percentile(drawn, LEVELS)
                middle = float(np.median(drawn))
                found[quantity, days].append((lower <= value <= upper, low <= value <= high, value > middle))
        if progress is not None:
            progress((count + 1) / len(origins))
    return tuple(
        _coverage(study.coin.ticker, quantity, days, rows) for (quantity, days), rows in found.items() if rows
    )  # fmt: skip


def _coverage(ticker: str, quantity: Quantity, days: int, rows: list[tuple[bool, bool, bool]]) -> Coverage:
    shares = np.array(rows, dtype=np.float64).mean(axis=0)
    return Coverage(
        coin=ticker, quantity=quantity, horizon_days=days, origins=len(rows), in_50=float(shares[0]),
        in_90=float(shares[1]), above_median=float(shares[2]),
    )  # fmt: skip


def _fan(study: Study, origin: int, rng: np.random.Generator) -> Fan:
    series, coin, horizons = study.series, study.coin, study.horizons
    economy = coin.economy
    assert economy is not None
    known = series.between(max(series.first_day, origin - HISTORY_DAYS), origin)
    with np.errstate(divide="ignore", invalid="ignore"):
        fees = np.where(known.issuance_native > 0, known.fees_native / known.issuance_native, 0.0)
    changes = changes_of(
        (coin.ticker,),
        price_usd=known.price_usd[np.newaxis],
        hashrate_hs=known.hashrate_hs[np.newaxis],
        fees_ratio=fees[np.newaxis],
        source="history",
    )
    at = origin - series.first_day
    days = max(horizons)
    subsidy = _subsidy(series, coin, at, days)
    start = CoinStart(
        coin=coin.ticker,
        price_usd=float(series.price_usd[at]),
        work_hashes=economy.work_hashes(float(series.difficulty[at])),
        interval_s=coin.mean_interval_s,
        adjustment=economy.adjustment,
        reward_coins=subsidy,
        hashrate_hs=float(np.nanmean(series.hashrate_hs[at - 13 : at + 1])),
    )
    fan = Fan(horizons, study.paths, 1)
    world = World(starts=(start,), changes=changes, assumptions=study.assumptions)
    simulate(world, days=days, paths=study.paths, rng=rng, watchers=[fan])
    return fan


def _subsidy(series: CoinSeries, coin: Coin, at: int, days: int) -> tuple[float, ...]:
    """Return the calendar of the subsidy, which everybody knows in advance: by the rule, from the height of the day."""
    economy = coin.economy
    assert economy is not None
    counted = float(np.nansum(series.blocks[: at + 1]))
    per_day = 86_400 / coin.mean_interval_s
    return tuple(
        max(economy.emission.subsidy(int(counted + day * per_day)) / 10**coin.decimals, 1e-9) for day in range(days)
    )


def _realised(series: CoinSeries, origin: int, days: int) -> dict[Quantity, float]:
    at, then = origin - series.first_day, origin - series.first_day + days
    if then >= len(series.price_usd):
        return dict.fromkeys(QUANTITIES, float("nan"))
    with np.errstate(divide="ignore", invalid="ignore"):
        price = series.price_usd[then] / series.price_usd[at]
        difficulty = series.difficulty[then] / series.difficulty[at]
        # new coins only: the drawn revenue is without fees of blocks too
        coins = _new_coins(series, then) / _new_coins(series, at)
        revenue = price / difficulty * coins
    return {"price": float(price), "difficulty": float(difficulty), "revenue": float(revenue)}


def _new_coins(series: CoinSeries, at: int) -> float:
    return float(series.issuance_native[at] / series.blocks[at])
