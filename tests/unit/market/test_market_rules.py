"""Each published rule of a market, alone: what is refused by which code, what a lock holds, how an order ends."""

import math

import pytest

from hashwright.market import checks
from hashwright.market.effects import OrderNoted, PoolUnwanted, PoolWanted, RequestAnswered
from hashwright.market.events import ChangeAsked, FundsAsked, FundsMoved, MarketSet, OrderAsked, OrderChecked
from hashwright.market.records import MarketState, Pool, Sale, Terms
from hashwright.market.step import TICK_KEY, step
from hashwright.signals import ClockTicked, CreditWork, DestinationChanged, MachineReady, PostEntry, ProcessStarted

ALGO = "sha256d"
TERMS = Terms(
    algorithm=ALGO, books="home", currency="BTC", exponent=8, unit=3, price_step=5, minimum_amount=100,
    minimum_limit_hs=1e3, fee_ppm=100_000, cooldown_ms=60_000, closing_ms=2_000, lock_max_ms=100_000,
    life_max_ms=500_000,
)  # fmt: skip
POOL = Pool("stratum+tcp://pool.example:3333", "w")
TARGET = ((1 << 256) // 1_000_000).to_bytes(32, "big")
START = 1_000_000


class House:
    """An engine with a buyer who has 10,000, and a clock."""

    def __init__(self):
        self.state, self.now, self.asked = MarketState(), START, 0
        for event in (ProcessStarted(1, "t"), MarketSet(TERMS), FundsMoved(ALGO, "bea", 10_000, "equity:owner", "x")):
            self.tell(event)

    def tell(self, event):
        return step(self.state, event, now=self.now)

    def answer(self, event):
        return next(it for it in self.tell(event) if isinstance(it, RequestAnswered))

    def order(self, **changes):
        self.asked += 1
        plain = {
            "account": "bea", "reference": f"r{self.asked}", "algorithm": ALGO, "kind": "standard", "price": 500,
            "limit_hs": 1e6, "minimum_hs": 0.0, "budget": 1_000, "pool": POOL,
        }  # fmt: skip
        return self.answer(OrderAsked(**plain | changes))

    def running(self, **changes):
        """An order whose pool is there; returns its id."""
        id_ = self.order(**changes).order
        assert [it.order for it in self.tell(OrderChecked(id_, "", 5)) if isinstance(it, PoolWanted)] == [id_]
        self.tell(DestinationChanged(id_, ALGO, "ready", ""))
        return id_

    def change(self, id_, what, *, minor=0, rate_hs=0.0, account="bea"):
        self.asked += 1
        return self.answer(ChangeAsked(account, f"r{self.asked}", id_, what, minor, rate_hs))

    def machine(self, session, rate_hs):
        self.tell(MachineReady(session, "sam.r", ALGO, "home", True))
        machine = self.state.machines[session]
        machine.shares, machine.decayed_at, machine.joined_at = 10, self.now, self.now - 60_000
        machine.decayed = rate_hs * 300 * -math.expm1(-0.2)

    def tick(self, ms=1_000):
        self.now += ms
        return self.tell(ClockTicked(TICK_KEY))

    @property
    def free(self):
        return self.state.funds[ALGO]["bea"]


@pytest.fixture
def house():
    return House()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": 0}, "HW-861"), ({"price": -5}, "HW-861"), ({"price": 501}, "HW-861"), ({"price": 2**63}, "HW-861"),
        ({"price": 500.0}, "HW-861"), ({"limit_hs": 0.0}, "HW-863"), ({"limit_hs": math.nan}, "HW-863"),
        ({"limit_hs": math.inf}, "HW-863"), ({"limit_hs": 1e22}, "HW-863"), ({"limit_hs": 999.0}, "HW-863"),
        ({"minimum_hs": 2e6}, "HW-863"), ({"minimum_hs": -1.0}, "HW-863"), ({"minimum_hs": math.nan}, "HW-863"),
        ({"budget": 99}, "HW-866"), ({"budget": -1}, "HW-866"), ({"budget": 2**63}, "HW-866"),
        ({"budget": 10_001}, "HW-865"), ({"life_ms": 500_001}, "HW-863"), ({"life_ms": -1}, "HW-863"),
        ({"lock_ms": 1}, "HW-869"), ({"kind": "fixed"}, "HW-869"), ({"kind": "fixed", "lock_ms": 100_001}, "HW-869"),
        ({"kind": "fixed", "lock_ms": 10}, "HW-869"), ({"pool": Pool("", "w")}, "HW-871"),
        ({"pool": Pool("stratum+tcp://a:3333", "")}, "HW-871"), ({"reference": "x" * 129}, "HW-867"),
        ({"account": ""}, "HW-867"), ({"algorithm": "scrypt"}, "HW-860"),
    ],
)  # fmt: skip
def test_an_order_beside_the_rules_is_refused_with_its_code_and_holds_nothing(house, changes, code):
    assert house.order(**changes).code == code
    assert (house.free, house.state.orders) == (10_000, {})


def test_an_amount_out_of_all_bounds_is_refused_and_nothing_raises(house):
    id_ = house.running()
    assert house.change(id_, "refill", minor=2**63).code == "HW-866"
    assert house.answer(FundsAsked(ALGO, "bea", "out", 2**63)).code == "HW-865"
    assert house.answer(FundsAsked(ALGO, "bea", "none", -(2**63))).code == "HW-866"
    assert house.change(id_, "limit", rate_hs=math.nan).code == "HW-863"
    assert house.change(id_, "reprice", minor=-(2**63)).code == "HW-861"


