"""What hash power would earn on the own market now: what the planner compares with pools and with rest."""

from types import SimpleNamespace

import pytest

from hashwright.clock import ManualClock
from hashwright.market.events import (
    FundsMoved,
    MarketSet,
    OrderAsked,
    OrderChecked,
    SaleSet,
)
from hashwright.market.records import MarketState, Pool, Terms
from hashwright.market.step import step
from hashwright.runtime.market_views import seller_quote
from hashwright.signals import DestinationChanged, MachineReady, ProcessStarted

ALGO = "sha256d"
TERMS = Terms(algorithm=ALGO, books="home", currency="BTC", exponent=8, unit=12, fee_ppm=100_000)
"""A price is for one TH/s and day; the house keeps a tenth."""
NOW = 1_000_000_000
DAY = 86_400
TH = 1e12


def order(state, price, limit_th):
    number = state.orders_made + 1
    pool = Pool("stratum+tcp://pool.example:3333", "w")
    step(
        state, OrderAsked("bea", f"c{number}", ALGO, "standard", price, limit_th * TH, 0.0, 10**8, pool), now=NOW
    )  # fmt: skip
    step(state, OrderChecked(f"order-{number}", "", 5), now=NOW)
    step(state, DestinationChanged(f"order-{number}", ALGO, "ready", ""), now=NOW)


def seller(state, account, session, rate_th):
    step(state, SaleSet(account, ALGO, 0, True), now=NOW - 60_000)
    step(state, MachineReady(session, f"{account}.r1", ALGO, "home", True), now=NOW - 60_000)
    machine = state.machines[session]
    machine.shares, machine.decayed_at, machine.decayed = 10, NOW, rate_th * TH * 300 * 0.18126924692201818


@pytest.fixture
def app():
    state = MarketState()
    step(state, ProcessStarted(1, "test"), now=NOW)
    step(state, MarketSet(TERMS), now=NOW)
    step(state, FundsMoved(ALGO, "bea", 10**10, "equity:owner", "x"), now=NOW)
    destination = SimpleNamespace(settings=SimpleNamespace(coin="bitcoin"))
    return SimpleNamespace(
        market=SimpleNamespace(state=state),
        clock=ManualClock(NOW),
        kernel=SimpleNamespace(
            engines=SimpleNamespace(market_fault=""), pool=SimpleNamespace(destinations={"home": destination})
        ),
    )


def test_an_algorithm_without_a_market_has_no_quote(app):
    assert seller_quote(app, "scrypt", TH) is None


def test_without_an_order_nothing_is_earned(app):
    found = seller_quote(app, ALGO, TH)
    assert (found.minor_per_hash, found.matched_hs, found.orders) == (0.0, 0.0, ())
    assert (found.coin, found.currency, found.exponent, found.at_ms) == ("bitcoin", "BTC", 8, NOW)


def test_the_best_order_takes_up_to_its_limit_and_the_next_one_the_rest_after_the_fee(app):
    order(app.market.state, 1_000, 2)
    order(app.market.state, 3_000, 1)
    found = seller_quote(app, ALGO, 2 * TH)
    assert found.matched_hs == 2 * TH
    assert found.orders == ("order-2", "order-1")
    gross = (3_000 * 1 + 1_000 * 1) / (2 * TH * DAY)
    assert found.minor_per_hash == pytest.approx(0.9 * gross)
    assert found.coins_per_hash == pytest.approx(0.9 * gross / 10**8)
    assert seller_quote(app, ALGO, 9 * TH).matched_hs == 3 * TH


def test_a_floor_leaves_out_what_pays_less(app):
    order(app.market.state, 1_000, 2)
    order(app.market.state, 3_000, 1)
    found = seller_quote(app, ALGO, 2 * TH, floor=2_000)
    assert found.matched_hs == 1 * TH
    assert found.minor_per_hash == pytest.approx(0.9 * 3_000 / (TH * DAY))


def test_others_come_first_and_who_is_counted_in_is_not_counted_twice(app):
    order(app.market.state, 1_000, 2)
    seller(app.market.state, "sam", 1, 1.5)
    assert seller_quote(app, ALGO, 2 * TH).matched_hs == pytest.approx(0.5 * TH)
    assert seller_quote(app, ALGO, 2 * TH, leave_out={"sam"}).matched_hs == 2 * TH


def test_a_market_that_failed_pays_nothing(app):
    order(app.market.state, 1_000, 2)
    app.kernel.engines.market_fault = "it failed"
    assert seller_quote(app, ALGO, TH).matched_hs == 0


@pytest.mark.parametrize("rate_hs", [0.0, -1.0])
def test_no_hash_power_earns_nothing(app, rate_hs):
    order(app.market.state, 1_000, 2)
    assert seller_quote(app, ALGO, rate_hs).minor_per_hash == 0.0
