"""How long a plan of 48 hours takes, and how far it may be from the best one. `python bench/dispatch.py [--quick]`.

The site is made up: machines of 16 to 30 J/TH in two levels, sun, a battery, a day-ahead price with two peaks, export,
start costs, two hours up and one hour down. `limit` is the import limit as a share of what all machines would draw.
"""

import argparse
import dataclasses
import platform
import time

import numpy as np

from hashwright.energy.slots import SLOT_MS, Grid
from hashwright.planner.dispatch import Settings, plan_dispatch
from hashwright.planner.dispatch_flows import plan_findings
from hashwright.planner.dispatch_matrix import Model, machine_block, site_block
from hashwright.planner.dispatch_problem import BatteryTerms, Level, MachineGroup, Problem, SiteTerms
from hashwright.planner.dispatch_solver import SolverLimits, solve

HASHPRICE_TH_DAY = 0.045


def made_problem(groups=10, *, limit=0.8, slots=192, seed=1, scenarios=1, **site):
    """Make a site of `groups` groups; the same arguments give the same site."""
    rng = np.random.default_rng(seed)
    hours = np.arange(slots) / 4
    wave = 0.08 + 0.03 * np.sin((hours - 13) / 24 * 4 * np.pi) + 0.02 * np.sin((hours - 15) / 24 * 2 * np.pi)
    price = np.round(wave[None, :] + rng.normal(0, 0.008, (scenarios, slots)), 5)
    sun_shape = np.clip(np.sin((hours % 24 - 6) / 12 * np.pi), 0, None) * ((hours % 24 > 6) & (hours % 24 < 18))
    made = tuple(made_group(number, rng, scenarios, slots) for number in range(groups))
    full_w = sum(it.count * int(it.power_w().max()) for it in made)
    share = rng.uniform(0.7, 1.1, (scenarios, 1))
    battery = BatteryTerms(
        capacity_wh=full_w,
        charge_w=full_w // 4,
        discharge_w=full_w // 4,
        energy_wh=full_w // 2,
        reserve_wh=full_w // 10,
        wear=0.01,
        end_value=0.05,
    )
    terms = SiteTerms(import_w=int(full_w * limit), export_w=full_w // 3, battery=battery)
    return Problem(
        grid=Grid(start_ms=1_700_000_100_000 // SLOT_MS * SLOT_MS, count=slots),
        groups=made,
        site=dataclasses.replace(terms, **site),
        price=price,
        export_price=price * 0.5,
        sun_w=np.round(share * sun_shape[None, :] * full_w * 0.3).astype(np.int64),
        wind_w=np.zeros((scenarios, slots), dtype=np.int64),
        load_w=np.full((scenarios, slots), full_w // 50, dtype=np.int64),
        probability=np.full(scenarios, 1 / scenarios),
    )


def made_group(number, rng, scenarios, slots):
    """Make a group of one to four machines with two levels; the lower one is the more efficient."""
    efficiency, power = rng.uniform(16, 30), int(rng.integers(1500, 3600))
    earn = HASHPRICE_TH_DAY / 24 * (1 + 0.03 * np.sin(np.arange(slots) / 30 + number))
    return MachineGroup(
        name=f"g{number:03d}",
        count=int(rng.integers(1, 5)),
        levels=(
            Level(power_w=int(power * 0.7), hashrate=power * 0.7 / (efficiency * 0.93)),
            Level(power_w=power, hashrate=power / efficiency),
        ),
        earn=np.broadcast_to(earn, (scenarios, slots)).copy(),
        start_cost=0.02,
        up_min=8,
        down_min=4,
        running=0,
    )


def alike_problem(groups=20, *, slots=192, spread=0.001, has_battery=False):
    """Make a site of groups that are nearly the same, on a tariff of two prices: they can change places without end."""
    rng = np.random.default_rng(1)
    hours = np.arange(slots) / 4 % 24
    price = np.where((hours >= 7) & (hours < 22), 0.12, 0.07)[None, :]
    made = []
    for number in range(groups):
        power, cost = int(3000 * (1 + spread * rng.normal())), 20 * (1 + spread * rng.normal())
        levels = (
            Level(power_w=int(power * 0.7), hashrate=power * 0.7 / cost / 0.93),
            Level(power_w=power, hashrate=power / cost),
        )
        earn = np.full((1, slots), HASHPRICE_TH_DAY / 24)
        made.append(
            MachineGroup(name=f"g{number}", count=3, levels=levels, earn=earn, start_cost=0.02, up_min=8, down_min=4)
        )
    problem = made_problem(1, slots=slots)
    full_w = sum(it.count * int(it.power_w().max()) for it in made)
    battery = dataclasses.replace(
        problem.site.battery, capacity_wh=full_w, charge_w=full_w // 4, discharge_w=full_w // 4, energy_wh=full_w // 2
    )
    nothing = np.zeros((1, slots), dtype=np.int64)
    return dataclasses.replace(
        problem,
        groups=tuple(made),
        price=price,
        export_price=price * 0.5,
        sun_w=nothing,
        load_w=nothing + full_w // 50,
        site=SiteTerms(import_w=int(full_w * 0.6), export_w=full_w // 3, battery=battery if has_battery else None),
    )


def relaxation(problem):
    """Solve the linear relaxation of the exact model; return its value and the CPU seconds."""
    began = time.process_time()
    model = Model()
    block = site_block(model, problem)
    for group in problem.groups:
        machine_block(model, problem, block, group)
    answer = solve(model, SolverLimits(time_s=300), is_relaxed=True)
    battery = problem.site.battery
    before = 0.0 if battery is None else battery.end_value * battery.energy_wh / 1000
    return -answer.cost - before, time.process_time() - began


def report(groups, limit, problem):
    """Plan, and print how long that took and how near to the bound it is."""
    began = time.process_time()
    plan = plan_dispatch(problem, settings=Settings(limits=SolverLimits(time_s=60)))
    spent = time.process_time() - began
    bound, lp_s = relaxation(problem)
    gap = (bound - plan.value) / abs(plan.value)
    stated = float("nan") if plan.gap is None else plan.gap
    broken = len(plan_findings(problem, plan))
    print(
        f"{groups:6d} {limit} {plan.method:9s} {spent:6.2f}  {100 * stated:12.3f}  {100 * gap:17.3f}"
        f"  {broken}  (LP alone {lp_s:.1f} s)  {[it.message for it in plan.notes]}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="10 and 50 groups only")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, 192 slots; CPU seconds of this process")
    print("groups limit method     CPU s   stated gap %  gap to LP bound %  findings")
    for groups in (10, 50) if arguments.quick else (10, 20, 50, 200):
        for limit in (1.2, 0.5, 0.25):
            report(groups, f"{limit:5.2f}", made_problem(groups, limit=limit))
    print("nearly alike, two prices; with a battery and without")
    for has_battery in (True, False):
        report(20, " 0.60", alike_problem(has_battery=has_battery))


if __name__ == "__main__":
    main()
