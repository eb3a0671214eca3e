"""Buying by the autopilot: on paper, asked, and live, beside a stand-in of a market; never twice, whenever it dies."""

import asyncio
import json
from decimal import Decimal

import msgspec
import pytest

from hashwright.adapters.markets.base import Access
from hashwright.errors import HashwrightError, OperatorError, StaleInput
from hashwright.runtime import autopilot_commands, rent_commands
from hashwright.runtime.autopilot_views import explained
from hashwright.runtime.rent import Renter
from hashwright.store import decisions, outcomes
from hashwright.testing.market_standin import NiceHashStandIn
from unit.runtime.autopilot_world import MINUTE_MS, World, rows

D = Decimal
COINS = 60.0 / 50_000 * 1000
"""What `far` promises for one EH/s and day [BTC]: 60 dollars a PH/s and day."""
LIVE = {"mode": "live", "buy": ("night",), "buy_usd_day": 1_000.0, "buy_risk": 0.0, "step_percent": 100.0}


@pytest.fixture
def tell(world, monkeypatch):
    monkeypatch.setenv("HW_TEST_KEY", "key")
    monkeypatch.setenv("HW_TEST_SECRET", "of the test")

    async def set_route(*_):
        return None

    monkeypatch.setattr("hashwright.runtime.autopilot_acts.set_route", set_route)

    def play(story, **rental):
        async def run():
            access = Access(key="key", secret="of the test", organization="org")
            async with NiceHashStandIn(access=access) as server:
                server.prices = [("1.30", "0", "2"), ("1.00", "0", "1")]
                await keep(world, server, **rental)
                await story(world, server)

        asyncio.run(run())

    return play


async def keep(world, server, **changes):
    raw = {
        "name": "night", "market": "nicehash", "pool_url": "stratum+tcp://pool.example:3333", "pool_user": "kai",
        "limit": "1PH/s", "budget": "0.02", "budget_day": "0.01", "margin_percent": 0.0, "like": "far", "is_live": True,
        "pool_rate": "100EH/s", "organization": "org", "url": server.url, "key_from": "env:HW_TEST_KEY",
        "secret_from": "env:HW_TEST_SECRET",
    }  # fmt: skip
    return await rent_commands.keep(world, {"rent": raw | changes})


async def turn(service, *, minutes=0):
    world = service._app
    world.clock.advance(minutes * MINUTE_MS)
    for coin, usd in world.prices.items():
        world.price(coin, usd)
    return await service.turn("the clock")


async def paused(world):
    """The kill switch, as `hw autopilot pause` gives it."""

    async def no_power(*, is_paused):
        return []

    world.power.pause = no_power
    return await autopilot_commands.table(world)["autopilot-pause"]({"is_paused": True})


def of(turned):
    """The rental's sight and thought in a turn."""
    seen = msgspec.json.decode(turned.row.seen)
    return seen["purchases"][0], turned.thought.purchases[0]


# ---------------------------------------------------------------- dry run


def test_a_dry_run_buys_on_paper_and_says_what_that_would_have_earned(tell):
    async def story(world, server):
        service = world.autopilot(buy=("night",), buy_risk=0.0)
        first = await turn(service)
        sight, bought = of(first)
        assert (sight["is_paper"], bought.kind, bought.price) == (True, "place", "1.0001")
        assert first.row.state == "rehearsed"
        assert "it would place at 1.0001" in first.row.note
        assert bought.worth_usd_ph_day == pytest.approx(60.0)
        assert bought.cost_usd_ph_day == pytest.approx(1.0001 * 1.03 * 50)
        world.destination("far", usd_ph_day=66.0)
        second = await turn(service, minutes=60)
        sight, _ = of(second)
        assert sight["order"]["price"] == "1.0001"
        assert float(sight["work"]) == pytest.approx(1e15 * 3600)
        await turn(service, minutes=60)
        assert server.acts == 0
        assert world.store.pending_outbox() == []
        found = world.store.read_books(lambda connection: outcomes.since(connection, 0))
        bought = [it for row in found for it in json.loads(row.body)["bought"]]
        assert [it["is_paper"] for it in bought] == [True, True]
        assert bought[0]["expected_usd"] == pytest.approx(60 / 24, rel=1e-3)
        assert bought[0]["earned_usd"] == pytest.approx(66 / 24, rel=1e-3), "the worth at the end of its time"
        assert bought[1]["paid_usd"] == pytest.approx(1.0001 * 1.03 * 50 / 24, rel=1e-3)
        learned = await autopilot_commands.table(world)["autopilot-learned"]({"is_fresh": True})
        (summed,) = learned["autopilots"][0]["purchases"]
        assert summed["gain_usd_est"] == pytest.approx(sum(it["earned_usd"] - it["paid_usd"] for it in bought))

    tell(story)


