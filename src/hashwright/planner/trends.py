"""What price, difficulty, hashprice and fees of a coin did lately, and what comes next: retarget and halving."""

from dataclasses import dataclass

import numpy as np

from hashwright.chain.coin import Coin
from hashwright.economics.difficulty import economy_of
from hashwright.economics.next_retarget import NextRetarget, next_retarget
from hashwright.planner.rewards import block_reward_coins, hashprice_series, heights
from hashwright.planner.series import CoinSeries, FloatArray, text_of_day

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A number now and what became of it over the span; None where either end is unknown."""

    last: float | None
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One coin over a span. `hashprice` is an array [USD/(PH/s)/day]; `retarget` is None where none is to come."""

    first_day: str
    last_day: str
    price_usd: Change
    difficulty: Change
    hashprice_usd_ph_day: Change
    hashprice: FloatArray
    fee_share: float | None
    height: int
    is_computed: bool
    retarget: NextRetarget | None


def trend(series: CoinSeries, coin: Coin, *, days: int) -> Trend:
    """Look at the last days of a series that have any number.

    Raises:
        NotSupported: nothing is known of what the coin pays (HW-817).
    """
    last = _last_known(series)
    cut = series.between(last - days, last)
    prices = hashprice_series(series, coin)[last - days - series.first_day if last - days >= series.first_day else 0 :]
    prices = prices[: days + 1]
    count = heights(series, coin)
    at = last - series.first_day
    return Trend(
        first_day=text_of_day(cut.first_day),
        last_day=text_of_day(last),
        price_usd=change(cut.price_usd),
        difficulty=change(cut.difficulty),
        hashprice_usd_ph_day=change(prices),
        hashprice=prices,
        fee_share=_fee_share(cut, coin),
        height=int(count[at]),
        is_computed=bool(cut.is_computed.any()),
        retarget=_retarget(count[: at + 1], series.blocks[: at + 1], coin),
    )


def _last_known(series: CoinSeries) -> int:
    known = ~np.isnan(series.price_usd) | ~np.isnan(series.difficulty)
    return series.first_day + int(np.flatnonzero(known)[-1]) if known.any() else series.last_day


def change(values: FloatArray) -> Change:
    """Compare the last number with the first of a span; a hole at either end is bridged by up to seven days."""
    first, last = _edge(values[:8]), _edge(values[::-1][:8])
    share = last / first - 1 if first and last is not None else None
    return Change(last=last, share=share)


def _edge(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known[0]) if len(known) else None


def _fee_share(cut: CoinSeries, coin: Coin) -> float | None:
    rewards = block_reward_coins(cut, coin) * cut.blocks
    known = ~np.isnan(cut.fees_native) & ~np.isnan(rewards) & (rewards > 0)
    return float(cut.fees_native[known].sum() / rewards[known].sum()) if known.any() else None


def _retarget(count: FloatArray, blocks: FloatArray, coin: Coin) -> NextRetarget | None:
    """Estimate the next retarget from when this period began, between the ends of two days."""
    rule = economy_of(coin).adjustment
    if rule.kind != "epoch" or len(count) < 2:
        return None
    height = int(count[-1])
    start = height // rule.epoch_blocks * rule.epoch_blocks
    after = int(np.searchsorted(count, start))
    if after == 0 or after >= len(count) or np.isnan(blocks[after:]).any():
        return None  # where blocks were not counted, their pace is not known
    inside = (count[after] - start) / max(count[after] - count[after - 1], 1e-9)
    elapsed_s = (len(count) - 1 - after + inside) * DAY_S
    return next_retarget(
        height=height, elapsed_s=float(elapsed_s), epoch_blocks=rule.epoch_blocks, interval_s=coin.block_interval_s
    )


def yearly_growth(series: CoinSeries) -> tuple[float, ...]:
    """Return the growth of difficulty over every 365 days of a history [log], thinned to about 200 numbers."""
    values = np.where(series.difficulty > 0, series.difficulty, np.nan)
    if len(values) <= 365:
        return ()
    growth = np.log(values[365:]) - np.log(values[:-365])
    known = growth[~np.isnan(growth)]
    step = max(len(known) // 200, 1)
    return tuple(float(it) for it in known[::step])
