"""Ten thousand ways the next years may go: prices, hash rates, fees, and the difficulty that follows by rule.

The generator is the joint stationary block bootstrap (Politis and Romano, 1994): days are drawn from `Changes` in runs
whose length is geometric with mean `block_days`, and all coins of a drawn day come along, so that what happened
together happens together again, calm spells and wild ones too.

- **Prices** drift as told. By default they drift nowhere: the mean of tomorrow's price is today's. What they did in the
  history is taken out.
- **Hash rates** grow as they did, less what they owe to prices that rose, and never less than `GROWTH_FLOOR`. Growth of
  zero has to be asked for. `pull_per_year` draws revenue per hash back to its trend: who earns much is joined by many.
- **Drifts are uncertain.** The mean of four wild years could as well have been another: each path has a drift of its
  own, drawn with the error that the history's mean has, for price and hash rate of all coins jointly. Without it the
  bands of a year are too narrow (docs/backtest.md has the count).
- **Difficulty** is moved by the coin's rule. Epochs (Bitcoin, Litecoin) keep their count of blocks and clamp fourfold;
  an epoch ends within a day, at the right hour. Rules with a window move each day by the weight that today's hash rate
  has in the mean of the window over the day (`day_weight`), rules that relax by what a day leaves of a deviation.
  `economics.difficulty` follows each rule more closely, path by path; the tests hold this walk beside it.
- **Subsidies** follow the calendar of the coin's rule at its planned pace; **fees** are drawn with their day.

Nothing is stored: watchers see each day of each chunk once, (coins, paths) arrays, and keep what they need.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashwright.chain.economy import Adjustment
from hashwright.economics.changes import YEAR_DAYS, Changes

Floats: TypeAlias = NDArray[np.float32]

BLOCK_DAYS: Final = 20.0
"""Mean length of a run of days: returns ask for 2 to 8 days, their size for 17 to 51 (planning.md 4.2)."""
CHUNK: Final = 2500
EPOCH_FACTOR: Final = 4.0
LOG_NOTHING: Final = -12.0
"""The log price of a coin that is worth nothing: small, and yet a number to reckon with."""
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinStart:
    """One coin at the start of all scenarios.

    `price_usd` [USD], `work_hashes` [expected hashes of a block now], `hashrate_hs` [hash/s, 0: as the difficulty
    implies], `reward_coins` [new coins to the miner of a block, one a day of the longest horizon], `epoch_done` [the
    part of the running epoch that is over].
    """

    coin: str
    price_usd: float
    work_hashes: float
    interval_s: float
    adjustment: Adjustment
    reward_coins: tuple[float, ...]
    hashrate_hs: float = 0.0
    epoch_done: float = 0.5
    fees_ratio: float = 0.0
    """Fees of blocks by new coins, now."""

    @property
    def pressure(self) -> float:
        """Return hash rate by what the difficulty implies: above one, blocks come too fast."""
        implied = self.work_hashes / self.interval_s
        return self.hashrate_hs / implied if self.hashrate_hs > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What the owner may set. Rates are logs a year; `growth` None means: as the history says, above a floor."""

    price_drift: float = 0.0
    growth: float | None = None
    block_days: float = BLOCK_DAYS
    pull_per_year: float = 0.0
    """How fast revenue per hash is drawn to its trend; the calibration speaks against any (docs/backtest.md)."""
    is_drift_certain: bool = False
    """Leave out that the mean of a few years is itself uncertain; for tests, and for those who know."""
    price_shock: float = 1.0
    """Prices are multiplied by this on the first day (what-if, stress)."""
    hashrate_shock: float = 1.0
    dead_coin: str = ""
    """A coin whose price falls to nothing on the first day."""


DEFAULT: Final = Assumptions()


@dataclass(slots=True, kw_only=True)
class Day:
    """One day of a chunk of paths. Arrays are (coins, paths) and are overwritten by the next day.

    `price_ratio` and `work_ratio` are relative to the start; `fees` is fees by new coins.
    """

    index: int
    price_ratio: Floats
    work_ratio: Floats
    fees: Floats
    reward_coins: Floats
    """New coins to the miner of a block on this day, (coins,)."""


class Watcher(Protocol):
    """Sees each day of each chunk once."""

    def begin(self, first: int, paths: int) -> None:
        """Learn which paths the next days belong to."""

    def day(self, day: Day) -> None:
        """Look at a day."""


Progress: TypeAlias = Callable[[float], None]


def day_weight(window_s: float, lag_s: float = 0.0) -> float:
    """Return the weight of today's hash rate in today's mean difficulty, where it is the mean of a window.

    The window ends `lag_s` before now; hash rates are constant within a day. Averaged over the day in 1,440 steps.
    """
    minutes = (np.arange(1440) + 0.5) * 60
    end = minutes - lag_s
    inside = np.clip(end, 0, DAY_S) - np.clip(end - window_s, 0, DAY_S)
    return float(np.clip(inside.mean() / window_s, 0.01, 1.0)) if window_s > 0 else 1.0


