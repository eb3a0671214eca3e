"""The owner's limits in `decide`: part of a step, rest, budget, width; whatever the days bring, none is passed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.economics.realised import forecast_error
from hashwright.planner.backtest import walk
from hashwright.planner.decide import (
    Layout,
    Past,
    Rules,
    Snapshot,
    Way,
    best_of_groups,
    decide,
    drift_factors,
    named_weights,
)
from hashwright.planner.history import History
from hashwright.planner.policies.best_hashprice import BestHashprice
from hashwright.planner.series import DAY_MS

GROUP = "rig"


def layout(*, move_usd=0.5, width=1.0):
    return Layout((
        Way(key="A", group=GROUP, coin="A", cost_usd_day=1.0, move_usd=move_usd),
        Way(key="B", group=GROUP, coin="B", cost_usd_day=1.0, move_usd=move_usd),
        Way(key="sale", group=GROUP, kind="sell", cost_usd_day=1.0, width=width),
        Way(key="idle", group=GROUP, kind="idle"),
    ))  # fmt: skip


def snapshot(values, held, *, past=None, ways=None, **rules):
    return Snapshot(
        now_ms=100 * DAY_MS, layout=ways or layout(), revenue_usd_day=np.array([[*values, 0.0]]),
        held=np.array(held, float), rules=Rules(**rules), past=past or Past(),
    )  # fmt: skip


def test_a_narrow_way_takes_what_it_wants_and_the_next_best_the_rest():
    ways = layout(width=0.3)
    value = np.array([5.0, 4.0, 9.0, 0.0])
    assert best_of_groups(ways, value).tolist() == [0.7, 0.0, 0.3, 0.0]
    assert best_of_groups(layout(), value).tolist() == [0.0, 0.0, 1.0, 0.0]
    loss = np.array([-5.0, -4.0, 9.0, 0.0])
    assert best_of_groups(ways, loss).tolist() == [0.0, 0.0, 0.3, 0.7], "what nobody wants rests"
    assert best_of_groups(ways, loss, may_idle=False).tolist() == [0.0, 0.7, 0.3, 0.0]


def test_a_group_rests_after_a_change_and_another_does_not():
    past = Past(changed_ms={GROUP: 100 * DAY_MS - 1000})
    found = decide(snapshot([1.0, 9.0, 0.0], [1, 0, 0, 0], past=past, dwell_ms=60_000), BestHashprice())
    assert found.reasons[0].verdict == "rests"
    assert found.bound == ("rig: the last change stays for another 59 s",)
    assert "stays at A for now; B would gain" in found.reasons[0].text
    other = Past(changed_ms={"another": 100 * DAY_MS - 1000})
    free = decide(snapshot([1.0, 9.0, 0.0], [1, 0, 0, 0], past=other, dwell_ms=60_000), BestHashprice())
    assert named_weights(layout(), free.weights) == {"B": 1.0}


def test_money_for_moves_runs_out_within_a_day_and_no_later():
    """A move costs 50 cents; 70 a day are allowed, 40 were spent 23 hours ago."""
    spent = Past(spent=((99 * DAY_MS + 3_600_000, 0.4),))
    found = decide(snapshot([1.0, 9.0, 0.0], [1, 0, 0, 0], past=spent, budget_usd_day=0.7), BestHashprice())
    assert found.moved_usd == pytest.approx(0.3)
    assert named_weights(layout(), found.weights) == pytest.approx({"A": 0.4, "B": 0.6})
    assert found.bound == ("rig: moves may cost 0.70 USD a day, 0.30 of it are left",)
    gone = Past(spent=((99 * DAY_MS + 3_600_000, 0.7),))
    none = decide(snapshot([1.0, 9.0, 0.0], [1, 0, 0, 0], past=gone, budget_usd_day=0.7), BestHashprice())
    assert (none.reasons[0].verdict, none.moved_usd) == ("no-budget", 0.0)
    old = Past(spent=((99 * DAY_MS, 0.7),))
    again = decide(snapshot([1.0, 9.0, 0.0], [1, 0, 0, 0], past=old, budget_usd_day=0.7), BestHashprice())
    assert again.moved_usd == 0.5


def test_the_drift_of_all_ways_is_the_forecast_error_of_each():
    rows = np.array([[1.0, 5.0, np.nan, 0.0], [1.1, 4.0, 3.0, 0.0], [1.3, np.nan, 3.5, 0.0], [1.2, 6.0, 3.1, 0.0]])
    seen = Snapshot(
        now_ms=0, layout=layout(), revenue_usd_day=rows, held=np.array([0, 0, 0, 1.0]),
        rules=Rules(learn_days=30, hold_days=5.0),
    )  # fmt: skip
    each = [forecast_error([None if np.isnan(it) else float(it) for it in column]).factor(5.0) for column in rows.T]
    assert drift_factors(seen) == pytest.approx(each)


days = st.lists(st.tuples(*[st.floats(0, 5) for _ in range(3)]), min_size=3, max_size=40)
limits = st.tuples(st.floats(0.05, 1), st.integers(0, 5), st.floats(0, 2), st.floats(0, 1))


@given(days, limits)
def test_whatever_the_days_bring_no_limit_is_passed(values, limit):
    step, rest_days, budget, width = limit
    rules = Rules(hold_days=5.0, step_cap=step, dwell_ms=rest_days * DAY_MS, budget_usd_day=budget)
    ways = layout(width=width)
    history = History(
        layout=ways, first_day=100, revenue_usd_day=np.array([[*row, 0.0] for row in values]), coins=("A", "B"),
        price_usd=np.ones((len(values), 2)), computed_share={}, findings=(), source="test",
    )  # fmt: skip
    run = walk(history, BestHashprice(), name="x", rules=rules)
    moved = np.clip(np.diff(run.weights, axis=0), 0, None)
    assert run.weights.sum(axis=1) == pytest.approx(1.0)
    assert (moved.sum(axis=1) <= step + 1e-9).all()
    assert (run.weights[:, 2] <= width + 1e-9).all()
    costs = moved @ ways.moves
    assert (costs <= budget + 1e-9).all(), "a turn a day: each day's moves are a day's budget"
    changes = np.flatnonzero([it.reasons[0].verdict == "moved" for it in run.decisions])
    assert (np.diff(changes) >= max(rest_days, 1)).all()
