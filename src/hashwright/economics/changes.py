"""How prices and hash rates changed from day to day, for several coins at once: what scenarios are drawn from.

Two sources give the same record. `changes_of` takes measured series. `changes_of_statistics` makes a seeded series with
stated volatilities, a common correlation, heavy tails and calm and wild spells: it serves where no history is at hand,
and its `source` says that it was made. Both keep all coins of a day together, because coins fall together.

Hash rates are counted from blocks found, which come by luck: 144 a day are off by 8 %. So changes are those of the mean
of `SMOOTH_DAYS`; otherwise each border between two drawn blocks would add luck as if it were growth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashwright.errors import OperatorError

FloatArray: TypeAlias = NDArray[np.float64]

SMOOTH_DAYS: Final = 14
DAYS_MIN: Final = 120
"""Fewer days than this are no history to draw three months from."""
YEAR_DAYS: Final = 365
CHANGE_MAX: Final = 2.0
"""A day on which a price or a hash rate moves by more than e**2 is a fault of the data, not of the market."""
FEES_MAX: Final = 1.0
ELASTICITY: Final = 0.5
"""How much of a price's lasting rise the hash rate follows; published: 0.2 to 0.55 after 12 weeks (planning.md 4.1)."""
GROWTH_FLOOR: Final = 0.05
"""Hash rates grow by at least this a year [log], whatever the history says: machines become better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Days of joint changes: `price` and `hashrate` are log changes a day, `fees` a day's fees by its new coins.

    Arrays are (days, coins). `left_out` are days that lacked a number or held an impossible one.
    """

    coins: tuple[str, ...]
    price: FloatArray
    hashrate: FloatArray
    fees: FloatArray
    source: str
    is_made: bool = False
    left_out: int = 0

    @property
    def days(self) -> int:
        """Return how many days there are."""
        return len(self.price)

    def growth_per_year(self, *, price_drift: float = 0.0) -> FloatArray:
        """Return the growth of hash rates to expect [log a year], where prices drift as given instead of as they did.

        The mean of the history, less the part that followed prices; never below `GROWTH_FLOOR`.
        """
        grown = self.hashrate.mean(axis=0) * YEAR_DAYS
        risen = self.price.mean(axis=0) * YEAR_DAYS
        result: FloatArray = np.maximum(grown - ELASTICITY * (risen - price_drift), GROWTH_FLOOR)
        return result


def changes_of(
    coins: Sequence[str],
    *,
    price_usd: FloatArray,
    hashrate_hs: FloatArray,
    fees_ratio: FloatArray,
    source: str,
) -> Changes:
    """Return the joint changes of measured series, each (coins, days); days that lack a number are left out.

    Raises:
        OperatorError: fewer than `DAYS_MIN` days are left (HW-821).
    """
    price = np.diff(_log(price_usd), axis=1)
    hashrate = np.diff(_log(_mean_of_days(hashrate_hs)), axis=1)
    fees = np.clip(np.nan_to_num(fees_ratio[:, 1:], nan=0.0), 0.0, FEES_MAX)
    largest = np.maximum(np.abs(price), np.abs(hashrate)).max(axis=0)
    is_whole: NDArray[np.bool_] = np.nan_to_num(largest, nan=np.inf) < CHANGE_MAX
    is_whole[: SMOOTH_DAYS - 1] = False
    kept = int(is_whole.sum())
    if kept < DAYS_MIN:
        raise OperatorError(
            f"{source} has {kept} days on which prices and hash rates of {', '.join(coins)} are all known.",
            code="HW-821",
            hint=f"Scenarios need {DAYS_MIN}; leave a coin out, or give another folder with --data.",
        )
    return Changes(
        coins=tuple(coins),
        price=price[:, is_whole].T.copy(),
        hashrate=hashrate[:, is_whole].T.copy(),
        fees=fees[:, is_whole].T.copy(),
        source=source,
        left_out=int((~is_whole[SMOOTH_DAYS - 1 :]).sum()),
    )


