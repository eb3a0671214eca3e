"""Readers of upstream accounts: exact, bounded, and hard to fool. Recorded answers are in the group `data`."""

import asyncio
import contextlib
import http.server
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright import registry
from hashwright.adapters.upstreams.base import ANSWER_MAX, document, fetch, hashrate, refuse_clear_text
from hashwright.errors import ConfigError, OperatorError, Unavailable
from hashwright.money import Amount, Currency

BTC = Currency("BTC", 8)
ETC = Currency("ETC", 9)
NAMES = ("braiins", "ckpool", "f2pool", "ocean", "twominers")


def reader(name):
    return registry.load("upstreams", name).READER


def raw(*documents):
    return [it if isinstance(it, bytes) else json.dumps(it).encode() for it in documents]


def btc(minor):
    return Amount(minor, BTC)


def ocean_answers(unpaid="0.00385090", sats=1_115_700):
    payouts = [
        {"ts": "2026-05-25T14:02:11", "on_chain_txid": "78" * 32, "total_satoshis_net_paid": sats},
        {"ts": "2026-06-01T09:15:00", "on_chain_txid": None, "total_satoshis_net_paid": 65_536},
    ]
    rate = {"result": {"hashrate_10800s": "1849290596989010"}}
    return raw(rate, {"result": {"unpaid": unpaid}}, {"result": {"payouts": payouts}})


def test_every_reader_is_a_plug_in_and_says_what_stands_behind_it():
    assert registry.names("upstreams") == NAMES
    assert {name: reader(name).seen for name in NAMES} == {**dict.fromkeys(NAMES, "recorded"), "braiins": "documented"}
    assert [name for name in NAMES if reader(name).needs_token] == ["braiins"]
    assert all(reader(name).url.startswith("https://") for name in NAMES)


def test_ocean_counts_only_what_was_sent():
    report = reader("ocean").read(ocean_answers(), BTC)
    assert report.unpaid == btc(385_090)
    assert report.paid == btc(1_115_700), "a payout without a transaction is a promise"
    assert report.hashrate == 1_849_290_596_989_010


def test_f2pool_is_cut_never_rounded_up():
    answer = b'{"balance": 0.004012548999999999, "paid": 0.02012128, "hashrate": 0}'
    report = reader("f2pool").read([answer], BTC)
    assert (report.unpaid, report.paid) == (btc(401_254), btc(2_012_128))
    assert reader("f2pool").ask("me", "", BTC)[0].path == "/bitcoin/me"
    with pytest.raises(OperatorError, match="does not know"):
        reader("f2pool").ask("me", "", Currency("LTCREGTEST", 8))


def test_two_miners_counts_in_units_of_its_own():
    answer = raw({"hashrate": 5, "stats": {"balance": 179_554_247, "paid": 8_402_013_557}})
    report = reader("twominers").read(answer, ETC)
    assert report.unpaid.text() == "0.179554247"
    assert reader("twominers").read(answer, BTC).paid.text() == "84.02013557"


def test_braiins_tells_all_that_it_credited():
    profile = {"confirmed_reward": "0.5", "all_time_reward": "2.25", "hash_rate_60m": 12.5, "hash_rate_unit": "Th/s"}
    report = reader("braiins").read(raw({"btc": profile}), BTC)
    assert (report.unpaid.text(), report.paid.text(), report.hashrate) == ("0.50000000", "1.75000000", 12_500 * 10**9)
    (question,) = reader("braiins").ask("me", "geheim", BTC)
    assert "geheim" not in question.path
    with pytest.raises(OperatorError, match="more than it ever credited"):
        reader("braiins").read(raw({"btc": {**profile, "all_time_reward": "0.1"}}), BTC)


def test_a_ckpool_owes_nothing_it_could_tell():
    report = reader("ckpool").read(raw({"hashrate1hr": "302K"}), BTC)
    assert (report.hashrate, report.unpaid, report.paid) == (302_000, None, None)


@pytest.mark.parametrize(("text", "value"), [("44.4K", 44_400), ("1.71T", 1_710 * 10**9), ("0", 0), (12, 12)])
def test_rates_with_a_letter_are_exact(text, value):
    assert hashrate(text) == value


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"nul", b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": 1e99999}' * 2, b"[" * 100_000, b"\xff\xfe"],
)
def test_what_is_no_plain_object_is_refused(answer):
    with pytest.raises(OperatorError) as caught:
        document(answer)
    assert caught.value.code == "HW-640"


