"""Emission, work and hashprice against what the chains really did (named group `data`)."""

import numpy as np
import pytest

from hashwright import registry
from hashwright.economics.difficulty import Start, difficulty_paths
from hashwright.planner.rewards import block_reward_coins, hashprice_series, heights
from hashwright.planner.series import day_of, load_coins, load_power, read_coins, text_of_day
from hashwright.planner.trends import trend

pytestmark = pytest.mark.data

COINS = {name: registry.load("coins", name).COIN for name in registry.names("coins")}
BY_TICKER = {coin.ticker: coin for coin in COINS.values()}


@pytest.fixture(scope="module")
def table(test_data):
    return load_coins(test_data)


def observed(series):
    ok = ~series.is_computed & (series.blocks > 0) & (series.difficulty > 0) & (series.hashrate_hs > 0)
    assert ok.sum() > 500
    return ok


@pytest.mark.parametrize(
    ("ticker", "off"),
    [
        *((ticker, 1e-6) for ticker in ("BTC", "LTC", "DOGE", "BCH", "ZEC", "DCR")),
        ("ETC", 2e-4), ("DASH", 2e-3), ("VTC", 2e-3), ("BTG", 1e-2),
        ("XMR", 2e-2),  # as if every block had taken its two minutes
    ],
)  # fmt: skip
def test_the_hash_rate_identity(table, ticker, off):
    """Coin Metrics: hash rate = blocks * difficulty * work factor / 86,400 (planning.md 2.1)."""
    series = table.coin(ticker)
    ok = observed(series)
    ours = series.blocks * series.difficulty * BY_TICKER[ticker].economy.work_factor / 86_400
    ratio = ours[ok] / series.hashrate_hs[ok]
    assert np.median(ratio) == pytest.approx(1.0, abs=off)


def test_hashprice_on_the_published_days(table):
    """planning.md 6, USD a PH/s and day; around the halvings it falls by half."""
    series = table.coin("BTC")
    prices = hashprice_series(series, BY_TICKER["BTC"])
    published = {
        "2016-07-08": 1591.96, "2016-07-11": 791.00, "2017-12-17": 3743.21, "2018-12-15": 143.24, "2019-06-26": 476.18,
        "2020-03-12": 77.74, "2020-05-10": 140.06, "2020-05-12": 76.98, "2021-04-14": 396.72, "2021-05-04": 356.01,
    }  # fmt: skip
    for day, expected in published.items():
        at = day_of(day) - series.first_day
        assert prices[at] == pytest.approx(expected, abs=0.006), day


@pytest.mark.parametrize("ticker", ["BTC", "LTC", "DOGE", "BCH", "ETC", "XMR", "VTC", "ZEC", "BTG"])
def test_issuance_follows_the_emission(table, ticker):
    """Blocks are counted from the genesis of the series, so the height is known to a few hundred."""
    series, coin = table.coin(ticker), BY_TICKER[ticker]
    start = {"BCH": 478_559, "BTG": 491_407, "ETC": 1_920_000 - 4 * 6_300}.get(ticker, 0)
    middles = start + np.nancumsum(series.blocks) - np.nan_to_num(series.blocks) / 2
    ok = observed(series) & (series.issuance_native > 0)
    expected = np.array([coin.economy.emission.subsidy(int(height)) for height in middles]) / 10**coin.decimals
    ratio = series.issuance_native[ok] / series.blocks[ok] / expected[ok]
    allowed = 0.12 if ticker == "ETC" else 0.04  # uncles are paid too
    assert np.mean(np.abs(ratio - 1) < allowed) > 0.9


def test_what_a_miner_got_of_dash_and_decred(table):
    """Decred's coinbase holds 70 % (miner and treasury), Dash's block 90 %, of which the miner has half."""
    for ticker, part, day in (("DCR", 6 / 7, "2019-02-12"), ("DASH", 0.5, "2018-09-15"), ("ZEC", 0.8, "2020-01-15")):
        series = table.coin(ticker).between(day_of(day) - 5, day_of(day) + 5)
        coins = block_reward_coins(table.coin(ticker), BY_TICKER[ticker])
        at = day_of(day) - table.coin(ticker).first_day
        fees = np.nanmean(series.fees_native / series.blocks)
        issued = np.nanmedian(series.issuance_native / series.blocks)
        assert coins[at] - fees == pytest.approx(issued * part, rel=0.02), ticker


