"""Where funds come in, as a picture that another program reads; each sees the address of his own account."""

import asyncio
from decimal import Decimal

import pytest

from hashwright.economics.coin_facts import CoinFacts, Fact
from hashwright.web.api_market_money import mining_price_of, picture_of
from unit.web.world import NOW, PASSWORD, world


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


class Program:
    """A program that knows an address for everybody."""

    async def ask(self, command, *, timeout_s=30.0, **arguments):
        if command == "market-deposit":
            return {
                "account": arguments["account"],
                "address": "bcrt1qqq",
                "needed": 3,
                "free": "0 BTC",
                "deposits": [],
            }
        raise AssertionError(command)


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


def test_a_buyer_sees_his_own_address_and_nobody_elses(here):
    async def work():
        owner, buyer = await here.owner(), await signed_in(here, "kim", "buyer")
        operator = await signed_in(here, "toni", "operator")
        mine = (await buyer.get("/api/v1/market/funding")).json()
        assert (mine["account"], mine["address"], mine["needed"]) == ("kim", "bcrt1qqq", 3)
        assert mine["picture"]["path"].startswith("M4 4h7")  # the corner of every QR code
        for path, who, status in (
            ("funding/lee", buyer, 403), ("funding/lee", owner, 200), ("funding", operator, 403),
        ):  # fmt: skip
            assert (await who.get(f"/api/v1/market/{path}")).status_code == status, path

    asyncio.run(work())


def fact(value):
    return Fact(value=Decimal(value), at_ms=NOW - 7, known_at_ms=NOW - 6, sources=("a node",))


def test_what_mining_pays_is_by_hand_the_day_of_a_unit_over_the_work_of_a_block():
    market = CoinFacts(facts={("bitcoin", "difficulty"): fact("1e14"), ("bitcoin", "height"): fact(900_000)})
    found = mining_price_of(market, {"algorithm": "sha256d", "unit": "BTC/PH/day", "currency": "BTC"}, now_ms=NOW)
    assert found.price == pytest.approx(1e15 * 86_400 / (1e14 * 2**32) * 3.125, rel=1e-6)
    assert (found.at_ms, found.sources) == (NOW - 7, ("a node",))


@pytest.mark.parametrize("terms", [
    {"algorithm": "sha256d", "unit": "BTCREGTEST/MH/day", "currency": "BTCREGTEST"}, {},
    {"algorithm": "sha256d", "unit": "BTC/PH/day", "currency": "DOGE"},
])  # fmt: skip
def test_of_a_test_chain_or_without_a_difficulty_nothing_is_said(terms):
    assert mining_price_of(CoinFacts(facts={}), terms, now_ms=NOW).price is None
