"""Connectors to public markets against stand-ins: signatures, units, and what is asked again."""

import asyncio
import json
from decimal import Decimal

import pytest

from hashwright import registry
from hashwright.adapters.markets.base import Access, Wish, number
from hashwright.adapters.markets.braiins import Braiins
from hashwright.adapters.markets.nicehash import NiceHash, sign
from hashwright.errors import AuthRejected, ConfigError, OperatorError, RateLimited, TimedOut, Unavailable
from hashwright.testing.market_standin import BraiinsStandIn, NiceHashStandIn

ACCESS = Access(key="key", secret="of the test", organization="org")
WISH = Wish(
    client_id="hw-1", algorithm="sha256d", price=Decimal("0.5"), limit_hs=2e15, amount=Decimal("0.01"),
    pool_url="stratum+tcp://pool.example:3333", pool_user="kai", pool_password="x",
)  # fmt: skip
pytestmark = pytest.mark.parametrize("kind", [NiceHashStandIn, BraiinsStandIn])


def play(kind, story, *, access=ACCESS, faults=()):
    async def run():
        async with kind(access=ACCESS, faults=list(faults)) as server:
            server.prices = (
                [("0.45", "0", "1.5"), ("0.3", "2", "0.5")]
                if kind is NiceHashStandIn
                else [("45000000", "0", "1.5"), ("30000000", "2", "0.5")]
            )
            market = {NiceHashStandIn: NiceHash, BraiinsStandIn: Braiins}[kind](
                Access(key=access.key, secret=access.secret, organization=access.organization, url=server.url)
            )
            try:
                return await story(server, market)
            finally:
                await market.aclose()

    return asyncio.run(run())


def test_the_signature_is_that_of_the_vendors_example(kind):
    """Published by NiceHash in its documentation of the API; the credentials there are nobody's."""
    access = Access(
        key="4ebd366d-76f4-4400-a3b6-e51515d054d6",
        secret="fd8a1652-728b-42fe-82b8-f623e56da8850750f5bf-ce66-4ca7-8b84-93651abc723b",
        organization="da41b3bc-3d0b-4226-b7ea-aee73f94a518",
    )
    request = ("GET", "/main/api/v2/hashpower/orderBook", "algorithm=X16R&page=0&size=100")
    found = sign(access, at="1543597115712", nonce="9675d0f8-1325-484b-9594-c9d6d3268890", request=request)
    assert found == "21e6a16f6eb34ac476d59f969f548b47fffe3fea318d9c99e77fc710d2fed798"


def test_prices_and_speeds_come_in_one_unit(kind):
    async def story(server, market):
        levels = await market.book("sha256d")
        assert [(it.price, it.limit_hs, it.speed_hs) for it in levels] == [
            (Decimal("0.45"), 0.0, 1.5e15),
            (Decimal("0.3"), 2e15, 0.5e15),
        ]
        rules = await market.rules("sha256d")
        assert rules.minimum_amount == Decimal("0.001")
        assert rules.down_every_s == 600

    play(kind, story)


def test_an_order_lives_from_place_to_cancel(kind):
    async def story(server, market):
        id_ = await market.place(WISH)
        (mine,) = await market.rentals("sha256d")
        assert (mine.id, mine.client_id, mine.price, mine.limit_hs) == (id_, "hw-1", Decimal("0.5"), 2e15)
        assert mine.amount == Decimal("0.01")
        assert mine.is_open
        await market.reprice(mine, Decimal("0.45"), 3e15, "sha256d")
        await market.refill(mine, Decimal("0.005"))
        (mine,) = await market.rentals("sha256d")
        assert (mine.price, mine.limit_hs, mine.amount) == (Decimal("0.45"), 3e15, Decimal("0.015"))
        await market.cancel(mine)
        (mine,) = await market.rentals("sha256d")
        assert not mine.is_open

    play(kind, story)


def test_a_wrong_key_is_refused_and_not_asked_again(kind):
    async def story(server, market):
        with pytest.raises(AuthRejected):
            await market.rentals("sha256d")
        with pytest.raises(AuthRejected):
            await market.place(WISH)
        assert not server.orders

    play(kind, story, access=Access(key="other", secret="other", organization="org"))


