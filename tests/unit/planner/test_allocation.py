"""The allocation programme: the best without risk, what risk changes, every limit, and a second library's answer."""

import dataclasses

import numpy as np
import pytest

from hashwright.planner import allocation
from hashwright.planner.allocation import Column, Problem, allocate, cvar, dilution_pieces, without_solver


def column(key, kind="mine", **more):
    return Column(key=key, kind=kind, **({"group": "rig"} | more))


def problem(gross, *columns, **more):
    return Problem(columns=columns, gross_usd=np.array(gross, float), **more)


def test_without_risk_the_best_mean_takes_all():
    found = allocate(problem([[0, 4, 1], [0, 0, 1]], column("idle", "idle"), column("a"), column("b")))
    assert found.weights.tolist() == [0, 1, 0]
    assert found.mean_usd == pytest.approx(2)


def test_idle_wins_where_mining_loses():
    found = allocate(problem([[0, -3], [0, 1]], column("idle", "idle"), column("a")))
    assert found.weights.tolist() == [1, 0]
    assert found.reduced_usd[1] == pytest.approx(1), "mining would have to give a dollar more"


def test_risk_moves_from_the_wild_to_the_calm():
    gross = [[10.0, 2.0], [-6.0, 1.0]] * 10
    columns = (column("wild"), column("calm"))
    bold, careful = (allocate(problem(gross, *columns, risk=risk)) for risk in (0.0, 2.0))
    assert bold.weights.tolist() == [1, 0]
    assert careful.weights.tolist() == [0, 1]
    assert careful.cvar_usd < bold.cvar_usd
    assert careful.mean_usd < bold.mean_usd


def test_what_opposes_each_other_is_mixed():
    gross = [[3.0, -1.0], [-1.0, 3.0]] * 20
    found = allocate(problem(gross, column("sun"), column("rain"), risk=1.0))
    assert found.weights == pytest.approx([0.5, 0.5], abs=1e-6)


def test_a_venue_holds_no_more_than_its_cap_and_the_plan_says_that_it_binds():
    columns = (column("a", venue="far", exposure=1.0), column("b", venue="near", exposure=1.0))
    found = allocate(problem([[5, 3]], *columns, venue_caps=(("far", 0.6),)))
    assert found.weights == pytest.approx([0.6, 0.4])
    assert [(it.what, round(it.worth_usd, 6)) for it in found.bindings] == [("cap of far", 2.0)]


def test_money_is_spent_once_on_power_coins_or_rent():
    columns = (
        column("mine", spend_usd=10.0), column("idle", "idle"),
        Column(key="buy BTC", kind="buy", spend_usd=10.0),
    )  # fmt: skip
    rich = allocate(problem([[12, 0, 13]], *columns, purse_usd=20.0))
    poor = allocate(problem([[12, 0, 13]], *columns, purse_usd=10.0))
    assert rich.weights == pytest.approx([1, 0, 1])
    assert poor.weights == pytest.approx([0, 1, 1])
    assert poor.bindings[0].what == "money to spend"


def test_a_move_must_earn_its_cost():
    stays = (column("here", held=1.0), column("there", move_usd=3.0))
    assert allocate(problem([[5, 7]], *stays)).weights.tolist() == [1, 0]
    better = allocate(problem([[5, 9]], *stays))
    assert better.weights.tolist() == [0, 1]
    assert better.mean_usd == pytest.approx(9 - 3)


def test_a_thin_market_is_filled_piece_by_piece():
    pieces = dilution_pieces(100.0, 100.0)
    assert sum(width for width, _ in pieces) == 1
    assert [factor for _, factor in pieces] == sorted((factor for _, factor in pieces), reverse=True)
    assert sum(width * factor for width, factor in pieces) == pytest.approx(0.5), "x/(x+L) at the end, exactly"
    thin = [column(f"thin {i}", width=width) for i, (width, _) in enumerate(pieces)]
    gross = [[10 * factor for _, factor in pieces] + [5.0]]
    found = allocate(problem(gross, *thin, column("broad")))
    assert found.weights == pytest.approx([0.25, 0.25 * (10 * pieces[1][1] > 5), 0, 0, 1 - found.weights[:4].sum()])
    assert dilution_pieces(1.0, 1e6) == [(1.0, pytest.approx(1.0, abs=1e-5))]


