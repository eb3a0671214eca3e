"""A contract's life in each scenario: income less fees day by day, until its end or until the seller ends it.

Maintenance is due in dollars, income comes in coins: on days when the fee exceeds the income nothing is paid, and after
`stop_after_days` such days in a row the seller may end it. That clause is an option, and it is the seller's.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashwright.economics.contract import Offer, Today
from hashwright.economics.scenarios import Day, Floats

NEVER: Final = -1


@dataclass(slots=True)
class ContractPaths:
    """Sums of each path: coins and dollars after fees; the day of break-even and of the end, -1 where there is none."""

    offer: Offer
    today: Today
    coin: int
    paths: int
    coins: NDArray[np.float64] = field(init=False)
    usd: NDArray[np.float64] = field(init=False)
    """Each day's coins at their day's price."""
    end_price_usd: NDArray[np.float64] = field(init=False)
    even_day: NDArray[np.int64] = field(init=False)
    stop_day: NDArray[np.int64] = field(init=False)
    _rows: slice = field(init=False, default_factory=lambda: slice(0))
    _short: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.coins, self.usd, self.end_price_usd = (np.zeros(self.paths) for _ in range(3))
        self.even_day, self.stop_day = (np.full(self.paths, NEVER) for _ in range(2))
        self._short = np.zeros(self.paths, np.int64)

    def begin(self, first: int, paths: int) -> None:
        """Learn which paths the next days belong to."""
        self._rows = slice(first, first + paths)

    def day(self, day: Day) -> None:
        """Add a day."""
        offer, rows = self.offer, self._rows
        price = self.today.price_usd * day.price_ratio[self.coin]
        self.end_price_usd[rows] = price
        if not offer.starts_after_days <= day.index < offer.starts_after_days + offer.days:
            return
        revenue = self._revenue(day)
        fee = offer.maintenance_usd_th_day * self.today.th
        is_live = self.stop_day[rows] == NEVER
        left = np.where(is_live, np.maximum(revenue - fee, 0), 0)
        self.usd[rows] += left
        self.coins[rows] += left / price
        is_even = (self.even_day[rows] == NEVER) & (self.usd[rows] >= offer.price_usd)
        self.even_day[rows] = np.where(is_even, day.index + 1, self.even_day[rows])
        self._stop(day.index, is_short=is_live & (revenue < fee))

    def _revenue(self, day: Day) -> Floats:
        blocks = self.today.hashrate_hs * 86_400 / self.today.work_hashes * (1 - self.offer.pool_fee)
        scale = np.float32(blocks * self.today.price_usd) * day.reward_coins[self.coin]
        revenue: Floats = scale * day.price_ratio[self.coin] / day.work_ratio[self.coin] * (1 + day.fees[self.coin])
        return revenue

    def _stop(self, index: int, *, is_short: NDArray[np.bool_]) -> None:
        rows, limit = self._rows, self.offer.stop_after_days
        self._short[rows] = np.where(is_short, self._short[rows] + 1, 0)
        if limit is not None:
            ends = (self._short[rows] >= limit) & (self.stop_day[rows] == NEVER)
            self.stop_day[rows] = np.where(ends, index + 1, self.stop_day[rows])

    @property
    def net_usd(self) -> NDArray[np.float64]:
        """Return what is left after the price, coins sold as they come."""
        return self.usd - self.offer.price_usd

    @property
    def below_buying(self) -> float:
        """Return how often the contract gives fewer coins than its price bought at the start."""
        return float((self.coins < self.offer.price_usd / self.today.price_usd).mean())

    def break_even_days(self, percent: float) -> float | None:
        """Return the day by which so many percent of all paths have paid back; None where they never are so many."""
        days = np.where(self.even_day == NEVER, np.inf, self.even_day)
        found = float(np.percentile(days, percent, method="higher"))
        return found if np.isfinite(found) else None
