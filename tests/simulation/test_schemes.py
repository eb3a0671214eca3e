"""Mean and variance a share, held against theory (reference planning.md 2.4); leaving and coming back gains nothing."""

import random
import statistics

import pytest

from hashwright.money import Amount, Currency
from hashwright.pool.schemes.base import Terms
from hashwright.pool.schemes.pplns import Pplns
from hashwright.pool.schemes.pps import Pps
from hashwright.pool.schemes.solo import Solo
from hashwright.pool.window import Window

COIN = Currency("SIM", 8)
BLOCK = 10**9
DIFFICULTY = 400
SHARES = 60_000
SHARES_A_SEED = 16_000


def paid_by_share(window_percent, seed):
    """Each share is a member of its own in the product's window; return what each got [blocks].

    The oldest and newest are left out: while a window fills, few share a block; and the newest are not paid out yet.
    """
    chance = random.Random(seed)
    scheme, window = Pplns(fee_ppm=0, window_percent=window_percent), Window()
    limit = scheme.window_work(DIFFICULTY)
    paid = [0.0] * SHARES_A_SEED
    for at in range(SHARES_A_SEED):
        window.add(str(at), 1, limit=limit)
        if chance.random() < 1 / DIFFICULTY:
            split = scheme.split_block(Amount(BLOCK, COIN), finder=str(at), work=window.work(limit))
            for name, amount in split.credits:
                paid[int(name)] += amount.minor / BLOCK
    return paid[limit : SHARES_A_SEED - limit]


@pytest.mark.parametrize("window_percent", [50, 100, 200])
def test_the_theory_that_the_window_is_held_to(window_percent):
    """Variance a share B**2 p (1 - p) / N, the mean p B, over many seeds."""
    limit = DIFFICULTY * window_percent // 100
    samples = [paid_by_share(window_percent, seed)[:: limit * 2] for seed in range(80)]
    values = [value for sample in samples for value in sample]
    probability = 1 / DIFFICULTY
    assert statistics.fmean(values) == pytest.approx(probability, rel=0.1)
    theory = probability * (1 - probability) / limit
    assert statistics.pvariance(values) == pytest.approx(theory, rel=0.15)


def simulate(scheme, *, seed, works):
    """Run a pool of two members; `works(at)` tells whether the second one works. Return what each got and did."""
    chance = random.Random(seed)
    window, limit = Window(), scheme.window_work(DIFFICULTY)
    paid, work = {"steady": 0, "other": 0}, {"steady": 0, "other": 0}
    for at in range(SHARES):
        member = "other" if at % 2 and works(at) else "steady"
        work[member] += 1
        if limit:
            window.add(member, 1, limit=limit)
        if chance.random() < 1 / DIFFICULTY:
            split = scheme.split_block(Amount(BLOCK, COIN), finder=member, work=window.work(limit) if limit else {})
            for name, amount in split.credits:
                paid[name] += amount.minor
    return paid, work


def test_coming_and_going_neither_gains_nor_loses_in_pplns():
    ratios = []
    for seed in range(12):
        paid, work = simulate(Pplns(fee_ppm=0), seed=seed, works=lambda at: at // (2 * DIFFICULTY) % 2)
        ratios.append((paid["other"] / work["other"]) / (paid["steady"] / work["steady"]))
    assert statistics.fmean(ratios) == pytest.approx(1.0, abs=0.05)


def test_solo_means_the_same_and_varies_far_more():
    spread = {}
    for name, scheme in (("solo", Solo(fee_ppm=0)), ("pplns", Pplns(fee_ppm=0))):
        means = []
        for seed in range(12):
            paid, work = simulate(scheme, seed=seed, works=lambda at: at % 20 == 1)
            means.append(paid["other"] / work["other"] / BLOCK * DIFFICULTY)
        assert statistics.fmean(means) == pytest.approx(1.0, abs=0.35)
        spread[name] = statistics.stdev(means)
    assert spread["solo"] > 1.5 * spread["pplns"]


def test_pps_has_no_variance_at_all():
    terms = Terms(network_work=DIFFICULTY, subsidy=Amount(BLOCK, COIN), fees=Amount(0, COIN))
    carried, paid = {}, []
    for _ in range(1_000):
        credit = Pps(fee_ppm=10_000).credit_work({"kai": 1}, terms=terms, carried=carried)
        carried = credit.carried
        paid.append(credit.split.credits[0][1].minor)
    assert max(paid) - min(paid) <= 1
    assert sum(paid) == BLOCK * 99 * 1_000 // (100 * DIFFICULTY)
