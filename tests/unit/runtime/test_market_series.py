"""The market for plots: levels of the book, and means over time."""

import pytest

from hashwright.errors import OperatorError
from hashwright.market.records import Sale
from hashwright.runtime.market_series import depth, ordered, span_of
from hashwright.store.market_series import OrderChange, Span
from unit.runtime.test_market_quote import ALGO, TERMS, TH, app, order, seller

__all__ = ["app"]


def change(at_ms, limit_hs, state="active"):
    return OrderChange(at_ms=at_ms, state=state, reason="", price=1, limit_hs=limit_hs, budget=1)


def test_levels_sum_what_stands_at_one_price_and_name_nobody(app):
    app.market.terms_of = lambda _: TERMS
    for price, limit_th in ((500, 2), (700, 1), (500, 3)):
        order(app.market.state, price, limit_th)
    app.market.state.orders["order-2"].locked_until = app.clock.now() - 1
    seller(app.market.state, "sam", 1, 4)
    seller(app.market.state, "sue", 2, 1)
    app.market.state.sales[f"{ALGO}/sue"] = Sale(account="sue", algorithm=ALGO, floor=600, since=0)
    found = depth(app, ALGO)
    assert [(it["price"], it["limit_hs"] / TH, it["orders"]) for it in found["bids"]] == [
        ("0.00000700", 1, 1), ("0.00000500", 5, 2),
    ]  # fmt: skip
    assert [(it["floor"], round(it["rate_hs"] / TH, 6), it["machines"]) for it in found["asks"]] == [
        ("0.00000000", 4, 1), ("0.00000600", 1, 1),
    ]  # fmt: skip
    assert (found["wanted_hs"], found["unit"]) == (6 * TH, "BTC/TH/day")
    assert "bea" not in str(found)
    assert "sam" not in str(found)


def test_what_was_ordered_counts_from_the_beginning_to_the_end_pauses_too():
    span = Span(from_ms=1_000, step_ms=100, count=4)
    changes = [change(900, 10.0), change(1_050, 20.0, "paused"), change(1_150, 40.0), change(1_225, 40.0, "cancelled")]
    assert ordered(changes, span) == [15.0, 30.0, 10.0, 0.0]
    assert ordered([change(1_350, 8.0)], span) == [0.0, 0.0, 0.0, 4.0]
    assert ordered([change(5_000, 8.0)], span) == [0.0] * 4


@pytest.mark.parametrize("wrong", [{"hours": 0.5}, {"hours": 800}, {"points": 501}, {"hours": "x"}, {"points": -1}])
def test_a_series_has_bounds(wrong):
    with pytest.raises(OperatorError) as refusal:
        span_of(wrong, now=10**12)
    assert refusal.value.code == "HW-966"


def test_a_series_ends_now():
    span = span_of({}, now=10**12)
    assert (span.count, span.step_ms, span.to_ms) == (96, 900_000, 10**12)
