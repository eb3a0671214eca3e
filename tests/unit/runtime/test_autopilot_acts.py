"""Where the autopilot may: it sells from what the best pool pays, and lets machines rest when every way loses."""

from types import SimpleNamespace

import msgspec
import pytest

from hashwright.errors import StaleInput
from hashwright.fleet.events import DeviceSet, PlanSlot, PowerPlan, RulesSet
from hashwright.market.events import FundsMoved, MarketSet, OrderAsked, OrderChecked, SaleSet
from hashwright.market.records import Pool, Terms
from hashwright.market.step import step
from hashwright.planner.autopilot import IDLE, MARKET
from hashwright.runtime import autopilot_commands, autopilot_market
from hashwright.runtime.autopilot_acts import end_rest
from hashwright.runtime.market_views import SellerQuote
from hashwright.signals import DestinationChanged, MachineReady, ProcessStarted
from unit.runtime.autopilot_world import HOUR_MS, turn

# ---------------------------------------------------------------- selling


TERMS = Terms(algorithm="sha256d", books="near", currency="BTC", exponent=8, unit=12, fee_ppm=100_000)


@pytest.fixture
def market(world, monkeypatch):
    """A market whose orders pay so many dollars a PH/s and day for a part of the work."""
    offer = SimpleNamespace(usd=0.0, matched=0.0)
    world.market.state.terms["sha256d"] = TERMS

    def quote(app, algorithm, rate_hs, *, floor=0, leave_out=()):
        coins = offer.usd / (1e15 * 86_400) / 50_000.0
        return SellerQuote(
            algorithm=algorithm, coin="bitcoin", currency="BTC", exponent=8, minor_per_hash=coins * 1e8,
            matched_hs=min(offer.matched, rate_hs), orders=("order-1",), at_ms=app.clock.now(),
        )  # fmt: skip

    monkeypatch.setattr(autopilot_market, "seller_quote", quote)
    monkeypatch.setattr(autopilot_market, "rate_of", lambda machine, *, now: machine.rate_hs)
    world.market.state.machines[1] = SimpleNamespace(
        account="kai", algorithm="sha256d", destination="near", bound="", rate_hs=5e14
    )
    return offer


def test_an_order_that_pays_more_gets_as_much_as_it_wants(world, market):
    market.usd, market.matched = 80.0, 3e14
    service = world.autopilot(step_percent=100.0, sell_as="kai")
    _, thought = turn(service)
    assert thought.weights == pytest.approx({"near": 0.0, "far": 0.7, MARKET: 0.3, IDLE: 0.0})
    assert thought.parts == {"far": 10_000}, "the route is for what is not sold"


@pytest.mark.parametrize(
    ("settings", "offer", "words"),
    [
        ({}, (80.0, 3e14), "you named no account"),
        ({"sell_as": "lea"}, (80.0, 3e14), "no machine of lea works here now"),
        ({"sell_as": "kai"}, (0.0, 0.0), "no order wants hash power now"),
        (
            {"sell_as": "kai", "sell_floor_usd_ph_day": 90.0},
            (80.0, 3e14),
            "it pays 80.00 USD/PH/day, below your floor of 90.00",
        ),
    ],
)
def test_a_sale_that_is_not_allowed_or_not_wanted_is_left_out_in_words(world, market, settings, offer, words):
    market.usd, market.matched = offer
    _, thought = turn(world.autopilot(step_percent=100.0, **settings))
    assert any(line.startswith(f"{MARKET}: ") and words in line for line in thought.left_out)
    assert thought.weights["far"] == 1.0


