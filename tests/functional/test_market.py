"""The market with every part a process of its own: two buyers' pools, five sellers, and the pools' books as judges."""

import asyncio
import contextlib
import signal
import subprocess
import time

import pytest

from functional.program import HW, environment, program, until
from functional.test_route import booked
from hashwright.errors import OperatorError
from hashwright.runtime.control import ask
from hashwright.store.sqlite import SqliteStore

pytestmark = [pytest.mark.functional, pytest.mark.timeout(280)]

SHARE = "0.00001"
"""A share in some 43,000 hashes. Everybody keeps to it: then the buyer's pool counts the very shares that we count."""
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
        until(lambda: item.json("status")["destinations"][0]["height"], what="a template")
        yield item


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
    """Ask the running process, as `hw` does, without the start of a program each time."""
    return asyncio.run(ask(market.folder, verb, **arguments))


def open_market(market, *, names=SELLERS):
    changes = {
        "books": "home", "unit": "kH", "allows_private_pools": True, "closing_s": 3, "window_s": 2, "cooldown_s": 1,
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


def alerts(market):
    store = SqliteStore.open(market.folder, readonly=True)
    try:
        return store.alerts(50)
    finally:
        store.close()


def grows(pool, *, seconds=30):
    before = booked(pool)
    until(lambda: booked(pool) > before, seconds=seconds, what="work at the pool")


def assert_sound(market):
    """The books hold, and the market owes nothing that it does not have."""
    done = market.json("ledger", "check", "--deep")
    assert not done["findings"], done


def test_hash_power_follows_price_and_delivered_is_what_was_paid(tmp_path):
    with (
        practice(tmp_path, "a") as a, practice(tmp_path, "b") as b, practice(tmp_path, "market") as market,
        sellers(market, SELLERS),
    ):  # fmt: skip
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
        time.sleep(2)
        idle = booked(a)
        grows(b)
        assert booked(a) == idle, "an order that is outbid still gets work"

        market.run("market", "reprice", first, "80")  # and back again
        grows(a)
        market.run("market", "refill", first, "1.5", "--account", "bea")
        assert minor(order_of(market, first)["budget"]) == minor("51.5")
        assert "closed" in market.run("market", "cancel", first).stdout
        assert market.run("market", "cancel", first).returncode == 0
        until(lambda: ended(market, first), what="the order is over")
        grows(b)

        change(market, second, "cancel")
        row = until(lambda: ended(market, second), what="the second order is over")
        # delivered is paid, to the last unit, seller by seller
        trades = market.json("market", "history", "--order", second)["trades"]
        for trade in trades:
            assert minor(trade["gross"]) == 60 * 10**8 * int(trade["work"]) // SCALE
            assert minor(trade["fee"]) == minor(trade["gross"]) * 25_000 // 10**6
        assert sum(minor(it["gross"]) for it in trades) == minor(row["committed"]) > 0
        assert sum(int(it["work"]) for it in trades) == int(row["work"])
        # the buyer's own pool counted the same accepted work
        mine = ended(market, first)
        for pool, order in ((b, row), (a, mine)):
            assert abs(booked(pool) - int(order["work"])) <= 0.01 * int(order["work"])
        funds = say(market, "market-book")["funds"]
        for buyer, order in (("bea", mine), ("bob", row)):
            assert minor(funds[buyer].split()[0]) == minor("200") - minor(order["committed"])
        assert_sound(market)
        market.stop()
        assert market.json("admin", "replay", "--verify")["same"] is True


def test_a_dead_pool_pauses_its_order_and_a_kill_loses_nothing(tmp_path):
    with (
        practice(tmp_path, "a") as a, practice(tmp_path, "market") as market, sellers(market, SELLERS[:2]),
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
        at_ms = until(lambda: next((it.at_ms for it in alerts(market) if it.code == "HW-872"), 0), what="its alert")
        print(f"paused {at_ms - killed_ms:.0f} ms after the pool was killed")
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
        assert_sound(market)
