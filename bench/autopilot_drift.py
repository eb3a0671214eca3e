"""Whether a learned drift helps: backtests with and without it over real days. HW_TEST_DATA names their folder."""

import os
from pathlib import Path

from hashwright import registry
from hashwright.planner.backtest import foresight_run, walk
from hashwright.planner.decide import Rules
from hashwright.planner.history import even_history
from hashwright.planner.series import day_of, load_coins

SPANS = (
    ("2014-06-01", "2017-09-01", ("BTC", "LTC", "DASH", "XMR")),
    ("2017-09-15", "2021-05-05", ("BTC", "LTC", "XMR", "DASH", "ETH", "ETC", "BCH", "ZEC", "VTC", "BTG")),
    ("2017-09-15", "2021-12-20", ("BTC", "BCH")),
)


def main() -> None:
    """Print a line a span and policy: which part of perfect foresight each number of days to learn from reached."""
    table = load_coins(Path(os.environ["HW_TEST_DATA"]))
    for first, last, coins in SPANS:
        history = even_history(table, coins, first_day=day_of(first), last_day=day_of(last))
        bound = foresight_run(history).total_usd
        for name in ("best_hashprice", "averaged"):
            policy = registry.load("policies", name).POLICY()
            for hold in (1.0, 7.0):
                runs = {
                    days: walk(history, policy, name=name, rules=Rules(hold_days=hold, learn_days=days))
                    for days in (0, 7, 30, 90)
                }
                found = ", ".join(f"{days} d {run.total_usd / bound:.4f} ({run.moves})" for days, run in runs.items())
                print(f"{first} {last} {len(coins)} coins, {name}, hold {hold:.0f} d: {found}")


if __name__ == "__main__":
    main()
