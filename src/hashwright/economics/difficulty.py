"""Difficulty from hash rate, through each coin's own rule, a day at a time and for many paths at once.

    difficulty_paths(hashrate_hs, coin)   # (paths, days) [hash/s] -> (paths, days), the mean difficulty of each day

An epoch rule is followed block by block in expectation: a day's hash rate finds so many blocks, the 2,016th of a period
sets the next difficulty by the time they took, at most fourfold. A rule that moves with each block either follows the
blocks of a window (Monero: 20 hours, with a lag of two and a half) or lets a deviation die away (Bitcoin Cash, Ethereum
Classic, Dogecoin). The tests compare each with its exact rule, block by block, through a step of the hash rate.

Luck is not simulated: over a day it is far below what hash rate does. Nothing here draws random numbers.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hashwright.chain.coin import Coin
from hashwright.chain.economy import Economy
from hashwright.errors import NotSupported

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

DAY_S: Final = 86_400
_RETARGETS_A_DAY_MAX: Final = 64
"""More periods than that in one day: the difficulty is set to fit at once."""
_SLOWEST: Final = 2.0
"""Blocks are taken to come at most twice as slow or fast as planned, on the average of a window."""
_PASSES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a forecast begins: the present difficulty, and of an epoch rule the blocks and seconds of the period."""

    difficulty: float
    blocks_done: float = 0.0
    elapsed_s: float = 0.0


def economy_of(coin: Coin) -> Economy:
    """Return a coin's economy.

    Raises:
        NotSupported: the coin has none (HW-817).
    """
    if coin.economy is None:
        raise NotSupported(f"Nothing is known of what {coin.title} pays.", code="HW-817")
    return coin.economy


def difficulty_paths(hashrate_hs: "FloatArray", coin: Coin, start: Start) -> "FloatArray":
    """Return the mean difficulty of each day of each path, from the network's hash rate [hash/s].

    Raises:
        NotSupported: nothing is known of the coin's rule (HW-817).
        ValueError: the array is not of (paths, days), or the difficulty does not begin above zero.
    """
    economy = economy_of(coin)
    if hashrate_hs.ndim != 2 or start.difficulty <= 0:
        raise ValueError("hash rates are an array of (paths, days), and a difficulty is above zero")
    match economy.adjustment.kind:
        case "epoch":
            return _epochs(hashrate_hs, coin, economy, start)
        case "relax":
            return _relaxed(hashrate_hs, coin, economy, start)
        case "window":
            return _window(hashrate_hs, coin, economy, start)


def _epochs(hashrate_hs: "FloatArray", coin: Coin, economy: Economy, start: Start) -> "FloatArray":
    import numpy as np

    paths, days = hashrate_hs.shape
    out = np.empty_like(hashrate_hs)
    difficulty = np.full(paths, start.difficulty)
    done = np.full(paths, start.blocks_done)
    elapsed = np.full(paths, start.elapsed_s)
    rule = economy.adjustment
    planned_s = rule.epoch_blocks * float(coin.block_interval_s)
    for day in range(days):
        left = np.full(paths, float(DAY_S))
        weighed = np.zeros(paths)
        rate = np.maximum(hashrate_hs[:, day], 1e-9)
        for _ in range(_RETARGETS_A_DAY_MAX):
            needs = (rule.epoch_blocks - done) * difficulty * economy.work_factor / rate
            taken = np.minimum(needs, left)
            weighed += difficulty * taken
            elapsed += taken
            left -= taken
            done += np.where(needs > taken, taken * rate / (difficulty * economy.work_factor), 0.0)
            ends = needs <= taken
            if not ends.any():
                break
            measured = elapsed * rule.epoch_intervals / rule.epoch_blocks
            counted = np.clip(measured, planned_s / rule.factor_max, planned_s * rule.factor_max)
            difficulty = np.where(ends, difficulty * planned_s / counted, difficulty)
            done, elapsed = np.where(ends, 0.0, done), np.where(ends, 0.0, elapsed)
        out[:, day] = (weighed + difficulty * left) / DAY_S
    return out


def _relaxed(hashrate_hs: "FloatArray", coin: Coin, economy: Economy, start: Start) -> "FloatArray":
    """Let the deviation from the fitting difficulty die away: for a constant hash rate this is ASERT exactly."""
    import numpy as np

    fitting = hashrate_hs * (coin.mean_interval_s / economy.work_factor)
    days = DAY_S / economy.adjustment.relax_s
    left_at_end, left_on_average = math.exp(-days), -math.expm1(-days) / days
    out = np.empty_like(hashrate_hs)
    difficulty = np.full(len(hashrate_hs), start.difficulty)
    for day in range(hashrate_hs.shape[1]):
        deviation = difficulty - fitting[:, day]
        out[:, day] = fitting[:, day] + deviation * left_on_average
        difficulty = fitting[:, day] + deviation * left_at_end
    return out


def _window(hashrate_hs: "FloatArray", coin: Coin, economy: Economy, start: Start) -> "FloatArray":
    """Weigh the present and past days by how much of each lies in the window, on the average of a day.

    A window is a number of blocks: when they come fast, it covers less time. So the weights are found twice, the
    second time for how long the first answer says that blocks take.
    """
    import numpy as np

    rule, per_hash = economy.adjustment, coin.mean_interval_s / economy.work_factor
    reach = math.ceil((rule.window_s + rule.lag_s) * _SLOWEST / DAY_S)
    fitting = np.maximum(hashrate_hs, 1e-9) * per_hash
    padded = np.concatenate([np.full((len(fitting), reach), start.difficulty), fitting], axis=1)
    found = fitting
    for _ in range(_PASSES):
        slowness = np.clip(found / fitting, 1 / _SLOWEST, _SLOWEST)
        length, lag = rule.window_s / DAY_S * slowness, rule.lag_s / DAY_S * slowness
        found = np.zeros_like(fitting)
        for back in range(reach + 1):
            at = reach - back
            found += _share(back, lag, length) * padded[:, at : at + fitting.shape[1]]
    return found


def _share(back: int, lag: "FloatArray", length: "FloatArray") -> "FloatArray":
    """Integrate over the ages in the window: age u lies `back` days back for 1 - |u - back| of a day."""
    return (_tent(lag + length - back) - _tent(lag - back)) / length


def _tent(x: "FloatArray") -> "FloatArray":
    """Integrate the tent function 1 - |t| on (-1, 1) up to x."""
    import numpy as np

    x = np.clip(x, -1.0, 1.0)
    area: FloatArray = 0.5 + x - x * np.abs(x) / 2
    return area
