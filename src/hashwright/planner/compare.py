"""What a budget may become: mine, buy the coin, rent hash power, a cloud contract, or keep it.

All spend the same dollars on the same dates:

- **mine**: as many machines as leave money for three months of their power; after that coins are sold for the bill, and
  the others are kept. A machine pauses on days that do not pay. At the end it is sold for its price, less what a hash
  earns less by then and a fifth a year of wear.
- **buy**: all at once, at the start, after the exchange's fee.
- **rent**: each day an equal part buys hash power at the day's hashprice and a premium; coins are kept.
- **contract**: an offer, bought at the start as many times as the budget allows; coins are kept.
- **keep**: the money stays what it is.

All stand in the same scenarios, so that "below just buying the coin" is counted path by path.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashwright.economics.contract import Offer, Today
from hashwright.economics.contract_paths import ContractPaths
from hashwright.economics.hardware import Machine
from hashwright.economics.hashprice import Terms
from hashwright.economics.scenarios import CoinStart, Day, Progress, Watcher, World, simulate

BUY_FEE: Final = 0.005
RENT_PREMIUM: Final = 0.05
RENT_FEE: Final = 0.03
WEAR_PER_YEAR: Final = 0.2
MONTH: Final = 30
RESERVE_DAYS: Final = 90
"""A machine is not bought without the money for so many days of its power."""
CHOICES: Final = ("mine", "buy", "rent", "contract", "keep")
CUSTODY: Final = {
    "mine": "yours: machines and coins",
    "buy": "yours, if you take the coins off the exchange",
    "rent": "a market holds the deposit; some never give it back",
    "contract": "the seller holds everything until it pays",
    "keep": "your bank",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is to be spent, on what, and under what terms."""

    usd: float
    days: int
    machine: Machine
    machine_price_usd: float
    machines: int
    power_price_usd_kwh: float
    terms: Terms
    offer: Offer | None
    offer_hashrate_hs: float = 0.0
    rent_premium: float = RENT_PREMIUM

    @property
    def power_usd_day(self) -> float:
        """Return what the machines' power costs a day."""
        watts = self.machine.power_w * self.machines
        return watts / 1000 * 24 * self.power_price_usd_kwh * self.terms.uptime


