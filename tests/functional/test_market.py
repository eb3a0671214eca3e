"""The market with every part a process of its own: two buyers' pools, five sellers, and the pools' books as judges."""

import contextlib
import signal
import subprocess
import time

import pytest

from engines import PostgresEngine
from functional.program import HW, environment, program, until
from functional.test_route import booked
from functional.web import add_practice
from hashwright.errors import OperatorError
from hashwright.runtime.market_history import stored_history
from hashwright.runtime.opening import open_store

pytestmark = [pytest.mark.functional, pytest.mark.timeout(280)]

SHARE = "0.000003"
"""A share in some 13,000 hashes. Everybody keeps to it: then the buyer's pool counts the very shares that we count."""
SHARES_MIN = 250
"""So many shares of an order make two of them less than a percent."""
SHARE_WORK = 12_885
QUIET = {"block_interval_s": 60.0, "start_bits": 0x1D0FFFFF}
"""A buyer's chain with a block in 268 million hashes: what a block makes stale on its way is no part of delivery."""
SAME = ("--start-difficulty", SHARE, "--minimum-difficulty", SHARE, "--shares-per-minute", "100000")
SCALE = 1000 * 86_400
"""Hashes of one kH/s and day."""
SELLERS = ("sam", "sid", "sue", "sol", "sky")


@contextlib.contextmanager
def practice(folder, name, **options):
    """A program with a pool on a practice chain."""
    (folder / name).mkdir()
    with program(folder / name, **options) as item:
        item.run("pool", "add", "home", "--node", "practice", "--block-interval", "5", *SAME)
        until(lambda: item.ask("status")["destinations"][0]["height"], what="a template")
        yield item


@contextlib.contextmanager
def buyers_pool(folder, name):
    """A pool on a practice chain whose blocks are rare."""
    (folder / name).mkdir()
    with program(folder / name) as item:
        share = {"start_difficulty": float(SHARE), "minimum_difficulty": float(SHARE), "shares_per_minute": 100_000.0}
        add_practice(item, name="home", node_settings=QUIET, **share)
        until(lambda: item.ask("status")["destinations"][0]["height"], what="a template")
        yield item


def flags_of(engine, folder):
    """The options that put the market's books on this database."""
    if engine.name == "sqlite":
        return []
    address = folder / "address"
    address.write_text(engine.url(folder / "market" / "data") + "\n")
    return ["--postgres-url-from", f"file:{address}"]


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """Two buyers' pools, each a process with books of its own."""
    folder = tmp_path_factory.mktemp("pools")
    with buyers_pool(folder, "a") as a, buyers_pool(folder, "b") as b:
        yield a, b


