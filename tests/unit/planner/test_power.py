"""A turn of the power autopilot: the fleet's machines in a site's plan, bad input, and the same answer again."""

import gzip
import json
from datetime import UTC, datetime

import msgspec
import pytest

from hashwright.planner.power import PowerSeen, PowerThought, SeenMachines, packed, slots_now, unpacked
from hashwright.runtime.power_observe import Failure, PowerAsk, known_until, observe, think, without_solver

SITE = """
[site]
name = "x"
zone = "Europe/Berlin"
latitude = 52.0
longitude = 13.0
[limits]
import_kw = 20
export_kw = 10
[tariff]
kind = "flat"
price = 0.05
[battery]
capacity_kwh = 10
charge_kw = 5
discharge_kw = 5
[weather]
kind = "{weather}"
[[sun]]
dc_kw = 8
tilt = 30
azimuth = 180
[revenue]
{revenue}
[[groups]]
name = "a"
up_minutes = 0
down_minutes = 0
levels = [{{ power_w = 3000, hashrate_ths = 150.0 }}, {{ power_w = 2000, hashrate_ths = 110.0 }}]
"""
NOW = 1_774_137_600_000  # 2026-03-22 00:00 UTC: the clocks change a week later
MACHINES = (SeenMachines(group="a", count=4, rated_w=3000.0, min_part=0.5, running=4, age=20),)


@pytest.fixture
def asked(tmp_path):
    """Return a question about a site's file."""

    def make(*, revenue="per_th_day = 0.048", weather="clear_sky", **changes):
        path = tmp_path / "x.toml"
        path.write_text(SITE.format(revenue=revenue, weather=weather))
        ask = PowerAsk(name="x", now_ms=NOW, site_file=str(path), data="", meter="", hours=12, solver_s=10,
                       machines=MACHINES, worth={}, told=(), last=None)  # fmt: skip
        return msgspec.structs.replace(ask, **changes)

    return make


def changed(seen, **changes):
    return msgspec.structs.replace(seen, **changes)


def codes(thought):
    return {it.code for it in thought.told}


def machines_at(thought, slot):
    return {group: it.machines for group, it in slots_now(thought, now=NOW + slot * 900_000).items()}


def test_a_turn_is_the_same_when_it_is_thought_again_from_what_is_kept(asked):
    seen = observe(asked())
    thought = think(seen)
    assert thought.rule == "plan"
    kept = msgspec.json.decode(msgspec.json.encode(seen), type=PowerSeen)
    assert think(kept) == msgspec.json.decode(msgspec.json.encode(thought), type=PowerThought) == thought


def test_the_fleet_s_word_about_machines_counts(asked):
    fleet = (
        SeenMachines(group="a", count=3, rated_w=3300.0, rated_hs=170e12, lost=2, lost_w=6600.0, unrated=1),
        SeenMachines(group="b", count=5, rated_w=100.0),
    )  # fmt: skip
    thought = think(observe(asked(machines=fleet)))
    assert thought.machines == 3
    assert {level for it in thought.groups for level, _ in it.parts} <= {1.0}, "they know only on and off"
    assert max(it.power_w for it in thought.groups) <= 3 * 3300
    assert max(thought.machines_w) + 6600 <= 20_000 + max(thought.own_w) + 5_000
    words = "; ".join(thought.left_out)
    assert all(it in words for it in ("group b: 5 machines are not", "of 1 machines nobody knows", "2 machines do not"))


def test_a_measured_curve_stands_above_the_file(asked):
    curve = ((0.5, 80e12), (0.7, 120e12), (1.0, 150e12))
    (machines,) = MACHINES
    measured = changed(machines, curve=curve)
    plain, better = (think(observe(asked(machines=(it,)))) for it in (machines, measured))
    assert better.break_even["a"] > plain.break_even["a"]


def test_no_machine_to_plan_for_is_said(asked):
    failure = think(observe(asked(machines=(SeenMachines(group="b", count=1, rated_w=1.0),))))
    assert (failure.code, "group b" in failure.message) == ("HW-955", True)


