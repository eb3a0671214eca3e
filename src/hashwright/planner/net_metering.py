"""Net metering over many months: what a month sells beyond what it buys is paid otherwise than slot by slot.

Slot by slot a kWh that is sold brings the price of that slot. At the month's end what was sold counts against what was
bought, and only the rest is paid, at a price of its own. `energy.tariff.net_metering_bill` is the same for one price.
"""

from dataclasses import dataclass

import numpy as np

from hashwright.energy.calendar import local_times, zone_of
from hashwright.energy.slots import SLOT_H, Grid
from hashwright.planner.dispatch_problem import KW, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """What a kWh of a month's surplus brings [currency/kWh], and the zone whose months count."""

    price: float
    zone: str


def settlement(grid: Grid, import_w: IntArray, export_w: IntArray, export_price: FloatArray, surplus: Surplus) -> float:
    """Return what months' ends change of the money that sales brought slot by slot [currency]."""
    months = np.array([local.year * 12 + local.month for local in local_times(grid, zone_of(surplus.zone))])
    total = 0.0
    for month in np.unique(months):
        mine = months == month
        bought, sold = (float(it[mine].sum()) * SLOT_H / KW for it in (import_w, export_w))
        if sold > bought:
            credited = float((export_price[mine] * export_w[mine]).sum()) * SLOT_H / KW
            total += (sold - bought) * (surplus.price - credited / sold)
    return total