def test_a_rehearsal_goes_on_after_a_start_and_is_thought_again_the_same(tell):
    async def story(world, server):
        await turn(world.autopilot(buy=("night",), buy_risk=0.0))
        world.autopilots.clear()
        again = await turn(world.autopilot(buy=("night",), buy_risk=0.0), minutes=60)
        sight, bought = of(again)
        assert float(sight["work"]) == pytest.approx(1e15 * 3600)
        assert bought.kind == "wait"
        row = rows(world)[-1]
        document = world.store.read_books(lambda connection: explained(connection, row))
        assert document["is_repeated"] is True

    tell(story)


PERMISSIONS = [
    ({"buy_usd_day": None}, {}, "no budget of a day is set for all markets"),
    ({}, {"is_live": False}, "night is not live"),
    ({}, {"is_live": False, "budget_day": ""}, "night has no budget"),
    ({"mode": "dry-run"}, {}, "the autopilot is a dry run"),
]


def test_without_each_permission_nothing_is_bought(tell):
    async def story(world, server):
        for settings, rental, words in PERMISSIONS:
            await keep(world, server, **rental)
            sight, bought = of(await turn(world.autopilot(**LIVE | settings)))
            assert sight["order"] or bought.kind == "place", "on paper it is bought"
            assert words in sight["why_paper"]
            assert server.acts == 0

    tell(story)


BLIND = [
    (lambda world: world.destination("far", state="waiting"), "it is not ready"),
    (lambda world: world.destination("far"), "has not told"),
    (lambda world: world.engines.pool.destinations.pop("far"), "HW-974"),
]


def test_what_cannot_be_judged_is_not_bought_and_says_why(tell):
    async def story(world, server):
        for prepare, words in BLIND:
            prepare(world)
            _, bought = of(await turn(world.autopilot(**LIVE)))
            assert bought.kind == "wait"
            assert words in bought.why
        assert server.acts == 0

    tell(story)


def test_coins_of_a_test_network_are_bought_only_in_a_rehearsal_that_says_so(tell):
    async def story(world, server):
        world.destination("toy", usd_ph_day=600.0, network="regtest")
        await keep(world, server, like="toy")
        _, bought = of(await turn(world.autopilot(**LIVE)))
        assert (bought.kind, server.acts) == ("wait", 0)
        assert "--play-worth" in bought.why
        await keep(world, server, like="toy", url="")
        _, bought = of(await turn(world.autopilot(**LIVE | {"is_play_worth": True}), minutes=5))
        assert "whose coins are worth nothing" in bought.why, "a market at its own address takes real coins: not asked"
        await keep(world, server, like="toy")
        _, bought = of(await turn(world.autopilot(**LIVE | {"is_play_worth": True}), minutes=5))
        assert bought.kind == "place"

    tell(story)


def test_a_market_that_is_silent_is_left_out_and_the_turn_goes_on(tell):
    async def story(world, server):
        await server.__aexit__()
        found = await turn(world.autopilot(**LIVE))
        _, bought = of(found)
        assert bought.kind == "wait"
        assert "HW-880" in bought.why
        assert found.thought.weights["far"] == 1.0, "routes are decided all the same"

    tell(story)


# ---------------------------------------------------------------- asked


