"""One machine, one coin, now: what it earns, what its power costs, and what buying the coin would do instead.

Every amount of money is an `Estimate`: a forecast from today's price and difficulty, neither of which will stay.
"""

import math
from dataclasses import dataclass
from typing import Final

from hashwright.chain.coin import Coin
from hashwright.economics import hashprice as hp
from hashwright.economics.coin_facts import CoinFacts, reward_coins
from hashwright.economics.difficulty import economy_of
from hashwright.economics.payback import (
    YEAR_DAYS,
    Payback,
    internal_rate_per_year,
    net_present_value_usd,
    payback,
)
from hashwright.money import Currency, Estimate

USD: Final = Currency("USD", 2)
GROWTH_PER_YEAR: Final = 1.157
"""Mean growth of Bitcoin's difficulty, in logarithms a year, 2014 to 2021-05 (planning.md 4.1): x3.2 a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What hashes: hash rate [hash/s], power [W], price [USD, None: not told]."""

    name: str
    hashrate_hs: float
    power_w: float
    price_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What the answer rests on. `growth_per_year` is that of difficulty over price, in logarithms: 0.7 is x2."""

    power_price_usd_kwh: float
    terms: hp.Terms = hp.NO_LOSS
    growth_per_year: float = GROWTH_PER_YEAR
    horizon_days: int = YEAR_DAYS
    rate_per_year: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Earning:
    """A coin's part: what its blocks need and give, and what the rig earns of it a day."""

    coin: str
    ticker: str
    price_usd: float
    difficulty: float
    work_hashes: float
    subsidy_coins: float
    fees_coins: float
    coins_day: float
    revenue_usd_day: Estimate
    hashprice_usd_ph_day: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """The answer. Money a day is an estimate at today's price and difficulty; `payback` is with decay."""

    rig: Rig
    earnings: tuple[Earning, ...]
    revenue_usd_day: Estimate
    power_cost_usd_day: Estimate
    profit_usd_day: Estimate
    hashprice_usd_ph_day: float
    hashcost_usd_ph_day: float
    efficiency_j_th: float
    break_even_power_usd_kwh: float
    electricity_kwh_coin: float
    solo_block_days: float
    payback: Payback | None
    present_value_usd: Estimate | None
    """Of its price and what it leaves each day of the horizon, at `rate_per_year`; resale is not counted."""
    return_per_year: float | None
    """The rate a year at which that value would be nothing; None where there is none."""
    running_days: float
    """Days of the horizon until it no longer pays and is switched off."""
    mined_usd: Estimate
    mined_coins: float
    bought_usd: Estimate
    bought_coins: float

    @property
    def loses(self) -> bool:
        """Tell whether the power costs more than the hashes earn."""
        return self.profit_usd_day.value < 0

    @property
    def is_buying_better(self) -> bool:
        """Tell whether the same dollars, put into the coin, give more of it over the horizon."""
        return self.bought_coins > self.mined_coins


def earning(rig: Rig, coin: Coin, market: CoinFacts, *, terms: hp.Terms, now_ms: int) -> Earning:
    """Return what a rig earns of a coin a day.

    Raises:
        NotSupported: nothing is known of what the coin pays (HW-817).
        OperatorError: no price or no difficulty is known (HW-815).
    """
    price = float(market.need(coin, "price_usd").value)
    difficulty = float(market.need(coin, "difficulty").value)
    work = hp.work_hashes(difficulty, economy_of(coin).work_factor)
    subsidy, fees = reward_coins(coin, market, now_ms=now_ms)
    coins = hp.coins_per_day(rig.hashrate_hs, work, subsidy + fees, terms)
    return Earning(
        coin=coin.key,
        ticker=coin.ticker,
        price_usd=price,
        difficulty=difficulty,
        work_hashes=work,
        subsidy_coins=subsidy,
        fees_coins=fees,
        coins_day=coins,
        revenue_usd_day=Estimate(coins * price, USD),
        hashprice_usd_ph_day=hp.hashprice_usd_ph_day(work, subsidy + fees, price),
    )


