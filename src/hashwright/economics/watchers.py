"""What is kept of the scenarios: what each way of mining earns on each path, and how prices and difficulties spread.

A column is one machine group mining one coin at one place. Each column pauses by itself on days that yesterday's
revenue would not have paid the power of: the option to stop is worth money, and a plan must count it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashwright.economics.hold import SELL_ALL, HoldRule, sold_part
from hashwright.economics.scenarios import CoinStart, Day, Floats

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Earner:
    """One way of mining: `coin` is its place among the coins, `net` what is left after fees and stale shares (0-1).

    `hashrate_hs` [hash/s], `cost_usd_day`: power while it runs. `may_pause`: it stops on days that do not pay.
    """

    coin: int
    hashrate_hs: float
    cost_usd_day: float
    net: float = 1.0
    may_pause: bool = True
    hold: HoldRule = SELL_ALL
    along: tuple[tuple[int, float], ...] = ()
    """Coins mined by the same hashes: their place, and the hashes a day that count for them; sold with the rest."""

    def first_revenue_usd(self, start: CoinStart) -> float:
        """Return what it earns on a day as the start is, fees of blocks apart [USD]: `first_usd_day` has them."""
        blocks = self.hashrate_hs * DAY_S / start.work_hashes
        return blocks * start.reward_coins[0] * start.price_usd * self.net

    def first_usd_day(self, starts: Sequence[CoinStart]) -> float:
        """Return what it earns on a day as the start is, with fees and with what is mined along [USD]."""
        start = starts[self.coin]
        return self.first_revenue_usd(start) * (1 + start.fees_ratio) + self.along_usd_day(starts)

    def along_usd_day(self, starts: Sequence[CoinStart]) -> float:
        """Return what the coins mined along earn on a day as the start is [USD]."""
        rows = ((starts[place], hashes) for place, hashes in self.along)
        return sum(hashes / it.work_hashes * it.reward_coins[0] * it.price_usd for it, hashes in rows)


@dataclass(slots=True)
class Totals:
    """Sums over the horizon for each earner and path, (earners, paths) [USD, coins, days]."""

    starts: Sequence[CoinStart]
    earners: Sequence[Earner]
    paths: int
    revenue_usd: NDArray[np.float64] = field(init=False)
    """All coins at the price of their day."""
    sold_usd: NDArray[np.float64] = field(init=False)
    kept_coins: NDArray[np.float64] = field(init=False)
    mined_coins: NDArray[np.float64] = field(init=False)
    power_usd: NDArray[np.float64] = field(init=False)
    days_on: NDArray[np.float64] = field(init=False)
    end_price_usd: NDArray[np.float64] = field(init=False)
    """(coins, paths)"""
    coins_a_dollar: NDArray[np.float64] = field(init=False)
    """Coins that one dollar a day buys over the horizon, (coins, paths)."""
    _rows: slice = field(init=False, default_factory=lambda: slice(0))
    _was: Floats | None = field(init=False, default=None)
    _place: list[int] = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.earners), self.paths)
        self.revenue_usd, self.sold_usd, self.kept_coins = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.mined_coins, self.power_usd, self.days_on = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.end_price_usd = np.zeros((len(self.starts), self.paths))
        self.coins_a_dollar = np.zeros((len(self.starts), self.paths))
        self._place = [earner.coin for earner in self.earners]

    @property
    def value_usd(self) -> NDArray[np.float64]:
        """Return what each earner has at the end of each path: sold, and kept at the last price, less power."""
        return self.sold_usd + self.kept_coins * self.end_price_usd[self._place] - self.power_usd

    def begin(self, first: int, paths: int) -> None:
        """Learn which paths the next days belong to."""
        self._rows = slice(first, first + paths)
        self._was = None

    def day(self, day: Day) -> None:
        """Add a day: whether an earner runs is decided by the day before."""
        place, rows = self._place, self._rows
        costs = _column([earner.cost_usd_day for earner in self.earners])
        always = _column([not earner.may_pause for earner in self.earners]) > 0
        revenue = self._scale(day) * day.price_ratio[place] / day.work_ratio[place] * (1 + day.fees[place])
        for index, earner in enumerate(self.earners):
            for aux, hashes in earner.along:
                start = self.starts[aux]
                scale = np.float32(hashes / start.work_hashes * start.price_usd) * day.reward_coins[aux]
                revenue[index] += scale * day.price_ratio[aux] / day.work_ratio[aux] * (1 + day.fees[aux])
        runs = always | ((revenue if self._was is None else self._was) > costs)
        self._was = revenue
        earned, paid = np.where(runs, revenue, 0), np.where(runs, costs, 0)
        prices = _column([start.price_usd for start in self.starts]) * day.price_ratio
        self.revenue_usd[:, rows] += earned
        self.power_usd[:, rows] += paid
        self.days_on[:, rows] += runs
        self.mined_coins[:, rows] += earned / prices[place]
        self._sell(earned, paid, prices[place])
        self.end_price_usd[:, rows] = prices
        self.coins_a_dollar[:, rows] += 1 / prices

    def _scale(self, day: Day) -> Floats:
        first = [earner.first_revenue_usd(self.starts[earner.coin]) for earner in self.earners]
        at_start = np.array([start.reward_coins[0] for start in self.starts], np.float32)
        ratio = day.reward_coins / np.maximum(at_start, 1e-12)
        return _column(np.array(first) * ratio[self._place])

    def _sell(self, earned: Floats, paid: Floats, prices: Floats) -> None:
        for index, earner in enumerate(self.earners):
            part = sold_part(earner.hold, earned[index], paid[index])
            self.sold_usd[index, self._rows] += earned[index] * part
            self.kept_coins[index, self._rows] += earned[index] * (1 - part) / prices[index]


def _column(values: Sequence[float] | NDArray[np.floating]) -> Floats:
    return np.array(values, dtype=np.float32).reshape(-1, 1)


@dataclass(slots=True)
class Fan:
    """Prices, difficulties and revenue per hash relative to the start, on some days: (marks, coins, paths)."""

    marks: Sequence[int]
    """Days after the start, the first is 1, rising."""
    paths: int
    coins: int
    price: NDArray[np.float32] = field(init=False)
    work: NDArray[np.float32] = field(init=False)
    revenue: NDArray[np.float32] = field(init=False)
    """Without fees of blocks."""
    _rows: slice = field(init=False, default_factory=lambda: slice(0))
    _first: Floats | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        shape = (len(self.marks), self.coins, self.paths)
        self.price, self.work, self.revenue = (np.zeros(shape, np.float32) for _ in range(3))

    def begin(self, first: int, paths: int) -> None:
        """Learn which paths the next days belong to."""
        self._rows = slice(first, first + paths)

    def day(self, day: Day) -> None:
        """Keep a day that is marked."""
        if day.index == 0:
            self._first = day.reward_coins
        if day.index + 1 not in self.marks:
            return
        place = list(self.marks).index(day.index + 1)
        assert self._first is not None
        reward = _column(day.reward_coins / np.maximum(self._first, 1e-12))
        self.price[place][:, self._rows] = day.price_ratio
        self.work[place][:, self._rows] = day.work_ratio
        self.revenue[place][:, self._rows] = day.price_ratio / day.work_ratio * reward


@dataclass(slots=True)
class Chooser:
    """One machine that may mine each coin, chooses each day with hysteresis, or stops: its present value on each path.

    `first_usd` [USD/day at the start, one a coin], `cost_usd_day`, `move_usd`: what a move costs. It moves where
    yesterday's gap, held for `hold_days`, pays the move.
    """

    first_usd: NDArray[np.float32]
    cost_usd_day: float
    move_usd: float
    hold_days: float
    paths: int
    rate_per_year: float = 0.08
    value_usd: NDArray[np.float64] = field(init=False)
    moves: NDArray[np.int64] = field(init=False)
    days_on: NDArray[np.int64] = field(init=False)
    _rows: slice = field(init=False, default_factory=lambda: slice(0))
    _place: NDArray[np.intp] | None = field(init=False, default=None)
    _was: Floats | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.value_usd = np.zeros(self.paths)
        self.moves = np.zeros(self.paths, np.int64)
        self.days_on = np.zeros(self.paths, np.int64)

    def begin(self, first: int, paths: int) -> None:
        """Learn which paths the next days belong to."""
        self._rows = slice(first, first + paths)
        self._place = self._was = None

    def day(self, day: Day) -> None:
        """Choose by what was known yesterday, then earn today's."""
        revenue = _column(self.first_usd) * day.price_ratio
        revenue /= day.work_ratio
        revenue *= 1 + day.fees
        was = revenue if self._was is None else self._was
        lines = np.arange(revenue.shape[1])
        now = was.argmax(axis=0) if self._place is None else self._place
        flat = now * len(lines) + lines
        held = was.ravel()[flat]
        moving = np.flatnonzero(was.max(axis=0) - held > self.move_usd / self.hold_days)
        if len(moving):
            now[moving] = was[:, moving].argmax(axis=0)
            flat = now * len(lines) + lines
            held = was.ravel()[flat]
        runs = held > self.cost_usd_day
        gain = (revenue.ravel()[flat] - np.float32(self.cost_usd_day)) * runs
        gain[moving] -= self.move_usd
        self.value_usd[self._rows] += gain * (1 + self.rate_per_year) ** (-(day.index + 1) / 365)
        self.moves[self._rows][moving] += 1
        self.days_on[self._rows] += runs
        self._place, self._was = now, revenue
