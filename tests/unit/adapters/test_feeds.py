"""Feeds: what they understand, what they refuse, and how they are asked. Recorded answers are in the group `data`."""

import asyncio
import contextlib
import http.server
import json
import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright import registry
from hashwright.adapters.feeds._fetch import PAUSE_ASKED_S, fetch
from hashwright.adapters.feeds.base import at_text, document, number
from hashwright.chain.find import minable_coins
from hashwright.economics.coin_facts import MONIES
from hashwright.errors import ConfigError, HashwrightError, OperatorError, RateLimited, Unavailable
from hashwright.runtime.feeds import fetch_market
from hashwright.runtime.market_data import load_market, market_folder
from unit.adapters.feed_service import service

NAMES = (
    "bitcoind",
    "coingecko",
    "coinmetrics",
    "dogecoind",
    "frankfurter",
    "litecoind",
    "mempool_space",
    "minerstat",
    "monerod",
    "whattomine",
)
NOW = 1_790_400_000_000
AT = 1_790_321_885


def feed(name):
    return registry.load("feeds", name).FEED


def raw(*documents):
    return [it if isinstance(it, bytes) else json.dumps(it).encode() for it in documents]


def read(name, *documents, now=NOW):
    found = feed(name).read(raw(*documents), now)
    return {(it.coin, it.field): it for it in found}


MEMPOOL = (
    {"time": AT, "USD": 84_000, "EUR": 72_000},
    {"currentHashrate": 911_950_000_000_000_000_000, "currentDifficulty": 132757073449487.5},
    {"startBlock": 900_001, "endBlock": 900_144, "totalReward": "45328000000", "totalFee": "328000000"},
)


def test_every_feed_is_a_plug_in_and_says_what_stands_behind_it():
    assert registry.names("feeds") == NAMES
    known = {coin.key for coin in minable_coins()}
    for name in NAMES:
        it = feed(name)
        assert it.seen in (("documented", "live") if it.is_node or name == "frankfurter" else ("recorded",))
        assert it.is_node or it.url.startswith("https://")
        assert set(it.coins) <= known | set(MONIES)
        assert it.pause_s >= 10
        assert all(question.path.startswith("/") for question in it.ask(it.coins))


def test_mempool_space():
    found = read("mempool_space", *MEMPOOL)
    assert found["bitcoin", "price_usd"].value == 84_000
    assert found["bitcoin", "price_usd"].at_ms == AT * 1000
    assert found["bitcoin", "price_usd"].known_at_ms == NOW
    assert found["bitcoin", "difficulty"].value == Decimal("132757073449487.5"), "a decimal, never a float"
    assert found["bitcoin", "fees_coins"].value == Decimal("3.28") / 144
    assert found["bitcoin", "height"].value == 900_144


def test_coin_metrics_sends_numbers_as_text_and_a_day_counts_at_its_end():
    rows = [
        {
            "asset": "btc",
            "time": "2026-09-23T00:00:00.000000000Z",
            "PriceUSD": "84017.0340292227",
            "DiffMean": "1.3e14",
        },
        {"asset": "btc", "time": "2026-09-24T00:00:00.000000000Z", "PriceUSD": "85000.5", "DiffMean": None},
        {"asset": "btc", "time": "2026-09-26T00:00:00.000000000Z", "PriceUSD": "1"},
        {"asset": "unheard", "time": "2026-09-24T00:00:00.000000000Z", "PriceUSD": "1"},
    ]
    found = read("coinmetrics", {"data": rows}, now=1_790_380_800_000)  # 2026-09-26 00:00
    assert found["bitcoin", "price_usd"].value == Decimal("85000.5")
    assert found["bitcoin", "price_usd"].at_ms == 1_790_294_400_000
    assert found["bitcoin", "difficulty"].value == Decimal("1.3e14")
    assert len(found) == 2


def test_coingecko():
    row = {"id": "ethereum-classic", "current_price": 22.56, "last_updated": "2023-01-16T03:29:43.035Z"}
    found = read("coingecko", [row, {"id": "unheard", "current_price": 1}, {"id": "bitcoin", "current_price": None}])
    assert {key: it.value for key, it in found.items()} == {("ethereum_classic", "price_usd"): Decimal("22.56")}
    assert found["ethereum_classic", "price_usd"].at_ms == 1_673_839_783_000


