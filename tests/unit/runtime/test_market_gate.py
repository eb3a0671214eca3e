"""Buyers' pools: the gate of their addresses, and the look at them before anything is sent there."""

import asyncio
import json
import socket

import pytest

from hashwright.errors import LimitRefused, OperatorError
from hashwright.market.records import Pool, Terms
from hashwright.money import Currency
from hashwright.runtime import outgoing
from hashwright.runtime.market_settings import MarketSettings, check_account, parse_limit, parse_market, parse_price
from hashwright.runtime.market_verify import look_at, problem_of
from hashwright.runtime.outgoing import Guard, check_outgoing, is_this_computer
from hashwright.runtime.route_probe import JobFound, Probe, Room

STRICT = Guard(own_ports=frozenset({3333}))
LOCAL = Guard(allows_private=True, own_ports=frozenset({3333}))
BTC = Currency("BTC", 8)
TERMS = Terms(algorithm="sha256d", books="home", currency="BTC", exponent=8, unit=15, price_step=100)
SETTINGS = MarketSettings(algorithm="sha256d", books="home")


def gate(host, port, guard=STRICT):
    return asyncio.run(check_outgoing(host, port, for_others=guard))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "::1", "::", "10.1.2.3",
        "172.16.0.1", "192.168.0.1", "169.254.169.254", "fe80::1", "fd00::1", "100.64.0.1", "224.0.0.1", "ff02::1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:127.0.0.1", "198.18.0.1", "240.0.0.1", "192.0.2.1",
    ],
)  # fmt: skip
def test_no_address_that_only_we_can_reach_is_connected_to(host):
    with pytest.raises((LimitRefused, OperatorError)):
        gate(host, 4444)


@pytest.mark.parametrize("port", [0, 1, 22, 25, 80, 445, 1023, 3306, 5432, 6379, 8332, 9200, 11211, 18081, 27017])
def test_only_ports_that_pools_use_are_connected_to(port):
    with pytest.raises(LimitRefused) as refusal:
        gate("8.8.8.8", port)
    assert refusal.value.code == "HW-871"


@pytest.mark.parametrize("port", [443, 1024, 3333, 4444, 14444, 65535])
def test_a_public_pool_is_let_through(port):
    assert gate("8.8.8.8", port) == ("8.8.8.8",)


def test_an_operator_may_let_his_own_network_in_but_never_our_own_port():
    assert gate("127.0.0.1", 4444, LOCAL) == ("127.0.0.1",)
    with pytest.raises(LimitRefused, match="this computer itself"):
        gate("127.0.0.1", 3333, LOCAL)
    assert is_this_computer("127.0.0.1")
    assert not is_this_computer("8.8.8.8")
    assert not is_this_computer("pool.example")


def test_a_name_is_judged_with_every_connection_and_by_every_address(monkeypatch):
    """DNS rebinding: the second answer is another one, and is judged like the first; one bad address spoils a name."""
    answers = [["8.8.8.8"], ["8.8.8.8", "127.0.0.1"], ["10.0.0.1"]]

    async def getaddrinfo(host, port, **_):
        return [(socket.AF_INET, 1, 6, "", (text, port)) for text in answers.pop(0)]

    async def story():
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
        assert await check_outgoing("pool.example", 4444, for_others=STRICT) == ("8.8.8.8",)
        for _ in range(2):
            with pytest.raises(LimitRefused):
                await check_outgoing("pool.example", 4444, for_others=STRICT)

    monkeypatch.setattr(outgoing, "is_this_computer", lambda text: text == "127.0.0.1")
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(story())
    finally:
        loop.close()


# -------------------------------------------------------------------- the look

COINBASE_PREFIX = "01000000" + "01" + "00" * 32 + "ffffffff" + "10" + "03a1b2c3"
"""Up to the extranonces, four and eight bytes: the script has sixteen."""
COINBASE_SUFFIX = "ffffffff" + "01" + (5 * 10**9).to_bytes(8, "little").hex() + "01" + "51" + "00000000"
JOB = ["7", "00" * 32, COINBASE_PREFIX, COINBASE_SUFFIX, [], "20000000", "207fffff", "68000000", True]


class FakePool:
    """A pool that says what a test wants: sizes, difficulty, job."""

    def __init__(self, *, size=8, difficulty=0.5, job=JOB, authorizes=True, reconnects=False):
        self.size, self.difficulty, self.job, self.authorizes = size, difficulty, job, authorizes
        self.reconnects = reconnects
        self.agents = []

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                message = json.loads(line)
                for answer in self.answers(message):
                    writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def answers(self, message):
        id_, method = message["id"], message["method"]
        if method == "mining.subscribe":
            self.agents.append(message["params"][0])
            yield {"id": id_, "result": [[], "aa000001", self.size], "error": None}
        elif method == "mining.authorize":
            yield {"id": id_, "result": self.authorizes, "error": None if self.authorizes else [24, "no", None]}
            if self.reconnects:
                yield {"id": None, "method": "client.reconnect", "params": ["127.0.0.1", 6379, 0]}
            yield {"id": None, "method": "mining.set_difficulty", "params": [self.difficulty]}
            if self.job:
                yield {"id": None, "method": "mining.notify", "params": self.job}
        else:
            yield {"id": id_, "result": True, "error": None}


