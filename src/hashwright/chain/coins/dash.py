"""Dash: X11, a fourteenth less every 210,240 blocks; masternodes and the treasury take most of a block.

The miner's part was 45 % for five years, fell to 37 % in steps of three months from 2020-11 on, and is 20 % since
version 20. Days are reckoned from heights. Source: Dash Core `src/validation.cpp`, `src/masternode/payments.cpp`.
"""

from datetime import date, timedelta
from typing import Final

from hashwright.chain.coin import Coin
from hashwright.chain.economy import DIFFICULTY_1, PPM, Adjustment, Economy
from hashwright.chain.emission import Shrinking

MASTERNODES_EARLY: Final = (
    ("2014-01-19", 0),
    ("2014-10-24", 250),
    ("2014-11-25", 300),
    ("2014-12-26", 350),
    ("2015-01-26", 375),
    ("2015-02-27", 400),
    ("2015-03-30", 425),
    ("2015-05-01", 450),
)
"""What masternodes got of a block before there was a treasury [per mille]."""
TREASURY_FROM: Final = "2015-09-06"
MASTERNODES: Final = (500, 513, 526, 533, 540, 546, 552, 557, 562, 567, 572, 577, 582, 585)
"""What they got of the rest once a tenth went to the treasury [per mille], in steps of 49,848 blocks."""
STEPS_FROM: Final = date(2020, 11, 28)
"""Block 1,379,128."""
STEP_DAYS: Final = 49_848 * 157.6 / 86_400
VERSION_20: Final = "2023-12-14"
"""Block 1,987,776: a fifth to the treasury, three fifths to masternodes, a fifth to the miner."""


def miner_shares() -> tuple[tuple[str, int], ...]:
    """Return the miner's part of the new coins from each day on [ppm]."""
    rows = [(day, PPM - share * 1000) for day, share in MASTERNODES_EARLY]
    rows.append((TREASURY_FROM, _after_treasury(MASTERNODES[0])))
    for step, share in enumerate(MASTERNODES[1:]):
        day = STEPS_FROM + timedelta(days=round(step * STEP_DAYS))
        rows.append((day.isoformat(), _after_treasury(share)))
    return (*rows, (VERSION_20, 200_000))


def _after_treasury(masternodes_per_mille: int) -> int:
    return 900 * (1000 - masternodes_per_mille)


COIN = Coin(
    key="dash",
    title="Dash",
    ticker="DASH",
    algorithm="x11",
    decimals=8,
    block_interval_s=158,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Shrinking(start=5 * 10**8, interval_blocks=210_240, keep=13, of=14, offset=1, takes_part=True),
        adjustment=Adjustment(rule="dark_gravity_wave", kind="window", window_s=24 * 150),
        miner_shares=miner_shares(),
        known_block=(2_143_770, "2024-09-23"),
        source="Dash Core src/validation.cpp",
    ),
)
