"""Renting: what pays, within the rules, within the budget, and never twice."""

import asyncio
import random
from decimal import Decimal
from types import SimpleNamespace

import pytest

from hashwright.adapters.markets.base import Access
from hashwright.clock import ManualClock
from hashwright.errors import LimitRefused, TimedOut
from hashwright.market.renting import Bounds, Offer, Standing, asking_price, decide, highest_price
from hashwright.runtime.rent import Renter, parse_rent
from hashwright.store.base import WorkTotal
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter
from hashwright.testing.market_standin import NiceHashStandIn

D = Decimal


def bounds(**changes):
    return Bounds(
        **{
            "fee_part": D("0.03"), "pool_fee_part": D("0.02"), "order_fee": D("0.00001"), "margin_part": D(0),
            "price_step": D("0.0001"), "price_down": D("0.1"), "down_every_s": 600, "minimum_amount": D("0.001"),
            "budget_left": D("0.01"),
        }
        | changes
    )  # fmt: skip


def offers(*rows):
    return tuple(Offer(price=D(price), limit_hs=0.0, speed_hs=speed) for price, speed in rows)


BOOK = offers(("0.50", 2e15), ("0.40", 1e15), ("0.30", 0.0))


def test_the_condition_is_that_of_the_issue():
    most = highest_price(D("0.5"), bounds())
    assert most * D("1.03") / D("0.98") <= D("0.5") < (most + D("0.0001")) * D("1.03") / D("0.98")


def test_the_asking_price_is_a_step_above_those_whose_power_is_taken():
    assert asking_price(BOOK, 1e15, D("0.0001")) == D("0.4001")
    assert asking_price(BOOK, 2e15, D("0.0001")) == D("0.5001")
    assert asking_price(offers(("0.3", 0.0)), 1e15, D("0.0001")) is None


@pytest.mark.parametrize(
    ("standing", "hashprice", "kind"),
    [
        (None, "0.60", "place"),
        (None, "0.41", "wait"),
        (Standing(price=D("0.35"), left=D("0.01"), lowered_ago_s=1e9), "0.60", "reprice"),
        (Standing(price=D("0.45"), left=D("0.01"), lowered_ago_s=1e9), "0.60", "reprice"),
        (Standing(price=D("0.45"), left=D("0.01"), lowered_ago_s=10), "0.60", "wait"),
        (Standing(price=D("0.4001"), left=D("0.0001"), lowered_ago_s=10), "0.60", "refill"),
        (Standing(price=D("0.55"), left=D("0.01"), lowered_ago_s=10), "0.43", "cancel"),
        (Standing(price=D("0.45"), left=D("0.01"), lowered_ago_s=1e9), "0.43", "reprice"),
    ],
)
def test_what_is_done(standing, hashprice, kind):
    found = decide(BOOK, standing, wanted_hs=1e15, hashprice=D(hashprice), bounds=bounds())
    assert found.kind == kind, found
    if found.kind in ("place", "reprice"):
        assert found.price <= highest_price(D(hashprice), bounds())
    if found.kind == "place":
        assert found.amount * D("1.03") + D("0.00001") <= D("0.01")


def test_a_price_goes_down_by_a_step_of_the_market_at_most():
    standing = Standing(price=D("0.8"), left=D("0.01"), lowered_ago_s=1e9)
    found = decide(BOOK, standing, wanted_hs=1e15, hashprice=D(2), bounds=bounds())
    assert (found.kind, found.price) == ("reprice", D("0.7"))


class World:
    """A renter with a real store, beside a stand-in."""

    def __init__(self, folder, server):
        self.store = SqliteStore.open(folder)
        self.writer = GroupCommitWriter(self.store.connect, on_commit=lambda _: None, on_failure=lambda _: None)
        self.clock = ManualClock(1_800_000_000_000)
        self.app = SimpleNamespace(
            store=self.store, writer=self.writer, clock=self.clock, rng=random.Random(7), renting={}
        )
        self.server = server

    def renter(self, **changes):
        raw = {
            "name": "home", "market": "nicehash", "pool_url": "stratum+tcp://pool.example:3333", "pool_user": "kai",
            "limit": "1PH/s", "budget": "0.01", "pool_fee_percent": 2.0, "margin_percent": 0.0, "hashprice": "0.6",
            "organization": "org", "url": self.server.url, "key_from": "env:HW_TEST_KEY",
            "secret_from": "env:HW_TEST_SECRET",
        }  # fmt: skip
        return Renter(self.app, parse_rent(raw | changes))

    def close(self):
        self.writer.close(5)
        self.store.close()


@pytest.fixture
def tell(tmp_path, monkeypatch):
    monkeypatch.setenv("HW_TEST_KEY", "key")
    monkeypatch.setenv("HW_TEST_SECRET", "of the test")

    def play(story, *, faults=()):
        async def run():
            access = Access(key="key", secret="of the test", organization="org")
            async with NiceHashStandIn(access=access, faults=list(faults)) as server:
                server.prices = [("0.50", "0", "2"), ("0.40", "0", "1")]
                world = World(tmp_path, server)
                try:
                    await story(world)
                finally:
                    world.close()

        asyncio.run(run())

    return play