@pytest.mark.parametrize(("price", "machines"), [(4.0, 0), (-0.5, 4)])
def test_absurd_prices_are_planned_with_as_they_are(asked, price, machines):
    seen = observe(asked(solver_s=1.0))
    thought = think(changed(seen, price=tuple(price for _ in seen.price), sun_w=tuple(0.0 for _ in seen.sun_w)))
    assert machines_at(thought, 20) == {"a": machines}


def test_a_hole_in_the_tariff_ends_the_plan_there_and_one_at_now_ends_the_turn(asked):
    seen = observe(asked())
    holed = think(changed(seen, price=(*seen.price[:8], None, *seen.price[9:])))
    assert (holed.plan.slots, "HW-841" in codes(holed)) == (8, True)
    failure = think(changed(seen, price=(None, *seen.price[1:])))
    assert isinstance(failure, Failure)
    assert failure.code == "HW-841"


@pytest.mark.parametrize("day_ms", [7 * 86_400_000, 217 * 86_400_000])
def test_days_of_23_and_25_hours_have_their_slots(asked, day_ms):
    seen = observe(asked(now_ms=NOW + day_ms, hours=48))
    thought = think(without_solver(seen))
    assert (thought.plan.slots, len(thought.machines_w)) == (192, 192)
    assert [it.to_ms for it in thought.blocks[:-1]] == [it.from_ms for it in thought.blocks[1:]]


def test_a_silent_weather_costs_the_sun_and_not_the_plan(asked):
    seen = observe(asked(weather="file"))
    assert isinstance(seen, Failure), "a file that is not named is a fault of the site's file"
    seen = observe(asked())
    dark = think(changed(seen, sun_w=tuple(None for _ in seen.sun_w)))
    assert (dark.rule, set(dark.own_w)) == ("plan", {0})


def test_a_battery_of_130_percent_is_a_full_one(asked):
    thought = think(changed(observe(asked()), level=130.0))
    assert "HW-848" in codes(thought)
    assert max(thought.battery_wh) <= 10_000


def test_without_a_solver_the_last_plan_holds_and_without_it_the_rule(asked):
    seen = observe(asked())
    good = think(seen)
    held = think(without_solver(changed(seen, last=good.plan)))
    assert (held.rule, held.groups, "HW-850" in codes(held)) == ("last plan", good.groups, True)
    ruled = think(without_solver(seen))
    assert (ruled.rule, {"HW-850", "HW-851"} <= codes(ruled)) == ("threshold", True)
    other = changed(good.plan, groups=("z",))
    assert think(without_solver(changed(seen, last=other))).rule == "threshold", "a plan for other groups is none"
    less = (changed(MACHINES[0], count=2, running=2),)
    shrunk = think(without_solver(changed(seen, machines=less, last=good.plan)))
    assert max(it.machines for it in shrunk.groups) <= 2, "a plan for more machines than there are does not hold"


def test_no_answer_of_the_solver_in_its_time_leaves_a_plan(asked):
    seen = observe(asked(solver_s=1e-6))
    thought = think(seen)
    assert thought.rule in ("threshold", "plan")
    assert thought.rule == "plan" or "HW-850" in codes(thought)


def test_what_a_hash_earns_is_the_newest_job_s_word_or_the_turn_fails(asked):
    unknown = observe(asked(revenue='coin = "BTC"'))
    assert (unknown.code, "BTC" in unknown.message) == ("HW-401", True)
    seen = observe(asked(revenue='coin = "BTC"\nusd_rate = 0.5', worth={"BTC": (0.06, "the newest job")}))
    assert (seen.per_th_day[0], seen.earns_source) == (0.03, "the newest job")


