"""The autopilot's turns over a real store and engines: paper, limits, alerts, events, outcomes, several at once."""

import asyncio
import json
import pathlib
from types import SimpleNamespace

import msgspec
import pytest

from hashwright import registry
from hashwright.errors import OperatorError, StaleInput
from hashwright.planner.autopilot import IDLE, Seen, think
from hashwright.runtime import autopilot_views
from hashwright.runtime.autopilot_sight import Memory, destinations_of
from hashwright.runtime.autopilot_signs import PriceFile, changed, signs_of
from hashwright.runtime.notices import Heard, Target
from hashwright.runtime.notices import step as notice_step
from hashwright.runtime.notifier import _told
from hashwright.signals import CreditWork
from hashwright.store import decisions, outcomes
from hashwright.store.base import AlertRecord
from unit.runtime.autopilot_world import DAY_MS, MINUTE_MS, rows, states, turn

# ---------------------------------------------------------------- on paper


def test_a_dry_run_follows_a_route_on_paper_step_by_step(world):
    service = world.autopilot(step_percent=40.0, dwell_s=0)
    found = [turn(service, minutes=5) for _ in range(4)]
    assert [thought.weights["far"] for _, thought in found] == pytest.approx([0.4, 0.8, 1.0, 1.0])
    assert states(world) == ["rehearsed", "rehearsed", "rehearsed", "kept"]
    assert world.handled == [], "and nothing was done"


def test_a_dry_run_goes_on_where_it_was_after_a_restart(world):
    turn(world.autopilot(step_percent=40.0, dwell_s=0))
    world.autopilots.clear()  # the process ended
    _, thought = turn(world.autopilot(step_percent=40.0, dwell_s=0), minutes=5)
    assert thought.weights["far"] == pytest.approx(0.8)


def test_a_dry_run_rests_on_paper_only_where_it_would_live(world):
    loss = {"efficiency_j_th": 100.0, "power_price_usd_kwh": 0.10, "step_percent": 100.0, "dwell_s": 0}
    awake = world.autopilot(**loss)
    assert turn(awake)[1].idle == 1.0
    found = [turn(awake, minutes=5)[0] for _ in range(2)]
    assert [row.state for row in found] == ["kept", "kept"], "it would keep the best of the bad ways"
    world.autopilots.clear()
    resting = world.autopilot(**loss, sleep_groups=("cellar",))
    turn(resting, minutes=5)
    assert resting.memory.paper[IDLE] == pytest.approx(1.0)


def test_other_settings_keep_the_paper_and_another_mode_ends_it(world):
    turn(world.autopilot(step_percent=40.0, dwell_s=0))
    _, thought = turn(world.autopilot(step_percent=10.0, dwell_s=0), minutes=5)
    assert thought.weights["far"] == pytest.approx(0.5)
    world.autopilot(mode="advise")
    assert world.autopilots["sha256d"].memory is None


# ---------------------------------------------------------------- limits, each named when it binds


def test_the_step_is_named_when_it_binds(world):
    _, thought = turn(world.autopilot(step_percent=40.0))
    assert thought.bound == ("at most 40% of all work moves in one step",)


def test_the_rest_after_a_change_binds_in_a_dry_run_too_and_over_a_restart(world):
    service = world.autopilot(step_percent=40.0, dwell_s=1800)
    turn(service)
    row, thought = turn(service, minutes=10)
    assert (row.state, thought.verdict) == ("kept", "rests")
    assert thought.bound == ("the last change stays for another 1200 s",)
    assert row.note == thought.bound[0]
    world.autopilots.clear()
    again = world.autopilot(step_percent=40.0, dwell_s=1800)
    assert turn(again, minutes=10)[1].bound == ("the last change stays for another 600 s",)
    assert turn(again, minutes=10)[0].state == "rehearsed"


def test_the_owner_s_word_ends_the_rest(world):
    turn(world.autopilot(step_percent=40.0, dwell_s=1800))
    assert turn(world.autopilot(step_percent=50.0, dwell_s=1800), minutes=1)[0].state == "rehearsed"


