"""What if: one calculation with one assumption moved, and which assumption moves the answer most (a tornado).

The same `calculate` answers as everywhere. Five levers: what power costs, the coin's price, how fast difficulty grows,
what a hash needs of power, and what the pool keeps. Each is moved alone, the others stay; together they may do more or
less than their sum. `left` is what mining leaves over the horizon: what is mined at today's price, less the machine's
price and the power of the days it runs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from hashwright.economics.calculation import Assumed, Calculation, Earning, Rig, calculate
from hashwright.errors import OperatorError
from hashwright.money import Estimate

Lever = Literal["power_price", "price", "growth", "efficiency", "pool_fee"]
SWING: Final = 0.2
"""How far each lever is moved where nobody says; difficulty's growth and the fee have their own, below."""
GROWTH_SWING: Final = math.log(1.5)
FEE_SWING: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A machine, what it earns, and what that rests on."""

    rig: Rig
    earnings: tuple[Earning, ...]
    assumed: Assumed


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a lever: its value in its own unit, and what mining leaves there [USD a day, USD over the horizon]."""

    value: float
    profit_usd_day: float
    left_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """A lever with its unit, its value now, and both ends."""

    lever: Lever
    unit: str
    now: float
    low: End
    high: End

    @property
    def spread_usd(self) -> float:
        """Return how far the answer moves [USD over the horizon]."""
        return abs(self.high.left_usd - self.low.left_usd)


UNITS: Final[Mapping[Lever, str]] = {
    "power_price": "USD/kWh",
    "price": "USD",
    "growth": "x a year",
    "efficiency": "J/TH",
    "pool_fee": "share",
}


def reckoned(case: Case) -> Calculation:
    """Return the answer of a case."""
    return calculate(case.rig, case.earnings, case.assumed)


def left_usd(answer: Calculation) -> float:
    """Return what mining leaves over the horizon [USD]: what is mined, less the machine and its power."""
    return answer.mined_usd.value - answer.bought_usd.value


def value_of(case: Case, lever: Lever) -> float:
    """Return a lever's value [its unit]."""
    match lever:
        case "power_price":
            return case.assumed.power_price_usd_kwh
        case "price":
            return case.earnings[0].price_usd
        case "growth":
            return math.exp(case.assumed.growth_per_year)
        case "efficiency":
            return case.rig.power_w / (case.rig.hashrate_hs / 1e12)
        case "pool_fee":
            return case.assumed.terms.pool_fee


def moved(case: Case, lever: Lever, value: float) -> Case:
    """Return a case with one lever at another value [its unit].

    Raises:
        OperatorError: no machine, coin or pool has such a value (HW-837).
    """
    _require(lever, value)
    match lever:
        case "power_price":
            return replace(case, assumed=replace(case.assumed, power_price_usd_kwh=value))
        case "price":
            return replace(case, earnings=_priced(case.earnings, value / case.earnings[0].price_usd))
        case "growth":
            return replace(case, assumed=replace(case.assumed, growth_per_year=math.log(value)))
        case "efficiency":
            power_w = value * case.rig.hashrate_hs / 1e12
            return replace(case, rig=replace(case.rig, power_w=power_w))
        case "pool_fee":
            terms = case.assumed.terms
            kept = (1 - value) / (1 - terms.pool_fee)
            assumed = replace(case.assumed, terms=replace(terms, pool_fee=value))
            return replace(case, earnings=tuple(_kept(it, kept) for it in case.earnings), assumed=assumed)


def _require(lever: Lever, value: float) -> None:
    low, high = {
        "power_price": (-10.0, 10.0),
        "price": (1e-9, 1e9),
        "growth": (0.01, 1000.0),
        "efficiency": (1e-6, 1e12),
        "pool_fee": (0.0, 0.99),
    }[lever]
    if not low <= value <= high:  # also where it is no number
        raise OperatorError(
            f"{value:g} {UNITS[lever]} is nothing to reckon {lever.replace('_', ' ')} with.",
            code="HW-837",
            hint=f"Take {low:g} to {high:g}.",
        )


def _priced(earnings: Sequence[Earning], factor: float) -> tuple[Earning, ...]:
    """Return earnings at another price; coins mined along move with it."""
    return tuple(
        replace(
            it,
            price_usd=it.price_usd * factor,
            revenue_usd_day=Estimate(it.revenue_usd_day.value * factor, it.revenue_usd_day.currency),
            hashprice_usd_ph_day=it.hashprice_usd_ph_day * factor,
        )
        for it in earnings
    )


def _kept(it: Earning, factor: float) -> Earning:
    revenue = Estimate(it.revenue_usd_day.value * factor, it.revenue_usd_day.currency)
    return replace(it, coins_day=it.coins_day * factor, revenue_usd_day=revenue)


def ends_of(case: Case, lever: Lever, *, swing: float = SWING) -> tuple[float, float]:
    """Return how low and how high a lever is moved [its unit]."""
    now = value_of(case, lever)
    if lever == "growth":
        return now / math.exp(GROWTH_SWING), now * math.exp(GROWTH_SWING)
    if lever == "pool_fee":
        return max(now - FEE_SWING, 0.0), min(now + FEE_SWING, 0.99)
    return now * (1 - swing), now * (1 + swing)


def tornado(case: Case, *, swing: float = SWING) -> tuple[Swing, ...]:
    """Return every lever moved alone, the one that moves the answer most first."""
    found = [_swing(case, lever, ends_of(case, lever, swing=swing)) for lever in UNITS]
    return tuple(sorted(found, key=lambda it: -it.spread_usd))


def _swing(case: Case, lever: Lever, ends: tuple[float, float]) -> Swing:
    low, high = (_end(case, lever, value) for value in ends)
    return Swing(lever=lever, unit=UNITS[lever], now=value_of(case, lever), low=low, high=high)


def _end(case: Case, lever: Lever, value: float) -> End:
    answer = reckoned(moved(case, lever, value))
    return End(value=value, profit_usd_day=answer.profit_usd_day.value, left_usd=left_usd(answer))