def test_it_asks_and_a_person_says_yes_where_a_fresh_look_finds_the_same_no_dearer(tell):
    async def story(world, server):
        service = world.autopilot(**LIVE | {"mode": "advise"})
        asked = await turn(service)
        assert asked.row.state == "asked"
        assert "night: place at 1.0001" in asked.row.note
        assert server.acts == 0
        assert "HW-773" in world.codes()
        server.prices = [("1.30", "0", "2"), ("1.10", "0", "1")]
        assert "it would now take 1.1001" in await service.apply(asked.row)
        assert server.acts == 0
        server.prices = [("1.30", "0", "2"), ("0.90", "0", "1")]
        assert "night: place id-" in await service.apply(asked.row)
        assert len(server.orders) == 1
        assert rows(world)[-1].state == "applied"
        assert "now it is" in await service.apply(asked.row), "an old yes buys nothing a second time"
        assert len(server.orders) == 1

    tell(story)


# ---------------------------------------------------------------- live


def test_live_it_places_reprices_and_ends_by_the_bots_rules(tell):
    async def story(world, server):
        service = world.autopilot(**LIVE)
        first = await turn(service)
        assert first.row.state == "applied"
        (order,) = server.orders.values()
        assert D(order["amount"]) * D("1.03") + D("0.00001") <= D("0.01"), "no more than the day's budget"
        server.prices = [("1.30", "0", "2"), ("1.10", "0", "1")]
        assert "night: reprice" in (await turn(service, minutes=5)).row.note
        assert D(order["price"]) == D("1.1001")
        world.destination("far", usd_ph_day=52.0)
        ended = await turn(service, minutes=5)
        assert "night: cancel" in ended.row.note
        assert order["status"] == {"code": "CANCELLED"}
        told = (await rent_commands.history(world, {"name": "night"}))["actions"]
        assert [it["kind"] for it in told] == ["cancel", "reprice", "place"]
        assert {it["author"] for it in told} == {"autopilot"}
        assert told[2]["saw"]["ask"] == "1.0001"
        assert told[2]["saw"]["worth_usd_ph_day"] == pytest.approx(60.0)
        assert all(it["answer"].startswith("done: ") for it in told)

    tell(story)


def test_the_day_is_bounded_for_all_markets_together_whatever_a_rental_allows(tell):
    async def story(world, server):
        await keep(world, server, name="noon", budget="1", budget_day="1")
        settings = LIVE | {"buy": ("night", "noon"), "buy_usd_day": 800.0}
        service = world.autopilot(**settings)
        await turn(service)
        cost = [D(it["amount"]) * D("1.03") + D("0.00001") for it in server.orders.values()]
        assert len(cost) == 2
        assert float(sum(cost)) * 50_000 <= 800.0
        for order in server.orders.values():
            order["status"] = {"code": "COMPLETED"}
        found = await turn(service, minutes=5)
        assert len(server.orders) == 2
        assert {it.kind for it in found.thought.purchases} == {"wait"}
        await turn(service, minutes=24 * 60)
        assert len(server.orders) > 2, "another day"

    tell(story)


def test_what_was_paid_for_and_came_is_learned(tell):
    async def story(world, server):
        world.store.work_totals = lambda since: []
        world.destination("home", usd_ph_day=60.0)
        await keep(world, server, name="home-night", books="home", like="", pool_rate="1000EH/s")
        service = world.autopilot(**LIVE | {"buy": ("home-night",)})
        await turn(service)
        (order,) = server.orders.values()
        paid = D(0)

        def totals(since):
            from hashwright.store.base import WorkTotal

            work = int(paid / D("1.0001") * 10**18 * 86_400 * D("0.8"))
            return [WorkTotal(destination="home", worker="kai.r1", outcome="accepted", shares=1, work=work)]

        world.store.work_totals = totals
        for _ in range(8):
            paid += D("0.0004")
            order["payedAmount"] = str(paid)
            await turn(service, minutes=300)
        learned = await autopilot_commands.table(world)["autopilot-learned"]({"is_fresh": True})
        (found,) = learned["autopilots"][0]["purchases"]
        assert found["earned_usd_est"] == pytest.approx(found["expected_usd_est"] * 0.8, rel=0.1)
        assert 0.8 < found["delivered_factor"] < 0.95, "a fifth was missing; days of evidence say how much is believed"
        service.memory.learning = type(service.memory.learning)()
        _, bought = of(await turn(service, minutes=5))
        assert bought.worth_usd_ph_day == pytest.approx(60.0 * found["delivered_factor"], rel=0.02)

    tell(story)