def test_what_coins_earn_is_in_the_tariff_s_currency_by_the_stored_rate(asked, tmp_path):
    worth, market = {"BTC": (0.06, "the newest job")}, tmp_path / "market"
    by_package = observe(asked(revenue='coin = "BTC"', worth=worth))
    assert by_package.per_th_day[0] == pytest.approx(0.06 / 1.1057)
    told = next(it for it in by_package.told if it.code == "HW-715")
    assert "1 EUR = 1.1057 USD (snapshot: European Central Bank, reference rates, 2025-04-04" in told.message
    assert "usd_rate" in told.hint
    market.mkdir()
    fact = {"coin": "EUR", "field": "price_usd", "value": "1.20", "at_ms": NOW, "known_at_ms": NOW, "sources": ["t"]}
    (market / "facts.json").write_text(json.dumps({"facts": [fact]}))
    stored = observe(asked(revenue='coin = "BTC"', worth=worth, data_dir=str(tmp_path)))
    assert stored.per_th_day[0] == pytest.approx(0.05)
    assert "HW-715" not in {it.code for it in stored.told}
    said = observe(asked(worth=worth, data_dir=str(tmp_path)))
    assert said.per_th_day[0] == 0.048, "what the file says is in its currency already"


def test_what_coins_earn_is_never_taken_for_another_currency(asked, tmp_path):
    ask = asked(revenue='coin = "BTC"', worth={"BTC": (0.06, "the newest job")})
    file = tmp_path / "x.toml"
    file.write_text(file.read_text().replace("price = 0.05", 'price = 0.05\ncurrency = "BRL"'))
    failed = observe(ask)
    assert (failed.code, "No rate of 'BRL' to dollars" in failed.message) == ("HW-714", True)


def test_the_tariff_says_until_when_it_knows_prices(asked, tmp_path):
    ask = asked(data=str(tmp_path))
    (tmp_path / "x.toml").write_text(
        (tmp_path / "x.toml").read_text().replace('kind = "flat"\nprice = 0.05', 'kind = "recorded"\nzone = "Z"')
    )
    hours = [f"{utc(NOW + hour * 3_600_000)}Z,Z,50,EUR" for hour in range(5)]
    with gzip.open(tmp_path / "electricity_dayahead.csv.gz", "wt") as file:
        file.write("\n".join(["time_utc,zone,price,currency", *hours]))
    assert known_until(ask) == NOW + 5 * 3_600_000
    assert think(observe(ask)).plan.end_ms == NOW + 5 * 3_600_000
    (tmp_path / "electricity_dayahead.csv.gz").unlink()
    assert known_until(ask).code == "HW-853"


def test_a_broken_file_names_its_problems(asked, tmp_path):
    ask = asked()
    (tmp_path / "x.toml").write_text("[site]\nname = 3\n")
    failure = observe(ask)
    assert (failure.code, "x.toml.site.name" in failure.message) == ("HW-840", True)
    silent = observe(msgspec.structs.replace(ask, site_file=str(tmp_path / "none.toml")))
    assert silent.code == "HW-840"


def test_the_meter_corrects_the_forecast_and_the_battery(asked, tmp_path):
    told = tuple((NOW - day * 86_400_000 + slot * 900_000, 4000) for day in range(1, 11) for slot in range(40, 60))
    lines = ["time_utc,own_w,import_w,battery_percent"]
    lines += [f"{utc(at)},2000,9000,50" for at, _ in told] + [f"{utc(NOW - 60_000)},,,77"]
    (tmp_path / "meter.csv").write_text("\n".join(lines))
    seen = observe(asked(told=told, meter=str(tmp_path / "meter.csv")))
    assert (seen.days, seen.level, seen.peak_kw) == (10, 77.0, 9.0)
    assert 0.5 < seen.factor < 0.8, "half was seen of what was told; a little evidence for one stays"
    assert "HW-956" in {it.code for it in observe(asked(meter=str(tmp_path / "x.toml"))).told}


def utc(at_ms):
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize("values", [[], [0], [3, 3, 3], [0, 0, 5, 0, 2, 2]])
def test_runs_stand_for_their_series(values):
    assert unpacked(packed(values)) == values