def test_an_action_without_an_answer_never_doubles(kind):
    """Silence is an unknown outcome: neither market says that an order sent twice is one, so it is looked for."""

    async def story(server, market):
        server.pools["p"] = {"id": "p", "name": "hw-1"}
        with pytest.raises(TimedOut) as refusal:
            await market.place(WISH)
        assert refusal.value.code == "HW-883"
        assert len(server.orders) == 1
        assert [it.client_id for it in await market.rentals("sha256d")] == ["hw-1"]

    play(kind, story, faults=["lost"])


def test_too_often_is_asked_again_and_an_error_of_the_server_only_where_it_cannot_double(kind):
    async def story(server, market):
        server.pools["p"] = {"id": "p", "name": "hw-1"}
        await market.place(WISH)
        assert len(server.orders) == 1

    play(kind, story, faults=["429"])

    async def broken(server, market):
        server.pools["p"] = {"id": "p", "name": "hw-1"}
        with pytest.raises(OperatorError, match="500"):
            await market.place(WISH)
        assert not server.orders
        assert await market.book("sha256d"), "a reading is asked again"

    play(kind, broken, faults=["500"])


def test_who_is_never_let_in_is_told(kind, monkeypatch):
    monkeypatch.setattr("hashwright.adapters.markets.base.PAUSE_S", 0.0)

    async def story(server, market):
        server.pools["p"] = {"id": "p", "name": "hw-1"}
        with pytest.raises(RateLimited):
            await market.place(WISH)
        assert not server.orders

    play(kind, story, faults=["429"] * 3)


def test_an_answer_of_another_form_is_not_understood(kind):
    async def story(server, market):
        for document in ({}, {"stats": 3}, [], {"bids": [3]}, {"bids": [{"price_sat": "NaN"}]},
                         {"stats": {"EU": {"marketFactor": "0", "priceFactor": "1", "orders": []}}},
                         {"stats": {"EU": {"marketFactor": "1", "priceFactor": "1e999", "orders": []}}}):  # fmt: skip
            real = server.reply
            server.reply = lambda asked, d=document, r=real: r(asked) if "settings" in asked.path else (200, {}, d)
            with pytest.raises(OperatorError) as refusal:
                await market.book("sha256d")
            assert refusal.value.code == "HW-882", json.dumps(document)
            server.reply = real

    play(kind, story)


def test_bids_are_read_to_the_last_page(kind, monkeypatch):
    monkeypatch.setattr("hashwright.adapters.markets.braiins.PAGE", 2)

    async def story(server, market):
        server.pools["p"] = {"id": "p", "name": "hw-1"}
        placed = [await market.place(WISH) for _ in range(5)]
        assert sorted(it.id for it in await market.rentals("sha256d")) == placed

    play(kind, story)


def test_the_fee_and_the_smallest_amount_are_those_of_a_buyer_with_a_limit(kind):
    async def story(server, market):
        rules = await market.rules("sha256d")
        assert rules.fee_part == (Decimal("0.03") if kind is NiceHashStandIn else Decimal("0.02"))
        if kind is BraiinsStandIn:
            server.reply = lambda asked, real=server.reply: (
                (200, {}, {"spot_fees": []}) if "fee" in asked.path else real(asked)
            )
            with pytest.raises(OperatorError, match="no fee"):
                await market.rules("sha256d")

    play(kind, story)


def test_numbers_are_finite_and_short(kind):
    for bad in ("NaN", "Infinity", "1e50", True, None, "x", "1" * 50):
        with pytest.raises(OperatorError):
            number(bad, "host")
    assert number("0.5", "host") == Decimal("0.5")


def test_only_https_is_spoken_and_nobody_there_is_said_so(kind):
    make = {NiceHashStandIn: NiceHash, BraiinsStandIn: Braiins}[kind]
    with pytest.raises(ConfigError):
        make(Access(url="http://market.example"))

    async def story():
        market = make(Access(url="http://127.0.0.1:1"))
        with pytest.raises(Unavailable):
            await market.book("sha256d")
        await market.aclose()

    asyncio.run(story())


def test_every_market_says_what_stands_behind_it(kind):
    assert registry.names("markets") == ("braiins", "nicehash")
    for name in registry.names("markets"):
        assert registry.load("markets", name).PLUGIN.seen == "documented"
