"""The list of bad input of build order 5, item by item, as commands meet it: a clear finding, and what was left out.

A feed that answers HTML, 429, or a number a thousand times off stands in `tests/unit/adapters/test_feeds.py` and, for
every plug-in, in `tests/conformance/test_feeds.py`.
"""

import json

import numpy as np
import pytest

from unit.cli.world import hw

HEADS = "date,coin,price_usd,difficulty,hashrate_hs,issuance_native,fees_native,blocks"
FIRST = np.datetime64("2022-01-01")
DAYS = 730


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two years of Bitcoin with every fault of the list, of Bitcoin Cash, which dies, and of Monero, which is whole."""
    rng = np.random.default_rng(8)
    rows = [HEADS]
    for coin, price, difficulty, factor, blocks, reward in (
        ("BTC", 40_000, 2.6e13, 2**32, 144, 6.25),
        ("BCH", 300, 1.6e11, 2**32, 144, 6.25),
        ("XMR", 180, 3.3e11, 1, 720, 0.6),
    ):
        prices = price * np.exp(np.cumsum(rng.normal(0, 0.035, DAYS)))
        works = difficulty * np.exp(np.cumsum(rng.normal(0.001, 0.01, DAYS)))
        for index in range(DAYS):
            rows += rows_of(coin, index, prices[index], works[index], factor, (blocks, reward))
    data = tmp_path_factory.mktemp("bad")
    (data / "coin_daily.csv").write_text("\n".join([*rows, "2023-13-45,BTC,1,1,,,,", "nonsense"]))
    return data


def rows_of(coin, index, price, work, factor, block):
    day, text = str(FIRST + index), f"{price:.6g}"
    blocks, reward = block
    faults = {200: "0", 210: "-5"} if coin == "BTC" else {}
    text = faults.get(index, text)
    if coin == "BTC":
        day += {220: "T00:00:00+02:00", 230: " 12:00"}.get(index, "")
    if coin == "BTC" and 100 <= index < 110:
        return []
    if coin == "BCH" and index >= 400:
        work = 0
    hashrate = work * factor * blocks / 86_400
    row = f"{day},{coin},{text},{work:.8g},{hashrate:.8g},{blocks * reward},{blocks * reward * 0.02:.6g},{blocks}"
    twice = {50: [row], 60: [f"{day},BTC,1,1,,,,"]} if coin == "BTC" else {}
    return [row, *twice.get(index, [])]


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """Ask on a fresh install, at the end of that history."""
    monkeypatch.setattr("hashwright.cli.market_parts.now_ms", lambda: 1_790_500_000_000)

    def ask(*words):
        said = hw(capsys, "--data-dir", tmp_path / "data", *words)
        assert "Traceback" not in said.out + said.err
        return said

    return ask


FINDINGS = (
    ("duplicated days", "HW-807", "BTC has 2022-02-20 twice; the last line counts"),
    ("missing spans", "HW-806", "10 days are missing: 2022-04-11 to 2022-04-20"),
    ("zero prices", "HW-808", "price_usd is '0'; it counts as unknown"),
    ("negative prices", "HW-808", "price_usd is '-5'; it counts as unknown"),
    ("another time zone", "HW-810", "2022-08-09T00:00:00+02:00 is not of UTC; it counts for the UTC day that it is in"),
    ("no time zone", "HW-810", "2022-08-19 12:00 says no time zone; it was read as UTC"),
    ("a coin that dies", "HW-809", "its difficulty or hash rate is zero from 2023-02-05 on"),
    ("a day that is none", "HW-805", "'2023-13-45' is no day such as 2024-11-30"),
    ("a broken line", "HW-805", "it has 1 cells, not 8"),
)


@pytest.fixture
def findings(ask, folder):
    found = {}
    for name, words in {
        "plan": ("plan", "--hardware", "s21", "--power-price", "0.06", "--scenarios", "100"),
        "trends": ("trends", "--days", "60"),
        "backtest": (
            *("backtest", "--hardware", "s19", "--power-price", "0.05", "--policy", "best_hashprice"),
            *("--from", "2022-02-01", "--to", "2023-12-01"),
        ),
    }.items():
        said = ask(*words, "--data", folder, "--json")
        assert said.code == 0, said.err
        found[name] = [(it["code"], it["message"]) for it in json.loads(said.out)["findings"]]
    return found


def test_every_fault_of_a_history_is_a_finding_and_nothing_stops(findings):
    for what, code, message in FINDINGS:
        assert (code, message) in findings["plan"], what
        assert (code, message) in findings["trends"], what
        if code != "HW-806":
            assert (code, message) in findings["backtest"], what
    left_out = ("HW-820", "left out of the plan: BCH is dead: its difficulty is zero from 2023-02-05 on.")
    assert left_out in findings["plan"]
    assert any(code == "HW-820" and "left out" in message for code, message in findings["trends"])
    unknown = [message for code, message in findings["backtest"] if code == "HW-806"]
    assert unknown[0].startswith("14 days without a known hashprice"), (
        "ten missing, three without a price, one of +02:00"
    )


def test_a_person_is_told_first_what_ends_something(ask, folder):
    said = ask("plan", "--hardware", "s21", "--power-price", "0.06", "--scenarios", "100", "--data", folder)
    notes = [line for line in said.err.splitlines() if line.startswith("HW-8")]
    assert "HW-820 BCH: left out of the plan: BCH is dead" in said.err
    assert any(line.startswith("HW-809") for line in notes)
    assert "more: --json lists all." in said.err
    assert "BCH at a pool" not in said.out, "a dead coin is never a target"


PRICE_COMMANDS = (
    ("calc", "s21"),
    ("plan", "--hardware", "s21"),
    ("trends",),
    ("compare", "--budget", "2000"),
    ("compare", "hardware"),
    ("backtest",),
)


@pytest.mark.parametrize("command", PRICE_COMMANDS, ids=" ".join)
def test_cents_taken_for_dollars_are_asked_back_everywhere(ask, command):
    said = ask(*command, "--power-price", "8")
    assert (said.code, said.err[:6]) == (1, "HW-804")
    assert "0.08 (USD/kWh) or 8ct" in said.err


def test_a_price_that_nothing_uses_is_refused(ask):
    said = ask("backtest", "--power-price", "0.05")
    assert said.code == 2
    assert "goes with --hardware" in said.err


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("calc", "5950x", "--hashrate", "10 TH/s"), "HW-803", "Is the unit right?"),
        (("calc", "s21", "--hashrate", "-5 TH/s"), "HW-803", ""),
        (("calc", "s21", "--hashrate", "0 TH/s"), "HW-803", ""),
        (("calc", "s21", "--power", "0W"), "HW-803", "at the wall"),
        (("calc", "s21", "--power", "-3 kW"), "HW-803", ""),
        (("calc", "s21", "--power-price", "nan"), "HW-803", ""),
        (("calc", "s21", "--pool-fee", "120%"), "HW-803", ""),
        (("calc", "s21", "--pool-fee", "2"), "HW-803", "2%"),
        (("calc", "s211"), "HW-802", "Antminer S21"),
        (("plan", "--hardware", "s21 x0"), "HW-803", ""),
        (("plan", "--hardware", "s21, antminer s19 xpp"), "HW-802", "Antminer S19 XP"),
        (("calc", "s21", "--coin", "bitcoyn"), "HW-801", "Bitcoin"),
        (("calc", "s21", "--coin", "eth"), "HW-205", "ethereum-classic"),
        (("calc", "s21", "--coin", "xmr"), "HW-818", "sha256d"),
        (("plan", "--what-if", "price=-200%"), "HW-823", ""),
        (("plan", "--hold", "hodl"), "HW-822", ""),
        (("compare", "--budget", "-5"), "HW-826", ""),
        (("compare", "--budget", "2000", "--currency", "EUR", "--rate", "-1"), "HW-829", ""),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else "",
)
def test_absurd_units_and_unknown_names_are_asked_back(ask, words, code, hint):
    said = ask(*words)
    assert said.code != 0
    assert said.err.startswith(code), said.err
    assert hint in said.err
