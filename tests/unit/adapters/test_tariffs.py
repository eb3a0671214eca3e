"""Tariffs by their own rules and by HTTP on loopback: what they ask, how they read, and what they refuse."""

import asyncio
import gzip
import json
import tomllib
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters_tariffs import built, prices
from hashwright import registry
from hashwright.adapters.tariffs import _entsoe_xml, day_ahead
from hashwright.energy.slots import HOUR_MS, Grid, ms_of, on_grid
from hashwright.errors import ConfigError, NotSupported, OperatorError, RateLimited, Unavailable
from unit.adapters.tariff_world import served

D = Decimal
START = ms_of(datetime(2024, 10, 5, 22, tzinfo=UTC))
DAY = 24 * HOUR_MS


def values(answer, start=START, count=96):
    return on_grid(answer.spans, Grid(start_ms=start, count=count))


def test_a_flat_price_covers_any_time():
    answer = prices({"kind": "flat", "price": D("0.25")}, START, START + DAY)
    assert values(answer).values == (D("0.25"),) * 96


def test_a_time_of_use_tariff_out_of_its_own_example():
    text = registry.load("tariffs", "time_of_use").__doc__.split("\n\n", 1)[1]
    table = tomllib.loads(text, parse_float=D)["tariff"]
    at = ms_of(datetime(2026, 12, 1, 21, tzinfo=UTC))  # 22:00 in Berlin, winter
    answer = prices(table, at, at + HOUR_MS)
    assert values(answer, at, 4).values == (D("0.19"),) * 4


def test_every_problem_of_a_time_of_use_tariff_is_told_at_once():
    table = {
        "kind": "time_of_use",
        "zone": "Mars/Olympus",
        "price": D(31),
        "holidays": ["xmas"],
        "rules": [{"price": "cheap", "days": ["funday"], "from": "6"}, {"price": D("0.1"), "season": "wet"}],
        "colour": "green",
    }
    _, findings = built(table)
    told = "\n".join(f"{it.place}: {it.message}" for it in findings)
    for part in ("tariff.colour: there is no such setting", "rules[1].price: 'cheap' does not fit"):
        assert part in told
    table = {**table, "rules": [{"price": D("0.1"), "season": "wet", "days": ["funday"]}]}
    del table["colour"]
    assert "funday" in "\n".join(it.message for it in built(table)[1])
    table["rules"] = [{"price": D("0.1"), "season": "wet"}]
    told = "\n".join(it.message for it in built(table)[1])
    assert all(part in told for part in ("Mars/Olympus", "xmas", "wet"))


def test_energy_charts_is_asked_for_its_zone_and_read_with_quarters_and_hours():
    quarters = [1728165600 + 900 * it for it in range(4)] + [1728169200]
    body = {"unix_seconds": quarters, "price": [55.35, 44.22, 40.32, None, -500], "unit": "EUR / MWh"}
    with served(json.dumps(body).encode()) as (url, asked):
        table = {"kind": "energy_charts", "zone": "BE", "url": f"{url}/price", "factor": D("1.06"), "add": D("0.1")}
        answer = prices(table, START, START + DAY)
    assert "bzn=BE" in asked[0][0]
    slotted = values(answer, START, 5)
    assert slotted.values == (D("0.158671"), D("0.1468732"), D("0.1427392"), None, D("-0.43"))
    assert answer.currency == "EUR"


@pytest.mark.parametrize("body", [
    b"", b"[]", b'{"unix_seconds":[1],"price":[1],"unit":"EUR / MWh"}',
    b'{"unix_seconds":[1728165600,1728165600],"price":[1,2],"unit":"EUR / MWh"}',
    b'{"unix_seconds":[1728165600,1728169200],"price":[1,2],"unit":"EUR / kWh"}',
    b'{"unix_seconds":[1728165600,1728169200],"price":[1,NaN],"unit":"EUR / MWh"}',
    b'{"unix_seconds":[1728165600,1728169200],"price":[1,"x"],"unit":"EUR / MWh"}',
    b'{"unix_seconds":[1728165600,1728169200],"price":[1,1e99],"unit":"EUR / MWh"}',
    b"[" * 100_000,
])  # fmt: skip
def test_nonsense_is_refused_and_nothing_taken_from_it(body):
    with served(body) as (url, _), pytest.raises(OperatorError) as error:
        prices({"kind": "energy_charts", "url": url}, START, START + DAY)
    assert error.value.code == "HW-843"


