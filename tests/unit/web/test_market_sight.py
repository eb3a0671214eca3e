"""Everybody sees prices, each his own money, an owner all of it."""

import pytest

from hashwright.errors import OperatorError
from hashwright.web.market_sight import book_for, delivery_for, history_for
from hashwright.web.roles import OF_ROLE, Caller

BOOK = {
    "algorithm": "sha256d", "unit": "BTC/PH/day", "now": 1, "fault": "", "best_open_price": None,
    "orders": [
        {
            "order": f"order-{number}", "account": account, "kind": "standard", "state": "active", "reason": "",
            "price": "0.0005", "limit_hs": 1e12, "minimum_hs": 0.0, "matched_hs": 5e11, "budget": "0.01",
            "held": "0.01",
            "estimate": "0.001", "committed": "0.0005", "pool": "stratum+tcp://secret.example:1", "user": "u",
            "shares": 3,
            "locked_ms": 0, "age_ms": 1, "sellers": [{"seller": "kai", "committed": "0.0005"}], "of_tomorrow": "hidden",
        }
        for number, account in enumerate(("kim", "lee"))
    ],
    "sellers": [{"account": "kai", "floor": "0.0004", "machines": 2, "rate_hs": 1.0, "sold_hs": 1.0}],
    "funds": {"kim": "1 BTC", "lee": "2 BTC"},
    "terms": {"unit": "x", "fee_percent": 2.0, "settings": {"books": "home"}, "of_tomorrow": 1},
}  # fmt: skip


def caller(role, name="kim"):
    return Caller(kind="account", name=name, role=role, permissions=OF_ROLE[role])


def test_an_owner_sees_all_of_it():
    found = book_for(caller("owner"), "", BOOK)
    assert found["funds"] == BOOK["funds"]
    assert found["orders"][1]["pool"].startswith("stratum")
    assert found["terms"]["settings"] == {"books": "home"}


def test_a_buyer_sees_his_own_orders_and_only_prices_of_others():
    found = book_for(caller("buyer"), "kim", BOOK)
    mine, other = found["orders"]
    assert (mine["is_mine"], mine["budget"], mine["pool"]) == (True, "0.01", BOOK["orders"][0]["pool"])
    assert mine["sellers"] == [{"seller": "", "committed": "0.0005"}]
    assert set(other) == {
        "kind",
        "state",
        "price",
        "limit_hs",
        "minimum_hs",
        "matched_hs",
        "locked_ms",
        "age_ms",
        "is_mine",
    }
    assert found["funds"] == {"kim": "1 BTC"}
    assert "account" not in found["sellers"][0]
    assert "settings" not in found["terms"]


def test_a_member_sees_his_sale_and_no_orders_money():
    found = book_for(caller("member", "kai"), "kai", BOOK)
    assert found["sellers"][0]["account"] == "kai"
    assert all("budget" not in order and "pool" not in order for order in found["orders"])
    assert found["funds"] == {}
    bought = book_for(caller("buyer"), "kim", BOOK)["orders"][0]["sellers"][0]
    assert found["orders"][0]["sellers"] == [bought | {"seller": "kai"}], "both sides see the same numbers"
    assert all("sellers" not in it for it in book_for(caller("member", "leo"), "leo", BOOK)["orders"])


@pytest.mark.parametrize("role", ["operator", "reader"])
def test_who_looks_without_money_sees_how_it_goes_and_not_what_it_pays(role):
    found = book_for(caller(role), "", BOOK)
    assert found["funds"] == {}
    for order in found["orders"]:
        assert order["order"]
        assert not {"budget", "held", "estimate", "committed", "user", "of_tomorrow"} & set(order)


def test_a_history_is_ones_own():
    found = {
        "orders": [{"order": "order-0", "account": "kim"}, {"order": "order-1", "account": "lee"}],
        "trades": [{"order": "order-0", "seller": "kai"}, {"order": "order-1", "seller": "kai"}],
        "findings": [{"who": "lee"}],
    }
    assert history_for(caller("owner"), "", found) == found
    buyer = history_for(caller("buyer"), "kim", found)
    assert buyer == {"orders": found["orders"][:1], "trades": [{"order": "order-0", "seller": ""}], "findings": []}
    seller = history_for(caller("member", "kai"), "kai", found)
    assert (len(seller["orders"]), len(seller["trades"])) == (0, 2)


def test_the_series_of_an_order_is_its_buyers_and_others_see_rates_at_most():
    found = {
        "order": "order-1", "account": "kim", "ordered_hs": [1.0], "delivered_hs": [0.5], "paid": ["0.1"],
        "sellers": [{"seller": "kai", "paid": "0.1"}], "changes": [], "committed": "0.1",
    }  # fmt: skip
    assert delivery_for(caller("owner"), "", found) == found
    assert delivery_for(caller("buyer"), "kim", found)["sellers"] == [{"seller": "", "paid": "0.1"}]
    assert delivery_for(caller("operator"), "", found) == {
        "order": "order-1", "ordered_hs": [1.0], "delivered_hs": [0.5]
    }  # fmt: skip
    with pytest.raises(OperatorError, match="There is no order order-1"):
        delivery_for(caller("buyer", "lee"), "lee", found)