def test_the_tail_is_the_mean_of_the_worst():
    outcomes = np.arange(100.0)
    assert cvar(outcomes, 0.95) == pytest.approx(-np.mean([0, 1, 2, 3, 4]))
    assert cvar(outcomes, 0.975) == pytest.approx(-(0 + 1 + 0.5 * 2) / 2.5)


def test_where_the_solver_gives_nothing_the_plain_rule_serves(monkeypatch):
    monkeypatch.setattr(allocation, "_solve", lambda *_: None)
    columns = (column("a", venue="far", exposure=1.0), column("b"), column("idle", "idle"))
    found = allocate(problem([[5, -1, 0]], *columns, venue_caps=(("far", 0.6),)))
    assert found.solver == "none"
    assert found.weights == pytest.approx([0.6, 0, 0.4])


def test_no_columns_or_no_numbers_are_refused():
    with pytest.raises(ValueError, match="columns"):
        allocate(problem(np.zeros((2, 0))))
    with pytest.raises(ValueError, match="numbers"):
        allocate(problem([[np.nan]], column("a")))


# -------------------------------------------------------------------- a second library


def random_problem(seed, scenarios=150, per_group=4):
    rng = np.random.default_rng(seed)
    columns = []
    for group in ("asic", "gpu"):
        for place in range(per_group):
            columns.append(
                Column(
                    key=f"{group} {place}", kind="mine", group=group, venue=f"pool {place % 3}",
                    exposure=float(rng.uniform(0.3, 1)), spend_usd=float(rng.uniform(1, 4)),
                    held=1.0 if place == 0 else 0.0, move_usd=float(rng.uniform(0, 0.5)),
                    width=float(rng.uniform(0.4, 1)),
                )
            )  # fmt: skip
        columns.append(Column(key=f"{group} idle", kind="idle", group=group))
    columns.append(Column(key="buy", kind="buy", spend_usd=5.0))
    gross = rng.normal(4, 3, (scenarios, 1)) + rng.normal(0, 4, (scenarios, len(columns)))
    gross[:, [i for i, it in enumerate(columns) if it.kind == "idle"]] = 0
    return Problem(
        columns=tuple(columns), gross_usd=gross, purse_usd=6.0, risk=0.7, tail=0.9,
        venue_caps=(("pool 0", 0.5), ("pool 1", 0.9)),
    )  # fmt: skip


def by_linopy(it):
    linopy = pytest.importorskip("linopy")
    import xarray as xr

    model = linopy.Model()
    names = [column.key for column in it.columns]
    w = model.add_variables(lower=0, upper=xr.DataArray([c.width for c in it.columns], coords=[("c", names)]), name="w")
    held = xr.DataArray([c.held for c in it.columns], coords=[("c", names)])
    u = model.add_variables(lower=0, coords=[("c", names)], name="u")
    model.add_constraints(u - w >= -held)
    scenarios = range(len(it.gross_usd))
    z = model.add_variables(lower=0, coords=[("s", list(scenarios))], name="z")
    eta = model.add_variables(name="eta")
    net = xr.DataArray(it.net_usd, coords=[("s", list(scenarios)), ("c", names)])
    model.add_constraints((net * w).sum("c") + z + eta >= 0)
    for group in it.groups:
        member = xr.DataArray([float(c.group == group) for c in it.columns], coords=[("c", names)])
        model.add_constraints((member * w).sum("c") == 1)
    spend = xr.DataArray([c.spend_usd for c in it.columns], coords=[("c", names)])
    model.add_constraints((spend * w).sum("c") <= it.purse_usd)
    for venue, cap in it.venue_caps:
        share = xr.DataArray([c.exposure * (c.venue == venue) for c in it.columns], coords=[("c", names)])
        model.add_constraints((share * w).sum("c") <= cap)
    move = xr.DataArray([c.move_usd for c in it.columns], coords=[("c", names)])
    tail = it.risk / ((1 - it.tail) * len(it.gross_usd))
    model.add_objective((move * u).sum() - (net.mean("s") * w).sum() + it.risk * eta + tail * z.sum())
    model.solve(solver_name="highs", io_api="direct", output_flag=False)
    return -model.objective.value


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.filterwarnings("ignore")
def test_a_second_library_finds_the_same_objective(seed):
    it = random_problem(seed)
    assert allocate(it).objective_usd == pytest.approx(by_linopy(it), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_plan_without_the_solver_is_better_than_with_it(seed):
    it = dataclasses.replace(random_problem(seed), risk=0.0)
    assert without_solver(it).objective_usd <= allocate(it).objective_usd + 1e-9