def test_live_it_sells_from_what_the_best_pool_pays_and_ends_when_no_order_pays_more(world, market, monkeypatch):
    async def set_route(*_):
        return None

    monkeypatch.setattr("hashwright.runtime.autopilot_acts.set_route", set_route)
    market.usd, market.matched = 80.0, 3e14
    service = world.autopilot(mode="live", step_percent=100.0, dwell_s=0, sell_as="kai")
    row, _ = turn(service)
    sale = next(event for event in world.handled if isinstance(event, SaleSet))
    minor = 60.0 / (1e15 * 86_400 * 50_000.0) * 1e8 / 0.9 * TERMS.scale
    assert sale == SaleSet("kai", "sha256d", -int(-minor // 1), True), "60 USD at the pool, and the market's fee on top"
    assert "kai sells from" in row.note
    market.usd = 40.0
    turn(service, minutes=5)
    assert [event.is_on for event in world.handled if isinstance(event, SaleSet)] == [True, False]


def test_a_sale_that_nobody_tends_ends(world, market, monkeypatch):
    """Its floor follows the best pool; where a turn fails, prices are old or the autopilot lets go, the sale ends."""

    async def set_route(*_):
        return None

    def sales():
        return [(event.is_on, event.floor) for event in world.handled if isinstance(event, SaleSet)]

    monkeypatch.setattr("hashwright.runtime.autopilot_acts.set_route", set_route)
    market.usd, market.matched = 90.0, 5e14
    service = world.autopilot(mode="live", step_percent=100.0, dwell_s=3600, sell_as="kai")
    turn(service)
    world.market.state.machines[1].bound = "order-1"
    world.group("sha256d").total_hs = 5e14
    world.destination("far", usd_ph_day=75.0)
    row, _ = turn(service, minutes=5)
    assert row.state == "kept"
    assert [is_on for is_on, _ in sales()] == [True, True]
    assert sales()[1][1] == pytest.approx(sales()[0][1] * 75 / 60, abs=1), "it rests, and its floor follows"
    world.thinker.problem = StaleInput("broken", code="HW-770")
    turn(service, minutes=5)
    assert sales()[-1][0] is False
    world.thinker.problem = None
    world.market.state.machines[1].bound = ""
    world.autopilot(mode="live", step_percent=100.0, dwell_s=0, sell_as="kai")
    turn(world.autopilots["sha256d"], minutes=5)
    assert sales()[-1][0] is True
    world.autopilots["sha256d"].let_go()
    assert sales()[-1][0] is False


def test_the_real_book_of_a_real_market_is_what_the_sale_rests_on(world, monkeypatch):
    """An order of a fifth of a PH/s at 160 satoshi a TH/s and day, less a tenth: 72 USD a PH/s and day."""
    state = world.market.state
    step(state, ProcessStarted(1, "test"), now=world.clock.now())
    step(state, MarketSet(TERMS), now=world.clock.now())
    step(state, FundsMoved("sha256d", "bea", 10**10, "equity:owner", "x"), now=world.clock.now())
    pool = Pool("stratum+tcp://pool.example:3333", "w")
    asked = OrderAsked("bea", "c1", "sha256d", "standard", 160, 2e14, 0.0, 10**8, pool)
    step(state, asked, now=world.clock.now())
    step(state, OrderChecked("order-1", "", 5), now=world.clock.now())
    step(state, DestinationChanged("order-1", "sha256d", "ready", ""), now=world.clock.now())
    step(state, MachineReady(1, "kai.r1", "sha256d", "near", True), now=world.clock.now())
    monkeypatch.setattr(autopilot_market, "rate_of", lambda machine, *, now: 5e14)
    row, thought = turn(world.autopilot(step_percent=100.0, sell_as="kai"))
    way = next(it for it in msgspec.json.decode(row.seen)["ways"] if it["kind"] == "market")
    assert way["worth_source"] == "orders order-1"
    assert thought.worth[MARKET] == pytest.approx(0.9 * 160e-8 * 1000 * 50_000)
    assert thought.weights[MARKET] == pytest.approx(0.2)


# ---------------------------------------------------------------- rest


@pytest.fixture
def cellar(world, monkeypatch):
    async def set_route(*_):
        return None

    monkeypatch.setattr("hashwright.runtime.autopilot_acts.set_route", set_route)
    for number in range(4):
        world.handle(DeviceSet(f"m{number}", "axeos", group="cellar", rated_w=1000.0, rated_hs=2.5e14))
    world.handle(RulesSet(is_live=True))
    world.handled.clear()
    return {"mode": "live", "efficiency_j_th": 100.0, "power_price_usd_kwh": 0.10, "dwell_s": 0,
            "sleep_groups": ("cellar",)}  # fmt: skip


def plans(world):
    return [event for event in world.handled if isinstance(event, PowerPlan)]


def test_without_permission_nothing_rests(world, cellar):
    turn(world.autopilot(**cellar | {"sleep_groups": ()}))
    assert plans(world) == []


def test_with_permission_a_group_rests_step_by_step_when_everything_loses_and_wakes_when_it_pays(world, cellar):
    service = world.autopilot(step_percent=50.0, **cellar)
    row, thought = turn(service)
    assert thought.is_loss
    assert thought.idle == pytest.approx(0.5)
    assert [(slot.group, slot.power_w) for slot in plans(world)[0].slots] == [("cellar", 2000.0)]
    assert plans(world)[0].author == "autopilot"
    assert "50% of cellar rest" in row.note

    for name in ("m2", "m3"):  # they obeyed
        world.engines.fleet.devices[name].is_asleep_by_us = True
    world.group("sha256d").total_hs = 5e14
    _, thought = turn(service, minutes=5)
    assert thought.idle == pytest.approx(1.0)
    assert plans(world)[-1].slots[0].power_w == 0.0

    for device in world.engines.fleet.devices.values():
        device.is_asleep_by_us = True
    world.group("sha256d").total_hs = 0.0
    row, _ = turn(service, minutes=5)
    assert row.state == "kept", "nothing works, and that is what was wanted"
    world.destination("far", usd_ph_day=400.0)
    row, thought = turn(service, minutes=5)
    assert thought.idle == pytest.approx(0.5)
    assert plans(world)[-1].slots[0].power_w == 2000.0
    assert row.state == "applied"


def test_paused_its_rest_ends_and_who_rests_is_left_asleep_until_a_person_wakes_them(world, cellar):
    service = world.autopilot(step_percent=50.0, **cellar)
    turn(service)
    assert autopilot_commands.resting(world) == {}
    other = msgspec.structs.replace(service.settings, sleep_groups=("attic",))
    end_rest(world, other)
    assert world.engines.fleet.plan is not None, "somebody else's rest goes on"
    end_rest(world, service.settings)
    assert world.engines.fleet.plan is None
    rest = autopilot_commands.resting(world)
    assert (len(rest), set(rest.values())) == (2, {"autopilot"})
    assert autopilot_commands.wake_all(world) == list(rest)
    wishes = {name: it.plan_wish and it.plan_wish.mode for name, it in world.engines.fleet.devices.items()}
    assert {name for name, mode in wishes.items() if mode == "run"} == set(rest)
    assert all(mode is None for name, mode in wishes.items() if name not in rest)


def test_a_hot_place_is_not_woken(world, cellar):
    service = world.autopilot(step_percent=100.0, temperature_max_c=80.0, **cellar)
    for device in world.engines.fleet.devices.values():
        device.is_asleep_by_us = True
        device.reading = SimpleNamespace(temperature_c=84.0)
    world.group("sha256d").total_hs = 0.0
    world.destination("far", usd_ph_day=400.0)
    row, thought = turn(service)
    assert thought.idle == pytest.approx(1.0)
    assert "no machine is woken: the hottest has 84 C, your limit is 80 C" in thought.bound
    for device in world.engines.fleet.devices.values():
        device.reading = SimpleNamespace(temperature_c=60.0)
    row, thought = turn(service, minutes=5)
    assert thought.idle == pytest.approx(0.0)
    assert row.state == "applied"


def test_another_plan_of_power_decides(world, cellar):
    now = world.clock.now()
    world.handle(PowerPlan("p", (), now + HOUR_MS, "the energy planner"))
    row, _ = turn(world.autopilot(step_percent=100.0, **cellar))
    assert "the power plan of the energy planner decides who rests" in row.note
    assert len(plans(world)) == 1


def test_a_site_s_plan_decides_about_the_groups_that_it_names_and_no_others(world, cellar):
    now = world.clock.now()
    slots = (PlanSlot(now, "attic", 100.0),)
    world.handle(PowerPlan("p", slots, now + HOUR_MS, "autopilot north", key="north"))
    row, _ = turn(world.autopilot(step_percent=100.0, **cellar))
    assert "100% of cellar rest" in row.note
    slots = (PlanSlot(now, "cellar", 100.0),)
    world.handle(PowerPlan("p", slots, now + HOUR_MS, "autopilot north", key="north"))
    row, _ = turn(world.autopilots["sha256d"], minutes=5)
    assert "the power plan of autopilot north decides who rests" in row.note


def test_a_plan_of_rest_is_renewed_before_it_runs_out_and_not_at_every_turn(world, cellar):
    service = world.autopilot(step_percent=100.0, **cellar)
    turn(service)
    for device in world.engines.fleet.devices.values():
        device.is_asleep_by_us = True
    world.group("sha256d").total_hs = 0.0
    for _ in range(48):  # four hours
        turn(service, minutes=5)
    assert len(plans(world)) == 2
    assert {slot.power_w for plan in plans(world) for slot in plan.slots} == {0.0}
