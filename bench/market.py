"""The market at size: matching with 10,000 orders and sellers, events of the engine, and a million shares paid.

    python bench/market.py

Prints medians and the slowest of each, and what a share costs. All is processor time of one core: nothing here waits.
"""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from hashwright.ledger.entries import Entry, Posting
from hashwright.market.book import Book
from hashwright.market.events import ChangeAsked, FundsMoved, MarketSet, OrderAsked, OrderChecked, SaleSet
from hashwright.market.matching import Ask, Bid
from hashwright.market.records import MarketState, Pool, Terms
from hashwright.market.step import TICK_KEY, step
from hashwright.money import Amount, Currency
from hashwright.signals import (
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineReady,
    PostEntry,
    ProcessStarted,
    ReturnWork,
)
from hashwright.store import ledger
from hashwright.store.sqlite import SqliteStore

ALGO = "sha256d"
TARGET = ((1 << 256) // 10**16).to_bytes(32, "big")
TERMS = Terms(algorithm=ALGO, books="home", currency="BTC", exponent=8, unit=15, fee_ppm=20_000)


def told(name, spans):
    """Print a row of times [ms]."""
    ms = sorted(1000 * it for it in spans)
    print(f"{name:<52} median {statistics.median(ms):8.3f} ms   slowest {ms[-1]:8.3f} ms   ({len(ms)} runs)")


def timed(work):
    began = time.process_time()
    work()
    return time.process_time() - began


def books(rng, count):
    bids = [
        Bid(f"o{n}", rng.randrange(40_000, 60_000), rng.uniform(1e12, 1e15), n, rng.choice((0.0, 0.0, 1e12)))
        for n in range(count)
    ]
    asks = [Ask(n, rng.randrange(30_000, 60_000), rng.uniform(5e13, 2e14), n) for n in range(count)]
    return bids, asks


def bench_matching(rng, count):
    bids, asks = books(rng, count)
    book = Book(bids, asks)
    told(f"full clearing, {count:,} orders and sellers", [timed(book.clear) for _ in range(15)])
    events = [Bid(f"o{rng.randrange(count)}", rng.randrange(40_000, 60_000), 5e14, n) for n in range(2_000)]
    told("a change of one order in the book", [timed(lambda bid=bid: book.put_bid(bid)) for bid in events])


def market(rng, count, *, now):
    """A whole engine with so many orders and so many machines, each with a known rate."""
    state = MarketState()
    step(state, ProcessStarted(1, "bench"), now=now)
    step(state, MarketSet(TERMS), now=now)
    step(state, FundsMoved(ALGO, "bea", 10**15, "equity:owner", "x"), now=now)
    for number in range(count):
        pool = Pool("stratum+tcp://pool.example:3333", "w")
        price, limit = rng.randrange(40_000, 60_000), rng.uniform(1e12, 1e15)
        ask = OrderAsked("bea", f"c{number}", ALGO, "standard", price, limit, 0.0, 10**11, pool)
        step(state, ask, now=now)
        step(state, OrderChecked(f"order-{number + 1}", "", 5), now=now)
        step(state, DestinationChanged(f"order-{number + 1}", ALGO, "ready", ""), now=now)
    for number in range(count):
        account = f"s{number}"
        step(state, SaleSet(account, ALGO, rng.randrange(30_000, 60_000), True), now=now)
        step(state, MachineReady(number + 1, f"{account}.r1", ALGO, "home", True), now=now)
        machine = state.machines[number + 1]
        machine.shares, machine.decayed, machine.decayed_at = 10, rng.uniform(5e13, 2e14) * 30, now
    return state


def bench_engine(rng, count):
    now = 1_800_000_000_000
    state = market(rng, count, now=now)
    now += 30_000
    told(
        "a tick with a clearing and moves, whole engine", [tick(state, now + 1_000 * n, dirty=True) for n in range(10)]
    )
    told("a tick where nothing changed", [tick(state, now + 20_000 + 100 * n) for n in range(10)])
    spans = []
    for number in range(1_000):
        ask = ChangeAsked("bea", f"r{number}", f"order-{number + 1}", "reprice", 61_000 + number)
        spans.append(timed(lambda ask=ask: step(state, ask, now=now + 25_000)))
    told("an order event (reprice), whole engine", spans)


def tick(state, now, *, dirty=False):
    state.is_dirty = dirty
    state.cleared_at = now
    return timed(lambda: step(state, ClockTicked(TICK_KEY), now=now))


def bench_settlement(rng, shares, sellers):
    """Accepted shares through the engine into entries, a settlement each ten seconds."""
    now = 1_800_000_000_000
    state = market(rng, 20, now=now)
    orders, names = list(state.orders), [f"s{n}.r1" for n in range(sellers)]
    entries = postings = 0
    asked = []
    began = time.process_time()
    for number in range(shares):
        name, order = names[number % sellers], orders[number % len(orders)]
        step(state, CreditWork(name, order, TARGET, "accepted", 0), now=now)
        step(state, ReturnWork(order, name, TARGET, "accepted", "", 5), now=now)
        if number % 1_000 == 999:
            now += 1_000
            for effect in step(state, ClockTicked(TICK_KEY), now=now):
                if isinstance(effect, PostEntry):
                    entries += 1
                    postings += len(effect.postings)
                    asked.append((now, effect))
    span = time.process_time() - began
    print(
        f"{shares:,} accepted shares of {sellers:,} sellers into {entries:,} entries ({postings:,} postings):"
        f" {span:.1f} s, {1e6 * span / shares:.1f} us a share"
    )
    bench_books(asked)


def bench_books(asked):
    """The same entries into the books of a database: checks, hash chain and triggers included, fifty a commit."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore.open(Path(folder))
        connection = store.connect()
        orders = {it.link for _, it in asked}
        seed = [funding(TERMS, order, number) for number, order in enumerate(sorted(orders))]
        began = time.process_time()
        for place in range(0, len(seed) + len(asked), 50):
            connection.execute("BEGIN IMMEDIATE")
            for now, entry in (seed + asked)[place : place + 50]:
                post_entry(connection, now, entry)
            connection.execute("COMMIT")
        span = time.process_time() - began
        connection.close()
        store.close()
    print(f"the same {len(asked):,} entries into SQLite's books: {span:.1f} s more")


def funding(terms, order, number):
    """What the escrow of an order holds before anything is paid of it."""
    postings = (
        ("equity:owner", terms.currency, terms.exponent, 10**15),
        (f"liability:escrow:{order}", terms.currency, terms.exponent, -(10**15)),
    )
    return 1_700_000_000_000, PostEntry(f"bench:{number}", "deposit", postings, "held", order)


def post_entry(connection, now, asked):
    postings = tuple(
        Posting(account=account, amount=Amount(minor, Currency(code, exponent)))
        for account, code, exponent, minor in asked.postings
    )
    ledger.post(
        connection,
        Entry(source=asked.source, kind=asked.kind, at_ms=now, postings=postings, text=asked.text, link=asked.link),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--shares", type=int, default=1_000_000)
    options = parser.parse_args()
    rng = random.Random(11)
    bench_matching(rng, options.count)
    bench_engine(rng, options.count)
    bench_settlement(rng, options.shares, 1_000)


if __name__ == "__main__":
    main()
