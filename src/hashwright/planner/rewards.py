"""What a block gave its miner on each day of a history: new coins of the miner's part, and fees.

    block_reward_coins(series, coin)     # (days,) [coins a block], NaN where it is unknown
    hashprice_series(series, coin)       # (days,) [USD/(PH/s)/day] before fees and power

Where the whole issuance goes to the miner, it is read from the series. Where masternodes, voters or funds take a part
(Dash, Zcash, Decred), a day's issuance says too little: their treasuries pay in lumps, and votes mint coins beside the
block. There the emission rule at the day's height is multiplied by the miner's part. Days after the end of proof of
work are zero.
"""

from typing import Final

import numpy as np

from hashwright.chain.coin import Coin
from hashwright.chain.economy import PPM, Economy
from hashwright.economics.difficulty import economy_of
from hashwright.economics.hashprice import DAY_S, hashprice_usd_ph_day
from hashwright.planner.series import CoinSeries, FloatArray, day_of

_NEVER: Final = 0.0


def block_reward_coins(series: CoinSeries, coin: Coin) -> FloatArray:
    """Return what a block gave its miner on each day, fees included [coins]; unknown fees count as none.

    Raises:
        NotSupported: nothing is known of what the coin pays (HW-817).
    """
    economy = economy_of(coin)
    fees = np.nan_to_num(series.fees_native)
    shares = _miner_shares(series, economy)
    with np.errstate(divide="ignore", invalid="ignore"):
        fee_part = np.where(series.blocks > 0, fees / series.blocks, _NEVER)
        observed = series.issuance_native / series.blocks
    if any(share != PPM for _, share in economy.miner_shares):
        coins = _by_rule(series, coin, economy) * shares
    else:
        coins = np.where(shares > 0, observed, _NEVER)
    return np.where(np.isfinite(coins), coins + fee_part, np.nan)


def _miner_shares(series: CoinSeries, economy: Economy) -> FloatArray:
    """Return the miner's part on each day, 0 to 1: a step at each row of the coin's table, and at its end."""
    starts = np.array([day_of(day) for day, _ in economy.miner_shares])
    rows = np.array([share for _, share in economy.miner_shares], dtype=np.float64) / PPM
    shares: FloatArray = rows[np.maximum(np.searchsorted(starts, series.days, side="right") - 1, 0)]
    if economy.ended:
        shares = np.where(series.days >= day_of(economy.ended), _NEVER, shares)
    return shares


def heights(series: CoinSeries, coin: Coin) -> FloatArray:
    """Return the height of the chain at the end of each day, from the counted blocks and one known height."""
    economy = economy_of(coin)
    planned = DAY_S / coin.mean_interval_s
    counted = np.cumsum(np.where(np.isnan(series.blocks), planned, series.blocks))
    height, day = economy.known_block
    at = day_of(day) - series.first_day if day else -1
    shift = height - counted[at] if 0 <= at < len(counted) else 0.0
    result: FloatArray = np.maximum(counted + shift, 0.0)
    return result


def _by_rule(series: CoinSeries, coin: Coin, economy: Economy) -> FloatArray:
    return np.array([economy.emission.subsidy(int(it)) for it in heights(series, coin)]) / 10.0**coin.decimals


def hashprice_series(series: CoinSeries, coin: Coin) -> FloatArray:
    """Return what 1 PH/s earned on each day before fees and power [USD]; NaN where it is unknown.

    Raises:
        NotSupported: nothing is known of what the coin pays (HW-817).
    """
    work = np.where(series.difficulty > 0, series.difficulty, np.nan) * economy_of(coin).work_factor
    return hashprice_usd_ph_day(work, block_reward_coins(series, coin), series.price_usd)
