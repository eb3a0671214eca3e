"""How fast scenarios, the allocation programme and backtests are, in CPU seconds.

    HW_TEST_DATA=... python bench/planner.py

The backtests need the real series (HW_TEST_DATA); without them only the first two are measured.
"""

import os
import pathlib
import time

import numpy as np

from hashwright import registry
from hashwright.chain.economy import EPOCH_2016, Adjustment
from hashwright.economics.changes import changes_of_statistics
from hashwright.economics.scenarios import CoinStart, World, simulate
from hashwright.economics.statistics import statistics_of
from hashwright.economics.watchers import Chooser
from hashwright.planner import backtest as bt
from hashwright.planner.allocation import Column, Problem, allocate
from hashwright.planner.history import EvenRig, even_history
from hashwright.planner.policies.fixed import Fixed
from hashwright.planner.series import day_of, load_coins

COINS = ("BTC", "LTC", "XMR", "ETC", "DOGE", "DASH")
PATHS, DAYS = 10_000, 3 * 365
SPANS = (
    ("2014-08-01", "2021-05-05", ("BTC", "LTC", "XMR", "DOGE", "DASH")),
    (
        "2017-08-01",
        "2021-05-05",
        ("BTC", "LTC", "XMR", "DOGE", "DASH", "ETH", "ETC", "BCH", "ZEC", "DCR", "BTG", "VTC"),
    ),
)


def measured(label, budget, work):
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{label:<58} {cpu:6.2f} CPU s {wall:6.2f} s   budget {budget:g} s, {budget / cpu:.1f} times as fast")
    return result, cpu


def scenarios():
    rng = np.random.default_rng(1)
    changes = changes_of_statistics([statistics_of(coin) for coin in COINS], rng=rng)
    window = Adjustment(rule="bench", kind="window", window_s=72_000)
    starts = tuple(
        CoinStart(
            coin=coin, price_usd=100.0, work_hashes=1e20, interval_s=600.0, reward_coins=(3.0,) * DAYS,
            adjustment=EPOCH_2016 if coin in ("BTC", "LTC") else window,
        )
        for coin in COINS
    )  # fmt: skip
    chooser = Chooser(np.full(len(COINS), 10, np.float32), 5.0, 3.0, 7.0, PATHS)
    simulate(World(starts=starts, changes=changes), days=DAYS, paths=PATHS, rng=rng, watchers=[chooser])
    return chooser


def programme(count, columns=20):
    rng = np.random.default_rng(1)
    gross = rng.standard_normal((count, 1)) * 0.6 + rng.standard_normal((count, columns)) * 0.8
    gross += rng.uniform(0, 0.6, columns)
    gross[:, 0] = 0
    made = tuple(
        Column(key=f"way {i}", kind="mine", group="rig", venue=f"pool {i % 4}", exposure=1.0) for i in range(columns)
    )
    caps = tuple((f"pool {i}", 0.4) for i in range(4))
    return allocate(Problem(columns=made, gross_usd=gross * 50, risk=0.5, venue_caps=caps))


def backtests(table, first, last, coins):
    history = even_history(
        table, coins, first_day=day_of(first), last_day=day_of(last), rig=EvenRig(pass_through=1.0)
    )  # fmt: skip
    names = registry.names("policies")
    runs = [bt.walk(history, registry.load("policies", name).POLICY(), name=name) for name in names]
    fixed = bt.walk(history, Fixed(), name="fixed")
    return [*runs, bt.leader_run(history), bt.idle_run(history), bt.buy_run(history, fixed), bt.foresight_run(history)]


def main():
    programme(100)  # the solver's library is loaded once
    measured(f"{PATHS} paths x {DAYS} days x {len(COINS)} coins, with decisions", 3, scenarios)
    measured("mean-CVaR programme, 2,000 scenarios x 20 columns", 0.5, lambda: programme(2_000))
    measured("mean-CVaR programme, 10,000 scenarios x 20 columns", 4, lambda: programme(10_000))
    if not os.environ.get("HW_TEST_DATA"):
        print("backtests: not run, HW_TEST_DATA is not set")
        return
    table = load_coins(pathlib.Path(os.environ["HW_TEST_DATA"]))
    total = 0.0
    for first, last, coins in SPANS:
        label = f"{first} to {last}, {len(coins)} coins, {len(registry.names('policies'))} policies"
        total += measured(label, 10, lambda span=(first, last, coins): backtests(table, *span))[1]
    print(f"both spans together: {total:.2f} CPU s, budget 10 s")


if __name__ == "__main__":
    main()
