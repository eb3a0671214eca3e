"""The life of a market, driven by a state machine beside a ledger of the test's own.

The ledger knows nothing but entries: it refuses what does not balance, what comes twice, and what overdraws escrow. So
whatever the engine believes, money cannot be spent twice without a test failing. Each step may also be a crash: the
state is written, read back, and the same event replayed from before gives the same effects. Between any two steps a
part of the engine's memory may move to tables; then a request is told after what the tables hold of it, as the shell
does, and must get what it got before.
"""

import math

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from hashwright.market.effects import OrderNoted, PoolUnwanted, PoolWanted, RequestAnswered, TradeNoted
from hashwright.market.events import (
    ChangeAsked,
    FundsAsked,
    FundsMoved,
    MarketSet,
    MemoryMoved,
    MemoryRecalled,
    OrderAsked,
    OrderBarred,
    OrderChecked,
    SaleSet,
)
from hashwright.market.records import MarketState, Pool, Terms
from hashwright.market.snapshot import open_sealed, sealed
from hashwright.market.step import TICK_KEY, step
from hashwright.signals import (
    BindMachine,
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineGone,
    MachineReady,
    PostEntry,
    ProcessStarted,
    ReturnWork,
)

ALGO = "sha256d"
BUYERS = ("bea", "bob")
SELLERS = ("sam", "sue", "bea")
TARGET = ((1 << 256) // 1_000_000).to_bytes(32, "big")
WORK = 1_000_000
TERMS = Terms(
    algorithm=ALGO, books="home", currency="BTCREGTEST", exponent=8, unit=3, price_step=5, minimum_amount=100,
    fee_ppm=30_000, cooldown_ms=60_000, closing_ms=3_000, window_ms=4_000, life_max_ms=3_600_000,
)  # fmt: skip
_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(MarketState).decode


class Ledger:
    """Balances from entries alone."""

    def __init__(self):
        self.balances, self.sources = {}, set()

    def post(self, entry):
        assert entry.source not in self.sources, f"{entry.source} came twice"
        self.sources.add(entry.source)
        assert sum(minor for *_, minor in entry.postings) == 0, entry
        assert len(entry.postings) >= 2, entry
        for account, code, exponent, minor in entry.postings:
            assert (code, exponent) == ("BTCREGTEST", 8)
            assert minor != 0
            self.balances[account] = self.balances.get(account, 0) + minor
        for account, *_ in entry.postings:
            if account.startswith(("liability:escrow:", "liability:member:")):
                assert self.balances[account] <= 0, f"{account} is overdrawn by {entry.source}"

    def owed(self, account):
        return -self.balances.get(account, 0)


def copied(state):
    with sealed(state):
        blob = _encode(state)
    twin = _decode(blob)
    open_sealed(twin)
    return twin


class Market(RuleBasedStateMachine):
    orders = Bundle("orders")

    def __init__(self):
        super().__init__()
        self.state, self.ledger, self.now = MarketState(), Ledger(), 1_000_000
        self.answers, self.bound, self.noted = {}, {}, {}
        self.requests, self.deposits = {}, []
        self.tables = {"answers": {}, "deposits": {}, "ended": {}}
        self.asked = self.funded = 0
        self.wanted = set()

    def tell(self, event):
        before = copied(self.state)
        effects = step(self.state, event, now=self.now)
        assert step(before, event, now=self.now) == effects, "a replay from the snapshot differs"
        for effect in effects:
            match effect:
                case PostEntry():
                    self.ledger.post(effect)
                case BindMachine():
                    self.bound[effect.session] = effect.destination
                case PoolWanted():
                    self.wanted.add(effect.order)
                case PoolUnwanted():
                    self.wanted.discard(effect.order)
                case OrderNoted():
                    self.noted[effect.order] = effect
                case TradeNoted():
                    assert effect.gross > 0
                    assert 0 <= effect.fee <= effect.gross
                case _:
                    pass
        return effects

    def recall(self, **names):
        """Tell the engine what tables hold of these."""
        rows = {kind: (self.tables[kind][name],) for kind, name in names.items() if name in self.tables[kind]}
        if rows:
            self.tell(MemoryRecalled(**rows))

    def ask(self, event, *, barred=False):
        self.recall(answers=f"{event.account}/{event.reference}", ended=getattr(event, "order", ""))
        effects = self.tell(OrderBarred(event, "HW-106", "it leads to loopback") if barred else event)
        answer = next(it for it in effects if isinstance(it, RequestAnswered))
        key = (event.account, event.reference)
        self.requests[key] = event
        assert self.answers.setdefault(key, answer) == answer, "the same reference got another answer"
        entries = [it for it in effects if isinstance(it, PostEntry)]
        assert not (answer.code and entries), "a refused request moved money"
        return answer

    @initialize()
    def begin(self):
        self.tell(ProcessStarted(1, "test"))
        self.tell(MarketSet(TERMS))
        for number, seller in enumerate(SELLERS):
            self.tell(SaleSet(seller, ALGO, 0, True))
            for rig in range(2):
                session = 10 * number + rig + 1
                self.tell(MachineReady(session, f"{seller}.r{rig}", ALGO, "home", True))
        for buyer in BUYERS:
            self.fund(buyer, 20_000)
        for session in self.state.machines:
            self.mine(session, 6, 3)

    # ------------------------------------------------------------ money

    @rule(buyer=st.sampled_from(BUYERS), minor=st.integers(1, 5_000))
    def fund(self, buyer, minor):
        self.funded += 1
        event = FundsMoved(ALGO, buyer, minor, "asset:wallet:home", f"tx{self.funded}:0#1")
        self.tell(event)
        self.deposits.append(event)
        self.fund_again(len(self.deposits) - 1)

    @rule(number=st.integers(0, 1_000))
    def fund_again(self, number):
        event = self.deposits[number % len(self.deposits)]
        self.recall(deposits=event.origin)
        assert not self.tell(event), "a deposit counted twice"

    @rule(buyer=st.sampled_from(BUYERS), minor=st.integers(1, 6_000))
    def reverse(self, buyer, minor):
        self.funded += 1
        self.tell(FundsMoved(ALGO, buyer, -minor, "asset:wallet:home", f"tx{self.funded}:0#2"))

    @rule(buyer=st.sampled_from(BUYERS), minor=st.integers(-5, 6_000))
    def withdraw(self, buyer, minor):
        self.asked += 1
        free = self.state.funds.get(ALGO, {}).get(buyer, 0)
        answer = self.ask(FundsAsked(ALGO, buyer, f"w{self.asked}", minor))
        assert (answer.code == "") == (0 < minor <= free)

    # ------------------------------------------------------------ orders

    @rule(
        target=orders, buyer=st.sampled_from(BUYERS), price=st.integers(-5, 40).map(lambda it: 5 * it),
        limit=st.sampled_from([0.0, -1.0, math.nan, math.inf, 20_000.0, 100_000.0, 1e6]), budget=st.integers(90, 4_000),
        kind=st.sampled_from(["standard", "standard", "fixed"]), minimum=st.sampled_from([0.0, 0.0, 50_000.0]),
    )  # fmt: skip
    def order(self, buyer, price, limit, budget, kind, minimum):
        self.asked += 1
        pool, lock = Pool("stratum+tcp://pool.example:3333", "w"), 20_000 if kind == "fixed" else 0
        event = OrderAsked(
            buyer, f"c{self.asked}", ALGO, kind, price, limit, min(minimum, limit), budget, pool, 300_000, lock
        )
        free = self.state.funds.get(ALGO, {}).get(buyer, 0)
        answer = self.ask(event)
        again = self.ask(event)
        assert again == answer
        if answer.code:
            assert self.state.funds.get(ALGO, {}).get(buyer, 0) == free
        else:
            assert price > 0
            assert math.isfinite(limit)
            assert budget <= free
            assert self.ledger.owed(f"liability:escrow:{answer.order}") == budget
        return buyer, answer.order

    @rule(
        target=orders, buyer=st.sampled_from(BUYERS), price=st.integers(10, 40).map(lambda it: 50 * it),
        limit=st.sampled_from([200_000.0, 1e6, 5e6]), budget=st.integers(100, 1_500),
    )  # fmt: skip
    def good_order(self, buyer, price, limit, budget):
        item = self.order(buyer, price, limit, budget, "standard", 0.0)
        self.check(item, True)
        self.pool(item, "ready")
        self.wait(2)
        return item

    @rule(seconds=st.integers(2, 8))
    def all_mine(self, seconds):
        for _ in range(seconds):
            for session in list(self.state.machines):
                self.mine(session, 2, 0)
            self.wait(1)

    @rule(item=orders, is_good=st.booleans())
    def check(self, item, is_good):
        self.tell(OrderChecked(item[1], "" if is_good else "it gives no job", 20))

    @rule(item=orders, state=st.sampled_from(["ready", "ready", "down", "waiting"]))
    def pool(self, item, state):
        if item[1] in self.wanted:
            self.tell(DestinationChanged(item[1], ALGO, state, "as it is"))
            order = self.state.orders[item[1]]
            if state != "ready":
                assert order.state != "active" or not order.is_ready
                assert item[1] not in {it.bound for it in self.state.machines.values()}

    @rule(item=orders, price=st.integers(-1, 50).map(lambda it: 5 * it))
    def reprice(self, item, price):
        self.change(item, "reprice", minor=price)

    @rule(item=orders, minor=st.integers(-1, 2_000))
    def refill(self, item, minor):
        self.change(item, "refill", minor=minor)

    @rule(item=orders, rate=st.sampled_from([0.0, math.nan, 30_000.0, 2e6]))
    def limit(self, item, rate):
        self.change(item, "limit", rate=rate)

    @rule(item=consumes(orders))
    def cancel(self, item):
        self.change(item, "cancel")
        self.change(item, "cancel")

    def change(self, item, what, *, minor=0, rate=0.0):
        self.asked += 1
        event = ChangeAsked(item[0], f"c{self.asked}", item[1], what, minor, rate)
        answer = self.ask(event)
        assert self.ask(event) == answer
        other = ChangeAsked("eve", f"c{self.asked}", item[1], what, minor, rate)
        assert self.ask(other).code, "somebody else changed an order"

    # ------------------------------------------------------------ memory

    @rule(part=st.sampled_from([1, 2, 3]), kinds=st.sets(st.sampled_from(["answers", "deposits", "ended"]), min_size=1))
    def move_memory(self, part, kinds):
        """Tables take over a part of what the engine remembers, the oldest or others."""
        state = self.state
        rows = {
            "answers": {key: (key, it.digest, it.order, it.code, it.text) for key, it in state.given.items()},
            "deposits": {key: (key, *it) for key, it in state.deposits.items()},
            "ended": {key: (key, *it) for key, it in state.ended.items()},
        }
        moved = {kind: tuple(list(rows[kind])[::part]) for kind in kinds}
        for kind, names in moved.items():
            for name in names:
                assert self.tables[kind].setdefault(name, rows[kind][name]) == rows[kind][name]
        self.tell(MemoryMoved(**moved))
        for kind, held in (("answers", state.given), ("deposits", state.deposits), ("ended", state.ended)):
            assert not set(moved.get(kind, ())) & set(held)

    @rule(number=st.integers(0, 1_000))
    def ask_again(self, number):
        """Any request of before gets its answer, and nothing happens."""
        if self.requests:
            event = list(self.requests.values())[number % len(self.requests)]
            orders = self.state.orders_made
            self.ask(event)
            assert self.state.orders_made == orders, "one request, two orders"

    @rule(buyer=st.sampled_from(BUYERS), budget=st.integers(100, 1_500))
    def barred(self, buyer, budget):
        """An address that the gate refuses holds nothing, also when the same is asked without the gate's word."""
        self.asked += 1
        free = dict(self.state.funds.get(ALGO, {}))
        pool = Pool("stratum+tcp://127.0.0.1:3333", "w")
        event = OrderAsked(buyer, f"c{self.asked}", ALGO, "standard", 500, 1e6, 0.0, budget, pool)
        answer = self.ask(event, barred=True)
        assert (answer.code, answer.order) == ("HW-106", "")
        self.ask(event)
        assert self.state.funds.get(ALGO, {}) == free

    # ------------------------------------------------------------ work

    @rule(session=st.sampled_from([1, 2, 11, 12, 21, 22]), count=st.integers(1, 6), seconds=st.integers(0, 3))
    def mine(self, session, count, seconds):
        machine = self.state.machines.get(session)
        if machine is None:
            return
        place = machine.bound or "home"
        if machine.destination != place:
            self.tell(MachineReady(session, f"{machine.account}.r", ALGO, place, True))
        for _ in range(count):
            self.now += 1000 * seconds // count + 1
            if place != "home":
                self.tell(ReturnWork(place, f"{machine.account}.r", TARGET, "submitted", ""))
            self.tell(CreditWork(f"{machine.account}.r", place, TARGET, "accepted", session))
            if place != "home":
                self.tell(ReturnWork(place, f"{machine.account}.r", TARGET, "accepted", "", 5))

    @rule(item=orders, outcome=st.sampled_from(["stale", "duplicate", "block"]))
    def odd_share(self, item, outcome):
        self.tell(CreditWork("sam.r0", item[1], TARGET, outcome, 1))

    @rule(item=orders)
    def rejects(self, item):
        for _ in range(60):
            self.tell(ReturnWork(item[1], "sam.r0", TARGET, "submitted", ""))
            self.tell(ReturnWork(item[1], "sam.r0", TARGET, "rejected", "we do not like it", 5))
        order = self.state.orders.get(item[1])
        assert order is None or order.state != "active"

    @rule(session=st.sampled_from([1, 2, 11, 12, 21, 22]))
    def leave(self, session):
        self.tell(MachineGone(session))
        self.tell(MachineReady(session, f"{SELLERS[session // 10]}.r{session % 10 - 1}", ALGO, "home", True))

    @rule(seller=st.sampled_from(SELLERS), floor=st.integers(0, 150), is_on=st.booleans())
    def sell(self, seller, floor, is_on):
        self.tell(SaleSet(seller, ALGO, floor, is_on))

    @rule(ppm=st.integers(0, 500_000))
    def new_terms(self, ppm):
        """Another fee is for new orders only."""
        self.tell(MarketSet(msgspec.structs.replace(TERMS, fee_ppm=ppm)))

    # ------------------------------------------------------------ time and crashes

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds):
        for _ in range(seconds):
            self.now += 1_000
            self.tell(ClockTicked(TICK_KEY))

    @rule()
    def long_wait(self):
        self.now += 400_000
        self.tell(ClockTicked(TICK_KEY))

    @rule()
    def crash(self):
        self.state = copied(self.state)
        self.bound.clear()
        self.tell(ProcessStarted(2, "test"))
        for number, seller in enumerate(SELLERS):
            for rig in range(2):
                self.tell(MachineReady(10 * number + rig + 1, f"{seller}.r{rig}", ALGO, "home", True))

    # ------------------------------------------------------------ what always holds

    @invariant()
    def books_and_engine_agree(self):
        for buyer in (*BUYERS, "eve"):
            free = self.state.funds.get(ALGO, {}).get(buyer, 0)
            assert free == self.ledger.owed(f"liability:escrow:market-{ALGO}:{buyer}") >= 0
            owes = self.state.owed.get(f"{ALGO}/{buyer}", 0)
            assert owes == self.ledger.balances.get(f"asset:receivable:{buyer}:reversed", 0) >= 0
        for order in self.state.orders.values():
            assert order.held == self.ledger.owed(f"liability:escrow:{order.id}") >= 0
            assert sum(it.due for it in order.contracts.values()) == order.due <= order.budget * TERMS.scale
            assert order.held + sum(it.gross for it in order.contracts.values()) == order.budget
        for id_ in self.state.ended:
            assert self.ledger.owed(f"liability:escrow:{id_}") == 0
        assert sum(self.ledger.balances.values()) == 0

    @invariant()
    def machines_work_only_where_it_is_paid(self):
        for machine in self.state.machines.values():
            sale = self.state.sales.get(f"{ALGO}/{machine.account}")
            for id_, _ in machine.pieces:
                order = self.state.orders.get(id_)
                assert order is None or sale is None or self.state.is_dirty or order.price >= sale.floor

    def teardown(self):
        """Cancel everything: all escrow is paid out or free again, to the last unit."""
        for order in list(self.state.orders.values()):
            self.asked += 1
            self.ask(ChangeAsked(order.account, f"c{self.asked}", order.id, "cancel"))
        for _ in range(6):
            self.now += 1_000
            self.tell(ClockTicked(TICK_KEY))
        assert not self.state.orders
        assert not self.wanted
        assert not [
            key for key, minor in self.ledger.balances.items() if key.startswith("liability:escrow:order") and minor
        ]
        paid = sum(it.committed for it in self.noted.values())
        sellers = sum(
            minor for account, minor in self.ledger.balances.items()
            if account.startswith("liability:member:home:s") or account.startswith("income:fee")
        )  # fmt: skip
        own = sum(minor for account, minor in self.ledger.balances.items() if account == "liability:member:home:bea")
        assert -sellers <= paid
        assert -(sellers + own) >= paid, "what orders paid is with sellers and the house, and nowhere else"


TestMarket = Market.TestCase
TestMarket.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_many_lives_of_a_market():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Market, settings=settings(max_examples=3_000, stateful_step_count=80, deadline=None))
