"""`hw plan`, `backtest`, `audit`, `compare --budget`: as a person and a program meet them, offline and fresh."""

import asyncio
import gzip
import json
import re
import time
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from hashwright.cli import documents_plan as records
from hashwright.cli import plan_parts
from hashwright.cli.main import run
from hashwright.errors import OperatorError
from hashwright.store.hold import set_rule
from hashwright.store.sqlite import SqliteStore
from unit.runtime.autopilot_world import START_MS, World

FAST = ("--scenarios", "200")


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def ask(*words):
        code = run(["--data-dir", str(tmp_path / "data"), *words])
        out = capsys.readouterr()
        return code, out.out, out.err

    return ask


@pytest.fixture
def days(tmp_path):
    """A small history, made here: four coins that share two years."""
    rng = np.random.default_rng(8)
    folder = tmp_path / "history"
    folder.mkdir()
    rows = ["date,coin,price_usd,difficulty,hashrate_hs,issuance_native,fees_native,blocks"]
    first = np.datetime64("2022-01-01")
    for coin, price, difficulty, factor, blocks, reward in (
        ("BTC", 40_000, 2.6e13, 2**32, 144, 6.25), ("BCH", 300, 1.6e11, 2**32, 144, 6.25),
        ("XMR", 180, 3.3e11, 1, 720, 0.6), ("LTC", 120, 1.8e7, 2**32, 576, 12.5),
    ):  # fmt: skip
        prices = price * np.exp(np.cumsum(rng.normal(0, 0.035, 730)))
        work = difficulty * np.exp(np.cumsum(rng.normal(0.001, 0.01, 730)))
        rows += [
            f"{first + i},{coin},{prices[i]:.6g},{work[i]:.8g},{work[i] * factor * blocks / 86_400:.8g},"
            f"{blocks * reward},{blocks * reward * 0.02:.6g},{blocks}"
            for i in range(730)
        ]
    (folder / "coin_daily.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    return str(folder)


def document(ask, kind, *words):
    code, out, err = ask(*words, "--json")
    assert code == 0, err
    return msgspec.convert(json.loads(out), kind)


# -------------------------------------------------------------------- plan


def test_a_plan_is_made_offline_and_read_strictly(ask):
    found = document(ask, records.PlanDocument, "plan", "--hardware", "s21 x3", "--power-price", "0.08", *FAST)
    groups = {it.group for it in found.outcomes if it.group}
    for group in groups:
        assert sum(it.weight for it in found.outcomes if it.group == group) == pytest.approx(1.0)
    kinds = {it.kind for it in found.outcomes}
    assert {"mine", "idle", "buy"} <= kinds
    assert found.is_changes_made
    assert all(growth > 0 for growth in found.difficulty_growth_per_year_log.values())
    assert found.p5_usd_est <= found.p50_usd_est <= found.p95_usd_est


def test_a_loss_is_said_first_beside_buying_and_the_machine_idles(ask):
    code, out, _ = ask("plan", "--hardware", "s9", "--power-price", "0.30", *FAST)
    assert code == 0
    first = out.splitlines()[0]
    assert re.search(r"Mining loses [\d.]+ USD a day", first)
    assert "put into BTC" in first
    assert "Antminer S9: idle." in out
    assert "starts where" in out


def test_a_plan_takes_rules_and_losses_from_the_own_store(ask, tmp_path):
    """By hand: of 2,010 shares 10 were rejected, 5 never answered and 10 late; they are worth the same each."""
    target = (2**200).to_bytes(32, "big").hex()
    now = int(time.time() * 1000)
    store = SqliteStore.open(tmp_path / "data")
    connection = store.connect()
    for state, shares in (("submitted", 2000), ("accepted", 1985), ("rejected", 10), ("lost", 5), ("late", 10)):
        row = (now // 60_000 - 60, "ocean", "kai.r1", target, state, "", shares, f"{shares * 2**55:039}")
        connection.execute("INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()
    said = {"coin": "BTC", "kind": "share", "part": "25%"}
    store.change_books(lambda it: set_rule(it, said, now_ms=now - 1000))
    store.close()
    words = ("plan", "--hardware", "s21", "--power-price", "0.05", *FAST)
    found = document(ask, records.PlanDocument, *words)
    assert found.stale_share == pytest.approx(25 / 2010)
    assert found.hold_rule == "BTC: sell 25% of each day's coins; others: sell each day's coins"
    measured = "Stale, rejected, lost: 1.24%, 0.50% of all by moves, of 2\u2009010 shares of your router in 7 days."
    assert found.sources[0] == measured
    told = document(ask, records.PlanDocument, *words, "--stale", "2%", "--hold", "keep")
    assert (told.stale_share, told.hold_rule, told.sources) == (0.02, "keep all coins", [])


def test_worlds_that_turn_are_walked_each(ask):
    """By hand: a dead coin earns nothing and the machine stands; a pool keeps seven days of today's revenue."""
    words = ("plan", "--hardware", "s21", "--power-price", "0.02", "--venue", "ocean=2%", "--seed", "3", *FAST)
    found = document(ask, records.PlanDocument, *words)
    names = [it.name for it in found.stresses]
    assert names[-3:] == [
        "power costs half as much again",
        "BTC dies: its coins are worth nothing",
        "ocean fails and keeps 7 days of work",
    ]
    by_name = {it.name: it for it in found.stresses}
    dead, failed, dear = by_name[names[-2]], by_name[names[-1]], by_name[names[-3]]
    assert (dead.days_on_share_est, dead.mean_usd_est) == (0, 0)
    mining = next(it for it in found.outcomes if it.kind == "mine" and it.weight > 0.99)
    a_day = mining.today_usd_per_day_est + mining.power_cost_usd_per_day
    assert mining.mean_usd_est - failed.mean_usd_est == pytest.approx(7 * a_day, rel=0.15)
    assert by_name["prices halve at once"].mean_usd_est < dear.mean_usd_est < mining.mean_usd_est


def test_the_same_seed_gives_the_same_plan(ask):
    one, two, other = (
        document(ask, records.PlanDocument, "plan", "--hardware", "s21", "--seed", seed, *FAST) for seed in "112"
    )
    assert one.outcomes == two.outcomes
    assert one.outcomes != other.outcomes


def test_a_what_if_says_what_it_changes(ask):
    code, out, _ = ask("plan", "--hardware", "s9", "--power-price", "0.10", "--what-if", "price=+200%", *FAST)
    assert code == 0
    assert "What if price=+200%" in out
    assert "the plan changes from: Antminer S9: idle." in out


def test_a_plan_is_explained_later(ask):
    code, _, err = ask("plan", "--explain", "2020-01-01")
    assert code != 0
    assert "HW-828" in err
    ask("plan", "--hardware", "s21", *FAST)
    code, out, _ = ask("plan", "--explain", "now")
    assert code == 0
    assert "Why:" in out
    code, _, err = ask("plan", "--explain", "2020-01-01")
    assert "The first stored one is from" in err


def test_decisions_of_the_autopilot_are_explained_by_the_same_command(ask, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    world = World(folder)
    try:
        world.price("bitcoin", 50_000.0)
        world.destination("near", usd_ph_day=50.0)
        asyncio.run(world.autopilot(step_percent=100.0).turn("the clock"))
    finally:
        world.close()
    moment = datetime.fromtimestamp(START_MS / 1000, UTC).isoformat()
    code, out, err = ask("plan", "--explain", moment)
    assert code == 0
    assert "The autopilot of sha256d (dry-run) by then:" in out
    assert "the same answer" in out
    assert "No plan was made before" in err, "what is missing is said"
    code, out, _ = ask("plan", "--explain", moment, "--json")
    found = msgspec.json.decode(out, type=records.ExplainDocument)
    assert found.plan is None
    assert [it["algorithm"] for it in found.decisions] == ["sha256d"]
    assert ask("plan", "--explain", "2020-01-01")[0] != 0


def test_venues_have_caps_and_the_plan_says_that_one_binds(ask):
    found = document(
        ask, records.PlanDocument, "plan", "--hardware", "s21", "--power-price", "0.05",
        "--venue", "cheap=0.5%,max=60%", "--venue", "dear=3%", *FAST,
    )  # fmt: skip
    weights = {}
    for it in found.outcomes:
        weights[it.venue] = weights.get(it.venue, 0) + it.weight
    assert weights["cheap"] == pytest.approx(0.6, abs=1e-4)
    assert weights["dear"] == pytest.approx(0.4, abs=1e-4)
    assert "cap of cheap" in {it.what for it in found.bindings}


def test_a_market_that_pays_more_takes_the_hash_power(ask):
    found = document(
        ask, records.PlanDocument, "plan", "--hardware", "s21", "--market", "sha256d:bid=200", *FAST
    )  # fmt: skip
    assert next(it for it in found.outcomes if it.kind == "sell").weight == pytest.approx(1.0)


def test_hash_power_far_below_its_hashprice_is_rented(ask):
    words = ("plan", "--hardware", "s21", "--power-price", "0.08")
    for price, weight in (("10", 1.0), ("90", 0.0)):
        found = document(ask, records.PlanDocument, *words, "--market", f"sha256d:ask={price}", *FAST)
        rents = [it for it in found.outcomes if it.kind == "rent"]
        assert {it.coin for it in rents} == {"BTC", "BCH"}
        assert max(it.weight for it in rents) == pytest.approx(weight, abs=0.4), price
        assert sum(it.mean_usd_est > 0 for it in rents) == 2 * weight


def test_a_coin_without_a_session_is_compared_only(ask):
    found = document(ask, records.PlanDocument, "plan", "--hardware", "rx 580", "--power-price", "0.01", *FAST)
    compared = [it for it in found.outcomes if it.kind == "compare"]
    assert compared
    assert all(it.weight == 0 for it in compared)
    assert next(it for it in found.outcomes if it.kind == "idle").weight == 1


def test_a_history_replaces_the_statistics(ask, days):
    found = document(ask, records.PlanDocument, "plan", "--hardware", "s21", "--data", days, *FAST)
    assert not found.is_changes_made
    assert found.changes_source == "coin_daily.csv.gz"


def test_a_farm_as_large_as_a_network_thins_its_own_reward(ask):
    revenue = {}
    for count in (1, 20_000):
        words = ("plan", "--hardware", f"s21 x{count}", "--power-price", "0.02", *FAST)
        for it in document(ask, records.PlanDocument, *words).outcomes:
            if it.kind == "mine":
                revenue[it.coin, count] = (it.today_usd_per_day_est + it.power_cost_usd_per_day) / count
    assert revenue["BCH", 20_000] < 0.85 * revenue["BCH", 1]
    assert revenue["BTC", 20_000] > 0.99 * revenue["BTC", 1]


def test_the_page_is_whole_escapes_and_asks_nobody(ask, tmp_path):
    page = tmp_path / "plan.html"
    code, _, _ = ask("plan", "--hardware", "s21", "--venue", "<b>x=1%", "--html", str(page), *FAST)
    text = page.read_text()
    assert code == 0
    assert "<b>x" not in text
    assert "&lt;b&gt;x" in text
    assert not re.search(r"(?:src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import|fetch\(|XMLHttp", text)
    assert json.loads(re.search(r'id="charts">(.*?)</script>', text)[1])
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--hardware", "s99"), "HW-802"),
        (("--power-price", "8"), "HW-804"),
        (("--horizon", "0d"), "HW-826"),
        (("--horizon", "soon"), "HW-826"),
        (("--risk", "brave"), "HW-826"),
        (("--risk", "-1"), "HW-826"),
        (("--what-if", "price=abc"), "HW-823"),
        (("--what-if", "power=+20%"), "HW-823"),
        (("--hold", "hodl"), "HW-822"),
        (("--venue", "nofee"), "HW-826"),
        (("--venue", "x=1%,size=3"), "HW-826"),
        (("--market", "sha256d:price=3"), "HW-826"),
        (("--price-drift", "up"), "HW-826"),
        (("--growth", "-2x"), "HW-803"),
        (("--data", "/nowhere"), "HW-805"),
        (("--explain", "yesterday-ish"), "HW-828"),
    ],
)
def test_bad_input_has_a_code_and_a_way_on(ask, words, code):
    exit_code, out, err = ask("plan", *words, *FAST)
    assert exit_code != 0
    assert err.startswith(code)
    assert "Traceback" not in out + err


@pytest.mark.parametrize(("text", "days"), [("30", 30), ("12w", 84), ("6 months", 180), ("1y", 365), ("1 day", 1)])
def test_horizons(text, days):
    assert plan_parts.horizon_days(text) == days


def test_moments():
    now = 1_700_000_000_000
    assert plan_parts.moment_ms("now", now) == now
    assert plan_parts.moment_ms("2023-11-14", now) == 1_700_006_399_000
    assert plan_parts.moment_ms("22:00", now) == 1_699_999_200_000
    with pytest.raises(OperatorError):
        plan_parts.moment_ms("25:99", now)


# -------------------------------------------------------------------- backtest


def test_a_backtest_shows_baselines_and_proves_that_it_sees_no_future(ask, days):
    found = document(
        ask, records.BacktestDocument, "backtest", "--data", days, "--coins", "btc,bch,xmr,ltc",
        "--policy", "best_hashprice", "--policy", "cvar", "--from", "2022-06-01", "--to", "2023-06-01",
        "--check-lookahead",
    )  # fmt: skip
    names = [it.name for it in found.runs]
    assert names[:2] == ["best_hashprice", "cvar"]
    assert {"best coin of the start", "follow the leader", "idle", "buy the coin", "perfect foresight"} <= set(names)
    bound = next(it for it in found.runs if it.name == "perfect foresight")
    assert all(it.profit_usd <= bound.profit_usd + 1e-6 for it in found.runs if it.name != "buy the coin")
    assert [it.changed_on for it in found.look_ahead] == [[], []]
    assert all(len(it.cuts) >= 3 for it in found.look_ahead)
    assert found.days[0].reasons


def test_a_backtest_of_machines_of_the_catalogue(ask, days, tmp_path):
    page = tmp_path / "page.html"
    code, out, err = ask(
        "backtest", "--data", days, "--hardware", "s19 x2,l7,Ryzen 9 5950X", "--power-price", "0.06", "--hold", "cover",
        "--policy", "averaged", "--html", str(page),
    )  # fmt: skip
    assert code == 0, err
    assert "averaged" in out
    assert "buy the coin" in out
    assert page.stat().st_size > 5000


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "HW-815"),
        (("--policy", "greedy"), "HW-705"),
        (("--from", "2019-01-01", "days"), "HW-827"),
        (("--from", "January", "days"), "HW-827"),
        (("--coins", "NOPE", "days"), "HW-815"),
        (("--step-cap", "0%", "days"), "HW-826"),
    ],
)
def test_a_backtest_refuses_what_it_cannot_do(ask, days, words, code):
    words = (*words[:-1], "--data", days) if words and words[-1] == "days" else words
    exit_code, _, err = ask("backtest", *words)
    assert exit_code != 0
    assert err.startswith(code)


