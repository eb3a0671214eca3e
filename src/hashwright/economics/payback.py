"""When a machine has earned what it cost, if ever; present value, rate of return, and the levelised cost of hash.

Revenue falls while others add hash power: R(t) = R0 * exp(-k t), with k a day = growth of difficulty less drift of the
price. Dividing the price by the first day's profit is wrong by large factors in both directions (planning.md 2.6).
Everything here is an estimate: floats, which no ledger takes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

YEAR_DAYS: Final = 365
_TOO_SMALL: Final = 1e-12
_STEPS: Final = 200
_ROOT_STEPS: Final = 64
"""Halvings of a span until a double has no more digits to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payback:
    """The answer. `days` is None where a machine never pays back; `naive_days` is what an advertisement would say.

    `peak_usd` is the most that it ever gives back, less its price, at `peak_day` (infinite without decay).
    """

    days: float | None
    naive_days: float | None
    peak_day: float
    peak_usd: float

    @property
    def never(self) -> bool:
        """Tell whether it never pays back."""
        return self.days is None


def earned_usd(day: float, *, revenue_usd_day: float, cost_usd_day: float, decay_per_day: float) -> float:
    """Return what is left of revenue after power, from now to a day [USD]."""
    if abs(decay_per_day) < _TOO_SMALL:
        return (revenue_usd_day - cost_usd_day) * day
    return revenue_usd_day * -math.expm1(-decay_per_day * day) / decay_per_day - cost_usd_day * day


def last_profitable_day(*, revenue_usd_day: float, cost_usd_day: float, decay_per_day: float) -> float:
    """Return the day on which revenue falls to the cost of power; infinite where it never does, 0 if it is below."""
    if revenue_usd_day <= cost_usd_day:
        return 0.0
    if decay_per_day <= _TOO_SMALL or cost_usd_day <= 0:
        return math.inf
    return math.log(revenue_usd_day / cost_usd_day) / decay_per_day


def payback(*, capex_usd: float, revenue_usd_day: float, cost_usd_day: float, decay_per_day: float) -> Payback:
    """Return when the machine has earned its price, if it is switched off on its last profitable day.

    `decay_per_day` is k: 0.00317 for difficulty that grows by e^1.157 a year, as Bitcoin's did from 2014 to 2021.

    Raises:
        ValueError: the price, revenue or cost is negative or no number.
    """
    numbers = (capex_usd, revenue_usd_day, cost_usd_day)
    if not all(math.isfinite(it) and it >= 0 for it in numbers) or not math.isfinite(decay_per_day):
        raise ValueError(f"no payback of {numbers} at {decay_per_day} a day")
    profit = revenue_usd_day - cost_usd_day
    naive = capex_usd / profit if profit > 0 else None
    rates = {"revenue_usd_day": revenue_usd_day, "cost_usd_day": cost_usd_day, "decay_per_day": decay_per_day}
    last = last_profitable_day(**rates)
    peak = _limit(last, **rates) - capex_usd
    if peak < 0 or naive is None:
        return Payback(days=None, naive_days=naive, peak_day=last, peak_usd=peak)
    high = last if math.isfinite(last) else _beyond(capex_usd, **rates)
    return Payback(days=_root(capex_usd, high, **rates), naive_days=naive, peak_day=last, peak_usd=peak)


def _limit(last: float, *, revenue_usd_day: float, cost_usd_day: float, decay_per_day: float) -> float:
    """Return what is earned until the last profitable day; it may have no bound."""
    if math.isfinite(last):
        return earned_usd(last, revenue_usd_day=revenue_usd_day, cost_usd_day=cost_usd_day, decay_per_day=decay_per_day)
    # no cost: the area under a falling curve; no decay: without bound
    return revenue_usd_day / decay_per_day if decay_per_day > _TOO_SMALL else math.inf