def test_a_service_that_is_silent_overloaded_or_not_https_is_told_apart():
    with served(status=503) as (url, _), pytest.raises(Unavailable, match="503"):
        prices({"kind": "energy_charts", "url": url}, START, START + DAY)
    with served(status=429, headers=[("Retry-After", "60")]) as (url, _), pytest.raises(RateLimited) as error:
        prices({"kind": "energy_charts", "url": url}, START, START + DAY)
    assert error.value.retry_after_s == 60
    with pytest.raises(Unavailable, match="ConnectError"):
        prices({"kind": "energy_charts", "url": "http://127.0.0.1:1/"}, START, START + DAY)
    with pytest.raises(ConfigError, match="no https address"):
        prices({"kind": "energy_charts", "url": "http://example.net/"}, START, START + DAY)


def test_octopus_agile_is_read_in_pence_with_and_without_vat():
    rates = [
        {"value_exc_vat": 20, "value_inc_vat": 21.0, "valid_from": "2024-10-05T22:30:00Z", "valid_to": None},
        {"value_exc_vat": -2, "value_inc_vat": -2.1, "valid_from": "2024-10-05T22:00:00Z",
         "valid_to": "2024-10-05T22:30:00Z"},
    ]  # fmt: skip
    with served(json.dumps({"results": rates, "next": None}).encode()) as (url, asked):
        table = {"kind": "octopus_agile", "product": "AGILE-24-10-01", "region": "C", "url": url}
        answer = prices(table, START, START + HOUR_MS)
        without = prices({**table, "vat": False}, START, START + HOUR_MS)
    assert asked[0][0].startswith(
        "/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-C/standard-unit-rates/?period_from=2024-10-05"
    )
    assert answer.currency == "GBP"
    assert values(answer, START, 4).values == (D("-0.021"),) * 2 + (D("0.21"),) * 2
    assert values(without, START, 4).values == (D("-0.02"),) * 2 + (D("0.20"),) * 2


def test_any_json_is_read_as_the_settings_say():
    body = {"data": {"rows": [{"t": 1728165600, "p": {"all": "7.5"}}, {"t": 1728167400, "p": {"all": 8}}]}}
    with served(json.dumps(body).encode()) as (url, asked):
        table = {
            "kind": "http_json", "url": url + "/x?from={start}&day={day}", "currency": "EUR", "items": "data.rows",
            "start": "t", "price": "p.all", "per": "cent/kWh", "time": "unix_s", "step_minutes": 30,
        }  # fmt: skip
        answer = prices(table, START, START + HOUR_MS)
    assert asked[0][0] == "/x?from=2024-10-05T22:00:00Z&day=2024-10-05"
    assert values(answer, START, 4).values == (D("0.075"),) * 2 + (D("0.08"),) * 2


def test_a_token_travels_in_a_header_only(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    table = {"kind": "http_json", "currency": "EUR", "start": "t", "price": "p", "step_minutes": 60,
             "token_from": "env:MY_TOKEN"}  # fmt: skip
    with served(b"[]", status=401) as (url, asked), pytest.raises(Unavailable) as error:
        prices({**table, "url": url}, START, START + HOUR_MS)
    assert asked[0][1]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(error.value)


def test_recorded_prices_hold_an_hour_at_most_and_missing_ones_are_holes(tmp_path):
    rows = "time_utc,zone,price,currency\n2024-10-05T22:00Z,X,40,EUR\n2024-10-05T22:30Z,X,80,EUR\n"
    rows += "2024-10-06T01:00Z,X,-20,EUR\n2024-10-05T22:00Z,Y,1,EUR\n"
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(rows.encode()))
    table = {"kind": "recorded", "zone": "X", "file": "p.csv.gz", "folder": str(tmp_path)}
    slotted = values(prices(table, START, START + 4 * HOUR_MS), START, 16)
    assert slotted.values == (
        *(D("0.04"),) * 2, *(D("0.08"),) * 4, *(None,) * 6, *(D("-0.02"),) * 4,
    )  # fmt: skip
    for change, part in (({"zone": "Z"}, "It has: X, Y"), ({"file": "q.csv"}, "--data")):
        with pytest.raises(OperatorError) as error:
            prices({**table, **change}, START, START + HOUR_MS)
        assert error.value.code == "HW-853"
        assert part in error.value.hint


