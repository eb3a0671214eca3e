"""A year of a site with sun, a battery and recorded day-ahead prices: the plan beside rules and hindsight.

    HW_TEST_DATA=FOLDER python bench/energy_year.py texas|germany [DAYS [POLICY]]

The site is docs/examples/farm.toml with the typical year of Greensboro that pvlib's wheel carries for its weather:
real clouds, in an order that really happened, but not at the place nor in the year of the prices.
"""

import asyncio
import os
import pathlib
import sys
import tempfile
import time
from datetime import UTC, datetime

import msgspec
import pvlib

from hashwright.energy.site import Risk
from hashwright.energy.slots import Grid, ms_of
from hashwright.planner.site_problem import problem_of
from hashwright.planner.site_year import POLICIES, walk
from hashwright.runtime.site_file import gather, load_site

WEATHER = pathlib.Path(pvlib.__file__).parent / "data" / "723170TYA.CSV"
PLACES = {
    "texas": ("US_ERCOT_HB_HUBAVG", "2024-01-02", 334, "0.020", "1.0"),
    "germany": ("DE_LU", "2023-01-02", 363, "0.020", "0.92"),
}


def site_text(zone, add, usd_rate):
    """Write the farm with another zone, and a weather file for the clear sky."""
    text = pathlib.Path("docs/examples/farm.toml").read_text()
    text = text.replace("US_ERCOT_HB_HUBAVG", zone).replace("add = 0.020", f"add = {add}")
    text = text.replace('kind = "clear_sky"\nclearness = 0.7', f'kind = "file"\npath = "{WEATHER}"')
    text = text.replace("latitude = 32.4", "latitude = 36.1").replace("longitude = -99.7", "longitude = -79.95")
    return text.replace('coin = "BTC" ', f'usd_rate = {usd_rate}\ncoin = "BTC" ')


def main():
    zone, first, days, add, usd_rate = PLACES[sys.argv[1]]
    days = int(sys.argv[2]) if len(sys.argv) > 2 else days
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "farm.toml"
        path.write_text(site_text(zone, add, usd_rate))
        setup = load_site(path, data=pathlib.Path(os.environ["HW_TEST_DATA"]))
        start = ms_of(datetime.fromisoformat(first).replace(tzinfo=UTC))
        grid = Grid(start_ms=start, count=days * 96)
        gathered = asyncio.run(gather(setup, grid, now_ms=start))
        whole, _ = problem_of(msgspec.structs.replace(setup.site, risk=Risk()), gathered.known)
    print(f"{zone}, {whole.grid.count // 96} days from {first}, {gathered.currency}")
    print(f"sun {whole.own_w.sum() / 4e6:.1f} MWh, mean price {whole.price.mean():.4f} per kWh")
    print("policy | coins | bought | sold | wear, starts | left | run % | MWh used | starts | shed | by rule | CPU s")
    for policy in [sys.argv[3]] if len(sys.argv) > 3 else POLICIES:
        began = time.process_time()
        it = walk(whole, policy)
        money = (it.coins, it.bought, it.sold, it.wear + it.starts_cost, it.value)
        print(
            policy, *(f"{value:,.0f}" for value in money), f"{100 * it.run_share:.1f}", f"{it.machines_kwh / 1000:.1f}",
            it.starts, it.shed_slots, it.plans_by_rule, f"{time.process_time() - began:.0f}", sep=" | ", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
