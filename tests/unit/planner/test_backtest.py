"""Decisions and backtests: moves that pay, caps, baselines with literals, look-ahead that is found."""

import dataclasses

import numpy as np
import pytest

from hashwright.economics.hold import HoldRule, HoldRules, rule_of, rules_of
from hashwright.errors import OperatorError
from hashwright.planner.backtest import (
    buy_run,
    foresight_run,
    idle_run,
    leader_run,
    look_ahead,
    share_of_foresight,
    walk,
)
from hashwright.planner.decide import Layout, Proposal, Rules, Snapshot, Way, best_of_groups, decide, named_weights
from hashwright.planner.history import EvenRig, History, Rate, Rig, even_history, history_of
from hashwright.planner.policies.best_hashprice import BestHashprice
from hashwright.planner.policies.cvar import Cvar
from hashwright.planner.policies.fixed import Fixed
from hashwright.planner.series import day_of, load_coins, table_of

WAYS = (
    Way(key="idle", group="rig", kind="idle"),
    Way(key="A", group="rig", coin="A", cost_usd_day=1.0, move_usd=0.5),
    Way(key="B", group="rig", coin="B", cost_usd_day=1.0, move_usd=0.5),
)
LAYOUT = Layout(WAYS)


def history(a, b, prices=None):
    revenue = np.array([np.zeros(len(a)), a, b], float).T
    price = np.array([prices or [1.0] * len(a)] * 2, float).T
    return History(
        layout=LAYOUT, first_day=18_000, revenue_usd_day=revenue, coins=("A", "B"), price_usd=price,
        computed_share={}, findings=(), source="test",
    )  # fmt: skip


def snapshot(a, b, held, **rules):
    return Snapshot(
        now_ms=18_000 * 86_400_000, layout=LAYOUT, revenue_usd_day=np.array([[0.0, a, b]]),
        held=np.array(held, float), rules=Rules(**rules),
    )  # fmt: skip


# -------------------------------------------------------------------- one decision


def test_a_move_is_made_only_if_the_gain_over_the_holding_time_exceeds_its_cost():
    pays = decide(snapshot(1.0, 1.1, [0, 1, 0], hold_days=6), BestHashprice())
    assert named_weights(LAYOUT, pays.weights) == {"B": 1.0}
    assert pays.moved_usd == 0.5
    assert "to B; expected +0.60 USD over the holding time, moving costs 0.50" in pays.reasons[0].text
    stays = decide(snapshot(1.0, 1.1, [0, 1, 0], hold_days=4), BestHashprice())
    assert named_weights(LAYOUT, stays.weights) == {"A": 1.0}
    assert "stays at A; B would gain 0.40 USD over the holding time, moving costs 0.50" in stays.reasons[0].text


def test_a_loss_stops_the_machine_and_stopping_costs_nothing():
    found = decide(snapshot(0.9, 0.8, [0, 1, 0]), BestHashprice())
    assert named_weights(LAYOUT, found.weights) == {"idle": 1.0}
    assert found.expected_usd_day == 0


def test_no_more_than_the_cap_moves_in_one_step():
    found = decide(snapshot(1.0, 9.0, [0, 1, 0], step_cap=0.25), BestHashprice())
    assert named_weights(LAYOUT, found.weights) == {"A": 0.75, "B": 0.25}


def test_the_second_best_and_its_loss_are_named():
    reason = decide(snapshot(3.0, 2.5, [1, 0, 0]), BestHashprice()).reasons[0]
    assert (reason.wanted, reason.second, reason.second_usd_day) == ("A", "B", 0.5)


def test_weights_that_are_no_shares_are_refused():
    class Broken:
        title = "broken"

        def propose(self, it):
            return Proposal(weights=np.array([0.5, 0, 0]), expected_usd_day=it.newest, why="")

    with pytest.raises(ValueError, match="no shares"):
        decide(snapshot(1, 1, [1, 0, 0]), Broken())


def test_best_of_groups_takes_each_groups_best():
    ways = (*WAYS, Way(key="off", group="other", kind="idle"), Way(key="C", group="other", coin="C"))
    layout = Layout(ways)
    assert best_of_groups(layout, np.array([0, 1.0, 2.0, 0, -1.0])).tolist() == [0, 0, 1, 1, 0]
    assert best_of_groups(layout, np.array([0, 1.0, 2.0, 0, -1.0]), may_idle=False).tolist() == [0, 0, 1, 0, 1]