def test_the_budget_of_a_day_binds_and_comes_back(world):
    """Power is 10 USD a day, so a move of all costs 5 USD at 720 minutes of it; 3 USD a day are allowed."""
    limits = {"efficiency_j_th": 20.0, "power_price_usd_kwh": 10 / 480, "move_minutes": 720.0, "hold_days": 10.0}
    service = world.autopilot(step_percent=40.0, dwell_s=0, budget_usd_day=3.0, **limits)
    _, first = turn(service)
    assert first.moved_usd == pytest.approx(2.0)
    _, second = turn(service, minutes=5)
    assert second.moved_usd == pytest.approx(1.0), "what is left of three"
    assert second.bound == ("moves may cost 3.00 USD a day, 1.00 of it are left",)
    row, third = turn(service, minutes=5)
    assert (row.state, third.verdict, third.moved_usd) == ("kept", "no-budget", 0.0)
    _, next_day = turn(service, minutes=24 * 60)
    assert next_day.moved_usd == pytest.approx(2.0)


def test_old_prices_decide_nothing_and_are_told_once_and_when_they_are_fresh_again(world):
    service = world.autopilot()
    turn(service)
    world.prices.clear()
    turn(service, minutes=90)
    turn(service, minutes=5)
    assert rows(world)[-1].state == "kept"
    world.prices["bitcoin"] = 50_000.0
    turn(service, minutes=5)
    assert world.codes() == ["HW-776", "HW-777"]
    assert "the price of bitcoin is 90 min old" in world.alerts[0].text


# ---------------------------------------------------------------- alerts


def test_a_failed_plan_is_told_once_and_when_it_is_over(world):
    service = world.autopilot()
    world.thinker.problem = StaleInput("No decision came within 30 s.", code="HW-770")
    turn(service)
    turn(service, minutes=5)
    assert states(world) == ["failed", "failed"]
    world.thinker.problem = None
    turn(service, minutes=5)
    assert world.codes() == ["HW-770", "HW-775"]
    assert world.alerts[0].text.startswith("sha256d: ")


def test_a_person_hears_of_each_algorithm_s_trouble_once_and_of_its_own_end():
    """Two algorithms fail; one recovers: its end is told to whom heard of it, the other's trouble stands."""
    target, heard = Target(name="me"), Heard()

    def told(second, code, text, level="warning"):
        return _told(AlertRecord(number=second, at_ms=second * 1000, level=level, code=code, text=text), ["near"])

    def notices(second, *news):
        return [it.body for it in notice_step(target, heard, news, now=second * 1000, minute=600)]

    both = (told(1, "HW-770", "sha256d: No decision came."), told(1, "HW-770", "scrypt: No decision came."))
    assert len(notices(1, *both)) == 2
    assert notices(2, told(2, "HW-770", "sha256d: No decision came.")) == [], "once"
    over = told(10, "HW-775", "scrypt: Decisions are made again.", "info")
    assert notices(10, over) == [], "it must hold"
    assert len(notices(100)) == 1
    again = notices(200, told(200, "HW-770", "scrypt: No decision came."))
    assert len(again) == 1, "what comes again after its end is told again"
    assert notices(201, told(201, "HW-770", "sha256d: No decision came.")) == [], "the other one never ended"


def test_a_loss_is_told_first_and_its_end(world):
    service = world.autopilot(efficiency_j_th=100.0, power_price_usd_kwh=0.10)  # 240 USD a day
    turn(service)
    turn(service, minutes=5)
    world.destination("far", usd_ph_day=300.0)
    turn(service, minutes=5)
    assert world.codes() == ["HW-772", "HW-778"]
    assert "mining loses 180.00 USD a day" in world.alerts[0].text


def test_the_same_advice_is_given_once(world):
    service = world.autopilot(mode="advise", step_percent=100.0)
    turn(service)
    turn(service, minutes=5)
    assert states(world) == ["asked", "asked"]
    assert world.codes() == ["HW-773"]
    world.destination("third", usd_ph_day=90.0)
    turn(service, minutes=5)
    assert world.codes() == ["HW-773", "HW-773"]


def test_advice_without_a_change_cannot_be_applied(world):
    service = world.autopilot(mode="advise")
    world.thinker.problem = StaleInput("broken", code="HW-770")
    row, _ = turn(service)
    with pytest.raises(OperatorError, match="changes nothing"):
        asyncio.run(service.apply(row))


