"""`hw pool add` with upstreams: from the flags to the settings, and each check with its tick or cross."""

import asyncio
import json

import click
import pytest

from hashwright.cli.pool_add import add, destination_of
from hashwright.errors import ConfigError
from hashwright.runtime.destination_checks import check_destination
from hashwright.runtime.destinations import parse_destination
from hashwright.runtime.route_probe import ProbeLimits
from hashwright.runtime.setups import parse_setup
from hashwright.runtime.upstream_checks import check_upstream
from hashwright.runtime.upstream_settings import parse_upstream
from unit.cli.world import hw
from unit.runtime.route_pool import OTHER_SCRIPT, OUR_ADDRESS, Pool, fingerprint, server_context

PATIENT = ProbeLimits(connect_s=20, subscribe_s=20, login_s=20, job_s=20, rest_s=20)
URL = "stratum+tcp://pool.example:3333"


def settings(*words):
    """Return what the flags of a command line become."""
    with add.make_context("add", ["far", *words]) as context:
        flags = {key: value for key, value in context.params.items() if key not in ("dry_run", "anyway")}
        return destination_of(flags)


def test_the_least_that_an_upstream_needs():
    destination = settings("--upstream", URL, "--user", "kai.main")
    assert destination == {"name": "far", "urls": [URL], "user": "kai.main"}
    assert parse_upstream(destination).algorithm == "sha256d"


def test_every_flag_of_an_upstream_becomes_its_setting():
    words = (
        "--upstream pool.example:1 --upstream stratum+tls://pool.example:2 --user kai --password d=1024 "
        "--coin litecoin --network test --names mapped --name-map kai.r1=k_1 --name-map kai.r2=k_2 "
        f"--pin-sha256 {fingerprint()} --reconnect-host a.example --reconnect-host b.example "
        "--no-version-rolling --stay-on-mismatch "
        "--start-difficulty 64 --minimum-difficulty 2 --shares-per-minute 12"
    )
    destination = settings(*words.split())
    assert destination == {
        "name": "far",
        "urls": ["stratum+tcp://pool.example:1", "stratum+ssl://pool.example:2"],
        "user": "kai",
        "password": "d=1024",
        "algorithm": "scrypt",
        "coin": "litecoin",
        "network": "test",
        "names": "mapped",
        "name_map": {"kai.r1": "k_1", "kai.r2": "k_2"},
        "leaves_on_mismatch": False,
        "pin_sha256": fingerprint(),
        "reconnect_hosts": ["a.example", "b.example"],
        "version_rolling": False,
        "start_difficulty": 64.0,
        "minimum_difficulty": 2.0,
        "shares_per_minute": 12.0,
    }
    parse_upstream(destination)


@pytest.mark.parametrize(
    ("words", "host"),
    [
        ((), "sha256asicboost"), (("--algo", "scrypt"), "scrypt"), (("--coin", "litecoin"), "scrypt"),
        (("--coin", "monero"), "randomxmonero"),
    ],
)  # fmt: skip
def test_a_public_market_is_named_and_its_address_for_sellers_is_known(words, host):
    destination = settings("--upstream", "nicehash", "--user", "NHbKai.rig", "--password", "d=2048", *words)
    assert destination["urls"] == [f"stratum+ssl://{host}.auto.nicehash.com:443"]
    assert parse_upstream(destination).password == "d=2048"


def test_a_market_without_addresses_for_sellers_says_so():
    with pytest.raises(ConfigError, match="Braiins Hashpower buys nothing"):
        settings("--upstream", "braiins", "--user", "kai")


@pytest.mark.parametrize("words", [("--upstream", URL, "--user", "kai"), ("--node", "practice")])
def test_names_of_orders_are_the_markets(words):
    with add.make_context("add", ["order-7", *words]) as context, pytest.raises(ConfigError, match="orders' own"):
        destination_of({key: it for key, it in context.params.items() if key not in ("dry_run", "anyway")})
    with pytest.raises(ConfigError, match="names that begin with order-"):
        parse_setup({"name": "order-7", "urls": [URL], "user": "kai"})


def test_a_secret_is_kept_as_a_reference():
    assert settings("--upstream", URL, "--user", "k", "--password-from", "env:POOL")["password"] == "env:POOL"


def test_further_nodes_are_asked_with_the_same_credentials():
    destination = settings(
        "--address", OUR_ADDRESS, "--network", "regtest", "--rpc-url", "http://127.0.0.1:1", "--rpc-user", "kai",
        "--rpc-password-from", "env:RPC", "--zmq", "tcp://127.0.0.1:9", "--fallback-rpc-url", "http://127.0.0.1:2",
    )  # fmt: skip
    assert destination["node_settings"]["zmq_hashblock"] == "tcp://127.0.0.1:9"
    assert destination["fallback_nodes"] == [
        {
            "node": "bitcoind",
            "node_settings": {"rpc_url": "http://127.0.0.1:2", "rpc_user": "kai", "rpc_password_from": "env:RPC"},
        }
    ]
    assert parse_destination(destination).fallback_nodes[0].node == "bitcoind"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--user", "kai"), "--user: only for an --upstream."),
        (("--algo", "scrypt", "--names", "account"), "--algo, --names: only for an --upstream."),
        (("--upstream", URL, "--address", "x", "--zmq", "y"), "--address, --zmq: only for own nodes"),
        (("--upstream", URL, "--user", "k", "--password", "x", "--password-from", "env:X"), "not both"),
    ],
)
def test_flags_of_the_other_kind_are_wrong_usage(words, part):
    with pytest.raises(click.UsageError) as caught:
        settings(*words)
    assert part in caught.value.format_message()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--upstream", "stratum+tcp://kai:word@pool.example:1", "--user", "k"), "HW-702"),
        (("--fallback-rpc-url", "http://kai:word@127.0.0.1:1"), "HW-702"),
        (("--upstream", URL, "--user", "k", "--names", "mapped", "--name-map", "kai.r1"), "HW-701"),
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_a_password(words, code):
    with pytest.raises(ConfigError) as caught:
        settings(*words)
    assert caught.value.code == code
    assert "word@" not in str(caught.value) + caught.value.hint


