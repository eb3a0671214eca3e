"""Claims against proofs: the range of chance, and nobody suspected by luck."""

import math
import random

import pytest

from hashwright.economics.claims import Claim, Proof, bounds, merged


def proof(shares, *, worker="a", work=1000, seconds=600.0):
    return Proof(worker=worker, shares=shares, work=shares * work, seconds=seconds)


@pytest.mark.parametrize(
    ("shares", "low", "high"),
    [(1, 0.00501, 7.4301), (10, 3.7169, 21.3978), (100, 76.1186, 128.7616)],
)
def test_the_range_is_that_of_the_exact_poisson_bounds(shares, low, high):
    """99 % bounds as of tables (Garwood): within 2 % where it matters, close where it does not."""
    found = bounds(proof(shares, work=1, seconds=1.0))
    assert found[1] == pytest.approx(high, rel=0.02)
    assert found[0] == pytest.approx(low, rel=0.02, abs=0.03)


def test_each_worker_is_judged_once():
    claims = [Claim(worker=name, hashrate_hs=rate, at_ms=1000) for name, rate in CLAIMS.items()]
    proofs = [proof(60, worker=name) for name in ("honest", "boasts", "modest", "silent")]
    proofs += [proof(2, worker="new"), proof(0, worker="idle")]
    rows = {row.worker: row for row in merged(claims, proofs, now_ms=4000)}
    assert {name: row.judgement for name, row in rows.items()} == {
        "honest": "agrees", "boasts": "claims more", "modest": "claims less", "silent": "no claim",
        "new": "too few shares", "idle": "no shares", "dark": "no shares",
    }  # fmt: skip
    assert rows["honest"].proven_hs == 100.0
    assert rows["honest"].age_ms == 3000
    assert (rows["silent"].claimed_hs, rows["silent"].age_ms) == (None, None), "unknown is not zero"
    assert (rows["dark"].proven_hs, rows["dark"].high_hs) == (None, math.inf)


CLAIMS = {"honest": 105.0, "boasts": 300.0, "modest": 20.0, "new": 9999.0, "dark": 50.0, "idle": 1.0}


def test_honest_machines_are_hardly_ever_suspected():
    chance, rate, seconds, work = random.Random(7), 100.0, 600.0, 1000
    out = 0
    for _ in range(1000):
        shares, at = 0, chance.expovariate(rate / work)
        while at < seconds:
            shares, at = shares + 1, at + chance.expovariate(rate / work)
        (row,) = merged([Claim(worker="a", hashrate_hs=rate, at_ms=0)], [proof(shares)], now_ms=0)
        out += row.judgement not in ("agrees", "too few shares")
    assert out <= 25