def minerstat_row(**changes):
    row = {"coin": "RVN", "algorithm": "KAWPOW", "type": "coin", "price": 0.04, "difficulty": 38615.92, "updated": AT}
    return {**row, "network_hashrate": 2764235225083, **changes}


def test_minerstat_writes_minus_one_for_unknown_and_names_one_coin_twice():
    found = read(
        "minerstat", [minerstat_row(network_hashrate=-1), minerstat_row(price=9, type="pool"), minerstat_row(price=8)]
    )
    assert found["ravencoin", "price_usd"].value == Decimal("0.04")
    assert found["ravencoin", "hashrate_hs"].value == 2764235225083, "the second row knows what the first does not"
    assert read("minerstat", [minerstat_row(algorithm="X16R")]) == {}


def whattomine(**changes):
    bitcoin = {"tag": "BTC", "algorithm": "SHA-256", "exchange_rate": 83886.68, "exchange_rate_curr": "BTC"}
    bitcoin |= {"difficulty": 132757073449487.5, "lagging": False, "timestamp": AT}
    cash = {"tag": "BCH", "algorithm": "SHA-256", "exchange_rate": 0.004, "exchange_rate_curr": "BTC"}
    cash |= {"difficulty": 531625310065.6644, "lagging": False, "timestamp": AT}
    return {"coins": {"Bitcoin": {**bitcoin, **changes}, "BitcoinCash": cash, "Nicehash": {"tag": "NICEHASH"}}}


def test_whattomine_says_btc_where_it_means_dollars():
    found = read("whattomine", whattomine(), {"coins": {}})
    assert found["bitcoin", "price_usd"].value == Decimal("83886.68")
    assert found["bitcoin_cash", "price_usd"].value == Decimal("335.54672")
    without = read("whattomine", whattomine(exchange_rate=1.0), {"coins": {}})
    assert ("bitcoin_cash", "price_usd") not in without, "without Bitcoin's dollars there are no others"
    assert ("bitcoin", "price_usd") not in without


def test_whattomines_lagging_coins_do_not_count():
    assert ("bitcoin", "difficulty") not in read("whattomine", whattomine(lagging=True), {"coins": {}})


def test_own_nodes_count_on_the_main_network_only():
    mining = {"chain": "main", "difficulty": 1.5e14, "networkhashps": 1e21, "blocks": 915_000}
    found = read("bitcoind", {"result": mining, "error": None})
    assert {name for _, name in found} == {"difficulty", "hashrate_hs", "height"}
    info = {"nettype": "mainnet", "difficulty": 396_329_282_300, "height": 3_300_000, "synchronized": True}
    assert read("monerod", info)["monero", "hashrate_hs"].value == Decimal(396_329_282_300) / 120
    for name, wrong in (
        ("bitcoind", {"result": {**mining, "chain": "regtest"}}),
        ("monerod", {**info, "nettype": "testnet"}),
        ("monerod", {**info, "synchronized": False}),
    ):
        with pytest.raises(OperatorError) as refusal:
            read(name, wrong)
        assert refusal.value.code == "HW-811"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "answer",
    [b"<html>Too many requests</html>", b"", b"{", b"[]", b"{}", b"null", b'{"data": [{"time": "soon"}]}', b"NaN",
     b'{"coins": []}', b'{"result": null}', b"[" * 100_000,
     b'[{"coin": "BTC", "algorithm": "SHA-256", "type": "coin"}]'],
)  # fmt: skip
def test_an_answer_of_another_form_is_told_or_gives_nothing(name, answer):
    it = feed(name)
    assert outcome(lambda: it.read([answer] * len(it.ask(it.coins)), NOW)) in ([], "HW-811")


def outcome(work):
    """Give what a reader returns, or the code of its refusal."""
    try:
        return work()
    except OperatorError as refusal:
        return refusal.code


@given(st.binary(max_size=200))
def test_no_bytes_break_a_reader(answer):
    for name in NAMES:
        it = feed(name)
        with contextlib.suppress(OperatorError):
            it.read([answer] * len(it.ask(it.coins)), NOW)