def day_weights(rule: Adjustment) -> tuple[float, float]:
    """Return how much of a deviation a day's mean difficulty takes on, and how much the next morning's."""
    if rule.kind == "relax":
        days = DAY_S / rule.relax_s
        return 1 + math.expm1(-days) / days, -math.expm1(-days)
    weight = day_weight(rule.window_s, rule.lag_s)
    return weight, weight


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where all paths start, what changes are drawn from, and what is assumed."""

    starts: tuple[CoinStart, ...]
    changes: Changes
    assumptions: Assumptions = DEFAULT


def simulate(
    world: World,
    *,
    days: int,
    paths: int,
    rng: np.random.Generator,
    watchers: Sequence[Watcher],
    progress: Progress | None = None,
) -> None:
    """Walk all paths and show each day to the watchers.

    Raises:
        ValueError: coins are others than those of the changes, or a coin's rewards end before the horizon.
    """
    if tuple(start.coin for start in world.starts) != world.changes.coins:
        raise ValueError("the coins of the start and of the changes are the same, in the same order")
    if any(len(start.reward_coins) < days for start in world.starts):
        raise ValueError(f"rewards are stated for each of {days} days")
    table = _table(world.changes, world.assumptions)
    error = None if world.assumptions.is_drift_certain else drift_error(world.changes)
    for first in range(0, paths, CHUNK):
        size = min(CHUNK, paths - first)
        for watcher in watchers:
            watcher.begin(first, size)
        chunk = _Chunk(world, table, size, days, rng)
        if error is not None:
            chunk.set_drifts(error, rng)
        _walk(chunk, watchers)
        if progress is not None:
            progress(min(first + CHUNK, paths) / paths)


def _table(changes: Changes, assumptions: Assumptions) -> Floats:
    """Return what a drawn day adds, (3 x coins, days): price, hash rate, fees; drifts are those assumed."""
    drift = assumptions.price_drift / YEAR_DAYS
    price = changes.price - np.log(np.exp(changes.price).mean(axis=0)) + drift
    if assumptions.growth is None:
        growth = changes.growth_per_year(price_drift=assumptions.price_drift)
    else:
        growth = np.full(len(changes.coins), assumptions.growth)
    hashrate = changes.hashrate - changes.hashrate.mean(axis=0) + growth / YEAR_DAYS
    return np.ascontiguousarray(np.concatenate((price, hashrate, changes.fees), axis=1).T, dtype=np.float32)


def drift_error(changes: Changes, block_days: int = round(BLOCK_DAYS)) -> NDArray[np.float64]:
    """Return a matrix that turns unit normals into errors of the daily drifts (prices, then hash rates).

    The error of a mean of days that hang together is that of the mean of blocks; the matrix is its Cholesky root.
    """
    rows = np.concatenate((changes.price, changes.hashrate), axis=1)
    blocks = max(len(rows) // block_days, 2)
    size = len(rows) // blocks
    sums = rows[: blocks * size].reshape(blocks, size, -1).mean(axis=1)
    covariance = np.atleast_2d(np.cov(sums.T)) / blocks
    root = np.linalg.cholesky(covariance + np.eye(len(covariance)) * 1e-14)
    return root.astype(np.float64)


class _Chunk:
    """Some paths while they are walked. Coins come first in every array: a row is one coin, contiguous."""

    def __init__(self, world: World, table: Floats, size: int, days: int, rng: np.random.Generator) -> None:
        starts, assumptions, coins = world.starts, world.assumptions, len(world.starts)
        self.coins, self.size, self.days, self.table = coins, size, days, table
        self.rewards = np.array([start.reward_coins[:days] for start in starts], dtype=np.float32).T.copy()
        self.log_price = np.full((coins, size), math.log(assumptions.price_shock), dtype=np.float32)
        for index, start in enumerate(starts):
            if start.coin == assumptions.dead_coin:
                self.log_price[index] = LOG_NOTHING
        pressure = np.array([start.pressure * assumptions.hashrate_shock for start in starts], dtype=np.float32)
        self.start_hash = np.log(pressure)[:, np.newaxis]
        self.log_hash = np.broadcast_to(self.start_hash, (coins, size)).copy()
        self.work = np.ones((coins, size), dtype=np.float32)
        self.pull = np.float32(assumptions.pull_per_year / YEAR_DAYS)
        self.trend = _trend(table, self.rewards, coins)
        self.price_drift: Floats | None = None
        self.hash_drift: Floats | None = None
        self.price_variance = np.zeros((coins, 1), dtype=np.float32)
        self._init_rules(starts)
        # int32 and float32 halve the memory that the draws go through
        self.is_new = rng.random((days, size), dtype=np.float32) < 1.0 / max(assumptions.block_days, 1.0)
        self.fresh = rng.integers(0, table.shape[1], (days, size), dtype=np.int32)
        self.place = rng.integers(0, table.shape[1], size, dtype=np.intp)

    def _init_rules(self, starts: Sequence[CoinStart]) -> None:
        epochs = [i for i, start in enumerate(starts) if start.adjustment.kind == "epoch"]
        windows = [i for i, start in enumerate(starts) if start.adjustment.kind != "epoch"]
        self.epochs, self.windows = np.array(epochs, np.intp), np.array(windows, np.intp)
        rules = [(start.adjustment, start.interval_s) for start in starts]
        weights = [day_weights(rules[i][0]) for i in windows]
        self.mean_weight, self.end_weight = _column([it[0] for it in weights]), _column([it[1] for it in weights])
        self.morning = np.ones((len(windows), self.size), dtype=np.float32)
        self.planned_days = _column([rules[i][0].epoch_blocks * rules[i][1] / DAY_S for i in epochs])
        self.stretch = _column([rules[i][0].epoch_blocks / max(rules[i][0].epoch_intervals, 1) for i in epochs])
        done = _column([starts[i].epoch_done for i in epochs])
        self.done = np.broadcast_to(done, (len(self.epochs), self.size)).copy()
        self.elapsed = self.done * self.planned_days

    def set_drifts(self, error: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Give each path a drift of its own, and keep the mean price where it is told to be."""
        drawn = (error @ rng.standard_normal((len(error), self.size))).astype(np.float32)
        self.price_drift, self.hash_drift = drawn[: self.coins].copy(), drawn[self.coins :].copy()
        self.price_variance = (error[: self.coins] ** 2).sum(axis=1, keepdims=True).astype(np.float32)

    def add_drifts(self, index: int) -> None:
        """Add a day of the paths' own drifts."""
        if self.price_drift is not None and self.hash_drift is not None:
            self.log_price += self.price_drift - self.price_variance * np.float32(index + 0.5)
            self.log_hash += self.hash_drift

    def draw(self, index: int) -> Floats:
        """Return the changes of the next day, (3 x coins, paths)."""
        if index:
            self.place += 1
            np.copyto(self.place, 0, where=self.place >= self.table.shape[1])
            np.copyto(self.place, self.fresh[index], where=self.is_new[index])
        drawn: Floats = self.table.take(self.place, axis=1)
        return drawn

    def move_difficulty(self) -> None:
        """Let each coin's rule answer today's hash rate."""
        hashrate = np.exp(self.log_hash)
        if len(self.windows):
            gap = hashrate[self.windows] - self.morning
            self.work[self.windows] = self.morning + gap * self.mean_weight
            self.morning += gap * self.end_weight
        if len(self.epochs):
            self._move_epochs(hashrate[self.epochs])

    def _move_epochs(self, hashrate: Floats) -> None:
        pace = hashrate / self.work[self.epochs]
        pace /= self.planned_days
        self.done += pace
        self.elapsed += 1
        flat = np.flatnonzero(self.done >= 1)
        if not len(flat):
            return
        places = np.divmod(flat, self.size)
        pace, planned = pace[places], (self.planned_days * self.stretch)[places[0], 0]
        late = (self.done[places] - 1) / pace
        factor = np.clip(planned / np.maximum(self.elapsed[places] - late, 1e-3), 1 / EPOCH_FACTOR, EPOCH_FACTOR)
        late = np.minimum(late, 1)
        self.elapsed[places] = late
        self.done[places] = late * pace / factor
        # a day's work is its morning's: the new one counts from tomorrow on
        self.work[self.epochs[places[0]], places[1]] *= factor