def test_cvar_uses_the_scenarios_of_a_plan():
    it = snapshot(2.0, 2.0, [1, 0, 0], hold_days=1.0, risk=3.0)
    wild = np.array([[0.0, 2.0, 2.2], [0.0, 2.0, 2.2], [0.0, 1.9, -4.0]] * 5)
    assert named_weights(LAYOUT, decide(dataclasses.replace(it, scenarios_usd=wild), Cvar()).weights) == {"A": 1.0}


# -------------------------------------------------------------------- a walk and its baselines


A = [2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 3.0]
B = [1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]


def test_baselines_by_hand():
    it = history(A, B)
    fixed = walk(it, Fixed(), name="fixed")
    assert fixed.total_usd == pytest.approx((2 + 2 + 0 + 0 + 0 + 3) - 6 - 0.5)
    assert fixed.moves == 1
    assert idle_run(it).total_usd == 0
    leader = leader_run(it)
    assert leader.profit_usd.tolist() == pytest.approx([0, 0.5, 1.0, -1.0, 0.0, 0.5, 0.5])
    bound = foresight_run(it)
    assert bound.total_usd == pytest.approx(0.5 + 1.0 + 0.5 * 2 + 0.5 + (2.0 - 0.5) - 0.5)
    assert share_of_foresight(fixed, bound) == pytest.approx(fixed.total_usd / bound.total_usd)
    assert share_of_foresight(fixed, idle_run(it)) is None


def test_nobody_beats_the_bound():
    rng = np.random.default_rng(3)
    it = history(rng.uniform(0, 3, 200), rng.uniform(0, 3, 200))
    bound = foresight_run(it).total_usd
    for run in (walk(it, BestHashprice(), name="x"), walk(it, Fixed(), name="y"), leader_run(it), idle_run(it)):
        assert run.total_usd <= bound + 1e-9


def test_buying_spends_what_the_fixed_coin_spent_on_power():
    it = history(A, B, prices=[1, 1, 1, 1, 2, 2, 4])
    bought = buy_run(it, walk(it, Fixed(), name="fixed"))
    assert bought.total_usd == pytest.approx(4 / 1 * 3 + 4 / 2 * 2 + 4 / 4 * 1 - 6)
    assert "into A" in bought.title


def test_drawdown_and_the_tail_of_weeks():
    run = dataclasses.replace(idle_run(history(A, B)), profit_usd=np.array([1.0, 2, -3, -1, 5] + [0] * 9))
    assert run.drawdown_usd == 4
    assert run.cvar_usd == pytest.approx(0)


@pytest.mark.parametrize(("text", "kept"), [("keep", 1.0), ("sell", 0.0), ("25%", 0.75)])
def test_kept_coins_are_worth_the_last_price(text, kept):
    it = history([2.0] * 4, [0.0] * 4, prices=[1, 1, 1, 3])
    run = walk(it, Fixed(), name="fixed", hold=rules_of(text))
    assert run.total_usd == pytest.approx(sum(2 * (1 - kept) + 2 * kept * 3 / p for p in (1, 1, 3)) - 3 - 0.5)


def test_covering_the_bill_sells_what_power_costs():
    it = history([2.0] * 4, [0.0] * 4, prices=[1, 1, 1, 3])
    run = walk(it, Fixed(), name="fixed", hold=HoldRules(default=HoldRule(kind="cover")))
    assert run.total_usd == pytest.approx(3 + (1 * 3 + 1 * 3 + 1) - 3 - 0.5)


def test_a_rule_for_coins_is_read_or_refused():
    assert rule_of(" 40% ").text == "sell 40% of each day's coins"
    with pytest.raises(OperatorError) as caught:
        rule_of("hodl")
    assert caught.value.code == "HW-822"


def test_rules_are_told_coin_by_coin():
    rules = rules_of("cover, btc=keep, Monero=40%")
    assert (rules.of("BTC").kind, rules.of("XMR").share, rules.of("LTC").kind) == ("keep", 0.4, "cover")
    assert rules.text.startswith("BTC: keep all coins; XMR: sell 40%")
    assert rules_of("sell").sells_all
    assert not rules.sells_all
    for text, code in (("btc=hodl", "HW-822"), ("bitcoyn=keep", "HW-801"), ("", "HW-822")):
        with pytest.raises(OperatorError) as caught:
            rules_of(text)
        assert caught.value.code == code


def test_each_coin_of_a_walk_follows_its_own_rule():
    """By hand: A is kept until its price is 3; the bill of 3 is paid by nobody, since B earns nothing."""
    it = history([2.0] * 4, [0.0] * 4, prices=[1, 1, 1, 3])
    coins = it.coins
    rules = HoldRules(by_coin=((coins[0], HoldRule(kind="keep")),))
    run = walk(it, Fixed(), name="fixed", hold=rules)
    assert run.total_usd == pytest.approx(sum(2 * 3 / p for p in (1, 1, 3)) - 3 - 0.5)


