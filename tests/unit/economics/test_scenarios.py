"""Scenarios: drawn with all coins of a day together, drifting as told, with the difficulty that the rule gives."""

import dataclasses

import numpy as np
import pytest

from hashwright import registry
from hashwright.chain.economy import EPOCH_2016, Adjustment
from hashwright.economics.changes import GROWTH_FLOOR, Changes, Statistics, changes_of, changes_of_statistics
from hashwright.economics.difficulty import Start, difficulty_paths
from hashwright.economics.scenarios import Assumptions, CoinStart, World, day_weight, simulate
from hashwright.economics.watchers import Chooser, Earner, Fan, Totals
from hashwright.errors import OperatorError

WINDOW = Adjustment(rule="test", kind="window", window_s=72_000)


def rng(seed=7):
    return np.random.default_rng(seed)


def start(coin="BTC", rule=EPOCH_2016, days=1095, **more):
    settings = {"price_usd": 50_000.0, "work_hashes": 4.3e23, "interval_s": 600.0, "reward_coins": (3.125,) * days}
    return CoinStart(coin=coin, adjustment=rule, **(settings | more))


def flat_changes(coins=("BTC",), days=200, *, price=0.0, hashrate=0.0, fees=0.0):
    shape = (days, len(coins))
    return Changes(
        coins=coins, price=np.full(shape, price), hashrate=np.full(shape, hashrate), fees=np.full(shape, fees),
        source="test",
    )  # fmt: skip


def wild_changes(coins=("BTC", "XMR"), days=900, seed=3):
    rows = [
        Statistics(coin=it, price_volatility=0.9, hashrate_volatility=0.3, growth=0.6, elasticity=0.3, fees_ratio=0.05)
        for it in coins
    ]
    return changes_of_statistics(rows, rng=rng(seed), days=days)


def fan(world, *, days=365, paths=400, seed=7):
    watcher = Fan((days,), paths, len(world.starts))
    simulate(world, days=days, paths=paths, rng=rng(seed), watchers=[watcher])
    return watcher


# -------------------------------------------------------------------- what is drawn from