def test_the_quote_of_a_rental_is_a_column_like_a_market_that_was_written_down(ask, monkeypatch):
    asked = []

    async def process(folder, verb, **words):
        asked.append((verb, words["rent"]["name"], words["plan"]))
        return {"ask": "0.05", "coin": "bitcoin", "algorithm": "sha256d", "limit_hs": 5e15, "fee_part": "0.03",
                "market": "NiceHash"}  # fmt: skip

    monkeypatch.setattr("hashwright.cli.pool.ask_process", process)
    words = ("plan", "--hardware", "s9", "--power-price", "0.08", *FAST)
    quoted = document(ask, records.PlanDocument, *words, "--rent", "night")
    assert asked == [("market-rent", "night", True)]
    price = next(float(it.value_text) for it in quoted.facts if (it.coin, it.field) == ("bitcoin", "price_usd"))
    written = document(ask, records.PlanDocument, *words, "--market", f"sha256d:ask={0.05 * price / 1000},depth=5")
    rented, other = (
        {it.coin: it.mean_usd_est for it in found.outcomes if it.kind == "rent"} for found in (quoted, written)
    )
    assert rented.keys() == {"BTC", "BCH"}
    assert rented == pytest.approx(other)
    assert rented["BTC"] > 0


# -------------------------------------------------------------------- compare and audit


