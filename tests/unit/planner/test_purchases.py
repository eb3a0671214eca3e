"""What should be bought: the issue's rule with risk, under every budget; and a rehearsal's orders."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.market.renting import sure_part
from hashwright.planner.purchases import BuyRules, PaperOrder, PaperRental, Promise, SeenOrder, SeenPurchase, buy
from hashwright.planner.purchases_paper import became_of, carried_out, paper_day, paper_left, paper_order, walked

D = Decimal
EH_DAY = 10**18 * 86_400
NOW = 1_800_000_000_000


def seen(name="night", **changes):
    return SeenPurchase(
        **{
            "name": name, "market": "nicehash", "destination": "pool", "coin": "bitcoin", "limit_hs": 1e15,
            "coin_price_usd": 50_000.0, "coin_price_at_ms": NOW, "is_same_coin": True, "ask": "0.4", "fee_part": "0.03",
            "order_fee": "0.00001", "minimum_amount": "0.001", "price_down": "0.1", "budget_left": "0.01",
        }
        | changes
    )  # fmt: skip


def judged(purchases, hashprice="0.5", *, kept="0.98", risk=0.0, spent=None, left_out=None, **rules):
    promises = {it.name: Promise(hashprice=D(hashprice), kept=D(kept)) for it in purchases}
    found = buy(purchases, promises, BuyRules(risk=risk, **rules), spent_usd=spent or {}, left_out=left_out)
    assert [it.name for it in found] == [it.name for it in purchases]
    return found


@given(
    ask=st.decimals("0.01", 2, places=4), fee=st.decimals(0, "0.2", places=3), pool_fee=st.decimals(0, "0.2", places=3),
    hashprice=st.decimals("0.01", 2, places=6),
)  # fmt: skip
def test_it_is_bought_where_the_rule_of_the_issue_says_so(ask, fee, pool_fee, hashprice):
    (found,) = judged([seen(ask=str(ask), fee_part=str(fee))], str(hashprice), kept=str(1 - pool_fee))
    pays = ask * (1 + fee) / (1 - pool_fee) <= hashprice
    assert found.kind == ("place" if pays else "wait")
    if pays:
        assert found.worth_usd_ph_day >= found.cost_usd_ph_day * (1 - 1e-9)
        assert D(found.amount) * (1 + fee) + D("0.00001") <= D("0.01")


def test_luck_and_change_are_taken_off_what_is_expected():
    assert sure_part(risk=0, blocks=0.01, spread_a_day=0.5, life_days=9) == 1.0
    assert sure_part(risk=0.3, blocks=None, spread_a_day=0.0, life_days=9) == 1.0
    assert sure_part(risk=0.3, blocks=9.0, spread_a_day=0.0, life_days=1) == pytest.approx(0.9)
    assert sure_part(risk=0.3, blocks=0.01, spread_a_day=0.0, life_days=1) == 0.0
    assert sure_part(risk=1, blocks=None, spread_a_day=0.1, life_days=3) == pytest.approx(0.9)
    assert sure_part(risk=1, blocks=0.0, spread_a_day=0.0, life_days=0.0) == 0.0


def test_a_pool_that_pays_by_luck_must_promise_more_than_one_that_pays_each_share():
    by_share, by_luck = seen("share"), seen("luck", blocks_a_day=0.2)
    first, second = judged([by_share, by_luck], risk=0.3)
    assert (first.kind, second.kind) == ("place", "wait")
    assert second.sure == pytest.approx(1 - 0.3 / (0.2 * second.life_days) ** 0.5, abs=1e-5)
    assert D(second.most) < D(first.most)


def test_a_learned_drift_moves_what_is_expected_over_the_orders_life():
    plain, rising, falling = judged([seen(f"r{drift}", drift_a_day=drift) for drift in (0.0, 0.01, -0.01)])
    assert D(falling.most) < D(plain.most) < D(rising.most)


def test_every_budget_binds_and_says_so():
    two = [seen("a"), seen("b", market="braiins")]
    free = judged(two)
    assert [it.kind for it in free] == ["place", "place"]
    usd = float(D(free[0].amount) * D("1.03")) * 50_000
    total = judged(two, usd_day=usd + 60)
    assert [it.kind for it in total] == ["place", "place"]
    assert float(D(total[1].amount) * D("1.03")) * 50_000 == pytest.approx(59, abs=0.6)
    assert "buying may cost" in total[1].bound
    spent = judged(two, usd_day=100.0, spent={"nicehash": 60.0})
    assert sum(float(D(it.amount) * D("1.03")) * 50_000 for it in spent) <= 40.0
    own = judged(two, usd_day_of={"nicehash": 1.0})
    assert [it.kind for it in own] == ["wait", "place"], "a dollar is less than the smallest order"
    assert "buying at nicehash may cost 1.00 USD a day" in own[0].why


@given(
    budgets=st.lists(st.decimals("0.001", "0.05", places=6), min_size=1, max_size=5),
    cap=st.floats(0, 3_000), spent=st.floats(0, 3_000),
)  # fmt: skip
def test_no_turn_commits_more_than_is_left_of_the_day(budgets, cap, spent):
    purchases = [seen(f"r{n}", budget_left=str(it)) for n, it in enumerate(budgets)]
    found = judged(purchases, usd_day=cap, spent={"nicehash": spent})
    new = sum(D(it.amount) * D("1.03") + D("0.00001") for it in found if it.kind == "place")
    assert float(new) * 50_000 <= max(cap - spent, 0) + 1e-6


def test_the_better_ratio_is_served_first():
    dear, cheap = seen("dear", ask="0.45"), seen("cheap", ask="0.3")
    found = judged([dear, cheap], usd_day=300.0)
    assert D(found[1].amount) > D(found[0].amount)


def test_nothing_new_is_bought_without_a_fresh_price_but_what_stands_is_ended_in_time():
    stale = {"night": "HW-401 the price of bitcoin is 90 min old"}
    (found,) = judged([seen()], left_out=stale)
    assert (found.kind, found.why) == ("wait", stale["night"])
    standing = seen(order=SeenOrder(price="0.6", left="0.01", lowered_ago_s=10))
    (found,) = judged([standing], left_out=stale)
    assert found.kind == "cancel"


def test_an_order_whose_worth_nobody_knows_is_ended_and_a_silent_market_is_waited_for():
    order = SeenOrder(price="0.4", left="0.01", lowered_ago_s=1e9)
    promises = {"night": Promise(why_not="it is not ready")}
    (found,) = buy([seen(order=order)], promises, BuyRules(), spent_usd={})
    assert (found.kind, found.worth_usd_ph_day) == ("cancel", None)
    (found,) = buy([seen()], promises, BuyRules(), spent_usd={})
    assert (found.kind, found.why) == ("wait", "it is not ready")
    (found,) = buy([seen(order=order, why_not="HW-880 silent")], promises, BuyRules(), spent_usd={})
    assert (found.kind, found.why) == ("wait", "HW-880 silent")


# ---------------------------------------------------------------- on paper


def rehearsed(paper, found, *, at_ms=NOW, **changes):
    return carried_out(seen(paper=paper, **changes), found, at_ms=at_ms)


def test_a_rehearsal_gets_its_limit_for_its_own_price_until_its_amount_is_used_up():
    (found,) = judged([seen()])
    paper = rehearsed(None, found)
    assert D(paper.committed) == D(found.amount) * D("1.03") + D("0.00001")
    before = seen(paper=paper, order=paper_order(paper, at_ms=NOW))
    hour = walked(paper, before, ask_now="0.4", seconds=3600)
    assert float(hour.work) == pytest.approx(10**15 * 3600)
    cost = D("0.4") * D(10**15 * 3600) / EH_DAY
    assert abs(D(hour.paid) - cost * D("1.03") - D("0.00001")) < D("2e-8")
    ended = walked(hour, before, ask_now="0.4", seconds=100 * 86_400)
    assert ended.order is None
    assert D(ended.paid) <= D(ended.committed)
    assert abs(D(ended.work) * D("0.4") / EH_DAY - D(found.amount)) < D("1e-7")


def test_a_rehearsal_that_was_outbid_gets_nothing():
    paper = PaperRental(order=PaperOrder(price="0.4", amount="0.01"))
    before = seen(paper=paper)
    assert walked(paper, before, ask_now="0.41", seconds=3600) == paper
    assert walked(paper, seen(ask="0.41"), ask_now="0.4", seconds=3600) == paper
    assert walked(paper, before, ask_now="", seconds=3600) == paper


def test_a_rehearsals_day_is_bounded_as_a_real_one_and_money_that_came_back_counts():
    (found,) = judged([seen()])
    paper = rehearsed(None, found)
    assert paper_day(paper, at_ms=NOW) == D(paper.committed)
    (ended,) = judged([seen(order=SeenOrder(price="9", left="1", lowered_ago_s=0))])
    gone = rehearsed(paper, ended)
    assert gone.order is None
    left = paper_left(gone, budget=D("0.02"), budget_day=D("0.012"), at_ms=NOW)
    assert left == D("0.012") - D(paper.committed)
    assert paper_day(gone, at_ms=NOW + 86_400_001) == 0


def test_paper_and_real_are_held_against_what_was_expected_by_the_same_accounting():
    (found,) = judged([seen()])
    paper = rehearsed(None, found)
    before = seen(paper=paper)
    later = walked(paper, before, ask_now="0.4", seconds=7200)
    worth = 0.5 * 0.98 * 50_000 / EH_DAY
    on_paper = became_of(
        before, found, seen(paid=later.paid, work=later.work), worth_then=worth, worth_now=worth * 1.1
    )  # fmt: skip
    assert on_paper.work == pytest.approx(on_paper.implied_work, rel=1e-4)
    assert on_paper.earned_usd == pytest.approx(on_paper.expected_usd * 1.1, rel=1e-4)
    half = str(D(later.work) / 2)
    real = became_of(
        seen(is_paper=False), found, seen(is_paper=False, paid=later.paid, work=half), worth_then=worth, worth_now=worth
    )
    assert real.paid_usd == on_paper.paid_usd
    assert real.earned_usd == pytest.approx(real.expected_usd / 2, rel=1e-4)
    uncounted = became_of(
        seen(is_paper=False), found, seen(is_paper=False, paid=later.paid), worth_then=worth, worth_now=worth
    )
    assert uncounted.earned_usd is None, "unknown is not nothing"
    assert became_of(seen(is_paper=False), found, before, worth_then=worth, worth_now=worth) is None
