"""The own market as one that can be rented on: the real engine, its book, and an id that makes a retry harmless."""

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import pytest

from hashwright.adapters.markets.base import Wish
from hashwright.errors import OperatorError, TimedOut, Unavailable
from hashwright.market.effects import RequestAnswered
from hashwright.market.events import FundsMoved, MarketSet, OrderChecked, SaleSet
from hashwright.market.records import Terms
from hashwright.market.renting import Offer, asking_price
from hashwright.market.step import step
from hashwright.runtime import rent_own
from hashwright.runtime.market_memory import LongMemory
from hashwright.runtime.rent_commands import history, keep
from hashwright.runtime.rent_own import OwnMarket, minor_price, own_book, price_of
from hashwright.signals import DestinationChanged, MachineReady, ProcessStarted
from unit.runtime.autopilot_world import turn

D = Decimal
TERMS = Terms(algorithm="sha256d", books="near", currency="BTC", exponent=8, unit=12, price_step=1, fee_ppm=20_000,
              minimum_amount=1_000, cooldown_ms=60_000)  # fmt: skip
EH_OF_TH = D(10) ** 6


@pytest.fixture
def house(world, monkeypatch):
    """A market with two sellers of half a PH/s: sue from 100 satoshi a TH/s and day, sol from 140; ann has a coin."""
    state, rates = world.market.state, {1: 5e14, 2: 5e14}
    for module in (rent_own, __import__("hashwright.market.steering", fromlist=["rate_of"])):
        monkeypatch.setattr(module, "rate_of", lambda machine, *, now: rates[machine.session])

    def handle(event):
        return step(state, event, now=world.clock.now())

    async def ask(event):
        found = [it for it in handle(event) if isinstance(it, RequestAnswered)]
        answer = found[0]
        if answer.code:
            raise OperatorError(answer.text, code=answer.code)
        return answer

    async def place(event):
        await world.market.memory.recall(event)
        return await world.market.ask(event)

    engines = SimpleNamespace(market=state, market_fault="")
    kernel = SimpleNamespace(engines=engines, handle=handle, commit_now=lambda: None)
    memory = LongMemory(kernel, world.store, world.writer, kept=0)
    world.market = SimpleNamespace(state=state, terms_of=lambda _: TERMS, ask=ask, place=place, memory=memory)
    world.handle = handle
    world.handle(ProcessStarted(1, "test"))
    world.handle(MarketSet(TERMS))
    world.handle(FundsMoved("sha256d", "ann", 10**8, "equity:owner", "x"))
    for session, account, floor in ((1, "sue", 100), (2, "sol", 140)):
        world.handle(MachineReady(session, f"{account}.r1", "sha256d", "near", True))
        world.handle(SaleSet(account, "sha256d", floor, True))
    return world


def ask_for(world, limit_hs):
    levels = own_book(world.market.state, TERMS, "ann", now=world.clock.now())
    offers = [Offer(price=it.price, limit_hs=it.limit_hs, speed_hs=it.speed_hs) for it in levels]
    return asking_price(offers, limit_hs, price_of(TERMS.price_step, TERMS))


def wish(**changes):
    plain = {
        "client_id": "hw-1", "algorithm": "sha256d", "price": price_of(140, TERMS), "limit_hs": 1e15,
        "amount": D("0.01"), "pool_url": "stratum+tcp://pool.example:3333", "pool_user": "ann", "pool_password": "x",
    }  # fmt: skip
    return Wish(**plain | changes)


def ready(world, order):
    world.handle(OrderChecked(order, "", 5))
    world.handle(DestinationChanged(order, "sha256d", "ready", ""))


def test_prices_go_there_and_back():
    assert price_of(160, TERMS) == D("1.6e-6") * EH_OF_TH
    assert minor_price(price_of(160, TERMS), TERMS) == 160


def test_free_machines_cost_their_sellers_floor(house):
    assert ask_for(house, 5e14) == price_of(100, TERMS)
    assert ask_for(house, 1e15) == price_of(140, TERMS)


