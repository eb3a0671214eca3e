"""Market data and funds over HTTP: whose they are, and how often they are done."""

import asyncio

import pytest

from shell import test_web_ops
from shell.test_web_ops import send, signed_in

here = test_web_ops.here
SERIES = {
    "order": "order-1", "account": "kim", "algorithm": "sha256d", "state": "active", "ordered_hs": [2.0],
    "delivered_hs": [1.0], "paid": ["0.1"], "sellers": [{"seller": "leo", "paid": "0.1"}], "changes": [],
}  # fmt: skip
DEPTH = {
    "at_ms": 1, "algorithm": "sha256d", "unit": "BTC/PH/day", "currency": "BTC", "wanted_hs": 2.0, "matched_hs": 1.0,
    "offered_hs": 1.0, "asks": [{"floor": "0", "rate_hs": 1.0, "sold_hs": 1.0, "machines": 1}],
    "bids": [{"price": "0.5", "is_locked": False, "limit_hs": 2.0, "matched_hs": 1.0, "orders": 1}],
}  # fmt: skip


@pytest.fixture
def market(here, monkeypatch):
    """A program that has a book and a series."""
    said = {"market-depth": DEPTH, "market-delivery": SERIES}

    async def ask(command, *, timeout_s=30.0, **arguments):
        answer = await here.program.ask(command, timeout_s=timeout_s, **arguments)
        return said.get(command, answer)

    monkeypatch.setattr(here.site.live, "ask", ask)
    return here


def test_the_depth_is_for_all_who_trade_and_a_series_for_whose_it_is(market):
    async def work():
        kim = await signed_in(market, "kim", "buyer")
        lee = await signed_in(market, "lee", "buyer")
        leo = await signed_in(market, "leo", "member", pool="home", member="leo")
        for browser in (kim, lee, leo):
            answer = await browser.get("/api/v1/market/depth?algorithm=sha256d")
            assert answer.status_code == 200, answer.text
            assert answer.json() == DEPTH
        mine = await kim.get("/api/v1/market/orders/order-1/delivery?hours=6&points=12")
        assert mine.json()["result"] == SERIES | {"sellers": [{"seller": "", "paid": "0.1"}]}
        assert market.program.last("market-delivery") == {"order": "order-1", "hours": 6.0, "points": 12}
        other = await lee.get("/api/v1/market/orders/order-1/delivery")
        assert (other.status_code, other.json()["code"]) == (404, "HW-867")
        assert (await leo.get("/api/v1/market/sellers/leo/delivery")).status_code == 200
        assert (await leo.get("/api/v1/market/sellers/mia/delivery")).json()["code"] == "HW-741"
        assert (await kim.get("/api/v1/market/sellers/leo/delivery")).status_code == 403
        assert (await market.client().get("/api/v1/market/depth")).status_code == 401

    asyncio.run(work())


def test_funds_come_and_go_for_the_caller_and_for_an_owner_by_name_and_once(market):
    async def work():
        kim = await signed_in(market, "kim", "buyer")
        owner = await market.owner("eva")
        for _ in range(2):
            assert (await send(kim, "POST", "/market/withdrawals", {"amount": "0.1"})).status_code == 200
        assert [name for name, _ in market.program.asked].count("market-withdraw") == 1
        assert market.program.last("market-withdraw")["account"] == "kim"
        other = {"amount": "0.1", "account": "lee"}
        refused = await send(kim, "POST", "/market/withdrawals", other, **{"idempotency-key": "key-number-2"})
        assert (refused.status_code, refused.json()["code"]) == (403, "HW-741")
        assert (await send(owner, "POST", "/market/withdrawals", other)).status_code == 200
        assert market.program.last("market-withdraw")["account"] == "lee"
        assert (await owner.get("/api/v1/market/deposit?account=lee")).status_code == 200
        assert market.program.last("market-deposit")["account"] == "lee"
        assert (await owner.get("/api/v1/market/deposit")).json()["code"] == "HW-972"
        assert (await kim.get("/api/v1/market/deposit?account=lee")).json()["code"] == "HW-741"
        paid = await send(owner, "POST", "/market/funds/kim", {"amount": "1"}, **{"idempotency-key": "key-number-2"})
        assert paid.status_code == 200
        assert market.program.last("market-fund")["reference"].startswith("web-")

    asyncio.run(work())