@contextlib.contextmanager
def sellers(market, names):
    """One machine a seller, each a process."""
    url = f"stratum+tcp://127.0.0.1:{market.port}"
    processes = [
        subprocess.Popen(
            [*HW, "miner", "--quiet", "--url", url, "--user", f"{name}.r1", "--password", f"md={SHARE},d={SHARE}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(market.folder.parent),
        )
        for name in names
    ]  # fmt: skip
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def say(market, verb, **arguments):
    return market.ask(verb, **arguments)


def from_tables(market, order):
    store = open_store(market.folder, readonly=True)
    try:
        return stored_history(store, "", order)
    finally:
        store.close()


def open_market(market, *, names=SELLERS):
    changes = {
        "books": "home", "unit": "kH", "allows_private_pools": True, "closing_s": 1, "window_s": 1, "cooldown_s": 1,
        "fee_percent": 2.5, "minimum_amount": "0.00001", "verify_s": 3600,
    }  # fmt: skip
    say(market, "market-settings", algorithm="sha256d", changes=changes)
    for name in names:
        say(market, "market-sell", account=name)


def fund(market, account, amount):
    return say(market, "market-fund", account=account, amount=amount, reference=f"{account}{amount}")


def buy(market, account, pool, *, price, budget="50", reference="first"):
    return say(
        market, "market-order", account=account, price=price, limit="900MH/s", budget=budget, user=f"{account}.w",
        pool=f"stratum+tcp://127.0.0.1:{pool.port}", password=f"d={SHARE},md={SHARE}", reference=reference,
    )  # fmt: skip


def change(market, order, what, value="", reference=""):
    return say(
        market, "market-change", order=order, what=what, value=value, reference=reference or f"{what}{order}{value}"
    )


def order_of(market, id_):
    return next((it for it in say(market, "market-book")["orders"] if it["order"] == id_), None)


def rates_known(market):
    return [it["rate_hs"] > 0 for it in say(market, "market-book")["sellers"]].count(True)


def ended(market, id_):
    """The row of an order that is over."""
    row = say(market, "market-history", order=id_)["orders"][0]
    return row if row["state"] in ("cancelled", "fulfilled", "expired", "refused") else None


def minor(text):
    return round(float(text) * 10**8)


def alerts(store):
    try:
        return store.alerts(50)
    finally:
        store.close()


def grows(pool, *, seconds=30):
    before = booked(pool)
    until(lambda: booked(pool) > before, seconds=seconds, what="work at the pool")


def delivered(market, id_):
    """Wait until an order got so many shares that one or two are no percent of it."""
    until(lambda: int(order_of(market, id_)["work"]) > SHARES_MIN * SHARE_WORK, seconds=120, what="enough shares")


def assert_sound(market):
    """The books hold, and the market owes nothing that it does not have."""
    done = market.json("ledger", "check", "--deep")
    assert not done["findings"], done


def rests(pool, *, while_grows):
    """No work comes to a pool any more, for as long as another one gets some."""

    def is_same():
        before = booked(pool)
        grows(while_grows)
        return booked(pool) == before

    until(is_same, seconds=60, what="a pool without work")


def test_hash_power_follows_price_and_delivered_is_what_was_paid(pools, tmp_path):
    a, b = pools
    before = {pool: booked(pool) for pool in pools}
    with practice(tmp_path, "market") as market, sellers(market, SELLERS):
        open_market(market)
        fund(market, "bea", "200")
        fund(market, "bob", "200")
        until(lambda: rates_known(market) == 5, seconds=60, what="everybody's rate")

        first = buy(market, "bea", a, price="40")["order"]
        grows(a)
        until(lambda: order_of(market, first)["sellers"], what="a contract")

        second = buy(market, "bob", b, price="60")["order"]  # outbid: all of it goes to the better price
        grows(b)
        until(lambda: order_of(market, first)["matched_hs"] == 0, what="the first order is outbid")
        rests(a, while_grows=b)
        levels = say(market, "market-depth")["bids"]
        assert [(float(it["price"]), it["matched_hs"] > 0) for it in levels] == [(60, True), (40, False)]

        market.run("market", "reprice", first, "80")  # and back again
        grows(a)
        delivered(market, first)
        market.run("market", "refill", first, "1.5", "--account", "bea")
        assert minor(order_of(market, first)["budget"]) == minor("51.5")
        assert "closed" in market.run("market", "cancel", first).stdout
        change(market, first, "cancel", reference="again")
        mine = until(lambda: ended(market, first), what="the order is over")
        grows(b)

        delivered(market, second)
        change(market, second, "cancel")
        row = until(lambda: ended(market, second), what="the second order is over")
        # delivered is paid, to the last unit, seller by seller
        trades = market.json("market", "history", "--order", second)["trades"]
        for trade in trades:
            assert minor(trade["gross"]) == 60 * 10**8 * int(trade["work"]) // SCALE
            assert minor(trade["fee"]) == minor(trade["gross"]) * 25_000 // 10**6
        assert sum(minor(it["gross"]) for it in trades) == minor(row["committed"]) > 0
        assert sum(int(it["work"]) for it in trades) == int(row["work"])
        # whoever looks while nothing runs reads the same, from the database alone
        assert from_tables(market, second) == say(market, "market-history", order=second)
        # so is what plots show, from either side
        series = say(market, "market-delivery", order=second, hours=1, points=60)
        assert sum(int(it["work"]) for it in series["sellers"]) == int(row["work"])
        assert sum(minor(it) for it in series["paid"]) == minor(row["committed"])
        assert max(series["ordered_hs"]) > max(series["delivered_hs"]) > 0
        assert [it["state"] for it in series["changes"]][-1] == "cancelled"
        sold = say(market, "market-delivery", seller="sam", hours=1, points=60)["markets"][0]["orders"]
        mine_of = {it["order"]: int(it["work"]) for it in sold}
        assert [mine_of[second]] == [int(it["work"]) for it in trades if it["seller"] == "sam"]
        # the buyer's own pool counted the same accepted work
        for pool, order in ((b, row), (a, mine)):
            until(lambda pool=pool, order=order: is_close(booked(pool) - before[pool], order), what="the pool's books")
        funds = say(market, "market-book")["funds"]
        for buyer, order in (("bea", mine), ("bob", row)):
            assert minor(funds[buyer].split()[0]) == minor("200") - minor(order["committed"])
        assert_sound(market)
        market.stop()
        assert market.json("admin", "replay", "--verify")["same"] is True


def is_close(counted, order):
    """One percent."""
    print(f"{int(order['work'])} hashes delivered, {counted - int(order['work']):+d} at the pool")
    return abs(counted - int(order["work"])) <= 0.01 * int(order["work"])


def test_a_dead_pool_pauses_its_order_and_a_kill_loses_nothing(pools, tmp_path, postgres_server):
    """The market keeps its books on PostgreSQL here: an order's whole life, with the pool killed, and the market."""
    a, _ = pools
    engine = PostgresEngine(postgres_server)
    with (
        practice(tmp_path, "market", flags=flags_of(engine, tmp_path)) as market,
        sellers(market, SELLERS[:2]),
    ):  # fmt: skip
        open_market(market)
        fund(market, "bea", "10")
        until(lambda: rates_known(market) == 2, seconds=60, what="rates")
        order = buy(market, "bea", a, price="50", budget="9")["order"]
        assert buy(market, "bea", a, price="50", budget="9")["order"] == order, "one id, one order"
        for _ in range(2):  # one unit short; funds that come later do not change the answer
            with pytest.raises(OperatorError, match="too little"):
                buy(market, "bea", a, price="50", budget="1.00000001", reference="short")
            fund(market, "bea", "5")
        grows(a)

        killed_ms = time.time() * 1000
        a.kill()
        until(lambda: order_of(market, order)["state"] == "paused", seconds=10, what="the order is paused")
        until(lambda: not any(it["working_for_orders"] for it in say(market, "market-book")["sellers"]), what="home")
        found = until(
            lambda: [it for it in alerts(engine.open(market.folder, readonly=True)) if it.code == "HW-872"],
            what="its alert",
        )
        print(f"paused {found[0].at_ms - killed_ms:.0f} ms after the pool was killed")
        a.start(port=a.port)
        until(lambda: order_of(market, order)["state"] == "active", seconds=60, what="the order goes on")
        grows(a, seconds=60)

        market.process.send_signal(signal.SIGKILL)  # in mid-stream
        market.process.wait()
        market.start(port=market.port)
        with sellers(market, SELLERS[:2]):
            until(lambda: (order_of(market, order) or {}).get("state") == "active", seconds=60, what="the order again")
            grows(a, seconds=90)
        change(market, order, "cancel")
        row = until(lambda: ended(market, order), what="the order is over")
        funds = say(market, "market-book")["funds"]
        assert minor(funds["bea"].split()[0]) == minor("15") - minor(row["committed"])
        assert minor(row["committed"]) > 0
        assert_sound(market)
        say(market, "market-withdraw", account="bea", amount="1", reference="out")
        left = minor("14") - minor(row["committed"])
        until(lambda: minor(say(market, "market-book")["funds"]["bea"].split()[0]) == left, what="what is left")