def test_the_same_seed_gives_the_same_paths_and_another_seed_others():
    world = World(starts=(start(), start("XMR", WINDOW)), changes=wild_changes())
    one, same, other = (fan(world, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.price, same.price)
    assert np.array_equal(one.work, same.work)
    assert not np.array_equal(one.price, other.price)


def test_coins_move_together_as_their_history_did():
    changes = wild_changes()
    watcher = fan(World(starts=(start(), start("XMR", WINDOW)), changes=changes), days=60, paths=3000)
    drawn = np.corrcoef(np.log(watcher.price[0]))[0, 1]
    assert drawn == pytest.approx(np.corrcoef(changes.price.T)[0, 1], abs=0.1)
    assert drawn > 0.4


def test_prices_drift_nowhere_unless_told_whatever_they_did_before():
    rising = dataclasses.replace(wild_changes(), price=wild_changes().price + 0.003)
    watcher = fan(World(starts=(start(), start("XMR", WINDOW)), changes=rising), days=90, paths=20_000)
    assert watcher.price[0].mean(axis=1) == pytest.approx([1.0, 1.0], abs=0.05)
    told = World(starts=watcher_starts(), changes=rising, assumptions=Assumptions(price_drift=0.5))
    assert fan(told, days=90, paths=20_000).price[0].mean() == pytest.approx(np.exp(0.5 * 90 / 365), abs=0.06)


def watcher_starts():
    return (start(), start("XMR", WINDOW))


def test_uncertain_drifts_widen_the_years_and_leave_the_mean_price():
    world = World(starts=watcher_starts(), changes=wild_changes())
    sure = World(starts=watcher_starts(), changes=wild_changes(), assumptions=Assumptions(is_drift_certain=True))
    wide, narrow = (fan(it, days=365, paths=4000) for it in (world, sure))
    assert np.log(wide.price[0]).std() > 1.05 * np.log(narrow.price[0]).std()
    assert wide.price[0].mean() == pytest.approx(narrow.price[0].mean(), abs=0.12)


def test_difficulty_always_grows_by_the_floor_at_least_unless_asked():
    shrinking = flat_changes(hashrate=-0.002)
    assert shrinking.growth_per_year()[0] == GROWTH_FLOOR
    watcher = fan(World(starts=(start(),), changes=shrinking))
    assert watcher.work[0, 0, 0] > 1.03
    still = World(starts=(start(),), changes=shrinking, assumptions=Assumptions(growth=0.0))
    assert fan(still).work[0, 0, 0] == pytest.approx(1.0, abs=0.01)


def test_growth_of_the_history_is_taken_over_less_what_followed_the_price():
    grown = flat_changes(price=0.002, hashrate=0.003)
    assert grown.growth_per_year()[0] == pytest.approx(365 * (0.003 - 0.5 * 0.002))
    assert grown.growth_per_year(price_drift=365 * 0.002)[0] == pytest.approx(365 * 0.003)


def test_measured_series_become_changes_and_days_without_a_number_are_left_out():
    days = 400
    price = 100 * np.exp(np.cumsum(rng().normal(0, 0.04, (2, days)), axis=1))
    hashrate = 1e18 * np.exp(np.cumsum(rng(1).normal(0.002, 0.01, (2, days)), axis=1))
    price[0, 200] = np.nan
    made = changes_of(("BTC", "LTC"), price_usd=price, hashrate_hs=hashrate, fees_ratio=price * 0, source="test")
    assert made.left_out == 2
    assert made.days == days - 1 - 13 - 2
    assert np.isfinite(made.price).all()


def test_too_little_history_is_said():
    with pytest.raises(OperatorError, match="days on which prices and hash rates of BTC are all known") as caught:
        changes_of(("BTC",), price_usd=np.ones((1, 60)), hashrate_hs=np.ones((1, 60)), fees_ratio=np.zeros((1, 60)),
                   source="test")  # fmt: skip
    assert caught.value.code == "HW-821"


def test_made_changes_say_so_and_have_the_stated_volatility_and_heavy_tails():
    made = wild_changes(days=20_000)
    assert made.is_made
    assert "published statistics" in made.source
    assert made.price.std(axis=0) * np.sqrt(365) == pytest.approx([0.9, 0.9], rel=0.15)
    scaled = made.price[:, 0] / made.price[:, 0].std()
    assert (scaled**4).mean() > 5


# -------------------------------------------------------------------- difficulty


COINS = ("bitcoin", "litecoin", "monero", "bitcoin_cash", "dogecoin", "ethereum_classic")


@pytest.mark.parametrize("key", COINS)
def test_the_fast_walk_follows_the_rule_as_closely_as_the_path_by_path_one(key):
    coin = registry.load("coins", key).COIN
    steps = np.concatenate(([0.0] * 30, [0.4], [0.0] * 60, [-0.5], [0.002] * 60))
    changes = Changes(
        coins=(coin.ticker,), price=np.zeros((len(steps), 1)), hashrate=steps[:, np.newaxis],
        fees=np.zeros((len(steps), 1)), source="test",
    )  # fmt: skip
    begin = start(coin.ticker, coin.economy.adjustment, interval_s=coin.mean_interval_s, epoch_done=0.0)
    days = len(steps)
    watcher = Fan(tuple(range(1, days + 1)), 1, 1)
    # one run of days in their order: no new block is ever begun, and the history's own growth is kept
    growth = Assumptions(growth=float(steps.mean() * 365), block_days=1e9, is_drift_certain=True)
    simulate(World(starts=(begin,), changes=changes, assumptions=growth), days=days, paths=1,
             rng=_first_day(), watchers=[watcher])  # fmt: skip
    hashrate = np.exp(np.cumsum(steps))[np.newaxis, :] * coin.economy.work_factor / coin.mean_interval_s
    close = difficulty_paths(hashrate, coin, Start(difficulty=1.0))[0]
    off = np.abs(np.log(watcher.work[:, 0, 0] / close))
    assert np.median(off) < 0.01
    assert np.mean(off) < 0.03


class _FirstDay:
    """Numbers that begin the run with the first day and never draw another."""

    def random(self, shape, dtype):
        return np.ones(shape, dtype)

    def integers(self, low, high, shape, dtype):
        return np.zeros(shape, dtype)


def _first_day():
    return _FirstDay()


def test_an_epoch_clamps_fourfold():
    doubled = Assumptions(growth=0.0, pull_per_year=0.0, hashrate_shock=100.0)
    watcher = fan(World(starts=(start(epoch_done=0.0),), changes=flat_changes(), assumptions=doubled), days=1, paths=2)
    assert watcher.work[0, 0, 0] == pytest.approx(4.0, rel=1e-3)


def test_the_weight_of_a_day_is_one_for_no_window_and_falls_with_its_length():
    assert day_weight(0) == 1.0
    assert day_weight(3600) > day_weight(72_000) > day_weight(4 * 86_400)
    assert day_weight(86_400) == pytest.approx(0.5, abs=0.001)


def test_a_halving_halves_revenue_and_others_leave():
    days = 720
    halved = start(days=days, reward_coins=(3.125,) * 100 + (1.5625,) * (days - 100))
    world = World(starts=(halved,), changes=flat_changes(), assumptions=Assumptions(growth=0.0, pull_per_year=0.5))
    marks = Fan((99, 101, days), 2, 1)
    simulate(world, days=days, paths=2, rng=rng(), watchers=[marks])
    before, after, later = marks.revenue[:, 0, 0]
    assert after == pytest.approx(before / 2, rel=0.01)
    assert 1.05 < later / after < 1.7


# -------------------------------------------------------------------- what is kept


def test_a_machine_earns_its_closed_form_in_a_still_world():
    world = World(starts=(start(),), changes=flat_changes(), assumptions=Assumptions(growth=0.0))
    earner = Earner(coin=0, hashrate_hs=200e12, cost_usd_day=5.0, net=0.98)
    totals = Totals(world.starts, (earner,), 3)
    simulate(world, days=100, paths=3, rng=rng(), watchers=[totals])
    a_day = 86_400 * 200e12 / 4.3e23 * 3.125 * 50_000 * 0.98
    # the epoch rule compares 2,015 intervals with 2,016: a still chain's difficulty rests 0.05 % higher
    assert totals.revenue_usd[0] == pytest.approx([a_day * 100] * 3, rel=3e-3)
    assert totals.power_usd[0] == pytest.approx([500.0] * 3)
    assert totals.value_usd[0] == pytest.approx(totals.revenue_usd[0] - 500)


def test_pausing_never_loses_more_than_one_day_where_nothing_is_earned():
    world = World(starts=(start(),), changes=flat_changes(), assumptions=Assumptions(growth=0.0, dead_coin="BTC"))
    pausing = Earner(coin=0, hashrate_hs=200e12, cost_usd_day=5.0)
    stubborn = dataclasses.replace(pausing, may_pause=False)
    totals = Totals(world.starts, (pausing, stubborn), 2)
    simulate(world, days=50, paths=2, rng=rng(), watchers=[totals])
    assert totals.days_on[0].tolist() == [0, 0]
    assert totals.value_usd[1] == pytest.approx([-250.0] * 2, abs=0.1)


def test_hysteresis_moves_less_than_greed():
    changes = wild_changes(("BTC", "XMR"))
    world = World(starts=watcher_starts(), changes=changes)
    first = np.array([10, 10], np.float32)
    greedy, patient = (Chooser(first, 4.0, move, 7.0, 300) for move in (0.0, 20.0))
    simulate(world, days=365, paths=300, rng=rng(), watchers=[greedy, patient])
    assert patient.moves.mean() < greedy.moves.mean() / 3
    assert (patient.value_usd > -200).all()


def test_coins_of_starts_and_changes_must_be_the_same():
    with pytest.raises(ValueError, match="the same"):
        simulate(World(starts=(start("LTC"),), changes=flat_changes()), days=1, paths=1, rng=rng(), watchers=[])