def test_a_paused_one_takes_no_turn(world):
    service = world.autopilot(is_paused=True)
    assert asyncio.run(service.turn("the clock")) is None
    assert rows(world) == []


# ---------------------------------------------------------------- events


def test_what_a_turn_rests_on_brings_the_next_one_early(world):
    service = world.autopilot()
    turn(service)
    prices = PriceFile(world.config.data_dir)

    def cause(seconds):
        world.clock.advance(seconds * 1000)
        return service.early.cause(signs_of(world, service.settings, prices), now=world.clock.now())

    assert cause(60) == ""
    world.destination("far", usd_ph_day=60.0, state="down")
    assert cause(1) == ""
    assert cause(2) == "the state of far"
    turn(service)
    world.price("bitcoin", 51_000.0)
    assert [cause(1), cause(1), cause(1)] == ["", "", ""], "not within half a minute of the last turn"
    assert cause(30) == "the price of bitcoin"
    row, _ = turn(service, cause=cause(1))
    assert autopilot_views.brief_of(row)["cause"] == "the price of bitcoin"


def test_the_loop_takes_a_turn_at_the_start_early_and_by_the_clock(world, monkeypatch):
    """The service's own loop, on the virtual clock: what it waits for is looked at as often as the event loop comes."""
    monkeypatch.setattr("hashwright.runtime.autopilot.CHECK_S", 0.0)
    service = world.autopilot(every_s=300)

    def causes():
        return [json.loads(row.seen)["cause"] for row in rows(world)]

    async def live():
        loop = asyncio.create_task(service.run())
        while len(rows(world)) < 1:
            await asyncio.sleep(0)
        world.destination("far", usd_ph_day=60.0, state="down")
        while len(rows(world)) < 2:
            world.clock.advance(1000)
            await asyncio.sleep(0.001)
        early_ms = rows(world)[1].at_ms
        while len(rows(world)) < 3:
            world.clock.advance(10_000)
            await asyncio.sleep(0.001)
        loop.cancel()
        return early_ms

    early_ms = asyncio.run(live())
    assert causes()[:3] == ["the start", "the state of far", "the clock"]
    assert early_ms - rows(world)[0].at_ms >= 30_000
    assert rows(world)[2].at_ms - early_ms >= 300_000


def test_a_new_slot_of_the_site_s_tariff_brings_a_turn_and_its_price(world):
    now = world.clock.now()
    planned = {"start_ms": now, "currency": "USD", "price": [0.05, 0.30, None], "more": "is not read"}
    turn_of_power = SimpleNamespace(row=SimpleNamespace(seen=json.dumps(planned)))
    world.power.services["north"] = SimpleNamespace(planned=turn_of_power)
    service = world.autopilot(power_of="north", power_price_usd_kwh=0.08, efficiency_j_th=20.0)
    prices = PriceFile(world.config.data_dir)
    assert seen_power(turn(service)[0]) == (0.05, "the tariff of north")
    world.clock.advance(15 * MINUTE_MS)
    causes = [service.early.cause(signs_of(world, service.settings, prices), now=now + 15 * MINUTE_MS + s)
              for s in (0, 2000)]  # fmt: skip
    assert causes == ["", "the price of power"]
    assert seen_power(turn(service)[0]) == (0.30, "the tariff of north")
    assert seen_power(turn(service, minutes=15)[0]) == (
        0.08,
        "what you said: the tariff of north does not know this hour",
    )
    world.power.services.clear()
    assert seen_power(turn(service)[0])[1] == "what you said: no plan of power for north is known"


def tariff_in(world, currency, price, *, name="north"):
    """Let a site's tariff cost so much for a day, in a currency."""
    planned = {"start_ms": world.clock.now(), "currency": currency, "price": [price] * 96}
    world.power.services[name] = SimpleNamespace(planned=SimpleNamespace(row=SimpleNamespace(seen=json.dumps(planned))))