def test_numbers_and_times_of_strangers():
    assert number("1.5") == Decimal("1.5")
    assert document(b'{"a": 0.1}') == {"a": Decimal("0.1")}
    assert at_text("2026-01-30T00:00:00.000000000Z") == 1_769_731_200_000
    assert at_text("2026-01-30T00:00:00") == 1_769_731_200_000
    for wrong in (True, None, "x", "1" * 99, "1e999", [], "NaN"):
        with pytest.raises(OperatorError):
            number(wrong)


# -------------------------------------------------------------------- recorded answers


@pytest.mark.data
def test_recorded_answers_are_understood(test_data):
    samples = test_data / "api_samples"

    def answers(*names):
        return [(samples / name).read_bytes() for name in names]

    def taken(name, *files):
        return {(it.coin, it.field): it.value for it in feed(name).read(answers(*files), NOW)}

    mempool = [f"mempool_space/{name}.json" for name in ("price", "hashrate", "reward-stats")]
    found = taken("mempool_space", *mempool)
    assert found["bitcoin", "price_usd"] == 43_753
    assert found["bitcoin", "difficulty"] == Decimal("31251101365711.12")
    assert found["bitcoin", "fees_coins"] == Decimal("13.11748254") / 100
    assert taken("coinmetrics", "coinmetrics/v4_asset_metrics_2026-01-30.json") == {
        ("bitcoin", "price_usd"): Decimal("84017.0340292227")
    }
    gecko = taken("coingecko", "coingecko/coins_markets_2023-01-16.json")
    assert gecko["bitcoin", "price_usd"] == 21_109
    assert gecko["monero", "price_usd"] == Decimal("175.89")
    assert ("ethereum", "price_usd") not in gecko
    stat = taken("minerstat", "minerstat/v2_coins_sample.json")
    assert stat["ravencoin", "difficulty"] == Decimal("38615.92")
    assert stat["bitcoin", "price_usd"] == Decimal("52143.148801825")
    now, before = "whattomine/asic_2026-09-25_trimmed.json", "whattomine/coins_2017-09-07.json"
    what = taken("whattomine", now, before)
    assert what["bitcoin", "price_usd"] == Decimal("83886.68")
    assert what["bitcoin_cash", "price_usd"] == pytest.approx(Decimal("331.24"), abs=Decimal("0.01"))
    assert ("monero", "difficulty") not in what, "CryptoNight of 2017 is not RandomX"


RATES = {
    "amount": 1.0,
    "base": "EUR",
    "date": "2026-09-25",
    "rates": {"USD": 1.0562, "GBP": 0.8316, "CHF": 0.93, "JPY": 158.68, "XXX": 3, "SEK": 0},
}
"""The documented form, with made-up numbers."""


def test_money_of_states_is_told_in_dollars():
    found = read("frankfurter", RATES)
    assert {coin for coin, _ in found} == {"EUR", "GBP", "CHF", "JPY"}, "what is no money, or zero, is not taken"
    assert found["EUR", "price_usd"].value == Decimal("1.0562")
    assert found["GBP", "price_usd"].value == Decimal("1.0562") / Decimal("0.8316")
    assert found["EUR", "price_usd"].at_ms == 1_790_294_400_000
    assert outcome(lambda: feed("frankfurter").read(raw({**RATES, "base": "USD"}), NOW)) == "HW-811"
    assert outcome(lambda: feed("frankfurter").read(raw({**RATES, "date": "tomorrow"}), NOW)) == "HW-811"
    assert read("frankfurter", {**RATES, "rates": {"GBP": 0.83}}) == {}


# -------------------------------------------------------------------- asking


def ok(document):
    return (200, {}, json.dumps(document).encode())


GOOD = {
    "/api/v1/prices": ok(MEMPOOL[0]),
    "/api/v1/mining/hashrate": ok(MEMPOOL[1]),
    "/api/v1/mining/reward-stats": ok(MEMPOOL[2]),
}
GECKO = {"/api/v3": ok([{"id": "bitcoin", "current_price": 84_100, "last_updated": "2026-09-25T07:00:00Z"}])}


def go(tmp_path, urls, *, names=("mempool_space", "coingecko"), now=NOW, **how):
    return asyncio.run(fetch_market(names, data_dir=tmp_path, now_ms=now, urls=urls, **how))


