"""`hw plan energy` and `hw backtest --site`: what a person sees, what a program gets, and every problem at once."""

import csv
import gzip
import html.parser
import json
import pathlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from hashwright.cli.main import run
from hashwright.errors import EXIT_CONFIG

EXAMPLES = pathlib.Path(__file__).parents[3] / "docs" / "examples"
HOME = str(EXAMPLES / "home.toml")
AT = "2026-01-15T10:00"


def plan(capsys, *arguments):
    code = run(["plan", "energy", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def changed(tmp_path, *changes, name="home.toml", text=None):
    text = (EXAMPLES / name).read_text() if text is None else text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "site.toml"
    path.write_text(text)
    return str(path)


def test_the_example_of_the_docs_runs_offline_and_adds_up(capsys):
    code, out, _ = plan(capsys, "--site", HOME, "--at", AT, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["method"], found["mode"], found["slots"]) == ("exact", "DRY RUN", 192)
    assert found["gap"] <= 0.01
    totals = found["totals"]
    kinds = ("coins", "bought", "sold", "starts", "wear", "peak", "heat", "stored")
    assert sum(totals[it] for it in kinds) == pytest.approx(totals["value"])
    supply = totals["import_kwh"] + totals["own_kwh"] + totals["discharge_kwh"] + totals["unserved_kwh"]
    used = totals["machines_kwh"] + totals["load_kwh"] + totals["charge_kwh"] + totals["export_kwh"]
    assert supply == pytest.approx(used + totals["curtailed_kwh"])
    assert max(found["machines_w"]) <= 7000
    assert max(found["flows"]["import_w"]) <= 14_000
    assert {it["reason"] for it in found["blocks"]} == {"cheap power", "too dear"}


def test_plain_lines_have_blocks_with_reasons_and_the_sums(capsys):
    code, out, err = plan(capsys, "--site", HOME, "--at", AT)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split("\t")[:4] == ["from", "run", "why", "power"]
    assert lines[1].startswith("Thu 11:00\t0/2\ttoo dear\t")
    assert any(it.startswith("from the grid\t+") for it in lines)
    assert err == ""


def test_a_page_stands_alone_and_every_name_is_escaped(capsys, tmp_path):
    site = changed(tmp_path, ('name = "home"', 'name = "<script>x</script>"'))
    page = tmp_path / "plan.html"
    code, _, err = plan(capsys, "--site", site, "--at", AT, "--html", str(page))
    text = page.read_text()
    assert code == 0
    assert "Written" in err
    assert "<script" not in text
    assert not re.search(r"https?://|src=|@import", text)
    html.parser.HTMLParser().feed(text)
    assert text.count("<svg") >= 4


def test_every_problem_of_a_site_is_told_at_once_with_its_place(capsys, tmp_path):
    site = changed(
        tmp_path,
        ("import_kw = 14.0", "import_kw = -1"),
        ("capacity_kwh = 10.0", "capacity_kwh = 'big'"),
        ('kind = "time_of_use"', 'kind = "magic"'),
        ("reserve = 0.2", "reserv = 0.2"),
        ('days = ["weekday"]', 'days = ["funday"]'),
        ("per_th_day = 0.048", 'per_th_day = 0.048\ncoin = "BTC"'),
    )
    code, out, err = plan(capsys, "--site", site)
    assert code == EXIT_CONFIG
    assert out == ""
    for part in (
        "site.toml.limits.import_kw: '-1' does not fit",
        "site.toml.battery.capacity_kwh: 'big' does not fit",
        "site.toml.tariff.kind: 'magic' is no kind. Known: day_ahead,",
        "site.toml.battery.reserv: there is no such setting. Is reserve meant?",
        "site.toml.revenue.per_th_day: either per_th_day or coin",
    ):
        assert part in err
    assert "Traceback" not in err


def test_a_file_that_is_none_and_a_time_that_is_none(capsys, tmp_path):
    assert plan(capsys, "--site", str(tmp_path / "no.toml"))[0] == EXIT_CONFIG
    broken = changed(tmp_path, text="[site\n")
    assert "cannot be read" in plan(capsys, "--site", broken)[2]
    code, _, err = plan(capsys, "--site", HOME, "--at", "noon")
    assert code == 1
    assert "is no time" in err


@pytest.mark.parametrize(("level", "code"), [("130", "HW-848"), ("-5", "HW-848")])
def test_a_battery_that_reports_nonsense_is_found_and_planned_with_what_can_be(capsys, level, code):
    _, out, _ = plan(capsys, "--site", HOME, "--at", AT, "--json", "--level", level)
    found = json.loads(out)
    assert [it["code"] for it in found["findings"]] == [code]
    assert max(found["battery_wh"]) <= 10_001
    assert min(found["battery_wh"]) >= -1


def test_a_solver_without_time_gives_a_plan_by_the_rule_and_says_so(capsys):
    _, out, _ = plan(capsys, "--site", HOME, "--at", AT, "--json", "--time-limit", "0")
    found = json.loads(out)
    assert found["method"] == "threshold"
    assert [it["code"] for it in found["findings"]] == ["HW-850", "HW-851"]
    assert found["gap"] is None


def test_the_days_of_the_clock_changes(capsys):
    for at in ("2026-03-28T23:00", "2026-10-24T22:00"):
        _, out, _ = plan(capsys, "--site", HOME, "--at", at, "--json", "--hours", "30")
        found = json.loads(out)
        assert found["slots"] == 120
        assert not found["findings"]


# ---------------------------------------------------------------- recorded data


@pytest.fixture
def data(tmp_path):
    """Ten recorded days of made-up prices and of a coin, in the form of the shared data set."""
    start = datetime(2024, 3, 1, tzinfo=UTC)
    rows = ["time_utc,zone,price,currency"]
    for hour in range(24 * 10):
        at = start + timedelta(hours=hour)
        price = -500 if hour == 30 else 4000 if hour == 40 else 20 + 90 * (hour % 24 > 15)
        rows.append(f"{at:%Y-%m-%dT%H:%MZ},US_ERCOT_HB_HUBAVG,{price},USD")
    (tmp_path / "electricity_dayahead.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    days = ["date,coin,price_usd,difficulty,hashrate_hs,issuance_native,fees_native,blocks,price_src,net_src"]
    days += [f"{start + timedelta(days=it):%Y-%m-%d},BTC,60000,1,6e20,450,20,144,cm,cm" for it in range(-1, 10)]
    (tmp_path / "coin_daily.csv.gz").write_bytes(gzip.compress("\n".join(days).encode()))
    return tmp_path


def farm(tmp_path, *changes):
    text = (EXAMPLES / "farm.toml").read_text()
    return changed(tmp_path, *changes, text=text)


def test_recorded_prices_with_a_hole_end_the_horizon_and_extreme_ones_are_found(capsys, data, tmp_path):
    arguments = ("--site", farm(tmp_path), "--data", str(data), "--json")
    _, out, _ = plan(capsys, *arguments, "--at", "2024-03-10T00:00")
    found = json.loads(out)
    assert found["slots"] == 96
    assert {it["code"] for it in found["findings"]} == {"HW-841"}
    _, out, _ = plan(capsys, *arguments, "--at", "2024-03-02T00:00")
    found = json.loads(out)
    paid, dear = slice(6 * 4, 7 * 4), slice(16 * 4, 17 * 4)
    assert found["flows"]["import_w"][dear] == [0] * 4
    assert min(found["flows"]["export_w"][dear]) > 99_000
    assert min(found["machines_w"][paid]) > 100_000
    code, _, err = plan(capsys, *arguments[:-1], "--at", "2024-03-11T00:00")
    assert code == 1
    assert "HW-841" in err
    code, _, err = plan(capsys, "--site", farm(tmp_path), "--at", "2024-03-02T00:00")
    assert code == 1
    assert "--data" in err


def test_a_silent_weather_service_costs_the_sun_and_not_the_plan(capsys, data, tmp_path):
    old = 'kind = "clear_sky"\nclearness = 0.7'
    site = farm(tmp_path, (old, 'kind = "open_meteo"\nurl = "http://127.0.0.1:1/"'))
    code, out, _ = plan(capsys, "--site", site, "--data", str(data), "--at", "2024-03-05T00:00", "--json")
    found = json.loads(out)
    assert code == 0
    assert max(found["own_w"]) == 0
    assert "HW-846" in {it["code"] for it in found["findings"]}


def test_the_walk_sets_the_plan_beside_rules_and_hindsight(capsys, data, tmp_path):
    arguments = ["backtest", "--site", farm(tmp_path), "--data", str(data), "--from", "2024-03-05", "--days", "2"]
    assert run([*arguments, "--json"]) == 0
    found = {it["policy"]: it for it in json.loads(capsys.readouterr().out)["policies"]}
    assert list(found) == ["plan", "threshold", "always on", "sun only", "off", "hindsight"]
    value = {name: it["value"] for name, it in found.items()}
    assert value["hindsight"] >= value["plan"] > value["threshold"] > value["always on"]
    assert found["always on"]["run_share"] == 1
    assert found["off"]["machines_kwh"] == 0
    assert found["plan"]["plans_by_rule"] == 0
    assert run([*arguments, "--policy", "off", "--policy", "sun only"]) == 0
    out = capsys.readouterr().out
    assert [line.split("\t")[0] for line in out.splitlines()] == ["policy", "sun only", "off"]


@pytest.mark.parametrize(("extra", "part"), [
    (("--policy", "luck"), "There is no policy"), (("--from", "soon"), "is no day"), (("--days", "10"), "have a hole"),
])  # fmt: skip
def test_a_walk_that_cannot_be_made_says_why(capsys, data, tmp_path, extra, part):
    arguments = ["backtest", "--site", farm(tmp_path), "--data", str(data), "--from", "2024-03-02", "--days", "2"]
    assert run([*arguments, *extra]) != 0
    assert part in capsys.readouterr().err


NET = ("[load]", '[export]\nkind = "net_metering"\nfee = 0.01\nsurplus_price = 0.04\n\n[load]')


def meter_file(tmp_path, *rows):
    path = tmp_path / "meter.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("time_utc", "own_w", "import_w", "export_w", "battery_percent"), *rows])
    return str(path)


def test_the_meter_s_word_stands_above_the_site_s_file(capsys, tmp_path):
    meter = meter_file(tmp_path, ("2026-01-10T10:00", "", 8000, 100, ""), ("2026-01-15T09:45", "", 2000, 0, 130))
    _, out, _ = plan(capsys, "--site", HOME, "--at", AT, "--json", "--meter", meter)
    found = json.loads(out)
    assert (found["month"]["peak_kw"], found["month"]["bought_kwh"], found["month"]["bill"]) == (8.0, 2.5, None)
    assert [it["message"] for it in found["findings"]] == ["It reports 130 %"]
    _, _, err = plan(capsys, "--site", HOME, "--at", AT, "--meter", meter)
    assert "2.5 kWh bought, 0.0 kWh sold, at most 8.0 kW" in err
    code, _, err = plan(capsys, "--site", HOME, "--at", AT, "--meter", str(tmp_path / "none.csv"))
    assert (code, "HW-956" in err) == (1, True)


def test_net_metering_settles_the_month_and_a_surplus_brings_its_own_price(capsys, tmp_path):
    site = changed(tmp_path, NET, ("import_kw = 14.0", "import_kw = 14.0\nexport_kw = 5.0"))
    buys = meter_file(tmp_path, ("2026-01-10T10:00", "", 8000, 4000, ""))
    _, out, _ = plan(capsys, "--site", site, "--at", AT, "--json", "--meter", buys)
    # 2 kWh bought and 1 kWh sold at the present price of 0.21, with a fee of 0.01 on what was netted
    assert json.loads(out)["month"]["bill"] == pytest.approx((2 - 1) * 0.21 + 0.01)
    sells = meter_file(tmp_path, ("2026-01-10T10:00", "", 4000, 8000, ""))
    _, out, _ = plan(capsys, "--site", site, "--at", AT, "--json", "--meter", sells)
    assert json.loads(out)["month"]["bill"] == pytest.approx(-1 * 0.04 + 0.01)


def test_the_last_plan_holds_when_the_solver_has_no_answer(capsys, tmp_path):
    home = ("--site", HOME, "--data-dir", str(tmp_path), "--json")
    first = json.loads(plan(capsys, *home)[1])
    second = json.loads(plan(capsys, *home, "--time-limit", "0")[1])
    assert (first["method"], second["method"]) == ("exact", "last plan")
    assert second["groups"]["s21"]["running"][1:150] == first["groups"]["s21"]["running"][1:150]
    (file,) = (tmp_path / "energy").iterdir()
    file.write_text("{")
    third = json.loads(plan(capsys, *home, "--time-limit", "0")[1])
    assert third["method"] == "threshold", "a damaged memory is none"
