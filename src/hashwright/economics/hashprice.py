"""What hash power earns and costs, in plain arithmetic: numbers in, numbers out, units in every name.

Each function takes numbers or arrays of them (numpy's, element by element) alike, so that the same line serves one
machine now and ten thousand scenarios of three years. All results are estimates: floats, which no ledger takes; for a
screen `calculation` wraps them as `Estimate`. Formulas: planning.md 2.1, 2.3, 2.6 (Rosenfeld 2011; Luxor's hashprice).

    work = work_hashes(difficulty, work_factor)                  [hash/block]
    hashprice_usd_ph_day(work, reward_coins, price_usd)          [USD/(PH/s)/day]
    hashcost_usd_ph_day(efficiency_j_th, power_price_usd_kwh)    [USD/(PH/s)/day]
    break_even_power_usd_kwh(hashprice, efficiency_j_th, net=terms.net)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N = TypeVar("N", float, "NDArray[np.float64]")

DAY_S: Final = 86_400
HOURS_A_DAY: Final = 24
PH: Final = 1e15
TH: Final = 1e12
J_PER_KWH: Final = 3.6e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is lost between a machine and its owner: shares of one, each 0 to 1."""

    pool_fee: float = 0.0
    stale: float = 0.0
    uptime: float = 1.0
    realisation: float = 1.0
    """What an upstream makes of its promise (`economics.receivables`)."""

    @property
    def net(self) -> float:
        """Return what is left of the gross reward while the machine runs; `uptime` is not in it."""
        return (1 - self.pool_fee) * (1 - self.stale) * self.realisation


NO_LOSS: Final = Terms()


def work_hashes(difficulty: N, work_factor: float) -> N:
    """Return the expected hashes of a block [hash]."""
    return difficulty * work_factor


def blocks_per_day(hashrate_hs: N, work: N) -> N:
    """Return the expected blocks of a hash rate [hash/s] a day."""
    return hashrate_hs * DAY_S / work


def coins_per_day(hashrate_hs: N, work: N, reward_coins: N, terms: Terms = NO_LOSS) -> N:
    """Return the expected coins a day; their variance, mining alone, is `reward_coins` times this."""
    return blocks_per_day(hashrate_hs, work) * reward_coins * (terms.net * terms.uptime)


def hashprice_usd_ph_day(work: N, reward_coins: N, price_usd: N) -> N:
    """Return what 1 PH/s earns a day before fees and power [USD]; `reward_coins` is subsidy and mean fees."""
    return (PH * DAY_S) / work * reward_coins * price_usd


def hashcost_usd_ph_day(efficiency_j_th: N, power_price_usd_kwh: N) -> N:
    """Return what the power of 1 PH/s costs a day [USD]: 1 PH/s at e J/TH draws e kW."""
    return efficiency_j_th * HOURS_A_DAY * power_price_usd_kwh


def break_even_power_usd_kwh(hashprice_usd_ph_day: N, efficiency_j_th: N, *, net: float = 1.0) -> N:
    """Return the power price at which a machine earns just its power [USD/kWh]."""
    return hashprice_usd_ph_day * net / (efficiency_j_th * HOURS_A_DAY)


def electricity_kwh_coin(efficiency_j_th: N, work: N, reward_coins: N) -> N:
    """Return the power that goes into one coin [kWh/coin]."""
    return efficiency_j_th / TH * work / (reward_coins * J_PER_KWH)


def efficiency_j_th(power_w: N, hashrate_hs: N) -> N:
    """Return a machine's efficiency [J/TH]."""
    return power_w / hashrate_hs * TH


def power_cost_usd_day(power_w: N, power_price_usd_kwh: N) -> N:
    """Return what a machine's power costs a day [USD]."""
    return power_w / 1000 * HOURS_A_DAY * power_price_usd_kwh


def merged_hashprice_usd_ph_day(parent: N, auxiliary: N, *, pass_through: float) -> N:
    """Add what an auxiliary chain pays for the same hashes, as far as the pool passes it on (0 to 1).

    There is no default: several pools keep all of it, and none passes on what it does not declare (planning.md 2.3).

    Raises:
        ValueError: the share is not between 0 and 1.
    """
    if not 0 <= pass_through <= 1:
        raise ValueError(f"a pool passes on a share between 0 and 1, not {pass_through}")
    return parent + auxiliary * pass_through


def marginal_j_th(levels: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Return the efficiency of each step up between power levels [J/TH]; the first step is from off.

    `levels` are (hash rate [hash/s], power [W]), the lowest first. Whether a level is worth its power is judged by
    this, not by its average (planning.md 2.6).

    Raises:
        ValueError: a level has not more hash rate than the one below.
    """
    steps = []
    below = (0.0, 0.0)
    for level in levels:
        gained_hs = level[0] - below[0]
        if gained_hs <= 0:
            raise ValueError("each power level hashes faster than the one below it")
        steps.append((level[1] - below[1]) / gained_hs * TH)
        below = level
    return tuple(steps)


def best_level(
    levels: Sequence[tuple[float, float]], *, hashprice_usd_ph_day: float, power_price_usd_kwh: float, net: float = 1.0
) -> int | None:
    """Return the index of the power level that earns most, or None where being off is best."""
    gains = [
        hashrate_hs / PH * hashprice_usd_ph_day * net - power_cost_usd_day(power_w, power_price_usd_kwh)
        for hashrate_hs, power_w in levels
    ]
    best = max(range(len(gains)), key=gains.__getitem__, default=None)
    return best if best is not None and gains[best] > 0 else None