def codes(fetched):
    return [finding.code for finding in fetched.findings]


def test_two_feeds_give_one_price_and_it_stays(tmp_path):
    with service(GOOD) as (mempool, _), service(GECKO) as (gecko, _):
        fetched = go(tmp_path, {"mempool_space": mempool, "coingecko": gecko})
    assert (fetched.asked, fetched.answered, fetched.findings) == (("mempool_space", "coingecko"),) * 2 + ((),)
    price = load_market(tmp_path).facts["bitcoin", "price_usd"]
    assert (price.value, price.sources, price.is_snapshot) == (84_050, ("CoinGecko", "mempool.space"), False)
    assert load_market(tmp_path).facts["litecoin", "price_usd"].is_snapshot


def test_a_feed_is_not_asked_again_before_its_pause_is_over(tmp_path):
    with service(GOOD) as (url, asked):
        for now in (NOW, NOW + 60_000, NOW + 119_000):
            go(tmp_path, {"mempool_space": url}, names=("mempool_space",), now=now)
        assert len(asked) == 3, "three questions, once"
        again = go(tmp_path, {"mempool_space": url}, names=("mempool_space",), now=NOW + 60_000, is_forced=True)
        assert again.asked == ("mempool_space",)
        late = go(tmp_path, {"mempool_space": url}, names=("mempool_space",), now=NOW + 300_000)
        assert late.asked == ("mempool_space",)


def test_a_feed_that_asks_for_a_pause_gets_it_even_when_forced(tmp_path):
    busy = {"/": (429, {"Retry-After": "7200"}, b"slow down")}
    with service(busy) as (url, asked):
        urls = {"mempool_space": url}
        first = go(tmp_path, urls, names=("mempool_space",))
        assert codes(first) == ["HW-812"]
        for now in (NOW + 1_000, NOW + 7_100_000):
            assert go(tmp_path, urls, names=("mempool_space",), now=now, is_forced=True).asked == ()
        assert len(asked) == 1
        assert go(tmp_path, urls, names=("mempool_space",), now=NOW + 7_300_000).asked == ("mempool_space",)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, {}, b"<!doctype html><title>Just a moment</title>"), "HW-811"),
        ((200, {}, b"{}"), "HW-811"),
        ((503, {}, b""), "HW-813"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "HW-813"),
        ((403, {}, b""), "HW-813"),
    ],
)
def test_a_feed_fails_alone_and_says_how(tmp_path, answer, code):
    with service({"/": answer}) as (bad, _), service(GECKO) as (good, _):
        fetched = go(tmp_path, {"mempool_space": bad, "coingecko": good})
    assert (fetched.answered, codes(fetched)) == (("coingecko",), [code])
    assert fetched.market.facts["bitcoin", "price_usd"].value == 84_100


def test_what_a_failed_feed_said_before_goes_on_to_serve(tmp_path):
    with service(GOOD) as (url, _):
        go(tmp_path, {"mempool_space": url}, names=("mempool_space",))
    with service({"/": (500, {}, b"")}) as (url, _):
        fetched = go(tmp_path, {"mempool_space": url}, names=("mempool_space",), now=NOW + 600_000)
    assert codes(fetched) == ["HW-813"]
    assert load_market(tmp_path).facts["bitcoin", "price_usd"].value == 84_000


def test_a_price_a_thousand_times_off_is_not_taken(tmp_path):
    off = {"/api/v3": ok([{"id": "bitcoin", "current_price": 84_100_000, "last_updated": "2026-09-25T07:00:00Z"}])}
    with service(GOOD) as (url, _):
        go(tmp_path, {"mempool_space": url}, names=("mempool_space",))
    with service(off) as (url, _):
        fetched = go(tmp_path, {"coingecko": url}, names=("coingecko",), now=NOW + 600_000)
    assert codes(fetched) == ["HW-402"]
    assert load_market(tmp_path).facts["bitcoin", "price_usd"].value == 84_000


