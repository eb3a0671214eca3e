"""Facts and formulas: cold start of `hw calc`, reading history, difficulty of many paths, feeds. One line a figure.

python bench/economics.py [--data FOLDER] [--paths 2000]

CPU seconds of whole processes or of the calls; run it on an idle machine. Without --data a history is made: random
prices and hash rates of 17 coins over 3,000 days, which is as many rows as the real one has.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

RUNS = 7
COINS = ("bitcoin", "litecoin", "dogecoin", "monero", "ethereum_classic", "bitcoin_cash")
DAYS = 1095


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--paths", type=int, default=2_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.data or made_history(pathlib.Path(folder) / "history")
        cold_starts(pathlib.Path(folder) / "data", data)
        history(data)
    difficulty(arguments.paths)


def made_history(folder):
    import numpy as np

    from hashwright.planner.series import text_of_day

    folder.mkdir()
    luck = np.random.default_rng(1)
    lines = ["date,coin,price_usd,difficulty,hashrate_hs,issuance_native,fees_native,blocks,price_src,net_src"]
    for ticker in [
        "BTC",
        "LTC",
        "XMR",
        "DOGE",
        "DASH",
        "ETC",
        "BCH",
        "ZEC",
        "DCR",
        "BTG",
        "VTC",
        "RVN",
        "A",
        "B",
        "C",
        "D",
        "E",
    ]:
        price = np.exp(np.cumsum(luck.normal(0, 0.04, 3_000)))
        for index, value in enumerate(price):
            numbers = f"{value:.6f},{value * 1e9:.1f},{value * 1e15:.1f},900,{value:.4f},144"
            lines.append(f"{text_of_day(16_000 + index)},{ticker},{numbers},cm,cm")
    (folder / "coin_daily.csv").write_text("\n".join(lines))
    return folder


def cold_starts(data_dir, data):
    environment = {**os.environ, "HW_DATA_DIR": str(data_dir)}
    commands = {
        "hw --help": ["--help"],
        "hw calc": ["calc", "s21", "--power-price", "0.08"],
        "hw compare hardware": ["compare", "hardware", "--power-price", "0.08"],
        "hw trends --data": ["trends", "--data", str(data)],
    }
    for name, words in commands.items():
        spent = []
        for _ in range(RUNS):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [sys.executable, "-m", "hashwright.cli.main", *words]
            subprocess.run(command, env=environment, capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        print(f"{name}: {min(spent):.2f} CPU s, whole process (best of {RUNS}, median {sorted(spent)[RUNS // 2]:.2f})")


def history(data):
    from hashwright.planner.series import load_coins

    begun = time.process_time()
    table = load_coins(data)
    spent = time.process_time() - begun
    rows = sum(len(series.price_usd) for series in table.coins.values())
    print(
        f"history: {rows:,} days of {len(table.coins)} coins read in {spent:.2f} CPU s, {len(table.findings)} findings"
    )


def difficulty(paths):
    import numpy as np

    from hashwright import registry
    from hashwright.economics.difficulty import Start, difficulty_paths

    luck = np.random.default_rng(1)
    steps = luck.normal(0, 0.02, (paths, DAYS))
    total = 0.0
    for name in COINS:
        coin = registry.load("coins", name).COIN
        rates = 1e18 * np.exp(np.cumsum(steps, axis=1))
        start = Start(difficulty=1e18 * coin.mean_interval_s / coin.economy.work_factor)
        begun = time.process_time()
        difficulty_paths(rates, coin, start)
        spent = time.process_time() - begun
        total += spent
        print(f"difficulty of {name}: {paths:,} paths x {DAYS:,} days in {spent:.2f} CPU s")
    print(
        f"difficulty of all {len(COINS)}: {paths * DAYS * len(COINS) / total / 1e6:.1f} million path-days a CPU second"
    )


if __name__ == "__main__":
    main()
