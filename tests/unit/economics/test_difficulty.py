"""Difficulty through each coin's own rule, against the exact rules block by block."""

from functools import partial

import numpy as np
import pytest

from hashwright import registry
from hashwright.chain import windows
from hashwright.chain.adjustment import asert_bits, digishield_bits, ethash_difficulty
from hashwright.chain.cryptonote.rules import LAG, WINDOW, next_difficulty
from hashwright.chain.retarget import retargeted_bits
from hashwright.chain.target import bits_of_target, target_of_bits, work_of_target
from hashwright.economics.difficulty import Start, difficulty_paths
from hashwright.errors import NotSupported

COINS = {name: registry.load("coins", name).COIN for name in registry.names("coins")}


def constant(coin, hashrate, days=30, paths=2):
    return np.full((paths, days), hashrate)


@pytest.mark.parametrize("name", [name for name, coin in COINS.items() if coin.economy])
def test_a_steady_hash_rate_keeps_the_difficulty(name):
    coin = COINS[name]
    difficulty = 1e6
    hashrate = difficulty * coin.economy.work_factor / coin.mean_interval_s
    found = difficulty_paths(constant(coin, hashrate), coin, Start(difficulty=difficulty))
    assert found == pytest.approx(difficulty, rel=2e-3)


def test_a_step_reaches_bitcoin_at_its_next_period():
    """Half a period is mined at the old rate, half at twice that: 7 + 3.5 days, so the difficulty grows by 14/10.5."""
    coin = COINS["bitcoin"]
    steady = 1e6 * 2**32 / 600
    rates = np.concatenate([np.full(7, steady), np.full(33, 2 * steady)])[None, :]
    found = difficulty_paths(rates, coin, Start(difficulty=1e6))[0]
    assert found[:10] == pytest.approx(1e6)
    assert found[12] == pytest.approx(1e6 * 14 / 10.5, rel=1e-3)
    assert found[-1] == pytest.approx(2e6, rel=2e-3)


def test_an_epoch_changes_at_most_fourfold():
    coin = COINS["litecoin"]
    steady = 1e6 * 2**32 / 150
    found = difficulty_paths(np.full((1, 2), steady * 1e3), coin, Start(difficulty=1e6))[0]
    assert found[0] < found[1] <= 1e9 * 1.01
    silent = difficulty_paths(np.full((1, 20), steady / 10), coin, Start(difficulty=1e6, blocks_done=2015.0))[0]
    assert silent.min() >= 1e6 / 4


def chain_of_epochs(coin, rate_of, blocks, bits):
    """Follow the exact rule with blocks that come in the expected time; give (time, difficulty in hashes) rows."""
    now, times, rows = 0.0, [0.0], []
    for height in range(1, blocks):
        work = work_of_target(target_of_bits(bits))
        now += work / rate_of(now)
        times.append(now)
        rows.append((now, work))
        if height % coin.retarget_blocks == coin.retarget_blocks - 1:
            since = max(height - coin.retarget_intervals, 0)
            bits = retargeted_bits(bits, round(now - times[since]), coin)
    return rows