def test_a_plan_and_a_dry_run_buy_nothing(tell):
    async def story(world):
        found = await world.renter().plan()
        assert (found["action"], found["mode"]) == ("place", "DRY RUN")
        assert (await world.renter().run(is_live=False))["done"] == ""
        assert world.server.acts == 0
        with pytest.raises(LimitRefused):
            await world.renter(budget="").run(is_live=True)

    tell(story)


def test_a_live_run_places_once_within_the_budget_and_keeps_to_it(tell):
    async def story(world):
        first = await world.renter().run(is_live=True)
        assert first["done"].startswith("place ")
        (order,) = world.server.orders.values()
        assert D(order["amount"]) * D("1.03") + D("0.00001") <= D("0.01")
        again = await world.renter().run(is_live=True)
        assert (again["action"], again["done"]) == ("wait", "")
        order["status"] = {"code": "COMPLETED"}
        after = await world.renter().run(is_live=True)
        assert after["done"] == "", "the budget was spent twice"
        assert len(world.server.orders) == 1

    tell(story)


def test_a_lost_answer_is_settled_by_a_look_and_never_by_a_second_order(tell):
    async def story(world):
        world.server.faults = ["", "lost"]  # the pool is registered, then the order's answer is lost
        with pytest.raises(TimedOut):
            await world.renter().run(is_live=True)
        assert len(world.server.orders) == 1
        assert len(world.store.pending_outbox()) == 1
        found = await world.renter().run(is_live=True)
        assert found["order"] is not None
        assert not world.store.pending_outbox()
        assert len(world.server.orders) == 1

    tell(story)


def test_an_order_that_never_arrived_holds_everything_up_until_that_is_sure(tell):
    async def story(world):
        world.server.faults = ["", "drop"]
        with pytest.raises(TimedOut):
            await world.renter().run(is_live=True)
        held = await world.renter().run(is_live=True)
        assert held["open_questions"]
        assert held["done"] == ""
        world.clock.advance(121_000)
        done = await world.renter().run(is_live=True)
        assert done["done"].startswith("place ")
        assert len(world.server.orders) == 1

    tell(story)


def test_it_reprices_up_at_once_and_ends_what_pays_no_more(tell):
    async def story(world):
        await world.renter().run(is_live=True)
        world.server.prices = [("0.55", "0", "2"), ("0.45", "0", "1")]
        found = await world.renter().run(is_live=True)
        assert found["done"].startswith("reprice ")
        (order,) = world.server.orders.values()
        assert D(order["price"]) == D("0.4501")
        found = await world.renter(hashprice="0.3").run(is_live=True)
        assert found["done"].startswith("cancel ")
        assert order["status"] == {"code": "CANCELLED"}

    tell(story)


def test_a_day_has_a_budget_of_its_own(tell):
    async def story(world):
        await world.renter(budget="1", budget_day="0.005").run(is_live=True)
        (order,) = world.server.orders.values()
        assert D(order["amount"]) * D("1.03") + D("0.00001") <= D("0.005")
        order["status"] = {"code": "COMPLETED"}
        again = await world.renter(budget="1", budget_day="0.005").run(is_live=True)
        assert (again["action"], again["done"]) == ("wait", "")
        world.clock.advance(86_400_001)
        done = await world.renter(budget="1", budget_day="0.005").run(is_live=True)
        assert done["done"].startswith("place ")

    tell(story)


def test_what_was_paid_stands_beside_what_the_work_is_expected_to_earn(tell):
    async def story(world):
        world.store.work_totals = lambda since: [
            WorkTotal(destination="home", worker=worker, outcome=outcome, shares=1, work=10**18 * 864)
            for worker, outcome in (("kai.r1", "accepted"), ("kai", "block"), ("kaix.r1", "accepted"), ("kai", "stale"))
        ]
        await world.renter(books="home").run(is_live=True)
        (order,) = world.server.orders.values()
        world.server.orders["other"] = order | {"id": "other", "pool": {"name": "not ours"}, "payedAmount": "9"}
        order["payedAmount"] = "0.008"
        found = (await world.renter(books="home").plan())["realised"]
        paid = D("0.008") * D("1.03") + D("0.00001")
        assert D(found["paid"]) == paid
        assert (found["work_told"], found["work_seen"]) == (None, str(2 * 864 * 10**18))
        assert D(found["price"]) == (paid * 50).quantize(D("1e-8"))
        assert D(found["expected"]) == D("0.588"), "0.6, less what the pool keeps"
        assert found["gain_percent"] == pytest.approx(float((D("0.588") / (paid * 50) - 1) * 100), abs=0.01)

    tell(story)
