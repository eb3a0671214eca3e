"""What every switching policy must do, whichever file it is in: shares of each group, no memory, no look ahead."""

import numpy as np
import pytest

from hashwright import registry
from hashwright.planner.backtest import look_ahead, snapshot_at, walk
from hashwright.planner.decide import DEFAULT_RULES, Layout, Way, decide
from hashwright.planner.history import History

NAMES = registry.names("policies")


def policy(name):
    return registry.load("policies", name).POLICY()


def history(days=120, seed=5):
    rng = np.random.default_rng(seed)
    ways = (
        Way(key="asic: idle", group="asic", kind="idle"),
        Way(key="asic: BTC", group="asic", coin="BTC", cost_usd_day=1.0, move_usd=0.05),
        Way(key="asic: BCH", group="asic", coin="BCH", cost_usd_day=1.0, move_usd=0.05),
        Way(key="cpu: idle", group="cpu", kind="idle"),
        Way(key="cpu: XMR", group="cpu", coin="XMR", cost_usd_day=0.4),
    )
    paths = np.exp(np.cumsum(rng.normal(0, 0.06, (days, 3)), axis=0)) * np.array([1.2, 1.2, 0.4])
    revenue = np.zeros((days, 5))
    revenue[:, [1, 2, 4]] = paths
    revenue[40:45, 2] = np.nan
    return History(
        layout=Layout(ways), first_day=18_000, revenue_usd_day=revenue, coins=("BTC", "BCH", "XMR"),
        price_usd=paths * 100, computed_share={}, findings=(), source="test",
    )  # fmt: skip


def test_the_policies_of_the_issue_are_there():
    assert {"fixed", "best_hashprice", "cvar"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_shares_of_each_group_on_every_day(name):
    run = walk(history(), policy(name), name=name)
    for _, places in history().layout.groups:
        assert run.weights[1:, places].sum(axis=1) == pytest.approx(np.ones(119))
    assert run.weights.min() >= 0
    assert policy(name).title


@pytest.mark.parametrize("name", NAMES)
def test_the_same_snapshot_gives_the_same_decision(name):
    it = snapshot_at(history(), 60, history().layout.all_idle(), DEFAULT_RULES)
    one, again = decide(it, policy(name)), decide(it, policy(name))
    assert np.array_equal(one.weights, again.weights)
    assert one.reasons == again.reasons


@pytest.mark.parametrize("name", NAMES)
def test_decisions_before_a_cut_do_not_change_when_the_future_is_cut_off(name):
    assert look_ahead(history(), policy(name), name=name, cuts=(20, 43, 77)) == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_snapshot_is_not_written_to(name):
    it = snapshot_at(history(), 60, history().layout.all_idle(), DEFAULT_RULES)
    before = it.revenue_usd_day.copy(), it.held.copy()
    decide(it, policy(name))
    assert np.array_equal(it.revenue_usd_day, before[0], equal_nan=True)
    assert np.array_equal(it.held, before[1])