def machines_for(usd: float, price_usd: float, power_w: float, *, power_price_usd_kwh: float) -> int:
    """Return how many machines a budget buys and feeds for `RESERVE_DAYS`."""
    each = price_usd + power_w / 1000 * 24 * max(power_price_usd_kwh, 0) * RESERVE_DAYS
    return int(usd // each) if each > 0 else 0


@dataclass(slots=True)
class BudgetPaths:
    """The value of each choice in each scenario, (choices, paths), at the end of each month and at the end [USD]."""

    budget: Budget
    start: CoinStart
    paths: int
    contract: ContractPaths | None
    value: NDArray[np.float64] = field(init=False)
    worst_month: NDArray[np.float64] = field(init=False)
    _before: NDArray[np.float64] = field(init=False)
    _coins: NDArray[np.float64] = field(init=False)
    """Mined, rented: (2, paths)."""
    _cash: NDArray[np.float64] = field(init=False)
    _was: NDArray[np.float32] | None = field(init=False, default=None)
    _rows: slice = field(init=False, default_factory=lambda: slice(0))

    def __post_init__(self) -> None:
        shape = (len(CHOICES), self.paths)
        budget = self.budget
        self.value = np.full(shape, budget.usd)
        self.worst_month, self._before = np.zeros(shape), np.full(shape, budget.usd)
        self._coins = np.zeros((2, self.paths))
        self._cash = np.full(self.paths, budget.usd - budget.machine_price_usd * budget.machines)

    def begin(self, first: int, paths: int) -> None:
        """Learn which paths the next days belong to."""
        self._rows = slice(first, first + paths)
        self._was = None

    def day(self, day: Day) -> None:
        """Add a day."""
        budget, rows = self.budget, self._rows
        price = self.start.price_usd * day.price_ratio[0]
        a_hash = day.price_ratio[0] / day.work_ratio[0] * (1 + day.fees[0])
        a_hash *= np.float32(day.reward_coins[0] / self.start.reward_coins[0])
        revenue = np.float32(self._first_revenue()) * a_hash
        runs = (revenue if self._was is None else self._was) > budget.power_usd_day
        self._was = revenue
        self._coins[0, rows] += np.where(runs, revenue / price, 0)
        self._pay(np.where(runs, budget.power_usd_day, 0.0), price)
        net = (1 - budget.terms.pool_fee) * (1 - budget.terms.stale)
        a_day = budget.usd / budget.days * net / ((1 + budget.rent_premium) * (1 + RENT_FEE))
        self._coins[1, rows] += a_day / price
        if (day.index + 1) % MONTH == 0 or day.index + 1 == budget.days:
            self._value(day, price, a_hash / (1 + np.float32(self.start.fees_ratio)))

    def _pay(self, bill: NDArray[np.float64], price: NDArray[np.float32]) -> None:
        """Pay from the cash that is left, then by selling coins."""
        rows = self._rows
        from_cash = np.minimum(bill, np.maximum(self._cash[rows], 0.0))
        self._cash[rows] -= from_cash
        self._coins[0, rows] -= (bill - from_cash) / price

    def _first_revenue(self) -> float:
        budget = self.budget
        rate = budget.machine.hashrate_hs * budget.machines * budget.terms.uptime * budget.terms.net
        return rate * 86_400 / self.start.work_hashes * self.start.reward_coins[0] * self.start.price_usd

    def _value(self, day: Day, price: NDArray[np.float32], a_hash: NDArray[np.float32]) -> None:
        budget, rows = self.budget, self._rows
        years = (day.index + 1) / 365
        wear = max(1 - WEAR_PER_YEAR * years, 0.0)
        resale = budget.machine_price_usd * budget.machines * np.minimum(a_hash, 1.0) * wear
        now = np.empty((len(CHOICES), len(price)))
        now[0] = self._cash[rows] + self._coins[0, rows] * price + resale
        now[1] = budget.usd * (1 - BUY_FEE) * day.price_ratio[0]
        left = budget.usd * (1 - (day.index + 1) / budget.days)
        now[2] = left + self._coins[1, rows] * price
        now[3] = self._contract_value(price, day.index)
        now[4] = budget.usd
        self.worst_month[:, rows] = np.minimum(self.worst_month[:, rows], now - self._before[:, rows])
        self._before[:, rows] = now
        self.value[:, rows] = now

    def _contract_value(self, price: NDArray[np.float32], index: int) -> NDArray[np.float64]:
        """Return coins and money; before its end, the part of the price that its days are worth is counted too."""
        held, budget = self.contract, self.budget
        if held is None:
            return np.full(len(price), budget.usd)
        offer = held.offer
        times = budget.usd // offer.price_usd
        is_live = held.stop_day[self._rows] < 0
        left = np.where(is_live, offer.price_usd * max(1 - (index + 1) / offer.days, 0.0), 0.0)
        rest = budget.usd - times * offer.price_usd
        value: NDArray[np.float64] = rest + times * (held.coins[self._rows] * price + left)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The answer, choice by choice [USD]: what the budget is worth at the end."""

    value: dict[str, NDArray[np.float64]]
    worst_month: dict[str, NDArray[np.float64]]

    def below_buying(self, choice: str) -> float | None:
        """Return how often a choice ends below just buying the coin."""
        if choice == "buy":
            return None
        return float((self.value[choice] < self.value["buy"]).mean())


def compare(
    world: World,
    budget: Budget,
    *,
    paths: int,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Comparison:
    """Walk the budget through all scenarios."""
    start = world.starts[0]
    contract = None
    if budget.offer is not None:
        today = Today(
            hashrate_hs=budget.offer_hashrate_hs,
            work_hashes=start.work_hashes,
            reward_coins=start.reward_coins[0] * (1 + start.fees_ratio),
            price_usd=start.price_usd,
        )
        contract = ContractPaths(budget.offer, today, 0, paths)
    walked = BudgetPaths(budget, start, paths, contract)
    # the contract's day comes first: the budget reads what it holds
    watchers: list[Watcher] = [walked] if contract is None else [contract, walked]
    simulate(world, days=budget.days, paths=paths, rng=rng, watchers=watchers, progress=progress)
    return Comparison(
        value={name: walked.value[i] for i, name in enumerate(CHOICES)},
        worst_month={name: walked.worst_month[i] for i, name in enumerate(CHOICES)},
    )


def usual_offer(start: CoinStart, *, ticker: str, days: int, margin: float = 0.1) -> tuple[Offer, float]:
    """Return an offer on usual terms for one TH/s (or what earns as much), and its hash power [hash/s].

    Its levelised cost lies a tenth below the hashprice of the first day, 40 % of it paid at the start and 60 % as
    maintenance, and the seller may end it after 28 days of fees above income, as HashFlare did in 2018.
    """
    hashrate = 1.0 / (86_400 / start.work_hashes * start.reward_coins[0] * start.price_usd)
    a_day = 1.0 + start.fees_ratio
    th = hashrate / 1e12
    offer = Offer(
        coin=ticker,
        price_usd=a_day * (1 - margin) * 0.4 * days,
        hashrate=f"{hashrate:.6g} H/s",
        days=days,
        maintenance_usd_th_day=a_day * (1 - margin) * 0.6 / th,
        stop_after_days=28,
    )
    return offer, hashrate