def look(pool, *, guard=LOCAL, met=()):
    async def story():
        server = await asyncio.start_server(pool.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"stratum+tcp://127.0.0.1:{port}"
        try:
            return await look_at(
                Pool(url, "bea.w"), SETTINGS, guard=guard, agent="hashwright-market/1", met=lambda: set(met)
            )
        finally:
            server.close()

    return asyncio.run(story())


def test_a_good_pool_is_found_good_and_sees_who_looks():
    pool = FakePool()
    found = look(pool)
    assert found.problem == ""
    assert 0 <= found.latency_ms < 3000
    assert pool.agents == ["hashwright-market/1"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 3}, "extranonce2"),
        ({"difficulty": 1e15}, "difficulty"),
        ({"authorizes": False}, ""),
        ({"job": None}, ""),
        ({"job": [*JOB[:3], "00", *JOB[4:]]}, "coinbase"),
    ],
)
def test_a_bad_pool_is_refused_with_the_reason(changes, words, monkeypatch):
    import dataclasses

    from hashwright.runtime import market_verify

    monkeypatch.setattr(market_verify, "LIMITS", dataclasses.replace(market_verify.LIMITS, job_s=0.5, rest_s=0.2))
    found = look(FakePool(**changes))
    assert found.problem
    assert words in found.problem


def test_a_pool_that_is_this_market_by_a_way_around_is_a_loop():
    assert "itself" in look(FakePool(), met=("hashwright-market/1",)).problem


def test_a_pool_on_loopback_is_not_even_connected_to_unless_allowed():
    pool = FakePool()
    assert "loopback" in look(pool, guard=STRICT).problem or "itself" in look(pool, guard=STRICT).problem
    assert pool.agents == []


def test_a_reconnect_to_a_service_port_is_not_followed_by_the_gate():
    """A look does not follow it; a running order's connection asks the gate, and that says no."""
    assert look(FakePool(reconnects=True)).problem == ""
    with pytest.raises(LimitRefused):
        gate("127.0.0.1", 6379, LOCAL)


def probe(**changes):
    job = JobFound(
        id="1", previous_block="", version="", nbits="", network_difficulty=1.0, ntime=0, is_clean=True, branches=0,
        total="5000000000",
    )  # fmt: skip
    plain = {
        "url": "", "peer": "", "connected_ms": 1, "tls": None, "subscribed_ms": 1,
        "room": Room(prefix="", extranonce2_size=8, own_bytes=4, machines=1), "mask": "", "mask_bits": 0,
        "is_authorized": True, "first_job_ms": 5, "difficulty": 1.0, "job": job, "texts": (), "sent_to": "",
    }  # fmt: skip
    return Probe(**plain | changes)


def test_a_slow_pool_and_one_without_a_reward_are_refused():
    assert problem_of(probe(), SETTINGS) == ""
    assert "took" in problem_of(probe(first_job_ms=9_000), SETTINGS)
    job = probe().job
    import msgspec

    assert "no block reward" in problem_of(probe(job=msgspec.structs.replace(job, total="0")), SETTINGS)


# -------------------------------------------------------------------- what people write


@pytest.mark.parametrize("text", ["0", "-1", "+0", "NaN", "inf", "1e5", "", "1,5", "0.000000001", "9" * 30, "0x10"])
def test_a_price_that_is_no_price_is_refused(text):
    with pytest.raises(OperatorError) as refusal:
        parse_price(text, TERMS)
    assert refusal.value.code == "HW-861"


@pytest.mark.parametrize("text", ["0.0005BTC/EH/day", "0.0005BTC/TH/day", "0.0005LTC/PH/day", "0.0005/kH/day"])
def test_a_price_in_another_unit_is_off_by_a_thousand_and_refused(text):
    with pytest.raises(OperatorError) as refusal:
        parse_price(text, TERMS)
    assert refusal.value.code == "HW-862"


@pytest.mark.parametrize("text", ["0.0005", "0.0005BTC/PH/day", "0.0005 BTC/PH/day", "0.0005/PH/s/day", "+0.0005"])
def test_a_price_may_say_its_unit(text):
    assert parse_price(text, TERMS) == 50_000


@pytest.mark.parametrize("text", ["5", "0H/s", "-5TH/s", "5th/s", "1001EH/s", "NaNH/s", ""])
def test_a_limit_that_is_no_hash_rate_is_refused(text):
    with pytest.raises(OperatorError) as refusal:
        parse_limit(text)
    assert refusal.value.code == "HW-863"


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a/b", "ä", "x" * 65, "../x"])
def test_an_account_is_what_stands_before_the_dot(name):
    with pytest.raises(OperatorError):
        check_account(name)


def test_every_problem_of_a_market_is_named_at_once():
    raw = {
        "algorithm": "sha256d",
        "books": "home",
        "fee_percent": 90.0,
        "price_step": "0",
        "minimum_limit": "5",
        "window_s": 0,
    }
    with pytest.raises(OperatorError) as refusal:
        parse_market(raw, BTC)
    for place in ("fee_percent", "price_step", "minimum_limit", "window_s"):
        assert place in str(refusal.value)