def test_machines_of_somebody_elses_order_cost_a_step_more_and_those_of_ours_their_floor(house):
    async def story():
        other, mine = OwnMarket(house, "bea", "sha256d"), OwnMarket(house, "ann", "sha256d")
        house.handle(FundsMoved("sha256d", "bea", 10**8, "equity:owner", "y"))
        ready(house, await other.place(wish(client_id="hw-b", price=price_of(200, TERMS), limit_hs=5e14)))
        house.market.state.machines[1].bound = "order-1"
        assert ask_for(house, 5e14) == price_of(140, TERMS)
        assert ask_for(house, 1e15) == price_of(201, TERMS)
        assert await mine.book("sha256d") == own_book(house.market.state, TERMS, "ann", now=house.clock.now())
        house.market.state.machines[1].bound = ""
        ready(house, await mine.place(wish(limit_hs=5e14)))
        house.market.state.machines[2].bound = "order-2"
        assert ask_for(house, 1e15) == price_of(140, TERMS)

    asyncio.run(story())


def test_a_place_that_is_asked_twice_is_one_order(house):
    async def story():
        market = OwnMarket(house, "ann", "sha256d")
        assert await market.place(wish()) == await market.place(wish()) == "order-1"
        (rental,) = await market.rentals("sha256d")
        assert (rental.id, rental.client_id, rental.is_open) == ("order-1", "hw-1", True)
        assert await house.market.memory.sweep(), "the engine forgets what it answered"
        assert house.market.state.given == {}
        (rental,) = await market.rentals("sha256d")
        assert rental.client_id == "hw-1", "or the bot would not know its own order, and place a second one"
        assert await market.place(wish()) == "order-1"
        await market.reprice(rental, price_of(150, TERMS), 1e15, "sha256d")
        await market.refill(rental, D("0.001"))
        (rental,) = await market.rentals("sha256d")
        assert (rental.price, rental.amount, rental.client_id) == (price_of(150, TERMS), D("0.011"), "hw-1")
        await market.cancel(rental)
        assert [it for it in await market.rentals("sha256d") if it.is_open] == []

    asyncio.run(story())


def test_an_answer_that_does_not_come_leaves_a_question(house):
    async def silent(_):
        raise Unavailable("The answer is not durable yet.", code="HW-605")

    house.market.ask = silent
    with pytest.raises(TimedOut):
        asyncio.run(OwnMarket(house, "ann", "sha256d").place(wish()))


def test_the_autopilot_buys_here_too_and_its_rules_are_the_markets(house, monkeypatch):
    """Near promises 50 dollars a PH/s and day: 100 satoshi a TH/s are 0.001 BTC, 50 dollars; far promises 60."""

    async def set_route(*_):
        return None

    monkeypatch.setattr("hashwright.runtime.autopilot_acts.set_route", set_route)
    raw = {
        "name": "here", "market": "own", "account": "ann", "pool_url": "stratum+tcp://pool.example:3333",
        "pool_user": "ann", "limit": "500TH/s", "budget": "0.02", "budget_day": "0.01", "margin_percent": 0.0,
        "like": "far", "pool_rate": "100EH/s", "is_live": True,
    }  # fmt: skip
    asyncio.run(keep(house, {"rent": raw}))
    service = house.autopilot(mode="live", buy=("here",), buy_usd_day=600.0, buy_risk=0.0)
    row, thought = turn(service)
    (bought,) = thought.purchases
    assert (bought.kind, D(bought.price)) == ("place", price_of(100, TERMS))
    assert bought.cost_usd_ph_day == pytest.approx(50.0)
    assert bought.worth_usd_ph_day == pytest.approx(60.0)
    assert "here: place order-1" in row.note
    (order,) = house.market.state.orders.values()
    assert (order.account, order.price, order.limit_hs, order.budget) == ("ann", 100, 5e14, 1_000_000)
    house.destination("far", usd_ph_day=45.0)
    row, _ = turn(service, minutes=5)
    assert "here: cancel order-1" in row.note
    assert house.market.state.orders == {} or order.state != "active"
    told = asyncio.run(history(house, {"name": "here"}))["actions"]
    assert [it["kind"] for it in told] == ["cancel", "place"]


def test_who_sells_here_does_not_buy_from_itself(house):
    raw = {
        "name": "here", "market": "own", "account": "sue", "pool_url": "stratum+tcp://pool.example:3333",
        "pool_user": "sue", "limit": "500TH/s", "like": "far",
    }  # fmt: skip
    asyncio.run(keep(house, {"rent": raw}))
    _, thought = turn(house.autopilot(buy=("here",), sell_as="sue"))
    (bought,) = thought.purchases
    assert (bought.kind, bought.why) == ("wait", "sue sells here: it would buy from itself")