def _log(values: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: FloatArray = np.log(np.where(values > 0, values, np.nan))
    return logs


def _mean_of_days(values: FloatArray) -> FloatArray:
    """Return the mean of each day and those before it; a missing day does not spoil its neighbours."""
    known = np.where(np.isnan(values), 0.0, values)
    sums = np.cumsum(np.pad(known, ((0, 0), (SMOOTH_DAYS, 0))), axis=1)
    counts = np.cumsum(np.pad((~np.isnan(values)).astype(np.float64), ((0, 0), (SMOOTH_DAYS, 0))), axis=1)
    total = sums[:, SMOOTH_DAYS:] - sums[:, :-SMOOTH_DAYS]
    number = counts[:, SMOOTH_DAYS:] - counts[:, :-SMOOTH_DAYS]
    with np.errstate(divide="ignore", invalid="ignore"):
        means: FloatArray = np.where(np.isnan(values), np.nan, total / number)
    return means


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is published about a coin's changes; yearly and as logs. `elasticity` is of the hash rate to the price."""

    coin: str
    price_volatility: float
    hashrate_volatility: float
    growth: float
    elasticity: float
    fees_ratio: float


CORRELATION: Final = 0.65
"""Between any two coins' prices: published 0.45 to 0.82 (planning.md 4.1)."""
FREEDOM: Final = 3.5
"""Degrees of Student's t: days are wilder than a bell curve (a fit of Bitcoin gives 3.1)."""
SPELL_DAYS: Final = 30
SPELL: Final = 0.45
"""How much the level of volatility itself varies [log, sd]; a spell lasts about `SPELL_DAYS`."""
FOLLOW_DAYS: Final = 56
"""Days in which the hash rate follows a change of the price."""


def changes_of_statistics(
    rows: Sequence[Statistics], *, rng: np.random.Generator, days: int = 4 * YEAR_DAYS
) -> Changes:
    """Make joint changes that have the stated statistics: not a history, and labelled so."""
    size = (days, len(rows))
    level = _spells(days, rng)
    common = _heavy(rng, (days, 1))
    own = _heavy(rng, size)
    mixed = math.sqrt(CORRELATION) * common + math.sqrt(1 - CORRELATION) * own
    daily = np.array([row.price_volatility for row in rows]) / math.sqrt(YEAR_DAYS)
    price = mixed * level * daily
    follow = np.stack([_followed(price[:, i], row.elasticity) for i, row in enumerate(rows)], axis=1)
    noise = _heavy(rng, size) * np.array([row.hashrate_volatility for row in rows]) / math.sqrt(YEAR_DAYS)
    growth = np.array([row.growth for row in rows]) / YEAR_DAYS
    fees = np.array([row.fees_ratio for row in rows]) * np.exp(0.5 * (level - 1.0))
    return Changes(
        coins=tuple(row.coin for row in rows),
        price=price - price.mean(axis=0),
        hashrate=noise - noise.mean(axis=0) + follow - follow.mean(axis=0) + growth,
        fees=np.clip(fees * np.ones(size), 0.0, FEES_MAX),
        source="made from published statistics (no history was given with --data)",
        is_made=True,
    )


def _heavy(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    """Draw Student's t with a variance of one."""
    draws: FloatArray = rng.standard_t(FREEDOM, size) / math.sqrt(FREEDOM / (FREEDOM - 2))
    return np.clip(draws, -12.0, 12.0)


def _spells(days: int, rng: np.random.Generator) -> FloatArray:
    """Return the level of volatility of each day, (days, 1), with a mean square of one."""
    keep = 1 - 1 / SPELL_DAYS
    shocks = rng.standard_normal(days) * math.sqrt(1 - keep**2) * SPELL
    values = np.empty(days)
    level = 0.0
    for day, shock in enumerate(shocks):
        level = keep * level + shock
        values[day] = level
    levels = np.exp(values)
    result: FloatArray = (levels / math.sqrt(float((levels**2).mean())))[:, np.newaxis]
    return result


def _followed(price: FloatArray, elasticity: float) -> FloatArray:
    """Spread a part of each price change over the days after it."""
    kernel = np.full(FOLLOW_DAYS, elasticity / FOLLOW_DAYS)
    followed: FloatArray = np.convolve(price, kernel)[: len(price)]
    return followed