def test_entsoe_needs_a_token_and_its_extra_and_leaks_no_token(monkeypatch):
    monkeypatch.setenv("ENTSOE_TOKEN", "t0ken")
    import entsoe.entsoe

    table = {"kind": "day_ahead", "area": "BE"}
    with served(b"<a/>", status=401) as (url, asked):
        monkeypatch.setattr(entsoe.entsoe, "URL", url)
        with pytest.raises(Unavailable) as error:
            prices(table, START, START + DAY)
    assert "securityToken=t0ken" in asked[0][0]
    assert "t0ken" not in str(error.value)
    assert error.value.__suppress_context__
    monkeypatch.setitem(__import__("sys").modules, "entsoe.entsoe", None)
    with pytest.raises(NotSupported) as missing:
        prices(table, START, START + DAY)
    assert missing.value.code == "HW-849"
    monkeypatch.delenv("ENTSOE_TOKEN")
    with pytest.raises(ConfigError) as error:
        asyncio.run(day_ahead.DayAheadTariff(built(table)[0].config).prices(0, 1, now_ms=0))
    assert error.value.code == "HW-702"


@pytest.mark.parametrize("text", [
    "", "<a>", "<a/>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "<Acknowledgement_MarketDocument><Reason><text>No matching data</text></Reason></Acknowledgement_MarketDocument>",
])  # fmt: skip
def test_what_is_no_document_of_prices_is_refused(text):
    with pytest.raises(OperatorError) as error:
        _entsoe_xml.read_prices(text)
    assert error.value.code == "HW-843"


@pytest.mark.data
@pytest.mark.parametrize(("name", "expected"), [
    ("BE_60M", {0: "0.06498", 4: "0.05786"}),
    ("BE_15M_exact4", {0: "0.05535", 1: "0.04422", 3: "0.03186"}),
    ("BE_60M_15M_mix", {0: "0.05535", 3: "0.05535", 4: "0.04422", 95: None}),
])  # fmt: skip
def test_recorded_documents_of_entsoe(test_data, name, expected):
    text = (test_data / f"api_samples/entsoe/{name}.xml").read_text()
    read = _entsoe_xml.read_prices(text)
    start = min(it.start_ms for it in read.spans)
    slotted = values(read, start)
    for slot, price in expected.items():
        assert slotted.values[slot] == (price and D(price)) or (price is None and slotted.values[slot] is not None)
    if name != "BE_15M_exact4":
        assert slotted.findings == ()


@pytest.mark.data
def test_where_hours_and_quarters_overlap_the_quarters_count_and_it_is_told(test_data):
    read = _entsoe_xml.read_prices((test_data / "api_samples/entsoe/DE_60M_15M_overlap.xml").read_text())
    quarters = {it.start_ms: it.value for it in read.spans if it.end_ms - it.start_ms < HOUR_MS}
    slotted = values(read, START)
    assert not slotted.has_holes
    inside = {at: price for at, price in quarters.items() if START <= at < START + DAY}
    assert len(inside) == 96
    assert all(slotted.values[(at - START) // (HOUR_MS // 4)] == price for at, price in inside.items())
    assert {it.code for it in slotted.findings} == {"HW-842"}


@pytest.mark.data
def test_the_library_of_entsoe_asks_a_loopback_server_and_a_recorded_answer_is_read(test_data, monkeypatch):
    import entsoe.entsoe

    monkeypatch.setenv("ENTSOE_TOKEN", "t0ken")
    body = (test_data / "api_samples/entsoe/BE_60M.xml").read_bytes()
    start = ms_of(datetime(2024, 10, 7, 22, tzinfo=UTC))
    with served(body) as (url, asked):
        monkeypatch.setattr(entsoe.entsoe, "URL", url)
        answer = prices({"kind": "day_ahead", "area": "BE", "add": D("0.1")}, start, start + DAY)
    assert "documentType=A44" in asked[0][0]
    assert values(answer, start).values[0] == D("0.16498")
    assert not values(answer, start).has_holes


@pytest.mark.data
@pytest.mark.parametrize(("name", "minutes"), [("energy", 60), ("energy_quarter", 15)])
def test_a_recorded_answer_of_easyenergy_is_read_by_settings_alone(test_data, name, minutes):
    body = (test_data / f"api_samples/easyenergy/{name}.json").read_bytes()
    with served(body) as (url, _):
        table = {
            "kind": "http_json", "url": url, "currency": "EUR", "items": "prices", "start": "from", "end": "until",
            "price": "invoicePrice", "zone": "Europe/Amsterdam",
        }  # fmt: skip
        answer = prices(table, 0, 2**42)
    first = min(answer.spans, key=lambda it: it.start_ms)
    assert first.end_ms - first.start_ms == minutes * 60_000
    assert first.value == (D("0.27238") if minutes == 60 else D("0.13053"))
    assert first.start_ms == ms_of(datetime(2026, 4, 18, 22, tzinfo=UTC) if minutes == 60 else
                                   datetime(2026, 4, 19, 12, tzinfo=UTC))  # fmt: skip
