"""Make the tables of docs/backtest.md from real series: walked policies, and how often the bands held what came.

HW_TEST_DATA=... python bench/study.py
"""

import os
import pathlib

import numpy as np

from hashwright import registry
from hashwright.planner import backtest as bt
from hashwright.planner.calibration import Study, calibrate
from hashwright.planner.history import EvenRig, even_history
from hashwright.planner.policies.fixed import Fixed
from hashwright.planner.series import day_of, load_coins

SPANS = (
    ("2014-08-01", "2021-05-05", ("BTC", "LTC", "XMR", "DOGE", "DASH")),
    (
        "2017-08-01",
        "2021-05-05",
        ("BTC", "LTC", "XMR", "DOGE", "DASH", "ETH", "ETC", "BCH", "ZEC", "DCR", "BTG", "VTC"),
    ),
)
STUDIES = (
    ("bitcoin", "2014-01-01", "2024-10-30"),
    ("litecoin", "2015-06-01", "2022-12-01"),
    ("monero", "2016-06-01", "2021-11-01"),
    ("ethereum_classic", "2018-08-01", "2021-04-01"),
)


def backtest_table(table, first, last, coins):
    history = even_history(
        table, coins, first_day=day_of(first), last_day=day_of(last), rig=EvenRig(pass_through=1.0)
    )  # fmt: skip
    runs = [
        bt.walk(history, registry.load("policies", name).POLICY(), name=name) for name in registry.names("policies")
    ]
    fixed = bt.walk(history, Fixed(), name="best coin of the start")
    bound = bt.foresight_run(history)
    runs += [bt.leader_run(history), bt.idle_run(history), bt.buy_run(history, fixed), bound]
    print(f"\n### {first} to {last}: {', '.join(coins)}\n")
    print("| policy | profit USD | of possible | drawdown | bad week | moves | hours off |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for it in runs:
        share = bt.share_of_foresight(it, bound)
        print(
            f"| {it.name} | {it.total_usd:+,.0f} | {share:.0%} | {it.drawdown_usd:.1f} | {-it.cvar_usd:+.2f} |"
            f" {it.moves} | {it.hours_off:,.0f} |"
        )
    for finding in history.findings:
        print(f"- {finding.place}: {finding.message}")


def coverage_table(table):
    print("\n| coin | quantity | 30 days | 90 days | 180 days | 365 days |\n| --- | --- | --: | --: | --: | --: |")
    for key, first, last in STUDIES:
        coin = registry.load("coins", key).COIN
        study = Study(series=table.coins[coin.ticker], coin=coin)
        found = calibrate(study, range(day_of(first), day_of(last), 30), rng=np.random.default_rng(1))
        for quantity in ("price", "difficulty", "revenue"):
            cells = [f"{it.in_50:.0%} / {it.in_90:.0%} ({it.origins})" for it in found if it.quantity == quantity]
            print(f"| {coin.ticker} | {quantity} | {' | '.join(cells)} |")


def main():
    table = load_coins(pathlib.Path(os.environ["HW_TEST_DATA"]))
    for first, last, coins in SPANS:
        backtest_table(table, first, last, coins)
    coverage_table(table)


if __name__ == "__main__":
    main()