def test_a_budget_is_compared_five_ways(ask):
    found = document(ask, records.CompareDocument, "compare", "--budget", "6000", "--power-price", "0.06")
    assert [it.name for it in found.choices] == [
        "mine", "buy the coin", "rent hash power", "cloud contract", "keep the cash",
    ]  # fmt: skip
    keep = found.choices[-1]
    assert (keep.p5_est, keep.p95_est, keep.worst_month_est) == (6000, 6000, 0)
    assert found.choices[1].below_buying_chance is None
    assert all(0 <= it.below_buying_chance <= 1 for it in found.choices if it.below_buying_chance is not None)


def test_the_currency_of_the_question_is_kept(ask):
    code, out, err = ask("compare", "--budget", "2000", "--currency", "EUR", "--months", "12")
    assert code == 0
    assert "12 months, EUR" in out.replace("\t", " ")
    assert "2\u2009000.00" in out
    assert "1 EUR = 1.106 USD (snapshot: European Central Bank, reference rates; 2025-04-04, " in err
    assert "hw admin data fetch frankfurter" in err
    assert "Mining loses money" in out.splitlines()[0]
    code, _, err = ask("compare", "--budget", "2000", "--currency", "XYZ")
    assert err.startswith("HW-829")
    assert "known are USD, EUR, GBP, CHF, " in err