def test_an_exchange_rate_a_thousand_times_off_is_not_taken(tmp_path):
    """Points and commas: 1,056.2 dollars for a euro; the rate of the package goes on to serve."""
    wrong = {**RATES, "rates": {"USD": 1056.2}}
    with service({"/v1/latest": ok(wrong)}) as (url, asked):
        fetched = go(tmp_path, {"frankfurter": url}, names=("frankfurter",))
    assert "symbols=AUD,CAD,CHF" in asked[0]
    assert codes(fetched) == ["HW-402"]
    assert load_market(tmp_path).facts["EUR", "price_usd"].value == Decimal("1.1057")
    with service({"/v1/latest": ok(RATES)}) as (url, _):
        go(tmp_path, {"frankfurter": url}, names=("frankfurter",), is_forced=True)
    fact = load_market(tmp_path).facts["EUR", "price_usd"]
    assert (fact.value, fact.sources) == (Decimal("1.0562"), ("Frankfurter",))


def test_an_own_node_is_asked_only_where_its_address_is_given(tmp_path):
    mining = {"result": {"chain": "main", "difficulty": 1.4e14, "networkhashps": 1e21, "blocks": 915_000}}
    with service({"/": ok(mining)}) as (url, asked):
        assert go(tmp_path, {}, names=("bitcoind",)).asked == ()
        fetched = go(tmp_path, {"bitcoind": url}, names=("bitcoind",))
    assert asked == ["/"]
    assert fetched.market.facts["bitcoin", "height"].value == 915_000


def test_damaged_files_are_told_and_do_not_end_anything(tmp_path):
    folder = market_folder(tmp_path)
    (folder / "feeds").mkdir(parents=True)
    (folder / "facts.json").write_text('{"facts": [{"coin": "bitcoin"}]}')
    (folder / "feeds" / "mempool_space.json").write_text("half a fi")
    market = load_market(tmp_path)
    assert [finding.code for finding in market.findings] == ["HW-805"]
    assert market.facts["bitcoin", "price_usd"].is_snapshot
    with service(GOOD) as (url, _):
        assert go(tmp_path, {"mempool_space": url}, names=("mempool_space",)).answered == ("mempool_space",)


def test_a_broken_plug_in_fails_alone(tmp_path, monkeypatch):
    import dataclasses

    def broken(_answers, _now_ms):
        raise ZeroDivisionError("of theirs")

    module = registry.load("feeds", "mempool_space")
    monkeypatch.setattr(module, "FEED", dataclasses.replace(module.FEED, read=broken))
    with service(GOOD) as (bad, _), service(GECKO) as (good, _):
        fetched = go(tmp_path, {"mempool_space": bad, "coingecko": good})
    assert (fetched.answered, codes(fetched)) == (("coingecko",), ["HW-707"])
    assert fetched.market.facts["bitcoin", "price_usd"].value == 84_100


def test_nothing_answers(tmp_path):
    with service({}) as (url, _):
        pass
    with pytest.raises(Unavailable) as refusal:
        asyncio.run(fetch(feed("mempool_space"), ("bitcoin",), url=url))
    assert refusal.value.code == "HW-813"


def test_a_pause_without_a_number_is_a_quarter_of_an_hour():
    busy = {"/": (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"")}
    with service(busy) as (url, _), pytest.raises(RateLimited) as refusal:
        asyncio.run(fetch(feed("mempool_space"), ("bitcoin",), url=url))
    assert refusal.value.retry_after_s == PAUSE_ASKED_S


def test_a_slow_feed_is_left_in_time():
    """The time-out is ours: the answer would come, but later than we wait."""
    gate = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            gate.wait(20)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(Unavailable, match="no answer in time"):
            asyncio.run(fetch(feed("mempool_space"), ("bitcoin",), url=url, timeout_s=0.2))
    finally:
        gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("url", ["http://prices.example", "ftp://127.0.0.1/", "prices.example", "http://"])
def test_clear_text_from_far_is_refused(url):
    with pytest.raises(ConfigError) as refusal:
        asyncio.run(fetch(feed("mempool_space"), ("bitcoin",), url=url))
    assert refusal.value.code == "HW-701"


def test_a_secret_in_an_address_is_not_repeated():
    with service({}) as (url, _):
        secret = url.replace("127", "user:geheim@127")
    with pytest.raises(HashwrightError) as refusal:
        asyncio.run(fetch(feed("bitcoind"), ("bitcoin",), url=secret))
    assert "geheim" not in str(refusal.value)
