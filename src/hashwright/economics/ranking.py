"""Machines side by side: what power may cost, what a hash costs, and when each pays back, if growth is as it was.

Nobody knows how fast difficulty will grow. So payback is told for many growth rates that really happened, each once:
those of the coin's own history where there is one, else three published quantiles of Bitcoin's. It is never one number.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hashwright.economics import hashprice as hp
from hashwright.economics.hardware import Machine
from hashwright.economics.payback import YEAR_DAYS, HashSource, levelised_cost_usd_ph_day, payback

PUBLISHED: Final = ((0.05, math.log(1.44)), (0.5, math.log(2.94)), (0.95, math.log(7.71)))
"""Bitcoin's difficulty over 365 days, 2014 to 2021-05: 5 %, median, 95 % (planning.md 4.1)."""
QUANTILES: Final = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a hash is worth and costs: hashprice [USD/(PH/s)/day], power [USD/kWh], interest a year, years of use."""

    hashprice_usd_ph_day: float
    power_price_usd_kwh: float
    terms: hp.Terms = hp.NO_LOSS
    rate_per_year: float = 0.1
    years: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaybackSpread:
    """Days at the 5, 50 and 95 % of growth rates, slow growth first; None: never. `chance` is the share that ends."""

    fast_days: float | None
    middle_days: float | None
    slow_days: float | None
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One machine's place. What needs a price of the machine is None where none is known."""

    machine: Machine
    break_even_power_usd_kwh: float
    profit_usd_day: float
    levelised_cost_usd_ph_day: float | None
    payback: PaybackSpread | None


def growth_rates(quantiles: Sequence[tuple[float, float]] = PUBLISHED) -> tuple[float, ...]:
    """Return growth rates a year [log] that stand for a distribution, by lines between its known quantiles."""
    wanted = [(index + 1) / (QUANTILES + 1) for index in range(QUANTILES)]
    return tuple(_between(quantiles, share) for share in wanted)


def _between(quantiles: Sequence[tuple[float, float]], share: float) -> float:
    low = max((row for row in quantiles if row[0] <= share), default=quantiles[0])
    high = min((row for row in quantiles if row[0] >= share), default=quantiles[-1])
    if high[0] == low[0]:
        return low[1]
    return low[1] + (high[1] - low[1]) * (share - low[0]) / (high[0] - low[0])


def rank(machine: Machine, worth: Worth, growth_per_year: Sequence[float]) -> Ranked:
    """Reckon a machine at what hash is worth today, and its payback at each growth rate."""
    ph = machine.hashrate_hs / hp.PH
    revenue = ph * worth.hashprice_usd_ph_day * worth.terms.net * worth.terms.uptime
    cost = hp.power_cost_usd_day(machine.power_w, worth.power_price_usd_kwh) * worth.terms.uptime
    return Ranked(
        machine=machine,
        break_even_power_usd_kwh=hp.break_even_power_usd_kwh(
            worth.hashprice_usd_ph_day, machine.efficiency_j_th, net=worth.terms.net
        ),
        profit_usd_day=revenue - cost,
        levelised_cost_usd_ph_day=_levelised(machine, worth, ph),
        payback=spread(machine.price_usd, revenue, max(cost, 0.0), growth_per_year),
    )


def _levelised(machine: Machine, worth: Worth, ph: float) -> float | None:
    if machine.price_usd is None:
        return None
    source = HashSource(
        capex_usd=machine.price_usd, hashrate_ph=ph, power_kw=machine.power_w / 1000, uptime=worth.terms.uptime
    )
    return levelised_cost_usd_ph_day(
        source, power_price_usd_kwh=worth.power_price_usd_kwh, rate_per_year=worth.rate_per_year, years=worth.years
    )


def spread(
    price_usd: float | None, revenue_usd_day: float, cost_usd_day: float, growth_per_year: Sequence[float]
) -> PaybackSpread | None:
    """Return when a price is earned back at each growth rate; None where the price is not known."""
    if price_usd is None or not growth_per_year:
        return None
    days = [
        payback(
            capex_usd=price_usd,
            revenue_usd_day=revenue_usd_day,
            cost_usd_day=cost_usd_day,
            decay_per_day=growth / YEAR_DAYS,
        ).days
        for growth in sorted(growth_per_year)
    ]
    at = [days[min(int(share * len(days)), len(days) - 1)] for share in (0.05, 0.5, 0.95)]
    chance = sum(it is not None for it in days) / len(days)
    return PaybackSpread(fast_days=at[0], middle_days=at[1], slow_days=at[2], chance=chance)
