"""What `hw market` asks: requests that are refused before they reach the engine."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from hashwright.cli.audit import position_of
from hashwright.clock import ManualClock
from hashwright.economics.contract import Offer, Today
from hashwright.errors import LimitRefused, OperatorError
from hashwright.market.records import MarketState, Terms
from hashwright.planner.audit import Audit, accepted
from hashwright.runtime import market_commands, positions

TERMS = Terms(algorithm="sha256d", books="home", currency="BTC", exponent=8, unit=15)


class Asked:
    """A market that says yes and remembers."""

    def __init__(self):
        self.state = MarketState(terms={"sha256d": TERMS})
        self.asked = []
        self.memory = self

    def terms_of(self, algorithm):
        return TERMS

    async def ask(self, event):
        self.asked.append(event)
        return SimpleNamespace(order="order-1", text="yes", code="")

    place = ask

    async def recall_order(self, order):
        assert self.state.memory_moves == 0


def place(**changes):
    app = SimpleNamespace(market=Asked())
    plain = {
        "account": "kim", "reference": "1", "price": "0.0005", "limit": "5TH/s", "budget": "0.01", "user": "kim",
        "pool": "stratum+tcp://pool.example:3333",
    }  # fmt: skip
    asyncio.run(market_commands.place_order(app, plain | changes))
    return app.market.asked


def test_an_order_reaches_the_engine_in_its_own_units():
    (event,) = place(minimum="1TH/s", lock_hours=2.0, days=1.0)
    assert (event.price, event.budget, event.limit_hs, event.minimum_hs) == (50_000, 1_000_000, 5e12, 1e12)
    assert (event.kind, event.lock_ms, event.life_ms) == ("fixed", 7_200_000, 86_400_000)


@pytest.mark.parametrize("password", ["file:/etc/passwd", "env:HOME", "credential:key"])
def test_no_secret_of_ours_is_sent_to_a_buyers_pool(password):
    with pytest.raises(LimitRefused):
        place(password=password)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": "0"}, "HW-861"), ({"price": "-1"}, "HW-861"), ({"price": "0.5BTC/EH/day"}, "HW-862"),
        ({"limit": "5"}, "HW-863"), ({"budget": "0"}, "HW-866"), ({"budget": "nan"}, "HW-866"),
        ({"account": "kim.rig"}, "HW-875"), ({"pool": "http://pool.example"}, "HW-104"),
        ({"pool": "stratum+tcp://pool.example:99999"}, "HW-104"), ({"reference": "x" * 129}, "HW-967"),
        ({"reference": ""}, "HW-967"), ({"reference": "a\x00"}, "HW-967"), ({"reference": "a\nb"}, "HW-967"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_code(changes, code):
    with pytest.raises(OperatorError) as refusal:
        place(**changes)
    assert refusal.value.code == code


class Kept:
    """Settings in memory, durable at once."""

    def __init__(self):
        self.kept = {}

    def settings(self, kind):
        return dict(self.kept)

    def put_setting(self, kind, name, value, *, now):
        from concurrent.futures import Future

        self.kept[name] = value
        done = Future()
        done.set_result(None)
        return done


def test_a_position_is_kept_and_a_payment_counts_once():
    store, told = Kept(), []
    app = SimpleNamespace(store=store, writer=store, clock=ManualClock(10**12), warn=told.append)
    add = {"name": "gizmo", "seller": "g", "cost": "0.05", "per_day": "0.0002", "days": 365}
    asyncio.run(positions.change(app, {"add": add}))
    for _ in range(2):
        (found,) = asyncio.run(positions.change(app, {"name": "gizmo", "paid": "0.0002", "reference": "a"}))
    assert found["paid"] == "0.00020000"
    app.clock.advance(20 * 86_400_000)
    (found,) = asyncio.run(positions.change(app, {}))
    assert found["drift"] < -0.9
    assert told == [], "to look at it is no alarm"
    watch = positions.PositionWatch(app)
    watch.look()
    assert {it.code for it in told} == {"HW-884"}
    assert len(told) == len(found["warnings"]) == 2
    app.clock.advance(86_400_000)
    watch.look()
    assert len(told) == 2, "a warning is told once"
    for wrong in (
        {"add": add},
        {"add": {**add, "name": "b", "days": 0}},
        {"name": "none", "paid": "1", "reference": "x"},
    ):
        with pytest.raises(OperatorError):
            asyncio.run(positions.change(app, wrong))


def audited(*, coins, verdict="warning", maintenance=0.0):
    """An audit of 365 days of a hash power that mines 0.0002 coins on the first day, at 50,000 USD a coin."""
    offer = Offer(coin="btc", price_usd=2_500.0, hashrate="10TH/s", days=365, seller="gizmo",
                  maintenance_usd_th_day=maintenance)  # fmt: skip
    today = Today(hashrate_hs=1e13, work_hashes=1e13 * 86_400 / 0.0002, reward_coins=1.0, price_usd=50_000.0)
    return Audit(offer=offer, today=today, verdict=verdict, checks=(), paths=SimpleNamespace(coins=np.array([coins])))


def test_an_offer_that_was_audited_and_accepted_is_tracked_by_what_the_audit_expects():
    store, told = Kept(), []
    app = SimpleNamespace(store=store, writer=store, clock=ManualClock(10**12), warn=told.append)
    add = position_of("gizmo", audited(coins=0.05), pays_every_days=1)
    (found,) = asyncio.run(positions.change(app, {"add": add}))
    assert (found["cost"], found["verdict"], found["currency"]) == ("0.05000000", "warning", "BTC")
    assert float(found["expected_whole"]) == pytest.approx(0.05, rel=1e-3), "the median of its scenarios"
    app.clock.advance(30 * 86_400_000)
    (found,) = asyncio.run(positions.change(app, {}))
    assert 29 * 0.0002 * 0.9 < float(found["expected"]) < 30 * 0.0002
    positions.PositionWatch(app).look()
    assert {it.code for it in told} == {"HW-884"}


def test_an_offer_whose_fees_eat_all_of_it_is_no_position():
    with pytest.raises(OperatorError, match="leave nothing"):
        position_of("gizmo", audited(coins=0.0, maintenance=1.0), pays_every_days=1)
    assert accepted(audited(coins=1.0)).decay_day == 0.0, "more than today's income for ever is no growth"


def test_an_order_that_never_was_is_named_so():
    app = SimpleNamespace(market=Asked())
    with pytest.raises(OperatorError, match="There is no order order-9"):
        asyncio.run(market_commands.change_order(app, {"order": "order-9", "what": "cancel", "reference": "r"}))
    assert app.market.asked == []


@pytest.mark.parametrize("name", ["", "order-", "order-1'; --", "x" * 500, "order-1\x00", "home"])
def test_only_what_can_be_an_order_is_looked_for(name):
    app = SimpleNamespace(market=Asked())
    with pytest.raises(OperatorError, match="There is no order"):
        asyncio.run(
            market_commands.change_order(app, {"order": name, "what": "cancel", "reference": "r", "account": "kim"})
        )
    assert app.market.asked == []