def test_a_budget_too_small_for_a_machine_is_said(ask):
    code, out, _ = ask("compare", "--budget", "50")
    assert code == 0
    assert "The budget does not buy a machine" in out
    assert "mine (not possible)" in out


def test_compare_still_has_its_other_commands(ask):
    assert ask("compare", "hardware", "--json")[0] == 0
    code, _, err = ask("compare")
    assert code == 2
    assert "--budget" in err


def test_an_offer_is_audited_from_a_file_and_from_flags(ask, tmp_path):
    file = tmp_path / "offer.toml"
    file.write_text(
        'coin = "BTC"\nprice_usd = 180\nhashrate = "1 TH/s"\ndays = 1826\nmaintenance_usd_th_day = 0.14\n'
        "stop_after_days = 28\npromised_percent_day = 1\nreferral_percent = 5\n"
    )
    by_file = document(ask, records.AuditDocument, "audit", str(file))
    by_flags = document(
        ask, records.AuditDocument, "audit", "--coin", "BTC", "--price", "180", "--hashrate", "1TH/s", "--days", "1826",
        "--maintenance", "0.14", "--stop-after", "28", "--promise", "1", "--referral", "5",
    )  # fmt: skip
    assert by_file.checks == by_flags.checks
    assert by_file.verdict == "impossible"
    assert by_file.mined_coins_5_est <= by_file.mined_coins_50_est <= by_file.mined_coins_95_est
    assert all(it.arithmetic for it in by_file.checks)
    code, out, _ = ask("audit", str(file))
    assert code == 0
    assert out.startswith("Do not buy this")


