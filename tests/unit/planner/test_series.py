"""Tidy files become arrays, and what is wrong with them becomes findings; nothing is filled in."""

import gzip

import numpy as np
import pytest

from hashwright.errors import OperatorError
from hashwright.planner.series import (
    aligned,
    day_of,
    dead_since,
    known_at_ms,
    load_coins,
    load_power,
    power_of,
    table_of,
    text_of_day,
)

HEADS = "date,coin,price_usd,difficulty,hashrate_hs,issuance_native,fees_native,blocks,price_src,net_src"


def table(*rows, heads=HEADS, **how):
    return table_of([heads, *rows], source="my.csv", **how)


def found(result):
    return [(finding.code, finding.place, finding.message) for finding in result.findings]


def test_rows_in_any_order_become_days():
    result = table("2024-01-02,BTC,20,2,2e9,900,1,144,cm,cm", "2024-01-01,BTC,10,1,1e9,900,,144,cm,cm")
    series = result.coin("BTC")
    assert series.price_usd.tolist() == [10, 20]
    assert np.isnan(series.fees_native[0])
    assert [text_of_day(day) for day in series.days] == ["2024-01-01", "2024-01-02"]
    assert result.findings == ()
    assert day_of("1970-01-02") == 1
    assert known_at_ms(0) == 86_400_000


def test_a_hole_is_a_hole_and_is_told():
    result = table("2024-01-01,BTC,10,1,,,,,cm,cm", "2024-01-04,BTC,40,1,,,,,cm,cm")
    assert np.isnan(result.coin("BTC").price_usd).tolist() == [False, True, True, False]
    assert ("HW-806", "my.csv, BTC", "2 days are missing: 2024-01-02 to 2024-01-03") in found(result)


def test_a_doubled_day_counts_once_the_last():
    result = table("2024-01-01,BTC,10,1,,,,,cm,cm", "2024-01-01,BTC,11,1,,,,,cm,cm")
    assert result.coin("BTC").price_usd.tolist() == [11]
    assert found(result) == [("HW-807", "my.csv, line 3", "BTC has 2024-01-01 twice; the last line counts")]


@pytest.mark.parametrize("wrong", ["0", "-5", "nan", "inf", "12,5 USD", "ten"])
def test_what_is_no_price_counts_as_unknown(wrong):
    result = table(f'2024-01-01,BTC,"{wrong}",1,,,,,cm,cm')
    assert np.isnan(result.coin("BTC").price_usd[0])
    assert found(result)[0][:2] == ("HW-808", "my.csv, line 2")


def test_a_coin_that_dies_is_told_with_its_day():
    rows = [
        f"2022-09-{day:02},ETH,1600,{0 if day > 15 else 5},{0 if day > 15 else 9},,,,cm,cm" for day in range(10, 20)
    ]
    result = table(*rows)
    assert dead_since(result.coin("ETH")) == day_of("2022-09-16")
    assert found(result)[-1][0] == "HW-809"
    assert "2022-09-16" in found(result)[-1][2]
    assert dead_since(table("2024-01-01,BTC,1,1,1,,,,cm,cm").coin("BTC")) is None


def test_times_with_zones_are_read_and_told():
    result = table(
        "2024-01-01T23:30:00+00:00,BTC,1,1,,,,,cm,cm",
        "2024-01-02T00:30:00,LTC,1,1,,,,,cm,cm",
        "2024-01-03T00:30:00+02:00,XMR,1,1,,,,,cm,cm",
    )
    assert text_of_day(result.coin("BTC").first_day) == "2024-01-01"
    assert text_of_day(result.coin("XMR").first_day) == "2024-01-02", "half past midnight in +02:00 is the day before"
    assert [code for code, _, _ in found(result)] == ["HW-810", "HW-810"]


def test_computed_rows_are_marked():
    series = table("2024-01-01,XMR,1,1,,,,,cm,cm", "2024-01-02,XMR,1,1,,,,,cm,segment").coin("XMR")
    assert series.is_computed.tolist() == [False, True]


def test_a_broken_line_is_left_out_and_told():
    result = table("2024-01-01,BTC,1,1,,,,,cm,cm", "2024-01-02,BTC", "yesterday,BTC,1,1,,,,,cm,cm")
    assert len(result.coin("BTC").price_usd) == 1
    assert [place for _, place, _ in found(result)] == ["my.csv, line 3", "my.csv, line 4"]


