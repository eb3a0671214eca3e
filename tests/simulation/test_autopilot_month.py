"""A month in dry run equals the backtest of the same month, effect by effect.

The autopilot's own service takes one turn a day on a virtual clock, with a real database, over a history that its nodes
and feeds tell it day by day. Beside it `hw backtest`'s walk goes through the same history with the same limits. What
each decides is compared day by day: targets, moves, rests, reasons, what binds, and what it was expected to give.
"""

import asyncio
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from hashwright import registry
from hashwright.economics.coin_facts import CoinFacts
from hashwright.planner.autopilot import GROUP, Seen, Thought, parts_of, think
from hashwright.planner.backtest import WARM_UP_DAYS, walk
from hashwright.planner.decide import Layout, Rules, Way
from hashwright.planner.history import Costs, History, Rate, Rig, history_of
from hashwright.planner.series import day_of, load_coins
from hashwright.store import decisions
from unit.runtime.autopilot_world import DAY_MS, World

HASHRATE_HS = 1e15
SHORT = f"{GROUP}: "


def history_by_hand(*, days=31, power_usd_day=60.0, move_usd=0.0):
    """Three coins around the cost of power: they cross each other, and for some days none pays."""
    day = np.arange(days)
    a = 62 + 6 * np.sin(day / 3.0)
    b = 61 + 9 * np.sin(day / 5.0 + 2)
    c = np.where(day > 20, 70.0 - day, 58.0)
    names = ("a", "b", "c")
    ways = [Way(key=SHORT + name, group=GROUP, coin=name, cost_usd_day=power_usd_day, move_usd=move_usd)
            for name in names]  # fmt: skip
    ways.append(Way(key=f"{SHORT}idle", group=GROUP, kind="idle"))
    revenue = np.stack([a, b, c, np.zeros(days)], axis=1)
    return History(
        layout=Layout(tuple(ways)), first_day=18_500, revenue_usd_day=revenue, coins=names,
        price_usd=np.ones((days, 3)), computed_share={}, findings=(), source="by hand",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_is_known_before(monkeypatch):
    """The facts that come with the package are of later years than these months."""
    monkeypatch.setattr("hashwright.runtime.market_data.load_snapshot", CoinFacts)


async def _live_through(world, history, settings, morning):
    """Let the autopilot take its turn on the morning of each day."""
    service = world.autopilot(**settings)
    places = [(i, way.key.removeprefix(SHORT)) for i, way in enumerate(history.layout.ways) if way.kind != "idle"]
    for day in range(WARM_UP_DAYS, history.days):
        world.clock.jump((history.first_day + day) * DAY_MS - world.clock.now())
        world.price("bitcoin", 50_000.0)
        morning(world, day)
        for place, name in places:
            world.destination(name, usd_ph_day=float(history.revenue_usd_day[day - 1, place]))
        turn = await service.turn("the clock")
        assert turn is not None


def dry_run(folder, history, settings, *, morning=lambda _world, _day: None):
    """Return the kept decisions of a month of dry run, oldest first; `morning` sets what else a day brings."""
    world = World(folder, now=history.first_day * DAY_MS, hashrate_hs=HASHRATE_HS)
    try:
        asyncio.run(_live_through(world, history, settings, morning))
        assert not world.handled, "a dry run does nothing"
        return world.store.read_books(lambda connection: decisions.newest(connection))[::-1]
    finally:
        world.close()


def assert_the_same(rows, run, history):
    """Compare each kept decision with the backtest's of that day."""
    names = [way.key.removeprefix(SHORT) for way in history.layout.ways]
    assert len(rows) == len(run.decisions) == history.days - WARM_UP_DAYS
    for row, decision in zip(rows, run.decisions, strict=True):
        thought, reason = msgspec.json.decode(row.thought, type=Thought), decision.reasons[0]
        weights = dict(zip(names, decision.weights.tolist(), strict=True))
        assert row.at_ms == decision.now_ms
        assert thought.weights == pytest.approx(weights, abs=1e-9)
        assert thought.parts == parts_of({name: it for name, it in weights.items() if name != "idle"})
        assert thought.verdict == reason.verdict
        assert row.state == ("rehearsed" if reason.verdict == "moved" else "kept")
        assert thought.reasons == tuple(it.text for it in decision.reasons)
        assert thought.bound == tuple(it.removeprefix(SHORT) for it in decision.bound)
        assert thought.second == reason.second.removeprefix(SHORT)
        numbers = (thought.second_usd_day, thought.moved_usd, thought.expected_usd_day)
        assert numbers == pytest.approx(
            (reason.second_usd_day, decision.moved_usd, decision.expected_usd_day), abs=1e-6
        )
        again = think(msgspec.json.decode(row.seen, type=Seen))
        assert msgspec.json.decode(msgspec.json.encode(again), type=Thought) == thought, "it can be thought again"


def settings_of(*, power_usd_day, policy, rules, move_minutes=0.0):
    """Return the autopilot's settings that mean the same as a backtest's rules."""
    return {
        "policy": policy, "power_price_usd_kwh": power_usd_day / 24 / (HASHRATE_HS / 1e12 * 20 / 1000),
        "efficiency_j_th": 20.0, "step_percent": rules.step_cap * 100, "dwell_s": rules.dwell_ms // 1000,
        "hold_days": rules.hold_days, "margin_usd": rules.margin_usd, "move_minutes": move_minutes,
        "budget_usd_day": None if rules.budget_usd_day == float("inf") else rules.budget_usd_day,
        "learn_days": rules.learn_days, "sleep_groups": ("all",),
    }  # fmt: skip


LIMITS = {
    "a quarter a step": Rules(hold_days=1.0, step_cap=0.25),
    "all at once, with a rest of two days": Rules(hold_days=1.0, dwell_ms=2 * DAY_MS),
    "little money for moves": Rules(hold_days=3.0, step_cap=0.5, budget_usd_day=0.2, margin_usd=0.1),
    "with what drift teaches": Rules(hold_days=7.0, learn_days=30),
}


CASES = [("best_hashprice", limits) for limits in LIMITS]
CASES += [("averaged", "with what drift teaches"), ("cvar", "a quarter a step"), ("fixed", "little money for moves")]


@pytest.mark.parametrize(("policy", "limits"), CASES)
def test_a_month_of_dry_run_is_the_backtest_of_that_month(tmp_path, policy, limits):
    rules, minutes = LIMITS[limits], 15.0
    history = history_by_hand(move_usd=60.0 * minutes / 1440)
    run = walk(history, registry.load("policies", policy).POLICY(), name=policy, rules=rules)
    settings = settings_of(power_usd_day=60.0, policy=policy, rules=rules, move_minutes=minutes)
    rows = dry_run(tmp_path, history, settings)
    assert_the_same(rows, run, history)
    if policy == "best_hashprice":
        verdicts = {decision.reasons[0].verdict for decision in run.decisions}
        assert "moved" in verdicts, "there was something to compare"
        assert run.weights[:, -1].max() > 0.9, "and days on which nothing paid"


def test_a_month_with_power_in_euros_is_the_backtest_in_dollars(tmp_path):
    """The site's tariff is in euros, whose rate moves each day; in dollars it is always the same price."""
    policy, rules = "best_hashprice", LIMITS["a quarter a step"]
    history = history_by_hand()
    run = walk(history, registry.load("policies", policy).POLICY(), name=policy, rules=rules)
    settings = settings_of(power_usd_day=60.0, policy=policy, rules=rules)
    price_usd = settings.pop("power_price_usd_kwh")

    def morning(world, day):
        rate = 1.0 + (day % 7) / 16
        slots = [price_usd / rate] * 96
        seen = msgspec.json.encode({"start_ms": world.clock.now(), "currency": "EUR", "price": slots})
        world.power.services["farm"] = SimpleNamespace(planned=SimpleNamespace(row=SimpleNamespace(seen=seen)))
        world.fact("EUR", "price_usd", repr(rate), age_ms=DAY_MS // 2)

    rows = dry_run(tmp_path, history, settings | {"power_of": "farm"}, morning=morning)
    assert_the_same(rows, run, history)
    rates = {msgspec.json.decode(row.seen, type=Seen).power_exchange.usd for row in rows}
    assert len(rates) == 7, "each decision kept the rate of its day"


@pytest.mark.data
def test_march_2020_in_dry_run_is_the_backtest_of_march_2020(tmp_path, test_data):
    """Bitcoin lost half of its price on the 12th: old machines stop, and start again, a quarter of them a day."""
    table = load_coins(test_data, coins=("BTC", "BCH"))
    costs = Costs(power_price_usd_kwh=0.08, move_minutes=15.0)
    rates = (Rate(coin="BTC", hashrate_hs=1e15, power_w=55_000.0), Rate(coin="BCH", hashrate_hs=1e15, power_w=55_000.0))
    rig = Rig(name=GROUP, rates=rates, net=1.0)
    history = history_of(table, [rig], first_day=day_of("2020-03-01"), last_day=day_of("2020-03-31"), costs=costs)
    rules = Rules(hold_days=1.0, step_cap=0.25, dwell_ms=DAY_MS, budget_usd_day=1.0)
    settings = settings_of(power_usd_day=0.0, policy="best_hashprice", rules=rules, move_minutes=15.0)
    settings |= {"power_price_usd_kwh": 0.08, "efficiency_j_th": 55.0}
    run = walk(history, registry.load("policies", "best_hashprice").POLICY(), name="x", rules=rules)
    rows = dry_run(tmp_path, history, settings)
    assert_the_same(rows, run, history)
    verdicts = {decision.reasons[0].verdict for decision in run.decisions}
    assert {"moved"} < verdicts
    assert 0 < run.hours_off < 24 * 30, "it stopped, and it ran"
