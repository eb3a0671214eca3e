"""Cloud-mining contracts: expected beside paid, and warnings that have a reason."""

import pytest

from hashwright.market.position import Contract, expected_by, standing

DAY = 86_400_000


def contract(**changes):
    plain = {
        "name": "gizmo", "began_ms": 0, "days": 365, "cost": 5_000_000, "per_day": 20_000, "decay_day": 0.0,
        "pays_every_days": 1,
    }  # fmt: skip
    return Contract(**plain | changes)


def paid(days, *, each=20_000, first=1):
    return [(day * DAY, each) for day in range(first, days + 1)]


def test_what_is_expected_grows_with_the_days_and_less_with_difficulty():
    assert expected_by(contract(), 10.0) == 200_000
    slow = contract(decay_day=0.01)
    assert expected_by(slow, 1.0) == pytest.approx(20_000)
    assert expected_by(slow, 10.0) == pytest.approx(sum(20_000 * 0.99**day for day in range(10)))


def test_an_honest_contract_gives_no_warning():
    found = standing(contract(), paid(30), now=30 * DAY)
    assert found.warnings == ()
    assert found.drift == pytest.approx(0.0)


def test_half_pay_is_told_after_a_week_and_not_before():
    assert standing(contract(), paid(5, each=10_000), now=5 * DAY).warnings == ()
    (warning,) = standing(contract(), paid(20, each=10_000), now=20 * DAY).warnings
    assert "of what was due" in warning


def test_a_seller_who_falls_silent_is_told_before_the_sum_is_short():
    found = standing(contract(), paid(100), now=104 * DAY)
    assert any("nothing came for 4 days" in it for it in found.warnings)


def test_after_its_end_nothing_more_is_expected():
    found = standing(contract(days=30), paid(30), now=400 * DAY)
    assert found.days == 30
    assert found.expected == found.whole == 600_000
    assert found.warnings == ()


def test_what_is_on_its_way_has_not_drifted():
    assert standing(contract(), [], now=DAY // 2).drift == 0.0
    assert standing(contract(), paid(9), now=10 * DAY).drift == 0.0
    assert standing(contract(), paid(12), now=10 * DAY).drift == pytest.approx(0.2)
    assert standing(contract(), paid(8), now=11 * DAY).drift == pytest.approx(-0.2)
