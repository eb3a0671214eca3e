"""How an order changed and what it got, as plots read it, on both databases."""

from contextlib import closing

import pytest

from hashwright.market.effects import OrderNoted, TradeNoted
from hashwright.store.market import read_order, write_market
from hashwright.store.market_series import Span, read_changes, read_delivered


def noted(order="order-1", *, state="active", price=50, limit_hs=1e6, budget=1000, reason=""):
    zero = bytes(32)
    return OrderNoted(
        order, "bea", "sha256d", "standard", state, reason, price, limit_hs, budget, 0, zero, zero, "p", 5
    )


def trade(settlement, seller, work, gross, *, order="order-1", fee=1):
    return TradeNoted(order, settlement, seller, gross, fee, work.to_bytes(32, "big"), False)


@pytest.fixture
def books(engine, tmp_path):
    store = engine.open(tmp_path)
    with closing(store.connect()) as connection:
        yield connection
    store.close()


def test_a_change_is_kept_once_and_a_settlement_is_none(books):
    write_market(books, [(10, noted(state="checking"))])
    write_market(books, [(20, noted(state="paused")), (20, noted())])
    write_market(books, [(30, noted())])
    write_market(books, [(40, noted(price=60, limit_hs=2e6))])
    write_market(books, [(40, noted(price=70))])
    write_market(books, [(50, noted("order-2"))])
    found = [(it.at_ms, it.state, it.price, it.limit_hs) for it in read_changes(books, "order-1")]
    assert found == [(10, "checking", 50, 1e6), (20, "active", 50, 1e6), (40, "active", 70, 1e6)]
    assert read_order(books, "order-1").price == 70
    assert read_order(books, "order-3") is None


def test_work_so_far_becomes_work_of_each_time_for_order_and_seller(books):
    settled = [(100, 1, "sam", 500, 5), (100, 1, "sue", 70, 7), (1_000, 2, "sam", 800, 3), (2_500, 3, "sam", 900, 1)]
    write_market(books, [(at, trade(number, *rest)) for at, number, *rest in settled])
    write_market(books, [(1_100, trade(1, "sam", 40, 4, order="order-2"))])
    span = Span(from_ms=1_000, step_ms=1_000, count=3)
    (sam,) = read_delivered(books, span, order="order-1")
    assert (sam.seller, sam.work, sam.gross, sam.fee) == ("sam", (300, 100, 0), (3, 1, 0), (1, 1, 0))
    mine = {it.order: it.work for it in read_delivered(books, span, seller="sam")}
    assert mine == {"order-1": (300, 100, 0), "order-2": (40, 0, 0)}
    whole = Span(from_ms=0, step_ms=3_000, count=1)
    assert {it.seller: it.work for it in read_delivered(books, whole, order="order-1")} == {"sam": (900,), "sue": (70,)}
    assert read_delivered(books, span, order="order-9") == []