def daily_means(rows, days):
    """Weigh each block's work by the time that it was sought."""
    means, totals, before = np.zeros(days), np.zeros(days), 0.0
    for now, work in rows:
        start, end = before, now
        while start < end:
            day = int(start // 86_400)
            if day >= days:
                return means / totals
            stop = min(end, (day + 1) * 86_400)
            means[day] += work * (stop - start)
            totals[day] += stop - start
            start = stop
        before = now
    return means / np.maximum(totals, 1e-9)


@pytest.mark.parametrize("name", ["bitcoin", "litecoin"])
def test_epochs_follow_the_exact_rule(name):
    coin = COINS[name]
    bits = bits_of_target(2**200)
    steady = work_of_target(target_of_bits(bits)) / coin.block_interval_s
    days = 40
    rates = steady * np.exp(np.linspace(0, 1.2, days)) * (1 + 0.2 * np.sin(np.arange(days)))
    blocks = int(days * 86_400 / coin.block_interval_s * 1.6)
    rows = chain_of_epochs(coin, lambda now: rates[min(int(now // 86_400), days - 1)], blocks, bits)
    start = Start(difficulty=work_of_target(target_of_bits(bits)) / 2**32)
    found = difficulty_paths(rates[None, :], coin, start)[0] * 2**32
    assert found == pytest.approx(daily_means(rows, days), rel=4e-3)


def test_moneros_window_follows_the_exact_rule():
    """A step of the hash rate, twice as much from the third day on: daily means within 4 %."""
    coin, steady = COINS["monero"], 1e6
    step_s, days = 3 * 86_400, 8
    interval = coin.block_interval_s
    keep = WINDOW + LAG
    times = [-interval * (keep - it) for it in range(keep)]
    cumulative = [int(steady * interval) * (it + 1) for it in range(keep)]
    now, rows = 0.0, []
    while now < days * 86_400:
        difficulty = next_difficulty(times[-keep:], cumulative[-keep:])
        rate = steady if now < step_s else 2 * steady
        now += difficulty / rate
        rows.append((now, difficulty))
        times.append(round(now))
        cumulative.append(cumulative[-1] + difficulty)
    rates = np.where(np.arange(days) < 3, steady, 2 * steady)[None, :]
    found = difficulty_paths(rates, coin, Start(difficulty=steady * interval))[0]
    assert found == pytest.approx(daily_means(rows, days), rel=0.04)
    assert found[-1] == pytest.approx(2 * steady * interval)


def test_dogecoins_rule_is_so_fast_that_a_day_sees_its_end():
    coin = COINS["dogecoin"]
    bits = bits_of_target(2**210)
    steady = work_of_target(target_of_bits(bits)) / 60
    luck = np.random.default_rng(7)
    now, rows = 0.0, []
    while now < 86_400 * 2:
        work = work_of_target(target_of_bits(bits))
        spent = luck.exponential(work / (steady * (1 if now < 86_400 else 2)))
        now += spent
        rows.append((now, work))
        bits = digishield_bits(bits, round(spent))
    rates = np.array([[steady, 2 * steady]])
    found = difficulty_paths(rates, coin, Start(difficulty=steady * 63 / 2**32))[0] * 2**32
    of_blocks = [np.mean([work for now, work in rows if day <= now / 86_400 < day + 1]) for day in (0, 1)]
    assert found == pytest.approx(of_blocks, rel=0.03)


def test_ethereum_classic_follows_its_rule_within_a_few_percent():
    """With luck and without uncles its blocks come every 12.6 s; uncles bring them to the 13 s that the chain shows."""
    coin = COINS["ethereum_classic"]
    steady, luck = 1e13, np.random.default_rng(3)
    now, rows, difficulty = 0.0, [], 12_600 * 10**10
    while now < 86_400 * 2:
        spent = luck.exponential(difficulty / (steady * (1 if now < 86_400 else 1.5)))
        now += spent
        rows.append((now, difficulty))
        difficulty = ethash_difficulty(difficulty, max(1, round(spent)))
    rates = np.array([[steady, 1.5 * steady]])
    found = difficulty_paths(rates, coin, Start(difficulty=steady * 13))[0]
    assert found == pytest.approx(daily_means(rows, 2), rel=0.06)


def test_bitcoin_cash_follows_its_rule_over_days():
    coin = COINS["bitcoin_cash"]
    anchor = bits_of_target(2**200)
    steady = work_of_target(target_of_bits(anchor)) / 600
    now, rows, blocks, bits, days = 0.0, [], 0, anchor, 14
    while now < 86_400 * days:
        work = work_of_target(target_of_bits(bits))
        now += work / (steady if now < 2 * 86_400 else 1.5 * steady)
        rows.append((now, work))
        blocks += 1
        bits = asert_bits(anchor, blocks=blocks, since_anchor_s=round(now) + 600)
    rates = steady * np.where(np.arange(days) < 2, 1.0, 1.5)[None, :]
    found = difficulty_paths(rates, coin, Start(difficulty=steady * 600 / 2**32))[0] * 2**32
    assert found == pytest.approx(daily_means(rows, days), rel=0.01)
    assert found[-1] == pytest.approx(daily_means(rows, days)[-1], rel=0.03)


def decred_bits(blocks):
    """Count from the first block of the story, which stands for the anchor."""
    return asert_bits(
        blocks[0][1], since_anchor_s=blocks[-1][0] - blocks[0][0], blocks=len(blocks) - 2, interval_s=300,
        half_life_s=43_200,
    )  # fmt: skip


EXACT = {
    "dash": (150, windows.DASH_BLOCKS, windows.dark_gravity_wave_bits),
    "ravencoin": (60, windows.RAVENCOIN_BLOCKS, partial(windows.dark_gravity_wave_bits, count=180, interval_s=60)),
    "zcash": (75, 28, windows.zcash_bits),
    "bitcoin_gold": (600, 46, windows.lwma_bits),
    "decred": (300, 1, decred_bits),
}
SLOW = {"vertcoin": (150, windows.KIMOTO_MAX, windows.kimoto_bits)}


@pytest.mark.parametrize(
    ("name", "days", "within"),
    [
        *((name, 4, 0.015) for name in EXACT),
        pytest.param("vertcoin", 6, 0.05, marks=pytest.mark.soak),
    ],
)
def test_rules_of_windows_follow_the_exact_rule_over_days(name, days, within):
    """Half as much again from the middle on; each block takes the time that it is expected to."""
    interval_s, keep, rule = {**EXACT, **SLOW}[name]
    coin, bits = COINS[name], bits_of_target(2**200)
    steady = work_of_target(target_of_bits(bits)) / interval_s
    blocks = [(-interval_s * (keep - it), bits) for it in range(keep)]
    now, rows = 0.0, []
    while now < days * 86_400:
        work = work_of_target(target_of_bits(bits))
        now += work / (steady if now < days / 2 * 86_400 else 1.5 * steady)
        rows.append((now, work))
        blocks.append((round(now), bits))
        bits = rule(blocks if name == "decred" else blocks[-keep:])
    rates = steady * np.where(np.arange(days) < days / 2, 1.0, 1.5)[None, :]
    start = Start(difficulty=steady * coin.mean_interval_s / coin.economy.work_factor)
    found = difficulty_paths(rates, coin, start)[0] * coin.economy.work_factor
    assert found == pytest.approx(daily_means(rows, days), rel=within)


@pytest.mark.parametrize("name", ["monero", "dash", "zcash"])
def test_a_window_lets_nothing_get_lost(name):
    """A small bump of the hash rate for a day comes back whole, spread over the days that see it."""
    coin = COINS[name]
    rates = np.ones((1, 12))
    rates[0, 4] = 1.001
    found = difficulty_paths(rates, coin, Start(difficulty=coin.mean_interval_s / coin.economy.work_factor))[0]
    relative = found * coin.economy.work_factor / coin.mean_interval_s - 1
    assert relative.sum() == pytest.approx(0.001, rel=0.01)
    assert relative[:4] == pytest.approx(0.0, abs=1e-9)


def test_what_cannot_be_reckoned_is_refused():
    with pytest.raises(ValueError, match="above zero"):
        difficulty_paths(np.ones((1, 1)), COINS["bitcoin"], Start(difficulty=0.0))
    import dataclasses

    unknown = dataclasses.replace(COINS["bitcoin"], economy=None)
    with pytest.raises(NotSupported, match="Nothing is known"):
        difficulty_paths(np.ones((1, 1)), unknown, Start(difficulty=1.0))