def _column(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float32).reshape(-1, 1)


def _trend(table: Floats, rewards: Floats, coins: int) -> Floats:
    """Return the log that hash rates are drawn to besides prices, (days, coins, 1): growth, and the subsidy's steps."""
    growth = table[coins : 2 * coins].mean(axis=1)
    steps = np.arange(1, len(rewards) + 1, dtype=np.float32)[:, np.newaxis]
    subsidy = np.log(np.maximum(rewards, 1e-12) / np.maximum(rewards[0], 1e-12))
    trend: Floats = (growth * steps + subsidy).astype(np.float32)[:, :, np.newaxis]
    return trend


def _walk(chunk: _Chunk, watchers: Sequence[Watcher]) -> None:
    coins = chunk.coins
    for index in range(chunk.days):
        drawn = chunk.draw(index)
        chunk.log_price += drawn[:coins]
        chunk.log_hash += drawn[coins : 2 * coins]
        chunk.add_drifts(index)
        if chunk.pull:
            # the start's own gap between hash rate and difficulty is the rule's to close, not the pull's
            gap = chunk.log_price - chunk.log_hash
            gap += chunk.trend[index] + chunk.start_hash
            gap *= chunk.pull
            chunk.log_hash += gap
        chunk.move_difficulty()
        day = Day(
            index=index,
            price_ratio=np.exp(chunk.log_price),
            work_ratio=chunk.work,
            fees=drawn[2 * coins :],
            reward_coins=chunk.rewards[index],
        )
        for watcher in watchers:
            watcher.day(day)
