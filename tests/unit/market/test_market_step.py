"""Single steps of the market engine that a life of many events would hide."""

import msgspec

from hashwright.market.delivery import RATE_SHARES_MIN
from hashwright.market.events import FundsAsked, FundsMoved, MarketSet, OrderAsked, OrderChecked, SaleSet
from hashwright.market.records import MarketState, Pool, Terms
from hashwright.market.step import TICK_KEY, step
from hashwright.signals import (
    BindMachine,
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineReady,
    ProcessStarted,
)

ALGO = "sha256d"
TERMS = Terms(algorithm=ALGO, books="home", currency="BTC", exponent=8, unit=3)
TARGET = ((1 << 256) // 1_000_000).to_bytes(32, "big")


def test_a_machine_is_sold_with_the_tick_after_its_rate_is_known():
    """Not half a minute later: so long sellers would earn nothing after each start of the program."""
    state, now = MarketState(), 1_000_000
    for event in (
        ProcessStarted(1, "test"), MarketSet(TERMS), FundsMoved(ALGO, "bea", 10**9, "equity:owner", "x"),
        OrderAsked("bea", "c", ALGO, "standard", 500, 1e9, 0.0, 10**8, Pool("stratum+tcp://pool.example:3333", "w")),
        OrderChecked("order-1", "", 5), DestinationChanged("order-1", ALGO, "ready", ""), SaleSet("sam", ALGO, 0, True),
        MachineReady(7, "sam.r1", ALGO, "home", True), ClockTicked(TICK_KEY),
    ):  # fmt: skip
        step(state, event, now=now)
    bound = []
    for share in range(1, RATE_SHARES_MIN + 1):
        now += 1_000
        step(state, CreditWork("sam.r1", "home", TARGET, "accepted", 7), now=now)
        effects = step(state, ClockTicked(TICK_KEY), now=now)
        bound += [(share, it.session, it.destination) for it in effects if isinstance(it, BindMachine)]
    assert bound == [(RATE_SHARES_MIN, 7, "order-1")]


def test_the_money_of_a_market_stays_while_buyers_have_any():
    """Another coin would turn their units into units of that coin."""
    state = MarketState()
    step(state, MarketSet(TERMS), now=1)
    other = msgspec.structs.replace(TERMS, currency="LTC", books="away")
    step(state, FundsMoved(ALGO, "bea", 100, "equity:owner", "x"), now=2)
    step(state, MarketSet(other), now=3)
    assert state.terms[ALGO] == TERMS
    step(state, MarketSet(msgspec.structs.replace(TERMS, unit=6, fee_ppm=5)), now=4)
    assert (state.terms[ALGO].unit, state.terms[ALGO].currency) == (6, "BTC")
    step(state, FundsAsked(ALGO, "bea", "out", 100), now=5)
    step(state, MarketSet(other), now=6)
    assert state.terms[ALGO] == other
    step(state, FundsMoved(ALGO, "bea", -30, "equity:owner", "x#2"), now=7)
    step(state, MarketSet(TERMS), now=8)
    assert state.terms[ALGO] == other, "what a buyer owes is money as well"