def calculate(rig: Rig, earnings: tuple[Earning, ...], assumed: Assumed) -> Calculation:
    """Put what a rig earns (of the coin, then of those merged with it) beside its power and beside buying the coin.

    Over the horizon the mined revenue decays by `growth_per_year`, and the machine stops on its last profitable day;
    buying puts its price and the same power money into the coin. The machine's resale is not counted.
    """
    main = earnings[0]
    revenue = math.fsum(it.revenue_usd_day.value for it in earnings)
    cost = hp.power_cost_usd_day(rig.power_w, assumed.power_price_usd_kwh) * assumed.terms.uptime
    hashprice = math.fsum(it.hashprice_usd_ph_day for it in earnings)
    efficiency = hp.efficiency_j_th(rig.power_w, rig.hashrate_hs)
    reward = main.subsidy_coins + main.fees_coins
    days, mined, spent = _horizon(revenue, cost, assumed)
    flows = _flows(rig, revenue, cost, days, assumed)
    bought_usd = spent + (rig.price_usd or 0.0)
    return Calculation(
        rig=rig,
        earnings=earnings,
        revenue_usd_day=Estimate(revenue, USD),
        power_cost_usd_day=Estimate(cost, USD),
        profit_usd_day=Estimate(revenue - cost, USD),
        hashprice_usd_ph_day=hashprice,
        hashcost_usd_ph_day=hp.hashcost_usd_ph_day(efficiency, assumed.power_price_usd_kwh),
        efficiency_j_th=efficiency,
        break_even_power_usd_kwh=hp.break_even_power_usd_kwh(hashprice, efficiency, net=assumed.terms.net),
        electricity_kwh_coin=hp.electricity_kwh_coin(efficiency, main.work_hashes, reward) if reward else math.inf,
        solo_block_days=1 / hp.blocks_per_day(rig.hashrate_hs, main.work_hashes),
        payback=_payback(rig, revenue, cost, assumed),
        present_value_usd=_value(flows, assumed),
        return_per_year=internal_rate_per_year(flows) if flows else None,
        running_days=days,
        mined_usd=Estimate(mined, USD),
        mined_coins=mined / main.price_usd,
        bought_usd=Estimate(bought_usd, USD),
        bought_coins=bought_usd / main.price_usd,
    )


def _payback(rig: Rig, revenue: float, cost: float, assumed: Assumed) -> Payback | None:
    if rig.price_usd is None:
        return None
    decay = assumed.growth_per_year / YEAR_DAYS
    return payback(capex_usd=rig.price_usd, revenue_usd_day=revenue, cost_usd_day=max(cost, 0.0), decay_per_day=decay)


def _flows(rig: Rig, revenue: float, cost: float, days: float, assumed: Assumed) -> list[float]:
    """Return its price and what each day of running leaves [USD]; nothing where its price is not known."""
    if rig.price_usd is None:
        return []
    decay = assumed.growth_per_year / YEAR_DAYS
    return [-rig.price_usd, *(revenue * math.exp(-decay * (day + 0.5)) - cost for day in range(int(days)))]


def _value(flows: list[float], assumed: Assumed) -> Estimate | None:
    if not flows:
        return None
    return Estimate(net_present_value_usd(flows, rate_per_year=assumed.rate_per_year), USD)


def _horizon(revenue: float, cost: float, assumed: Assumed) -> tuple[float, float, float]:
    """Return the days it runs (while it pays; a loser runs on), what is mined, and what its power costs [USD]."""
    decay = assumed.growth_per_year / YEAR_DAYS
    days = float(assumed.horizon_days)
    if revenue > cost > 0 and decay > 0:
        days = min(days, math.log(revenue / cost) / decay)
    mined = revenue * days if abs(decay) < 1e-12 else revenue * -math.expm1(-decay * days) / decay
    return days, mined, max(cost, 0.0) * days