# ---------------------------------------------------------------- the kill switch


def test_the_kill_switch_ends_its_own_orders_only(tell):
    async def story(world, server):
        service = world.autopilot(**LIVE)
        await turn(service)
        (mine,) = server.orders.values()
        other = {**mine, "id": "other", "pool": {"name": "somebody"}}
        server.orders["other"] = other
        by_hand = Renter(world, rent_commands.kept(world, "night"))
        assert (await paused(world))["rentals"] == {"night": f"cancel {mine['id']}"}
        assert mine["status"] == {"code": "CANCELLED"}
        assert other["status"] == {"code": "ACTIVE"}
        assert await service.turn() is None
        assert not await by_hand.may_stand()
        world.clock.advance(24 * 60 * MINUTE_MS)
        placed = await by_hand.run(is_live=True)
        assert placed["done"].startswith("place ")
        assert (await paused(world))["rentals"] == {}, "what a person placed is that person's"

    tell(story)


def test_where_a_market_says_no_the_kill_switch_says_so_and_tries_again(tell):
    async def story(world, server):
        service = world.autopilot(**LIVE)
        await turn(service)
        server.faults = ["400"]
        told = (await paused(world))["rentals"]["night"]
        assert "may still stand" in told
        assert "HW-881" in told
        assert "HW-978" in world.codes()
        world.clock.advance(5 * MINUTE_MS)
        assert await service.turn() is None
        (order,) = server.orders.values()
        assert order["status"] == {"code": "CANCELLED"}

    tell(story)


def test_an_order_that_nobody_tends_any_more_is_ended(tell):
    async def story(world, server):
        await keep(world, server, budget="1")
        service = world.autopilot(**LIVE)
        await turn(service)
        world.thinker.problem = StaleInput("broken", code="HW-770")
        await turn(service, minutes=5)
        (order,) = server.orders.values()
        assert order["status"] == {"code": "ACTIVE"}, "one turn that fails is no reason"
        await turn(service, minutes=20)
        assert order["status"] == {"code": "CANCELLED"}
        world.thinker.problem = None
        await turn(service, minutes=24 * 60)
        newest = list(server.orders.values())[-1]
        assert newest["status"] == {"code": "ACTIVE"}
        await turn(world.autopilot(**LIVE | {"mode": "dry-run"}), minutes=5)
        assert newest["status"] == {"code": "CANCELLED"}
        await turn(world.autopilot(**LIVE), minutes=24 * 60)
        newest = list(server.orders.values())[-1]
        assert newest["status"] == {"code": "ACTIVE"}
        world.engines.pool.destinations.pop("far")
        await turn(world.autopilots["sha256d"], minutes=5)
        assert newest["status"] == {"code": "CANCELLED"}, "nobody says any more what its work is worth"

    tell(story)


def test_a_rental_stays_where_it_is_while_its_order_may_stand(tell):
    async def story(world, server):
        service = world.autopilot(**LIVE)
        await turn(service)
        with pytest.raises(OperatorError, match="pool_url must stay") as caught:
            await keep(world, server, pool_url="stratum+tcp://other.example:3333")
        assert caught.value.code == "HW-977"
        with pytest.raises(OperatorError, match="buys by night"):
            await rent_commands.remove(world, {"name": "night"})
        await paused(world)
        await keep(world, server, pool_url="stratum+tcp://other.example:3333")

    tell(story)


BAD = [
    ({"budget": ""}, "needs a budget"),
    ({"budget_day": ""}, "needs a budget"),
    ({"like": ""}, "Nobody says"),
    ({"like": "nowhere"}, "no destination 'nowhere'"),
    ({"limit": "5"}, "limit"),
    ({"limit": "-1PH/s"}, "limit"),
    ({"margin_percent": float("nan")}, "margin_percent"),
    ({"pool_fee_percent": 100.0}, "pool_fee_percent"),
    ({"budget": "1e3"}, "budget"),
    ({"budget": "0"}, "budget"),
    ({"pool_url": "http://x"}, "pool_url"),
    ({"pool_rate": "lots"}, "pool_rate"),
    ({"name": "no such/name"}, "name"),
    ({"market": "moon"}, "market"),
    ({"market": "own"}, "account"),
    ({"algorithm": "randomx"}, "does not trade"),
]