def _beyond(capex_usd: float, *, revenue_usd_day: float, cost_usd_day: float, decay_per_day: float) -> float:
    day = 1.0
    while day < 1e9 and capex_usd > earned_usd(
        day, revenue_usd_day=revenue_usd_day, cost_usd_day=cost_usd_day, decay_per_day=decay_per_day
    ):
        day *= 2
    return day


def _root(capex_usd: float, high: float, *, revenue_usd_day: float, cost_usd_day: float, decay_per_day: float) -> float:
    low = 0.0
    for _ in range(_ROOT_STEPS):
        middle = (low + high) / 2
        earned = earned_usd(
            middle, revenue_usd_day=revenue_usd_day, cost_usd_day=cost_usd_day, decay_per_day=decay_per_day
        )
        low, high = (middle, high) if earned < capex_usd else (low, middle)
    return high


def net_present_value_usd(
    flows_usd: Sequence[float], *, rate_per_year: float, step_days: float = 1.0, resale_usd: float = 0.0
) -> float:
    """Return the present value of flows, the first now, each a step after the one before [USD].

    `resale_usd` comes with the last flow. `rate_per_year` 0.1 is 10 % a year, compounded by the day.

    Raises:
        ValueError: the rate is -100 % or less.
    """
    if rate_per_year <= -1:
        raise ValueError("a rate is above -100 % a year")
    factor = (1 + rate_per_year) ** (-step_days / YEAR_DAYS)
    value = math.fsum(flow * factor**index for index, flow in enumerate(flows_usd))
    return value + (resale_usd * factor ** (len(flows_usd) - 1) if flows_usd else resale_usd)


def internal_rate_per_year(flows_usd: Sequence[float], *, step_days: float = 1.0) -> float | None:
    """Return the rate a year at which flows are worth nothing, by bisection; None where there is no such rate.

    Between -99.99 % and 1e6 times a year. Flows that change sign more than once may have several; the lowest is found
    only if the ends of that range differ in sign.
    """
    low, high = -0.9999, 1e6
    at_low = net_present_value_usd(flows_usd, rate_per_year=low, step_days=step_days)
    at_high = net_present_value_usd(flows_usd, rate_per_year=high, step_days=step_days)
    if at_low == 0 or at_high == 0 or (at_low > 0) == (at_high > 0):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        value = net_present_value_usd(flows_usd, rate_per_year=middle, step_days=step_days)
        low, high = (middle, high) if (value > 0) == (at_low > 0) else (low, middle)
    return high


def capital_recovery_factor(rate_per_year: float, years: float) -> float:
    """Return the part of a price to be earned each year, interest included."""
    if abs(rate_per_year) < _TOO_SMALL:
        return 1 / years
    return rate_per_year / -math.expm1(-years * math.log1p(rate_per_year))


@dataclass(frozen=True, slots=True, kw_only=True)
class HashSource:
    """Something that gives hash power and what it costs: a machine, or a contract with its own numbers.

    `hashrate_ph` [PH/s], `power_kw`, `fixed_usd_day` (hosting, maintenance), `uptime` 0 to 1.
    """

    capex_usd: float
    hashrate_ph: float
    power_kw: float = 0.0
    fixed_usd_day: float = 0.0
    uptime: float = 1.0


def levelised_cost_usd_ph_day(
    source: HashSource, *, power_price_usd_kwh: float, rate_per_year: float, years: float
) -> float:
    """Return the levelised cost of hash [USD/(PH/s)/day]: comparable with hashprice, with an ask, with a contract.

    Raises:
        ValueError: there is no hash rate, no uptime or no time.
    """
    if source.hashrate_ph <= 0 or source.uptime <= 0 or years <= 0:
        raise ValueError("hash power, uptime and years are above zero")
    capital = capital_recovery_factor(rate_per_year, years) * source.capex_usd / YEAR_DAYS
    fixed = (capital + source.fixed_usd_day) / (source.hashrate_ph * source.uptime)
    return fixed + power_price_usd_kwh * 24 * source.power_kw / source.hashrate_ph
