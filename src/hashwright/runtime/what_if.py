"""What if, asked of a data folder: the machine and the coin as `hw calc` finds them, with levers that are moved."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashwright.chain.find import default_coin, find_coin
from hashwright.economics.calculation import GROWTH_PER_YEAR, Assumed, Calculation, Rig, earning
from hashwright.economics.coin_facts import Fact
from hashwright.economics.hashprice import Terms
from hashwright.economics.quantities import check_power
from hashwright.economics.what_if import Case, Lever, Swing, moved, reckoned, tornado, value_of
from hashwright.runtime.market_data import load_machines, load_market

POWER_PRICE_ASSUMED: Final = 0.10
POOL_FEE: Final = 0.01
STALE: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The case as it is and as moved: values of all levers of both, the answers, and the tornado around the moved one.

    `facts` are what it rests on, by name.
    """

    machine: str
    coin: str
    ticker: str
    base: Mapping[Lever, float]
    levers: Mapping[Lever, float]
    before: Calculation
    answer: Calculation
    swings: tuple[Swing, ...]
    facts: Mapping[str, Fact]


def what_if(
    data_dir: Path, machine: str, *, coin: str = "", days: int = 365, levers: Mapping[Lever, float], now_ms: int
) -> WhatIf:
    """Reckon with a machine of the catalogue, with levers moved to other values [their own units].

    Raises:
        OperatorError: the machine or the coin is not known (HW-802, HW-801), nothing is known of its price (HW-815), or
            a lever is moved to where nothing is (HW-837).
    """
    wanted = find_coin(coin) if coin else None
    found = load_machines(data_dir).find(machine, algorithm=wanted.algorithm if wanted else "")
    chosen = wanted or default_coin(found.algorithm)
    market = load_market(data_dir)
    rig = Rig(name=found.model, hashrate_hs=found.hashrate_hs, power_w=found.power_w, price_usd=found.price_usd)
    check_power(rig.power_w, model=rig.name)
    assumed = Assumed(
        power_price_usd_kwh=POWER_PRICE_ASSUMED,
        terms=Terms(pool_fee=POOL_FEE, stale=STALE),
        growth_per_year=GROWTH_PER_YEAR,
        horizon_days=days,
    )
    base = Case(rig=rig, earnings=(earning(rig, chosen, market, terms=assumed.terms, now_ms=now_ms),), assumed=assumed)
    case = base
    for lever, value in levers.items():
        case = moved(case, lever, value)
    names: tuple[Lever, ...] = ("power_price", "price", "growth", "efficiency", "pool_fee")
    facts = {name: market.fact(chosen.key, name) for name in ("price_usd", "difficulty")}
    return WhatIf(
        machine=rig.name,
        coin=chosen.key,
        ticker=chosen.ticker,
        base={name: value_of(base, name) for name in names},
        levers={name: value_of(case, name) for name in names},
        before=reckoned(base),
        answer=reckoned(case),
        swings=tornado(case),
        facts={name: fact for name, fact in facts.items() if fact is not None},
    )