def test_what_is_just_within_the_rules_stands(house):
    for changes in ({"budget": 100}, {"limit_hs": 1e3}, {"price": 5}, {"life_ms": 500_000}, {"minimum_hs": 1e6}):
        assert house.order(**changes).code == "", changes
    assert house.order(budget=house.free).code == ""
    assert house.free == 0


def test_the_market_takes_so_many_orders_and_no_more(house, monkeypatch):
    monkeypatch.setattr(checks, "ORDERS_MAX", 2)
    assert [house.order().code for _ in range(3)] == ["", "", "HW-512"]


def test_a_price_goes_up_at_any_time_and_down_once_in_a_cooldown(house):
    id_ = house.running()
    assert house.change(id_, "reprice", minor=450).code == ""
    assert house.change(id_, "reprice", minor=400).code == "HW-868"
    assert house.change(id_, "reprice", minor=600).code == ""
    house.now += TERMS.cooldown_ms - 1
    assert house.change(id_, "reprice", minor=400).code == "HW-868"
    house.now += 1
    assert house.change(id_, "reprice", minor=400).code == ""
    assert house.change(id_, "reprice", minor=401).code == "HW-861"
    assert house.state.orders[id_].price == 400


def test_a_fixed_order_wins_its_whole_limit_and_is_locked_for_its_time(house):
    house.machine(1, 1e6)
    house.state.sales[f"{ALGO}/sam"] = Sale("sam", ALGO, 300, 0)
    assert house.order(kind="fixed", lock_ms=50_000, price=295).code == "HW-869", "below the seller's floor"
    assert house.order(kind="fixed", lock_ms=50_000, price=900, limit_hs=3e6).code == "HW-869", "more than there is"
    fixed = house.running(kind="fixed", lock_ms=50_000, price=300, limit_hs=9e5)
    other = house.running(price=5_000)
    house.tick()
    orders = house.state.orders
    assert orders[fixed].matched_hs == pytest.approx(9e5, rel=0.01), "a locked one comes first, whatever others pay"
    assert orders[other].matched_hs == pytest.approx(1e5, rel=0.3)
    assert house.change(fixed, "limit", rate_hs=1e4).code == "HW-869"
    assert house.change(fixed, "reprice", minor=295).code == "HW-869"
    house.now += 50_000
    house.machine(1, 1e6)
    assert house.change(fixed, "reprice", minor=295).code == ""
    house.tick()
    assert orders[other].matched_hs == pytest.approx(1e6, rel=0.03), "after its time price decides"


def test_an_order_with_a_minimum_gets_that_or_nothing(house):
    house.machine(1, 1e6)
    house.state.sales[f"{ALGO}/sam"] = Sale("sam", ALGO, 0, 0)
    picky, other = house.running(price=900, limit_hs=4e6, minimum_hs=2e6), house.running(price=500, limit_hs=4e6)
    house.tick()
    assert house.state.orders[picky].matched_hs == 0
    assert house.state.orders[other].matched_hs == pytest.approx(1e6, rel=0.03)


def test_an_order_expires_pays_what_is_due_and_frees_the_rest(house):
    id_ = house.running(life_ms=30_000)
    work = TERMS.scale * 3 // 500 + 1  # worth three minor units and a little
    for _ in range(-(-work // 1_000_000)):
        house.tell(CreditWork("sam.r", id_, TARGET, "accepted", 7))
    assert house.state.orders[id_].work >= work
    house.tick(29_000)
    assert house.state.orders[id_].state == "active"
    house.tick()
    assert house.state.orders[id_].state == "closing"
    effects = house.tick(TERMS.closing_ms)
    (row,) = [it for it in effects if isinstance(it, OrderNoted) and it.state == "expired"]
    assert (row.reason, row.committed) == ("its time is over", 10_000 - house.free)
    assert PoolUnwanted(id_) in effects
    assert house.state.ended[id_][:2] == ("bea", "expired")


def test_the_house_keeps_its_fee_of_each_payment_and_the_buyer_pays_nothing_on_top(house):
    id_ = house.running(price=1_000_000_000, budget=5_000)
    for _ in range(200):
        house.tell(CreditWork("sam.r", id_, TARGET, "accepted", 7))
        if house.state.orders[id_].state != "active":
            break
    entries = [it for it in house.tick(20_000) if isinstance(it, PostEntry) and it.kind == "order-settle"]
    assert entries
    for entry in entries:
        sums = {account: minor for account, _, _, minor in entry.postings}
        paid, fee = sums[f"liability:escrow:{id_}"], -sums[f"income:fee:market-{ALGO}"]
        assert fee == paid // 10
        assert -sums["liability:member:home:sam"] == paid - fee


def test_a_refill_and_a_cancel_are_the_buyers_own_and_a_second_cancel_says_the_same(house):
    id_ = house.running()
    assert house.change(id_, "refill", minor=0).code == "HW-866"
    assert house.change(id_, "refill", minor=9_001).code == "HW-865"
    assert house.change(id_, "refill", minor=9_000).code == ""
    assert house.change(id_, "cancel", account="bob").code == "HW-867"
    assert house.change(id_, "cancel").code == house.change(id_, "cancel").code == ""
    assert house.change(id_, "refill", minor=1).code == "HW-867", "it is being closed"
    house.tick(TERMS.closing_ms)
    assert house.free == 10_000
    assert house.change(id_, "cancel").code == ""
    assert house.change(id_, "reprice", minor=500).code == "HW-867"