def test_a_rental_that_is_not_usable_is_refused_with_its_place(tell):
    async def story(world, server):
        for changes, words in BAD:
            with pytest.raises(HashwrightError, match=words):
                await keep(world, server, **changes)

    tell(story)


# ---------------------------------------------------------------- kill -9


class Died(BaseException):
    """The process ends here."""


class Mortal:
    """A writer that ends the process at the n-th step of an action: before a commit, or right after it."""

    def __init__(self, writer, at):
        self._writer, self.left = writer, at

    def __getattr__(self, name):
        return getattr(self._writer, name)

    def _step(self):
        self.left -= 1
        if self.left < 0:
            raise Died

    def put_outbox(self, *arguments):
        self._step()
        self._writer.put_outbox(*arguments).result()
        self._step()
        return self._writer.transact(lambda _: None)

    def outbox_done(self, *arguments):
        self._step()
        self._writer.outbox_done(*arguments).result()
        self._step()
        return self._writer.transact(lambda _: None)


@pytest.mark.parametrize("kind", ["place", "reprice", "cancel"])
def test_a_death_at_any_commit_of_an_action_makes_no_second_order(tell, kind):
    """0: before the note, 1: noted and not sent, 2: sent and not answered in the books, 3: all of it is durable."""

    async def story(world, first):
        for death in range(4):
            async with NiceHashStandIn(access=first.access) as server:
                server.prices = [("1.30", "0", "2"), ("1.00", "0", "1")]
                name = f"death{death}"
                await keep(world, server, name=name)
                await die(world, server, kind, death, LIVE | {"buy": (name,), "buy_usd_day": 100_000.0})
                await asyncio.wrap_future(world.writer.delete_setting("rental", name))
            world.autopilots.clear()

    tell(story)


async def die(world, server, kind, death, settings):
    """Let an action of one kind meet its death at a step, start again, and look what stands."""
    if kind != "place":
        await turn(world.autopilot(**settings))
    if kind == "reprice":
        server.prices = [("1.30", "0", "2"), ("1.10", "0", "1")]
    if kind == "cancel":
        server.prices = [("1.30", "0", "2"), ("1.25", "0", "1")]
        (order,) = server.orders.values()
        order["price"] = "1.2"
    writer, world.writer = world.writer, Mortal(world.writer, death)
    with pytest.raises(Died):
        await turn(world.autopilot(**settings), minutes=5)
    world.writer = writer
    world.autopilots.clear()  # a start: nothing is left but the database
    world.renting.clear()
    for _ in range(4):
        found = await turn(world.autopilot(**settings), minutes=1)
        assert sum(it["status"] == {"code": "ACTIVE"} for it in server.orders.values()) <= 1
    assert world.store.pending_outbox() == [], "every question is settled"
    if kind == "cancel":
        assert [it["status"]["code"] for it in server.orders.values()] == ["CANCELLED"]
    else:
        (order,) = server.orders.values()
        assert D(order["price"]) == D("1.0001" if kind == "place" else "1.1001")
    notes = (await rent_commands.history(world, {"name": settings["buy"][0]}))["actions"]
    done = [it for it in notes if not it["answer"].startswith("refused")]
    assert sum(it["kind"] == "place" for it in done) == 1
    assert found.thought.purchases[0].kind == "wait"


def test_decisions_of_before_the_rentals_are_read_as_they_were(tmp_path):
    world = World(tmp_path)
    world.price("bitcoin", 50_000.0)
    world.destination("near", usd_ph_day=50.0)
    asyncio.run(world.autopilot().turn())
    (row,) = rows(world)
    seen, thought = json.loads(row.seen), json.loads(row.thought)
    for document, names in ((seen, ("purchases", "buying", "bought_usd")), (thought, ("purchases",))):
        for name in names:
            document.pop(name, None)
    old = decisions.DecisionRow(
        id=0, at_ms=row.at_ms, algorithm="sha256d", mode="dry-run", state="kept", seen=json.dumps(seen),
        thought=json.dumps(thought), note="",
    )  # fmt: skip
    document = world.store.read_books(lambda connection: explained(connection, old))
    assert document["is_repeated"] is True
    world.close()
