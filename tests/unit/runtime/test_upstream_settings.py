"""Upstreams as they are stored: every problem at once, with its place; and what the engine is told."""

import msgspec
import pytest

from hashwright.chain.address import script_of_address
from hashwright.chain.coins.bitcoin import COIN as BITCOIN
from hashwright.errors import ConfigError, OperatorError
from hashwright.pool.events import UpstreamSet
from hashwright.runtime.upstream_settings import (
    UpstreamAddress,
    event_of_upstream,
    is_host,
    parse_address,
    parse_upstream,
    password_of,
    pin_of,
    same_host,
)

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
GOOD = {"name": "far", "urls": ["stratum+tcp://pool.example:3333"], "user": "acct.main"}
SOLO = {**GOOD, "coin": "bitcoin", "network": "regtest", "solo_address": ADDRESS}
LITTLE = {"min": 1.0 / 65536, "easy": 1e-9}


def places(**changes):
    with pytest.raises(ConfigError) as caught:
        parse_upstream({**GOOD, **changes})
    assert caught.value.code == "HW-701"
    assert caught.value.exit_code == 3
    assert all(finding.message and finding.hint for finding in caught.value.findings)
    return [finding.place for finding in caught.value.findings]


# -------------------------------------------------------------------- reading


def test_little_is_needed_and_the_rest_has_defaults():
    settings = parse_upstream(GOOD)
    assert (settings.password, settings.algorithm, settings.names, settings.network) == (
        "x",
        "sha256d",
        "account",
        "main",
    )
    assert settings.version_rolling
    assert settings.leaves_on_mismatch
    assert settings.shares_per_minute == 6.0
    assert not settings.is_practice


def test_what_was_stored_is_read_back_the_same():
    settings = parse_upstream({**SOLO, "names": "mapped", "name_map": {"kai.r01": "a.1"}, "pin_sha256": "ab" * 32,
                               "urls": ["stratum+ssl://a.example:1", "stratum+tcp://[::1]:65535"],
                               "reconnect_hosts": ["b.example", "::1"], "suggest_difficulty": 512})  # fmt: skip
    assert parse_upstream(msgspec.to_builtins(settings)) == settings


def test_every_problem_is_reported_at_once_with_its_place():
    found = places(
        name="Far!",
        urls=["stratum+tcp://a:1", "http://b:2", "stratum+tcp://a:1"],
        user="",
        password="a\nb",
        pin_sha256="xyz",
        reconnect_hosts=["ok.example", "no:1"],
        start_difficulty=0,
        minimum_difficulty=float("nan"),
        shares_per_minute=-1,
        suggest_difficulty=1e300,
        name_map={"kai.r01": "two words"},
        solo_address=ADDRESS,
    )
    assert found == [
        "name",
        "urls[1]",
        "urls[2]",
        "pin_sha256",
        "user",
        "password",
        "name_map",
        "name_map['kai.r01']",
        "pin_sha256",
        "reconnect_hosts",
        "start_difficulty",
        "minimum_difficulty",
        "shares_per_minute",
        "suggest_difficulty",
        "coin",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"urls": []},
        {"urls": [f"stratum+tcp://a{number}:1" for number in range(17)]},
        {"user": " "},
        {"user": "a" * 257},
        {"user": "a\x00"},
        {"user": "a\u202eb"},
        {"names": "mapped"},
        {"name_map": {"a.b": "c"}},
        {"name_map": {f"a.{number}": "c" for number in range(10_001)}, "names": "mapped"},
        {"coin": "nocoin"},
        {"coin": "ethereum"},
        {"coin": "bitcoin", "network": "moon"},
        {"coin": "litecoin", "algorithm": "sha256d"},
        {"coin": "bitcoin", "algorithm": "scrypt"},
        {"coin": "bitcoin", "solo_address": ADDRESS},
        {"coin": "bitcoin", "network": "regtest", "solo_address": "nonsense"},
        {"pin_sha256": "ab" * 32},
        {"urls": ["stratum+ssl://a:1"], "pin_sha256": "ab" * 31},
        {"urls": ["stratum+ssl://a:1"], "pin_sha256": "0x" + "ab" * 31},
        {"algorithm": "md5"},
        {"names": "other"},
        {"nonsense": 1},
        {"urls": "stratum+tcp://a:1"},
        {"version_rolling": 1},
    ],
    ids=str,
)
def test_settings_that_would_not_work_are_refused(changes):
    assert places(**changes)


