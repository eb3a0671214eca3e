"""Where funds come in, as a picture that another program reads; and what an order got, of one's own orders only."""

import asyncio

import pytest

from hashwright.store.rates import Done
from hashwright.web.api_market_money import delivery_of, picture_of
from hashwright.web.rates import RateBook
from unit.web.world import NOW, PASSWORD, world

ROW = {"order": "order-7", "account": "kim", "state": "active", "created_ms": NOW - 3_600_000, "changed_ms": 0,
       "limit_hs": 5e12}  # fmt: skip
MINUTE = NOW // 60_000


def drawn(picture):
    """Draw the path again: the rows of modules inside of the quiet zone."""
    side = picture.size - 8
    rows = [[0] * side for _ in range(side)]
    for run in picture.path.strip("M").replace("z", "").split("M"):
        place, _, rest = run.partition("h")
        x, y = (int(word) - 4 for word in place.split())
        for step in range(int(rest.partition("v")[0])):
            rows[y][x + step] += 1
    return rows


def test_a_picture_draws_each_dark_module_once_and_no_other():
    import segno

    address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    expected = [list(row) for row in segno.make(address, error="m", micro=False).matrix]
    assert drawn(picture_of(address)) == expected


def test_what_no_phone_could_read_is_no_picture():
    assert picture_of("4" * 501) is None
    assert picture_of("4" * 106) is not None  # an integrated address of Monero


def book_with(minute, work):
    book = RateBook()
    book.begin(minute - 1)
    book.close(minute + 30, [Done(minute=minute, worker="w", destination="order-7", work=work, accepted=1, refused=0)])
    return book


def test_delivery_is_measured_and_unknown_before_the_order_was_there():
    begin = MINUTE // 5 * 5 - 30
    found = delivery_of(book_with(begin, 300 * 10**9), ROW, now_ms=NOW)
    got = dict(zip(found.times_s, found.delivered_hs, strict=True))
    assert got[begin * 60] == 1e9
    assert got[(begin + 5) * 60] == 0.0
    assert got[(begin - 60) * 60] is None
    assert found.ordered_hs == 5e12


def test_after_its_end_nothing_is_said_of_an_order():
    row = ROW | {"state": "cancelled", "changed_ms": NOW - 1_200_000}
    found = delivery_of(RateBook(), row, now_ms=NOW)
    known = [at for at, rate in zip(found.times_s, found.delivered_hs, strict=True) if rate is not None]
    assert min(known) >= NOW / 1000 - 3_900
    assert max(known) <= NOW / 1000 - 1_200


class Program:
    """A program with one order of kim, and one of lee."""

    async def ask(self, command, *, timeout_s=30.0, **arguments):
        if command == "market-deposit":
            return {
                "account": arguments["account"],
                "address": "bcrt1qqq",
                "needed": 3,
                "free": "0 BTC",
                "deposits": [],
            }
        rows = [ROW, ROW | {"order": "order-8", "account": "lee"}]
        return {"orders": [it for it in rows if arguments["account"] in ("", it["account"])]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    with world(tmp_path) as item:
        monkeypatch.setattr(item.site.live, "ask", Program().ask)
        yield item


async def signed_in(here, name, role):
    here.site.accounts.add(name, role, PASSWORD, now=NOW)
    browser = here.client()
    await browser.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    return browser


def test_a_buyer_sees_his_own_address_and_deliveries_and_nobody_elses(here):
    async def work():
        owner, buyer = await here.owner(), await signed_in(here, "kim", "buyer")
        operator = await signed_in(here, "toni", "operator")
        mine = (await buyer.get("/api/v1/market/funding")).json()
        assert (mine["account"], mine["address"], mine["needed"]) == ("kim", "bcrt1qqq", 3)
        assert mine["picture"]["path"].startswith("M4 4h7")  # the corner of every QR code
        for path, who, status in (
            ("funding/lee", buyer, 403), ("funding/lee", owner, 200), ("funding", operator, 403),
            ("orders/order-7/delivery", buyer, 200), ("orders/order-8/delivery", buyer, 404),
            ("orders/order-8/delivery", owner, 200), ("orders/order-7/delivery", operator, 403),
        ):  # fmt: skip
            assert (await who.get(f"/api/v1/market/{path}")).status_code == status, path

    asyncio.run(work())
