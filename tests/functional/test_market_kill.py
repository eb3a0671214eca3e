"""kill -9 at every step of an order's life, with real processes: who got no answer asks again, and the books hold.

The same life with a death at every single commit is `tests/simulation/test_market_kills.py`; here the sockets, the
machines and the buyer's pool are real, and the moment of death is whatever it is.
"""

import concurrent.futures
import contextlib
import random
import time

import pytest

from functional.program import until
from functional.test_market import (
    SCALE,
    SHARE,
    assert_sound,
    ended,
    flags_of,
    grows,
    minor,
    open_market,
    order_of,
    practice,
    say,
    sellers,
)
from functional.test_route import booked
from hashwright.errors import HashwrightError

pytestmark = [pytest.mark.functional, pytest.mark.soak, pytest.mark.timeout(900)]
LATE_S = 0.05


class Crew:
    """The sellers' machines. The reference miner ends with its connection, so each death needs new ones."""

    def __init__(self, market):
        self._market, self._stack = market, contextlib.ExitStack()

    def come(self):
        self.close()
        self._stack.enter_context(sellers(self._market, ("sam", "sue")))

    def close(self):
        self._stack.close()


def killed_at(market, crew, moment, verb, **arguments):
    """Ask, kill the process about then, start it again, and ask the same again."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        first = thread.submit(market.ask, verb, **arguments)
        time.sleep(moment)
        market.kill()
        with contextlib.suppress(HashwrightError, OSError, ValueError):
            first.result(60)
    market.start(port=market.port)
    crew.come()
    answer = say(market, verb, **arguments)
    assert say(market, verb, **arguments) == answer, "the same request got another answer"
    return answer


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_every_step_of_an_orders_life(tmp_path, seed, engine):
    chance = random.Random(seed)

    def kill(market, verb, **arguments):
        return killed_at(market, crew, chance.uniform(0, LATE_S), verb, **arguments)

    def order(account, pool, price):
        return {
            "account": account, "price": price, "limit": "900MH/s", "budget": "50", "user": f"{account}.w",
            "pool": f"stratum+tcp://127.0.0.1:{pool.port}", "password": f"d={SHARE},md={SHARE}", "reference": "buy",
        }  # fmt: skip

    with (
        practice(tmp_path, "a") as a, practice(tmp_path, "b") as b,
        practice(tmp_path, "market", flags=flags_of(engine, tmp_path)) as market,
        contextlib.closing(Crew(market)) as crew,
    ):  # fmt: skip
        crew.come()
        open_market(market, names=("sam", "sue"))
        for name in ("bea", "bob"):
            kill(market, "market-fund", account=name, amount="100", reference="deposit")
        first = kill(market, "market-order", **order("bea", a, "40"))["order"]
        until(lambda: order_of(market, first)["state"] == "active", seconds=60, what="the look at the pool")
        grows(a, seconds=90)
        second = kill(market, "market-order", **order("bob", b, "60"))["order"]  # outbid in mid-stream
        grows(b, seconds=90)
        kill(market, "market-change", order=first, what="refill", value="1.5", reference="more", account="bea")
        kill(market, "market-change", order=first, what="reprice", value="80", reference="up", account="bea")
        grows(a, seconds=90)

        a.kill()  # paused, and killed while it is
        until(lambda: order_of(market, first)["state"] == "paused", seconds=30, what="the pause")
        market.kill()
        market.start(port=market.port)
        crew.come()
        a.start(port=a.port)
        until(lambda: order_of(market, first)["state"] == "active", seconds=90, what="it goes on")
        grows(a, seconds=90)

        for order_ in (first, second):
            account = "bea" if order_ == first else "bob"
            kill(market, "market-change", order=order_, what="cancel", reference="stop", account=account)
        rows = [until(lambda id_=id_: ended(market, id_), seconds=60, what="the end") for id_ in (first, second)]
        kill(market, "market-withdraw", account="bea", amount="10", reference="out")
        assert_sound(market)

        for row, price in zip(rows, (None, 60), strict=True):
            trades = say(market, "market-history", order=row["order"])["trades"]
            assert sum(minor(it["gross"]) for it in trades) == minor(row["committed"]) > 0
            assert sum(int(it["work"]) for it in trades) == int(row["work"])
            for trade in trades if price else ():
                assert minor(trade["gross"]) == price * 10**8 * int(trade["work"]) // SCALE
        funds = say(market, "market-book")["funds"]
        assert minor(funds["bea"].split()[0]) == minor("90") - minor(rows[0]["committed"])
        assert minor(funds["bob"].split()[0]) == minor("100") - minor(rows[1]["committed"])
        # what a death took with it was paid by nobody: a pool has at least what was paid
        assert booked(b) >= int(rows[1]["work"])
