"""Deposits of a real Litecoin wallet: credited when deep enough, taken back on a reorganisation, paid out again."""

import asyncio
import contextlib
import subprocess
from collections import Counter

import pytest

from functional.nodes import litecoin_regtest
from functional.program import HW, environment, program, until
from functional.test_market import SELLERS, assert_sound, ended, grows, minor, order_of, rates_known, say
from hashwright import registry
from hashwright.adapters.nodes._rpc import Login, RpcClient
from hashwright.chain.address import address_of_script
from hashwright.store.sqlite import SqliteStore

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


@pytest.fixture
def house(tmp_path):
    """A market whose pool stands on a real node, with a wallet. One a test: what one owes, another may not pay out."""
    folder = made(tmp_path / "house")
    with litecoin_regtest(folder / "node") as node, program(folder, algorithm="scrypt") as market:
        node.rpc("createwallet", "pool")
        add_pool(market, "ltc", node, "--scheme", "pplns")
        market.run(
            "pool", "payouts", "ltc", "--wallet", "pool", "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file,
            "--threshold", "0.1", "--daily-limit", "100", "--approval-above", "100", "--every-hours", "0", "--live",
        )  # fmt: skip
        changes = {
            "books": "ltc", "unit": "kH", "confirmations": 3, "allows_private_pools": True, "closing_s": 2,
            "window_s": 1, "verify_s": 3600,
        }  # fmt: skip
        say(market, "market-settings", algorithm="scrypt", changes=changes)
        yield node, market


def add_pool(program_, name, node, *more):
    program_.run(
        "pool", "add", name, "--coin", "litecoin", "--network", "regtest", "--address", node.address,
        "--start-difficulty", HARD, "--minimum-difficulty", HARD, "--shares-per-minute", "100000",
        "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file, "--zmq", node.zmq_address, *more,
    )  # fmt: skip


def test_a_deposit_is_credited_taken_back_by_a_reorganisation_and_paid_out_again(house):
    node, market = house
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


def test_two_buyers_on_two_litecoin_chains(house, tmp_path):
    """Scrypt, real nodes: hash power follows price, and each buyer's own pool saw the shares that he paid for."""
    node, market = house
    with (
        litecoin_regtest(tmp_path / "other") as other, program(made(tmp_path / "p1"), algorithm="scrypt") as a,
        program(made(tmp_path / "p2"), algorithm="scrypt") as b,
    ):  # fmt: skip
        add_pool(a, "home", node)
        add_pool(b, "home", other)
        for name in SELLERS:
            say(market, "market-sell", account=name)
        for name in ("ben", "bess"):
            say(market, "market-fund", account=name, amount="1000", reference=name)
        with miners(market, SELLERS):
            until(lambda: rates_known(market) == len(SELLERS), seconds=90, what="rates")
            first = order(market, "ben", a, price="1")
            grows(a, seconds=60)
            second = order(market, "bess", b, price="2")
            grows(b, seconds=60)
            until(lambda: order_of(market, first)["matched_hs"] == 0, what="the first order is outbid")
            more = {"order": second, "what": "refill", "value": "5", "account": "bess"}
            for _ in range(2):  # in mid-stream, and once
                say(market, "market-change", reference="more", **more)
            assert minor(order_of(market, second)["budget"]) == minor("905")
            for id_ in (first, second):
                say(market, "market-change", order=id_, what="cancel", value="", reference=f"end{id_}")
            rows = [until(lambda id_=id_: ended(market, id_), seconds=60, what="the end") for id_ in (first, second)]
    for pool, row in ((a, rows[0]), (b, rows[1])):
        shares, work = seen_by(pool)
        good = shares["accepted"] + shares["block"]
        # on regtest each share is a block, and what comes just after one is stale: for us too, or for the pool alone,
        # which is the buyer's risk
        assert 0 < work <= int(row["work"]) <= work // good * shares.total()
        assert abs(answered(market, row["order"]) - work) <= 0.01 * work, "what the pool accepted is what it counted"
    trades = say(market, "market-history", order=second)["trades"]
    for trade in trades:
        assert minor(trade["gross"]) == 2 * 10**8 * int(trade["work"]) // (1000 * 86_400)
    assert sum(int(it["work"]) for it in trades) == int(rows[1]["work"])
    assert_sound(market)


def answered(market, order_id):
    """The work of an order that its pool said to have accepted, as our books have it [hashes]."""
    store = SqliteStore.open(market.folder, readonly=True)
    try:
        totals = store.delivery_totals(0)
    finally:
        store.close()
    return sum(it.work for it in totals if (it.destination, it.state) == (order_id, "accepted"))


def seen_by(pool):
    """What a pool itself counted: shares by outcome, and the work that it credited [hashes]."""
    store = SqliteStore.open(pool.folder, readonly=True)
    try:
        totals = store.work_totals(0)
    finally:
        store.close()
    shares = Counter()
    for it in totals:
        shares[it.outcome] += it.shares
    return shares, sum(it.work for it in totals)


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
