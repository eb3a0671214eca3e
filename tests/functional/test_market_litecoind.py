"""Deposits of a real Litecoin wallet: credited when deep enough, taken back on a reorganisation, paid out again."""

import asyncio
import contextlib
import subprocess

import pytest

from functional.nodes import litecoin_regtest
from functional.program import HW, environment, program, until
from functional.test_market import assert_sound, ended, grows, minor, rates_known, say
from functional.test_route import booked
from hashwright import registry
from hashwright.adapters.nodes._rpc import Login, RpcClient
from hashwright.chain.address import address_of_script

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]
COIN = registry.load("coins", "litecoin").COIN
NOBODY = address_of_script(b"\x00\x14" + b"nobody".ljust(20, b"."), COIN, "regtest")
BOB = address_of_script(b"\x00\x14" + b"bob".ljust(20, b"."), COIN, "regtest")


def wallet_call(node, wallet, method, *params):
    async def call():
        login = Login(cookie_file=str(node.cookie_file))
        rpc = RpcClient(f"{node.rpc_url}/wallet/{wallet}", login=login, timeout_s=20)
        try:
            return await rpc.ask(method, *params)
        finally:
            await rpc.aclose()

    return asyncio.run(call())


def deposit_of(market, account):
    return say(market, "market-deposit", account=account)


def free(market, account):
    return minor(say(market, "market-deposit", account=account)["free"].split()[0])


def test_a_deposit_is_credited_taken_back_by_a_reorganisation_and_paid_out_again(tmp_path):
    with litecoin_regtest(tmp_path / "node") as node, program(tmp_path, algorithm="scrypt") as market:
        node.rpc("createwallet", "pool")
        market.run(
            "pool", "add", "ltc", "--coin", "litecoin", "--network", "regtest", "--address", node.address,
            "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file, "--scheme", "pplns",
        )  # fmt: skip
        market.run(
            "pool", "payouts", "ltc", "--wallet", "pool", "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file,
            "--threshold", "0.1", "--daily-limit", "100", "--approval-above", "100", "--every-hours", "0", "--live",
        )  # fmt: skip
        changes = {"books": "ltc", "unit": "kH", "confirmations": 3}
        say(market, "market-settings", algorithm="scrypt", changes=changes)
        address = deposit_of(market, "bob")["address"]
        assert deposit_of(market, "bob")["address"] == address, "one account, one address"
        assert deposit_of(market, "bea")["address"] != address

        node.mine(1, NOBODY)
        before = node.best
        wallet_call(node, "test", "sendtoaddress", address, "2.5")
        node.mine(2, NOBODY)
        assert free(market, "bob") == 0, "not deep enough yet"
        node.mine(1, NOBODY)
        assert free(market, "bob") == minor("2.5")
        assert free(market, "bob") == minor("2.5"), "a look more credited it again"

        # the chain drops the block: the deposit is taken back, and credited again when it is mined again
        first = node.rpc("getblockhash", node.height - 2)
        txid = deposit_of(market, "bob")["deposits"][0]["txid"]
        node.rpc("invalidateblock", first)
        assert node.best == before
        assert free(market, "bob") == 0
        node.mine(1, BOB)  # to somebody else, or it would be the very block that was taken away
        assert deposit_of(market, "bob")["deposits"][0]["txid"] == txid
        node.mine(3, NOBODY)
        assert free(market, "bob") == minor("2.5")

        # withdrawal: to what the pool owes, and the payer sends it
        market.run("pool", "address", "ltc", "bob", BOB)
        say(market, "market-withdraw", account="bob", amount="1.5", reference="out")
        assert free(market, "bob") == minor("1.0")
        mined = received(node, BOB)
        market.run("pool", "payout", "ltc")
        node.mine(1, NOBODY)
        paid = until(lambda: received(node, BOB) - mined, what="the payout")
        assert 0 < minor("1.5") - paid < minor("0.01"), "all of it but the network's fee"
        assert_sound(market)


def received(node, address):
    """What the chain holds for an address [minor units]."""
    found = node.rpc("scantxoutset", "start", [f"addr({address})"])
    return minor(found["total_amount"])


@pytest.mark.soak
def test_two_buyers_on_two_litecoin_chains(tmp_path):
    """Scrypt, real nodes: hash power follows price, and each buyer's own pool counts what he paid for."""
    with (
        litecoin_regtest(tmp_path / "n1") as node1, litecoin_regtest(tmp_path / "n2") as node2,
        litecoin_regtest(tmp_path / "n3") as node3, program(made(tmp_path / "p1"), algorithm="scrypt") as a,
        program(made(tmp_path / "p2"), algorithm="scrypt") as b,
        program(made(tmp_path / "m"), algorithm="scrypt") as market,
    ):  # fmt: skip
        for pool, node in ((a, node1), (b, node2), (market, node3)):
            pool.run(
                "pool", "add", "home", "--coin", "litecoin", "--network", "regtest", "--address", node.address,
                "--start-difficulty", HARD, "--minimum-difficulty", HARD, "--shares-per-minute", "100000",
                "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file,
            )  # fmt: skip
        changes = {
            "books": "home", "unit": "H", "allows_private_pools": True, "closing_s": 3, "window_s": 2, "cooldown_s": 1,
        }  # fmt: skip
        say(market, "market-settings", algorithm="scrypt", changes=changes)
        for name in ("sam", "sue"):
            say(market, "market-sell", account=name)
        for name in ("bea", "bob"):
            say(market, "market-fund", account=name, amount="1000", reference=name)
        with miners(market, ("sam", "sue")):
            until(lambda: rates_known(market) == 2, seconds=90, what="rates")
            first = order(market, "bea", a, price="1")
            grows(a, seconds=60)
            second = order(market, "bob", b, price="2")
            grows(b, seconds=60)
            for id_ in (first, second):
                say(market, "market-change", order=id_, what="cancel", value="", reference=f"end{id_}")
            rows = [until(lambda id_=id_: ended(market, id_), seconds=60, what="the end") for id_ in (first, second)]
        for pool, row in ((a, rows[0]), (b, rows[1])):
            assert int(row["work"]) > 0
            assert abs(booked(pool) - int(row["work"])) <= 0.01 * int(row["work"])
        for trade in say(market, "market-history", order=second)["trades"]:
            assert minor(trade["gross"]) == 2 * 10**8 * int(trade["work"]) // 86_400
        assert_sound(market)


HARD = "0.002"
"""A share in some 130 hashes of scrypt: several a second of one CPU thread."""


def made(folder):
    folder.mkdir()
    return folder


def order(market, account, pool, *, price):
    return say(
        market, "market-order", account=account, price=price, limit="900MH/s", budget="900", user=f"{account}.w",
        pool=f"stratum+tcp://127.0.0.1:{pool.port}", password=f"d={HARD},md={HARD}", reference=f"o{account}",
    )["order"]  # fmt: skip


@contextlib.contextmanager
def miners(market, names):
    url = f"stratum+tcp://127.0.0.1:{market.port}"
    processes = [
        subprocess.Popen(
            [*HW, "miner", "--quiet", "--url", url, "--algo", "scrypt", "--user", f"{name}.r1",
             "--password", f"md={HARD},d={HARD}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(market.folder.parent),
        )
        for name in names
    ]  # fmt: skip
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
