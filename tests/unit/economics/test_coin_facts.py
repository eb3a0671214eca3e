"""Many sources, one fact: the median, and what was left out and why."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright import registry
from hashwright.chain.find import minable_coins
from hashwright.economics.coin_facts import (
    DAY_MS,
    CoinFacts,
    Fact,
    Observation,
    combine,
    height_est,
    load_snapshot,
    next_emission_change,
    require_fresh,
    reward_coins,
)
from hashwright.errors import OperatorError, StaleInput

NOW = 1_790_000_000_000
KEY = ("bitcoin", "price_usd")


def coin(name):
    return registry.load("coins", name).COIN


def seen(value, source="a", *, field="price_usd", age_ms=0, name="bitcoin"):
    at = NOW - age_ms
    return Observation(coin=name, field=field, value=Decimal(value), at_ms=at, known_at_ms=NOW, source=source)


def fact(value, age_ms=3_600_000):
    return Fact(value=Decimal(value), at_ms=NOW - age_ms, known_at_ms=NOW - age_ms, sources=("before",))


def put(*observations, before=None):
    return combine(observations, before={KEY: before} if before else {}, now_ms=NOW)


def codes(market):
    return [finding.code for finding in market.findings]


def test_the_median_of_those_that_agree():
    market = put(seen("100", "a"), seen("101", "b"), seen("102", "c"))
    assert market.facts[KEY].value == 101
    assert market.facts[KEY].sources == ("a", "b", "c")
    assert market.findings == ()


def test_an_offer_that_is_too_good_is_bait():
    market = put(seen("100", "a"), seen("101", "b"), seen("800", "bait"))
    assert market.facts[KEY].value == Decimal("100.5")
    assert codes(market) == ["HW-402"]
    assert "bait" in market.findings[0].place


def test_a_number_a_thousand_times_off_is_left_out_and_named():
    for wrong, code in (("100000", "HW-402"), ("0.1", "HW-814")):
        market = put(seen("100", "a"), seen("101", "b"), seen(wrong, "c"))
        assert codes(market) == [code]
        assert "times" in market.findings[0].message
        assert market.facts[KEY].sources == ("a", "b")


def test_two_that_disagree_are_judged_by_what_was_known_before():
    market = put(seen("100", "a"), seen("140", "b"), before=fact("98"))
    assert market.facts[KEY].value == 100
    assert codes(market) == ["HW-814"]


def test_two_that_disagree_without_a_past_give_the_lower_price():
    market = put(seen("140", "b"), seen("100", "a"))
    assert market.facts[KEY].value == 100
    assert codes(market) == ["HW-814"]


def test_one_alone_is_judged_by_the_past_if_it_is_fresh():
    assert put(seen("130"), before=fact("100")).facts[KEY].value == 130
    bait = put(seen("900"), before=fact("100"))
    assert (codes(bait), dict(bait.facts)) == (["HW-402"], {})
    old = fact("100", age_ms=400 * DAY_MS)
    assert put(seen("900"), before=old).facts[KEY].value == 900, "in a year a coin may rise ninefold"
    assert put(seen("100000"), before=old).facts == {}, "not a thousandfold"


def test_what_is_a_day_older_than_the_newest_does_not_count():
    market = put(seen("100", "a"), seen("50", "sleepy", age_ms=2 * DAY_MS))
    assert market.facts[KEY].value == 100
    assert codes(market) == ["HW-401"]


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_what_is_no_price_is_told(value):
    market = put(seen(value))
    assert (market.facts, codes(market)) == ({}, ["HW-808"])


def test_no_fees_are_a_number_but_no_difficulty_is_not():
    assert put(seen("0", field="fees_coins")).facts["bitcoin", "fees_coins"].value == 0
    assert put(seen("0", field="difficulty")).facts == {}


def test_a_time_in_the_future_is_none():
    assert codes(put(seen("1", age_ms=-3 * DAY_MS))) == ["HW-810"]


@given(st.lists(st.decimals("0.01", "1e6", allow_nan=False, places=4), min_size=3, max_size=9), st.randoms())
def test_the_order_of_sources_does_not_matter_and_the_median_is_between_them(values, random):
    observations = [seen(value, f"s{index}") for index, value in enumerate(values)]
    market = put(*observations)
    random.shuffle(observations)
    assert put(*observations).facts == market.facts
    if KEY in market.facts:
        assert min(values) <= market.facts[KEY].value <= max(values)


def test_a_decision_refuses_what_is_stale():
    known = fact("100", age_ms=7_200_000)
    assert require_fresh(known, now_ms=NOW, age_max_ms=7_200_000, what="The price") is known
    with pytest.raises(StaleInput, match="2 h old") as refusal:
        require_fresh(known, now_ms=NOW, age_max_ms=3_600_000, what="The price")
    assert refusal.value.code == "HW-401"


def test_the_snapshot_names_its_sources_and_is_read_exactly():
    market = load_snapshot()
    price = market.need(coin("bitcoin"), "price_usd")
    assert (price.value, price.is_snapshot) == (Decimal("83886.68"), True)
    assert all(item.sources[0].startswith("snapshot: ") and len(item.sources[0]) > 12 for item in market.facts.values())
    assert "64 d old" in price.words(price.at_ms + 64 * DAY_MS)
    with pytest.raises(OperatorError, match="Nothing is known of Vertcoin's price") as refusal:
        market.need(coin("vertcoin"), "price_usd")
    assert refusal.value.code == "HW-815"


def test_newer_facts_lie_over_older_ones():
    newer = CoinFacts(facts={KEY: fact("1")})
    assert newer.over(load_snapshot()).facts[KEY].value == 1
    assert ("bitcoin", "difficulty") in newer.over(load_snapshot()).facts


@pytest.mark.parametrize("coin", minable_coins(), ids=lambda it: it.key)
def test_every_minable_coin_has_a_height_to_reckon_from(coin):
    """Without one, a coin would pay today what it paid in its first block."""
    height, day = coin.economy.known_block
    assert height > 400_000
    assert day > "2021"


def test_rewards_are_those_of_the_height_of_today():
    now = 1_790_330_000_000  # 2026-09-25
    market = load_snapshot()
    assert reward_coins(coin("bitcoin"), market, now_ms=now) == (3.125, 0.0228)
    assert reward_coins(coin("monero"), market, now_ms=now) == (0.6, 0.0)
    assert reward_coins(coin("dogecoin"), market, now_ms=now) == (10_000.0, 0.0)
    assert reward_coins(coin("litecoin"), market, now_ms=now)[0] == 6.25
    assert reward_coins(coin("zcash"), market, now_ms=now)[0] == pytest.approx(1.5625 * 0.8)


def test_a_height_that_a_source_saw_counts():
    seen_height = Fact(value=Decimal(900_000), at_ms=NOW - 6_000_000, known_at_ms=NOW, sources=("node",))
    market = CoinFacts(facts={("bitcoin", "height"): seen_height})
    assert height_est(coin("bitcoin"), market, now_ms=NOW) == 900_010
    height, day = next_emission_change(coin("bitcoin"), market, now_ms=NOW)
    assert height == 1_050_000
    assert day.year == 2029
    assert next_emission_change(coin("monero"), market, now_ms=NOW) is None
    assert next_emission_change(coin("dogecoin"), market, now_ms=NOW) is None