def test_an_offer_with_mistakes_is_refused_with_the_place(ask, tmp_path):
    file = tmp_path / "offer.toml"
    file.write_text('coin = "BTC"\nprice_usd = -5\nhashrate = "1 TH/s"\ndays = 10\n')
    code, _, err = ask("audit", str(file))
    assert code == 3
    assert err.startswith("HW-824")
    assert "price_usd" in err
    file.write_text('coin = "BTC"\nprice_usd = 5\nhashrate = "1 TH/s"\ndays = 10\nguarantee = "yes"\n')
    assert "guarantee" in ask("audit", str(file))[2]


def test_payouts_are_held_beside_the_network(ask, days, tmp_path):
    smooth = tmp_path / "payouts.csv"
    start = np.datetime64("2022-06-01")
    smooth.write_text("date,amount\n" + "\n".join(f"{start + i},0.00002" for i in range(60)) + "\nnonsense,1\n")
    found = document(
        ask, records.AuditDocument, "audit", "--coin", "BTC", "--price", "500", "--hashrate", "10TH/s", "--days", "365",
        "--payouts", str(smooth), "--data", days,
    )  # fmt: skip
    verdicts = {it.name: it.verdict for it in found.checks}
    assert verdicts["smooth earnings"] == "bad"
    assert verdicts["payouts follow mining"] == "bad"
    assert any(it.code == "HW-825" for it in found.findings)