def test_a_policy_that_looks_ahead_is_found():
    it = history(A * 3, B * 3)

    class Cheat:
        title = "reads tomorrow"

        def propose(self, seen):
            known = seen.revenue_usd_day
            rows = known.base.T if known.base is not None and known.base.shape[0] == 3 else known.base
            rows = known if rows is None else rows
            tomorrow = rows[min(len(known), len(rows) - 1)]
            return Proposal(weights=best_of_groups(LAYOUT, tomorrow - LAYOUT.costs), expected_usd_day=tomorrow, why="")

    found = look_ahead(it, Cheat(), name="cheat", cuts=(10, 15), rules=Rules(hold_days=100))
    assert found
    assert found[0].policy == "cheat"


# -------------------------------------------------------------------- bad input


def lines(*rows):
    return ["date,coin,price_usd,difficulty,hashrate_hs,issuance_native,fees_native,blocks", *rows]


def days_of(coin, first, count, price="100", difficulty="1000000"):
    start = np.datetime64(first)
    return [f"{start + i},{coin},{price},{difficulty},7e12,900,1,144" for i in range(count)]


def test_unknown_and_dead_coins_are_left_out_and_said():
    table = table_of(
        lines(*days_of("BTC", "2024-01-01", 90), *days_of("DEAD", "2024-01-01", 90),
              *days_of("LTC", "2024-01-01", 90, difficulty="0")),
        source="test",
    )  # fmt: skip
    rig = Rig(name="rig", rates=tuple(Rate(coin=it, hashrate_hs=1e12, power_w=100) for it in ("BTC", "DEAD", "LTC")))
    found = history_of(table, [rig], first_day=day_of("2024-01-05"), last_day=day_of("2024-02-20"))
    assert [way.coin for way in found.layout.ways] == ["", "BTC"]
    assert {(it.code, it.place) for it in found.findings} == {("HW-820", "DEAD"), ("HW-820", "LTC")}


def test_a_span_without_any_coin_is_an_error_that_says_why():
    table = table_of(lines(*days_of("BTC", "2024-01-01", 90)), source="test")
    rig = Rig(name="rig", rates=(Rate(coin="BTC", hashrate_hs=1e12, power_w=100),))
    with pytest.raises(OperatorError, match="no day of the span") as caught:
        history_of(table, [rig], first_day=day_of("2020-01-01"), last_day=day_of("2020-02-01"))
    assert caught.value.code == "HW-827"


def test_days_that_are_missing_earn_nothing_and_are_a_finding():
    rows = days_of("BTC", "2024-01-01", 20) + days_of("BTC", "2024-01-25", 30)
    table = table_of(lines(*rows), source="test")
    rig = Rig(name="rig", rates=(Rate(coin="BTC", hashrate_hs=1e12, power_w=100),))
    found = history_of(table, [rig], first_day=day_of("2024-01-01"), last_day=day_of("2024-02-20"))
    assert any("4 days without a known hashprice" in it.message for it in found.findings)
    assert walk(found, BestHashprice(), name="x").hours_off > 0


def test_dogecoin_counts_only_where_it_is_passed_on():
    rows = days_of("LTC", "2024-01-01", 90) + days_of("DOGE", "2024-01-01", 90)
    table = table_of(lines(*rows), source="test")
    span = {"first_day": day_of("2024-02-05"), "last_day": day_of("2024-03-20")}
    without, half = (
        even_history(table, ("LTC", "DOGE"), rig=EvenRig(pass_through=part), **span) for part in (0.0, 0.5)
    )
    assert without.coins == half.coins == ("LTC",)
    assert any("declare" in it.message for it in without.findings)
    assert any("50%" in it.message for it in half.findings)


# -------------------------------------------------------------------- real days


@pytest.mark.data
def test_ethereum_is_minable_until_the_merge_and_not_a_day_longer(test_data):
    table = load_coins(test_data, coins=("ETH",))
    rig = Rig(name="gpu", rates=(Rate(coin="ETH", hashrate_hs=60e6, power_w=120),))
    found = history_of(table, [rig], first_day=day_of("2022-09-01"), last_day=day_of("2022-10-01"))
    earned = np.nan_to_num(found.revenue_usd_day[:, 1])
    last = day_of("2022-09-14") - found.first_day
    assert (earned[: last + 1] > 0).all()
    assert not earned[last + 1 :].any()
    assert found.computed_share["ETH"] > 0.9, "hash rates of that time are Etherscan's, and labelled"