def test_a_tariff_in_euros_is_converted_by_the_stored_rate_which_is_kept(world):
    tariff_in(world, "EUR", 0.10)
    world.fact("EUR", "price_usd", "1.25", age_ms=DAY_MS)
    service = world.autopilot(power_of="north", power_price_usd_kwh=0.08, efficiency_j_th=20.0)
    row, thought = turn(service)
    seen = msgspec.json.decode(row.seen, type=Seen)
    assert seen.power_price_usd_kwh == pytest.approx(0.125)
    assert seen.power_source.startswith("the tariff of north, 0.1000 EUR/kWh; 1 EUR = 1.25 USD (test, ")
    rate = seen.power_exchange
    assert (rate.currency, rate.usd, rate.kind, rate.at_ms) == ("EUR", 1.25, "stored", row.at_ms - DAY_MS)
    assert thought == think(seen), "thought again from what was kept, it is the same"
    euros = thought.expected_usd_day
    tariff_in(world, "USD", 0.125)
    assert turn(service)[1].expected_usd_day == pytest.approx(euros), "paper and expectation as with dollars"
    assert not {"HW-714", "HW-716"} & set(world.codes())


def test_a_moved_exchange_rate_is_a_moved_price_of_power(world):
    tariff_in(world, "GBP", 0.20)
    world.fact("GBP", "price_usd", "1.25")
    service = world.autopilot(power_of="north", efficiency_j_th=20.0)
    prices = PriceFile(world.config.data_dir)
    before = signs_of(world, service.settings, prices)
    world.fact("GBP", "price_usd", "1.27")
    assert changed(before, signs_of(world, service.settings, prices)) == ["the price of power"]


@pytest.mark.parametrize(("currency", "age_ms", "words"), [
    ("XYZ", None, "HW-714 the tariff of north is in XYZ: No rate of 'XYZ' to dollars is known"),
    ("EUR", None, "HW-715 the tariff of north is in EUR: The newest rate of EUR is the package's, "),
    ("EUR", 8 * DAY_MS, "HW-715 the tariff of north is in EUR: The newest rate of EUR is a feed's, 8 d"),
])  # fmt: skip
def test_without_a_young_rate_what_was_said_stands_and_it_is_told(world, currency, age_ms, words):
    tariff_in(world, currency, 0.10)
    if age_ms is not None:
        world.fact(currency, "price_usd", "1.25", age_ms=age_ms)
    service = world.autopilot(power_of="north", power_price_usd_kwh=0.08, efficiency_j_th=20.0)
    row, thought = turn(service)
    seen = msgspec.json.decode(row.seen, type=Seen)
    assert (seen.power_price_usd_kwh, seen.power_exchange) == (0.08, None)
    assert seen.power_source == f"what you said: {seen.power_problem}"
    assert seen.power_problem.startswith(words)
    assert thought.parts, "it decides by what was said"
    assert world.codes().count("HW-714") == 1
    assert "hw admin data fetch frankfurter" in world.alerts[-1].text
    turn(service)
    assert world.codes().count("HW-714") == 1, "told once"
    tariff_in(world, "USD", 0.10)
    turn(service)
    assert world.codes()[-1] == "HW-716"


def test_where_no_price_was_said_either_nothing_is_decided(world):
    tariff_in(world, "XYZ", 0.10)
    service = world.autopilot(power_of="north", efficiency_j_th=20.0)
    row, thought = turn(service)
    assert (row.state, thought.parts, thought.weights) == ("kept", {}, {})
    assert "what power costs is not known, and you said no price: HW-714" in row.note
    world.autopilots.clear()
    assert turn(world.autopilot(power_of="north"))[1].parts, "where machines' draw is not known no price is needed"


def seen_power(row):
    seen = msgspec.json.decode(row.seen)
    return seen["power_price_usd_kwh"], seen["power_source"]


# ---------------------------------------------------------------- what became of it