def test_auto_is_no_name_for_a_destination(capsys, tmp_path):
    said = hw(capsys, "--data-dir", tmp_path, "pool", "add", "auto", "--upstream", URL, "--user", "k", "--dry-run")
    assert said.code == 3
    assert said.err.startswith("HW-701 A destination cannot be called auto")


# -------------------------------------------------------------------- checks


def check(pool, *more, tls=None, **settings):
    async def run():
        async with pool.listen(tls=tls):
            raw = {"name": "far", "urls": [pool.url, *more], "user": "kai.main", **settings}
            return await check_upstream(raw, limits=PATIENT)

    return asyncio.run(run())


def told(checks):
    return [f"{check.state} {check.code}".strip() for check in checks]


def test_an_upstream_is_followed_to_whom_its_first_job_pays():
    pool = Pool()
    checks = check(pool, coin="bitcoin", network="regtest", solo_address=OUR_ADDRESS)
    assert told(checks) == ["ok"] * 7
    titles = [check.title for check in checks]
    assert titles[1:4] == [
        "user kai.main is taken",
        "extranonce2 has 8 bytes: one connection carries 4294967296 machines",
        "version rolling is granted, mask 1fffe000",
    ]
    assert titles[5:] == [
        f"coinbase of height 850001, tag '/toy pool/', pays {OUR_ADDRESS}",
        f"its coinbase pays you: {OUR_ADDRESS}",
    ]
    assert [request["params"] for request in pool.heard if request["method"] == "mining.authorize"] == [
        ["kai.main", "x"]
    ]


def test_a_solo_pool_that_pays_somebody_else_fails():
    checks = check(Pool(script=OTHER_SCRIPT), coin="bitcoin", network="regtest", solo_address=OUR_ADDRESS)
    assert told(checks)[-1] == "failed HW-432"
    assert "pays 0 of 312500000" in checks[-1].title


def test_a_refused_user_and_a_closed_port_fail():
    assert told(check(Pool(answers={"mining.authorize": ValueError("who?")}))) == ["failed HW-431"]
    checks = asyncio.run(check_upstream({"name": "far", "urls": ["stratum+tcp://127.0.0.1:1"], "user": "k"}))
    assert told(checks) == ["failed HW-430"]


def test_a_fall_back_that_is_away_is_a_warning():
    checks = check(Pool(), "stratum+tcp://127.0.0.1:1")
    assert told(checks)[-1] == "warning HW-430"
    assert checks[-1].title.startswith("fall-back stratum+tcp://127.0.0.1:1 does not take us: ")
    assert all(check.state == "ok" for check in checks[:-1])


def test_little_room_and_no_mask_are_said():
    checks = check(Pool(extranonce2_size=4, answers={"mining.configure": False}))
    titles = [check.title for check in checks]
    assert "extranonce2 has 4 bytes: one connection a machine" in titles
    assert "version rolling is not granted; machines get mask 0" in titles
    checks = check(Pool(extranonce2_size=5), version_rolling=False)
    titles = [check.title for check in checks]
    assert "extranonce2 has 5 bytes: one connection carries 256 machines, 4 bytes would be usual" in titles
    assert "version rolling is not asked for" in titles


def test_a_pinned_certificate_is_told_with_its_fingerprint():
    checks = check(Pool(), tls=server_context(), pin_sha256=fingerprint())
    assert checks[1].title == f"certificate is pinned; its fingerprint is {fingerprint()}"


def test_settings_that_do_not_hold_are_findings_and_nothing_is_connected_to():
    checks = asyncio.run(check_destination({"name": "FAR", "urls": ["nowhere"], "user": ""}, clock=None))
    assert told(checks) == ["failed HW-701", "failed HW-104", "failed HW-701"]
    raw = {"name": "far", "urls": [URL], "user": "k", "password": "env:HW_TEST_NO_SUCH_SECRET"}
    assert told(asyncio.run(check_destination(raw, clock=None))) == ["failed HW-702"]


def test_a_dry_run_shows_the_checks_and_saves_nothing(capsys, tmp_path):
    said = hw(
        capsys, "--data-dir", tmp_path, "pool", "add", "far", "--upstream", "127.0.0.1:1", "--user", "k", "--dry-run"
    )
    assert said.code == 5
    assert said.err.startswith("HW-430 Primary stratum+tcp://127.0.0.1:1: ")
    assert "--anyway" in said.err
    words = ("--upstream", "127.0.0.1:1", "--upstream", "127.0.0.1:2", "--user", "k", "--dry-run", "--anyway")
    said = hw(capsys, "--data-dir", tmp_path, "pool", "add", "far", *words)
    assert said.code == 0
    ending = "Dry run: far would mine as k at stratum+tcp://127.0.0.1:1, with 1 fall-back. Nothing was saved.\n"
    assert said.err.endswith(ending)
    said = hw(capsys, "--data-dir", tmp_path, "--json", "pool", "add", "far", *words)
    assert json.loads(said.out)["saved"] is False
    assert list(tmp_path.iterdir()) == []