def test_very_many_problems_are_counted():
    result = table(*["yesterday,BTC,1,1,,,,,cm,cm"] * 300)
    assert len(result.findings) == 201
    assert result.findings[-1].message == "100 more problems are not listed"


def test_columns_may_be_missing_but_not_all():
    assert table("2024-01-01,BTC,5", heads="date,coin,difficulty").coin("BTC").difficulty.tolist() == [5]
    with pytest.raises(OperatorError, match="other columns") as refusal:
        table("1,2", heads="time,value")
    assert refusal.value.code == "HW-805"


def test_a_coin_that_is_not_there_names_those_that_are():
    with pytest.raises(OperatorError, match="no days of DOGE") as refusal:
        table("2024-01-01,BTC,1,1,,,,,cm,cm").coin("DOGE")
    assert refusal.value.hint == "It has: BTC."


def test_only_what_was_over_is_known():
    series = table(*[f"2024-01-0{day},BTC,{day},1,,,,,cm,cm" for day in range(1, 6)]).coin("BTC")
    now = known_at_ms(day_of("2024-01-03"))
    assert series.until(now).price_usd.tolist() == [1, 2, 3]
    assert series.until(now - 1).price_usd.tolist() == [1, 2]
    assert series.until(0).price_usd.tolist() == []


def test_coins_on_the_same_days():
    result = table("2024-01-01,BTC,1,1,,,,,cm,cm", "2024-01-02,BTC,2,1,,,,,cm,cm", "2024-01-02,LTC,3,1,,,,,cm,chain")
    both = aligned(result, ("LTC", "BTC"), first_day=day_of("2024-01-01"), last_day=day_of("2024-01-03"))
    assert both.price_usd.shape == (2, 3)
    assert np.array_equal(both.price_usd, [[np.nan, 3, np.nan], [1, 2, np.nan]], equal_nan=True)
    assert both.is_computed.tolist() == [[False, True, False], [False] * 3]
    assert len(both.days) == 3


def test_a_folder_is_searched_for_its_file(tmp_path):
    with pytest.raises(OperatorError, match="has none of"):
        load_coins(tmp_path)
    (tmp_path / "coin_daily.csv.gz").write_bytes(gzip.compress(f"{HEADS}\n2024-01-01,BTC,1,1,,,,,cm,cm\n".encode()))
    assert load_coins(tmp_path).coins.keys() == {"BTC"}
    assert load_coins(tmp_path, coins=("LTC",)).coins == {}
    (tmp_path / "coin_daily.csv.gz").write_bytes(b"<html>429</html>")
    with pytest.raises(OperatorError, match="cannot be read") as refusal:
        load_coins(tmp_path)
    assert refusal.value.code == "HW-805"


# -------------------------------------------------------------------- power

POWER = "time_utc,zone,price,currency"


def test_power_prices_are_slots(tmp_path):
    rows = [f"2024-01-01T{hour:02}:00Z,DE_LU,{hour},EUR" for hour in range(24)]
    (tmp_path / "electricity_dayahead.csv").write_text("\n".join([POWER, *rows]))
    zones, findings = load_power(tmp_path)
    series = zones["DE_LU"]
    assert (series.step_s, series.currency, findings) == (3600, "EUR", ())
    assert series.price_kwh_at(series.first_s + 3 * 3600 + 59) == pytest.approx(0.003)
    assert np.isnan(series.price_kwh_at(series.first_s - 1))
    first, means = series.daily_mean_kwh()
    assert (text_of_day(first), means.tolist()) == ("2024-01-01", [pytest.approx(0.0115)])


def test_quarter_hours_holes_and_doubles_in_power():
    rows = ["2024-01-01T00:00Z", "2024-01-01T00:15Z", "2024-01-01T00:45Z", "2024-01-01T00:45Z"]
    zones, findings = power_of([POWER, *(f"{at},X,1,EUR" for at in rows)], source="p.csv")
    assert zones["X"].step_s == 900
    assert np.isnan(zones["X"].price_mwh).sum() == 1
    assert [finding.code for finding in findings] == ["HW-807", "HW-806"]


@pytest.mark.parametrize(
    ("line", "problem"), [("2024-01-01T00:00,X,1,EUR", "no time zone"), ("2024-01-01T00:00Z,X,dear,EUR", "line 2")]
)
def test_power_that_cannot_be_read_names_its_line(line, problem):
    with pytest.raises(OperatorError, match=problem):
        power_of([POWER, line], source="p.csv")


def test_other_columns_of_power_are_refused():
    with pytest.raises(OperatorError, match="other columns"):
        power_of(["a,b"], source="p.csv")