def work(world, name, *, hashes, worker="kai.r1", minutes=0):
    """Book shares of a worker at a destination, as the kernel does."""
    from hashwright.store.projections import Accumulator
    from unit.store.making import batch_with

    accumulator, at = Accumulator(), world.clock.now() + minutes * MINUTE_MS
    accumulator.add(at, CreditWork(worker, name, (2**256 // hashes - 1).to_bytes(32, "big"), "accepted"))
    world.seq = getattr(world, "seq", 0) + 1
    world.writer.submit(batch_with(world.seq, at, accumulator.take()))
    world.writer.transact(lambda _: None).result(60)  # it is committed before what follows is read


def test_a_decision_is_held_against_the_shares_of_its_time(world):
    service = world.autopilot(step_percent=100.0, dwell_s=0)
    first, _ = turn(service)
    for minute in range(5):
        work(world, "near", hashes=10**15 * 60, minutes=minute)  # 1 PH/s, at the worse of the two
    turn(service, minutes=5)
    found = world.store.read_books(lambda connection: outcomes.since(connection, 0))
    assert [it.decision for it in found] == [1], "the second one's time is not over"
    outcome = msgspec.json.decode(found[0].body)
    day = 5 / 1440
    assert outcome["seconds"] == 300
    assert outcome["earned_usd"] == pytest.approx(50.0 * day, rel=1e-6)
    assert outcome["paper_earned_usd"] == pytest.approx(60.0 * day, rel=1e-6), "the paper route was at the better one"
    listed = world.store.read_books(lambda connection: autopilot_views.listed(connection))
    assert [it["span_earned_usd_est"] for it in listed["decisions"]] == [None, pytest.approx(50.0 * day, rel=1e-6)]
    assert first.id == 1


def test_power_that_paper_saves_counts_in_what_it_would_have_left(world):
    loss = {"efficiency_j_th": 100.0, "power_price_usd_kwh": 0.10, "step_percent": 100.0, "dwell_s": 0}
    service = world.autopilot(**loss, sleep_groups=("cellar",))
    turn(service)
    for minute in range(5):
        work(world, "near", hashes=10**15 * 60, minutes=minute)
    turn(service, minutes=5)
    document = world.store.read_books(
        lambda connection: autopilot_views.learned(connection, service.settings, ["near"], now=world.clock.now())
    )
    day, part = document["days"][0], 5 / 1440
    assert day["paper_earned_usd_est"] == 0.0
    assert day["paper_gain_usd_est"] == pytest.approx((240 - 50) * part, rel=1e-6)


def test_a_span_across_a_stop_is_not_judged(world):
    service = world.autopilot()
    turn(service)
    turn(service, minutes=7 * 60)
    assert world.store.read_books(lambda connection: outcomes.since(connection, 0)) == []


def test_what_an_upstream_rejects_lowers_what_is_expected_of_it(world):
    """A day on which far took only half of the work: it is expected to keep (1/2 + 2) / 3 of its promise."""
    from hashwright.runtime.autopilot_learning import Outcome, WayOutcome

    way = WayOutcome(
        destination="far", coin="bitcoin", part=1.0, expected_work=1.0, proven_work=1.0, expected_usd=1.0,
        earned_usd=0.5, accepted_work=0.5, returned_work=1.0,
    )  # fmt: skip
    body = Outcome(seconds=86_400, ways=(way,), expected_usd=1.0, earned_usd=0.5)
    now = world.clock.now()
    row = outcomes.OutcomeRow(decision=1, algorithm="sha256d", at_ms=now - DAY_MS, until_ms=now,
                              body=msgspec.json.encode(body).decode())  # fmt: skip
    world.writer.transact(lambda connection: outcomes.write(connection, row)).result(60)
    service = world.autopilot(step_percent=100.0)
    _, thought = turn(service)
    assert thought.worth["far"] == pytest.approx(60 * 2.5 / 3, rel=1e-6)
    document = world.store.read_books(
        lambda connection: autopilot_views.learned(connection, service.settings, ["far"], now=world.clock.now())
    )
    assert document["pools"][0]["accepted_factor"] == pytest.approx(2.5 / 3, rel=1e-5)
    assert document["days"][0]["earned_usd_est"] == 0.5


# ---------------------------------------------------------------- other algorithms


def test_several_algorithms_decide_each_for_itself(world):
    world.price("litecoin", 80.0)
    world.group("scrypt").total_hs = 1e12
    world.destination("ltc1", usd_ph_day=9000.0, coin="litecoin", algorithm="scrypt")
    world.destination("ltc2", usd_ph_day=8000.0, coin="litecoin", algorithm="scrypt")
    sha, scrypt = world.autopilot(step_percent=100.0), world.autopilot(algorithm="scrypt", step_percent=100.0)
    assert turn(sha)[1].parts == {"far": 10_000}
    assert turn(scrypt)[1].parts == {"ltc1": 10_000}
    assert {row.algorithm for row in rows(world)} == {"sha256d", "scrypt"}


def test_randomx_is_worth_what_its_template_says_and_else_what_the_network_s_difficulty_says(world):
    world.price("monero", 160.0)
    world.group("randomx").total_hs = 1e6
    world.destination("node", usd_ph_day=2e9, coin="monero", algorithm="randomx")
    world.destination("pool", coin="monero", algorithm="randomx")
    _, thought = turn(world.autopilot(algorithm="randomx", step_percent=100.0))
    assert set(thought.worth) == {"node"}
    assert any(line.startswith("pool: its job has not told") for line in thought.left_out)
    world.fact("monero", "difficulty", "400e9")
    row, thought = turn(world.autopilots["randomx"], minutes=5)
    assert thought.worth["pool"] == pytest.approx(86_400 * 1e6 / 400e9 * 0.6 * 160, rel=0.05), "0.6 XMR a block"
    way = next(it for it in msgspec.json.decode(row.seen)["ways"] if it["destination"] == "pool")
    assert "the network's difficulty" in way["worth_source"]


def test_a_coin_that_is_only_compared_is_never_a_destination(world):
    compared = [registry.load("coins", key).COIN for key in registry.names("coins")]
    compared = [coin for coin in compared if not coin.is_minable_here]
    assert compared, "there are such coins"
    for coin in compared:
        world.destination(f"pool-{coin.key}", coin=coin.key, usd_ph_day=None)
    assert destinations_of(world, "sha256d") == ["far", "near"]
    _, thought = turn(world.autopilot(step_percent=100.0))
    assert set(thought.weights) == {"far", "near", IDLE}


# ---------------------------------------------------------------- reading


def test_pages_of_decisions_join_without_a_gap(world):
    service = world.autopilot()
    for _ in range(7):
        turn(service, minutes=5)
    seen, before = [], None
    while True:
        page = world.store.read_books(
            lambda connection, before=before: autopilot_views.listed(connection, before=before, limit=3)
        )
        seen += [it["number"] for it in page["decisions"]]
        before = page["next"]
        if before is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_every_kept_decision_is_thought_again_the_same(world):
    service = world.autopilot(step_percent=30.0, dwell_s=0)
    for price in (50_000.0, 51_000.0, 20_000.0):
        world.prices["bitcoin"] = price
        turn(service, minutes=5)
    for row in rows(world):
        found = world.store.read_books(lambda connection, row=row: autopilot_views.explained(connection, row))
        assert found["is_repeated"] is True


def test_a_memory_counts_only_the_last_day():
    memory = Memory(moves=[(0, 5.0), (DAY_MS, 2.0)])
    assert memory.spent_usd(DAY_MS + 1) == 2.0
    assert memory.moves == [(DAY_MS, 2.0)]


FIRST_FORM = json.loads((pathlib.Path(__file__).parents[2] / "vectors" / "autopilot_decisions_first.json").read_text())


@pytest.mark.parametrize("case", FIRST_FORM["decisions"], ids=lambda case: case["case"])
def test_decisions_of_the_first_form_are_read_listed_and_thought_again(world, case):
    """Rows that an earlier program kept: what it did not know of has a default that means what was before it."""
    row = decisions.DecisionRow(
        id=0, at_ms=case["seen"]["at_ms"], algorithm="sha256d", mode="dry-run", state="kept", note="",
        seen=json.dumps(case["seen"]), thought=json.dumps(case["thought"]),
    )  # fmt: skip
    world.writer.transact(lambda connection: decisions.write(connection, row) and None).result(60)
    found = world.store.read_books(
        lambda connection: autopilot_views.explained(connection, decisions.numbered(connection, 1))
    )
    is_the_same = case["case"] != "a mean of days"
    assert found["is_repeated"] is is_the_same, "the first form valued a mean of days by its newest: that is told"
    listed = world.store.read_books(lambda connection: autopilot_views.listed(connection))["decisions"]
    assert listed[0]["cause"] == "the clock"
    assert listed[0]["parts"] == case["thought"]["parts"]
    turn(world.autopilot(), minutes=5)
    assert len(rows(world)) == 2, "and the autopilot goes on from it"