def test_a_missing_name_is_a_finding_too():
    with pytest.raises(ConfigError, match="user"):
        parse_upstream({"name": "far", "urls": ["stratum+tcp://a:1"]})


# -------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls"),
    [
        ("stratum+tcp://pool.example:3333", "pool.example", 3333, False),
        ("stratum+ssl://pool.example:443/", "pool.example", 443, True),
        (" stratum+tcp://10.0.0.1:1 ", "10.0.0.1", 1, False),
        ("stratum+tcp://[2001:db8::1]:65535", "2001:db8::1", 65535, False),
        ("stratum+tcp://_srv.a-b.example:1", "_srv.a-b.example", 1, False),
    ],
)
def test_addresses_are_read(url, host, port, is_tls):
    address = parse_address(url)
    assert address == UpstreamAddress(host=host, port=port, is_tls=is_tls)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "pool.example:3333", "http://a:1", "stratum+tcp://a", "stratum+tcp://a:0", "stratum+tcp://a:65536",
        "stratum+tcp://a:\u0663", "stratum+tcp://:1", "stratum+tcp://a b:1", "stratum+tcp://user@a:1",
        "stratum+tcp://a:1/x", "stratum+tcp://[a]:1", "stratum+tcp://-a:1", "STRATUM+TCP://a:1", "stratum+tcp://::1:1",
        "stratum+tcp://[a:1]:1", "stratum+tcp://[::1:1",
    ],
)  # fmt: skip
def test_texts_of_another_form_are_no_addresses(url):
    with pytest.raises(OperatorError) as caught:
        parse_address(url)
    assert caught.value.code == "HW-104"
    assert "stratum+ssl://" in caught.value.hint


def test_hosts_are_compared_as_people_write_them():
    assert same_host("Pool.Example.", "pool.example")
    assert same_host("[::1]", "::1")
    assert not same_host("pool.example", "pool.example.evil")
    assert is_host("pool.example")
    assert is_host("::1")
    assert is_host("[::1]")
    assert not any(is_host(text) for text in ("a:1", "[a]", "[a:1]", "fe80::1%eth0", "[::1", "1.2.3.4:5"))
    assert not is_host("http://a")
    assert not is_host("")


# -------------------------------------------------------------------- what is made of it


def test_the_engine_is_told_of_an_upstream():
    assert event_of_upstream(parse_upstream({**GOOD, "algorithm": "scrypt"})) == UpstreamSet(
        destination="far",
        coin="",
        network="main",
        algorithm="scrypt",
        payout_script=b"",
        start_difficulty=16384.0,
        minimum_difficulty=LITTLE["min"],
        shares_per_minute=6.0,
        is_practice=False,
        leaves_on_mismatch=True,
    )


def test_a_solo_upstream_must_pay_the_script_of_our_address():
    event = event_of_upstream(parse_upstream({**SOLO, "leaves_on_mismatch": False, "start_difficulty": 2}))
    assert event.payout_script == script_of_address(ADDRESS, BITCOIN, "regtest")
    assert (event.coin, event.start_difficulty, event.minimum_difficulty) == ("bitcoin", 2.0, LITTLE["easy"])
    assert event.leaves_on_mismatch is False


def test_practice_may_be_as_easy_as_it_likes():
    assert event_of_upstream(parse_upstream({**GOOD, "is_practice": True})).minimum_difficulty == LITTLE["easy"]
    chosen = event_of_upstream(parse_upstream({**GOOD, "is_practice": True, "minimum_difficulty": 0.5}))
    assert chosen.minimum_difficulty == 0.5


def test_passwords_are_plain_or_a_reference(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("from-file\n")
    monkeypatch.setenv("POOL_PASSWORD", "from-environment")
    wanted = {
        "x": "x",
        "": "",
        "d=1024,stats": "d=1024,stats",
        f"file:{tmp_path / 'secret'}": "from-file",
        "env:POOL_PASSWORD": "from-environment",
    }
    for reference, password in wanted.items():
        assert password_of(parse_upstream({**GOOD, "password": reference})) == password
    with pytest.raises(ConfigError):
        password_of(parse_upstream({**GOOD, "password": "env:NO_SUCH_VARIABLE"}))


def test_a_pin_is_read_with_colons_and_capitals():
    pin = ":".join(["AB"] * 32)
    settings = parse_upstream({**GOOD, "urls": ["stratum+ssl://a:1"], "pin_sha256": pin})
    assert pin_of(settings) == "ab" * 32
    assert pin_of(parse_upstream(GOOD)) == ""