def test_ethereum_earns_until_the_merge_and_not_a_day_longer(table):
    series = table.coin("ETH")
    coins = block_reward_coins(series, BY_TICKER["ETH"])
    merge = day_of("2022-09-15") - series.first_day
    assert coins[merge - 600] > 2
    assert np.nanmax(coins[merge:]) == 0


@pytest.mark.parametrize(
    ("ticker", "day", "height"),
    [("BTC", "2020-05-11", 630_000), ("LTC", "2019-08-05", 1_680_000), ("RVN", "2022-01-11", 2_100_000)],
)
def test_heights_are_those_of_the_halvings(table, ticker, day, height):
    series = table.coin(ticker)
    counted = heights(series, BY_TICKER[ticker])
    at = day_of(day) - series.first_day
    assert counted[at - 2] < height < counted[at + 2]


def test_power_means_are_those_published(test_data):
    """The data's own README: year means of DE_LU."""
    series = load_power(test_data)[0]["DE_LU"]
    first, means = series.daily_mean_kwh()
    years = np.array([int(text_of_day(first + index)[:4]) for index in range(len(means))])
    assert [round(1000 * means[years == year].mean(), 2) for year in range(2019, 2024)] == [
        37.67, 30.47, 96.85, 235.44, 95.18,
    ]  # fmt: skip


@pytest.mark.parametrize(("ticker", "off"), [("BTC", 0.01), ("LTC", 0.02), ("ETC", 0.04), ("BCH", 0.03)])
def test_difficulty_through_our_rules_follows_the_real_one(table, ticker, off):
    """From the real hash rate of 2018 to 2021, each day's difficulty within a few percent, on the median."""
    coin = BY_TICKER[ticker]
    series = table.coin(ticker).between(day_of("2018-12-01"), day_of("2021-05-01"))
    rates = series.hashrate_hs[None, :]
    found = difficulty_paths(rates, coin, Start(difficulty=float(series.difficulty[0])))[0]
    error = np.abs(np.log(found / series.difficulty))[30:]
    assert np.median(error) < off


@pytest.mark.parametrize(
    ("ticker", "first", "last"), [("BTC", "2016-01-01", "2024-11-01"), ("LTC", "2016-01-01", "2021-04-01")]
)
def test_the_next_retarget_is_foreseen_from_daily_counts(table, ticker, first, last):
    """Two thirds into a period, the estimate is within two percent of what came, on the median of a day a week."""
    coin, whole = BY_TICKER[ticker], table.coin(ticker)
    errors = []
    for day in range(day_of(first), day_of(last), 7):
        seen = trend(whole.between(whole.first_day, day), coin, days=30).retarget
        assert seen is not None
        if seen.progress < 2 / 3:
            continue
        later = whole.between(day, day + 12).difficulty
        now, after = later[0], later[int(seen.remaining_s / 86_400) + 2]
        errors.append(abs(after / now - 1 - seen.change_percent / 100))
    assert len(errors) > 50
    assert np.median(errors) < 0.02


def test_chain_facts_agree_with_the_published_days(test_data, table):
    """The table that is free to ship: headers only, interpolated between them."""
    chain = read_coins(test_data / "coin_chain_only.csv.gz")
    assert all(series.is_computed.all() for series in chain.coins.values())
    for ticker, off in (("BTC", 1e-3), ("LTC", 2e-3), ("DOGE", 0.02), ("DASH", 0.05)):
        ours, theirs = chain.coin(ticker), table.coin(ticker)
        days = ours.between(theirs.first_day, theirs.last_day).difficulty
        known = ~np.isnan(days) & (theirs.difficulty > 0)
        assert np.median(np.abs(days[known] / theirs.difficulty[known] - 1)) < off, ticker