@pytest.mark.parametrize(
    "unpaid", ["-1", "NaN", "Infinity", "1e999999", "", "  ", None, True, [], {}, "9" * 60, "0x10", 10**30]
)
def test_an_amount_that_is_none_is_refused(unpaid):
    with pytest.raises(OperatorError) as caught:
        reader("ocean").read(ocean_answers(unpaid=unpaid), BTC)
    assert caught.value.code == "HW-640"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("result", "unpaid", "payouts", "balance", "paid", "stats", "hashrate", "hashrate1hr", "btc", "hash_rate_unit")


@given(st.sampled_from(NAMES), st.lists(st.dictionaries(st.sampled_from(KEYS), json_values), min_size=3, max_size=3))
def test_whatever_a_stranger_answers_is_read_or_refused(name, documents):
    answers = [json.dumps(it).encode() for it in documents]
    try:
        report = reader(name).read(answers, BTC)
    except OperatorError:
        return  # anything else than our own refusal fails this test
    assert report.unpaid is None or report.unpaid.minor >= 0
    assert report.paid is None or report.paid.minor >= 0


# ---------------------------------------------------------------- the wire


@contextlib.contextmanager
def server(answers):
    """An HTTP server on loopback: path to (status, body); it keeps the headers that it was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append((self.path, dict(self.headers)))
            status, body = answers.get(self.path, (404, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.seen = []
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield running, f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def read_over(url, name="ckpool", token=""):
    return asyncio.run(fetch(reader(name), url=url, account="me", token=token, currency=BTC))


def test_an_account_is_read_over_http():
    with server({"/users/me": (200, b'{"hashrate1hr": "1T"}')}) as (_, url):
        assert read_over(url).hashrate == 10**12


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b""), Unavailable),
        ((429, b"slow down"), Unavailable),
        ((302, b""), Unavailable),
        ((200, b" " * (ANSWER_MAX + 1)), OperatorError),
        ((200, b"<html>"), OperatorError),
    ],
)
def test_a_bad_answer_is_named_and_no_redirect_is_followed(answer, error):
    with server({"/users/me": answer}) as (_, url), pytest.raises(error) as caught:
        read_over(url)
    assert caught.value.code in ("HW-640", "HW-641")


def test_nobody_there_is_named():
    with pytest.raises(Unavailable) as caught:
        read_over("http://127.0.0.1:1")
    assert caught.value.code == "HW-641"


def test_a_token_travels_in_a_header_only():
    body = json.dumps({"btc": {"confirmed_reward": "0", "all_time_reward": "0", "hash_rate_60m": 0,
                               "hash_rate_unit": "Gh/s"}}).encode()  # fmt: skip
    with server({"/accounts/profile/json/btc/": (200, body)}) as (running, url):
        read_over(url, "braiins", token="geheim")
        ((path, headers),) = running.seen
    assert headers["Pool-Auth-Token"] == "geheim"
    assert "geheim" not in path


@pytest.mark.parametrize("url", ["http://pool.example", "ftp://x", "https", "http://127.0.0.1.evil.example"])
def test_nothing_is_asked_in_the_clear(url):
    with pytest.raises(ConfigError, match="no https"):
        refuse_clear_text(url)


# ---------------------------------------------------------------- recorded answers


def test_recorded_answers_of_the_real_services_are_read(test_data):
    samples = test_data / "api_samples"

    def take(*names):
        return [(samples / name).read_bytes() for name in names]

    report = reader("ocean").read(take("ocean/user_hashrate.json", "ocean/statsnap.json", "ocean/earnpay.json"), BTC)
    assert (report.unpaid, report.paid, report.hashrate) == (btc(385_090), btc(1_115_700), 1_849_290_596_989_010)
    report = reader("f2pool").read(take("f2pool/v1_bitcoin_user_2020-04.json"), BTC)
    assert (report.unpaid, report.paid, report.hashrate) == (btc(401_254), btc(2_012_128), 0)
    report = reader("twominers").read(take("twominers/accounts_eth_2022-04.json"), Currency("ETH", 9))
    assert (report.unpaid.text(), report.hashrate) == ("0.179554247", 1_021_702_269)
    report = reader("ckpool").read(take("ckpool/user_nerdminers_2025-12.json"), BTC)
    assert (report.hashrate, report.unpaid) == (0, None)
