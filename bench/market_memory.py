"""The market's memory: how large the engine's state is after many orders, and what asking again costs.

    python bench/market_memory.py [--orders 100000]

Each order is a deposit, an order and a cancel, through the real kernel, writer and database (SQLite). Beside it the
same engine without tables: the size that it had before they took the old part over.
"""

import argparse
import asyncio
import statistics
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from hashwright.clock import ManualClock
from hashwright.market.events import ChangeAsked, FundsMoved, MarketSet, MemoryMoved, MemoryRecalled, OrderAsked
from hashwright.market.records import MarketState, Pool, Terms
from hashwright.market.snapshot import sealed
from hashwright.market.step import step
from hashwright.pool.events import ProcessStarted
from hashwright.runtime.engines import Engines
from hashwright.runtime.kernel import Kernel
from hashwright.runtime.market_memory import LongMemory
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter

ALGO = "sha256d"
TERMS = Terms(algorithm=ALGO, books="home", currency="BTC", exponent=8, unit=15)
POOL = Pool("stratum+tcp://pool.example:3333", "kim.market")
SWEEP_EVERY = 200
BUYERS = 100
encode = msgspec.msgpack.Encoder().encode


def size_of(state):
    """Return the bytes of the market's part of a snapshot."""
    with sealed(state):
        return len(encode(state))


def life(number):
    """An order from its deposit to its end, as events."""
    buyer = f"buyer{number % BUYERS}"
    pool, order = POOL, f"order-{number}"
    return (
        FundsMoved(ALGO, buyer, 2_000_000, "asset:wallet:home", f"{number:064x}:0#1"),
        OrderAsked(buyer, f"web-{number:028x}", ALGO, "standard", 50_000, 5e12, 0.0, 1_000_000, pool),
        ChangeAsked(buyer, f"web-{number:026x}-c", order, "cancel"),
    )


class Timer:
    """Batches are sent by hand."""

    def call_later(self, delay, callback):
        pass


async def run(folder, count):
    now = 1_790_000_000_000
    store, acked = SqliteStore.open(folder), threading.Condition()
    reached = [0]

    def committed(seq):
        with acked:
            reached[0] = seq
            acked.notify_all()

    writer = GroupCommitWriter(store.connect, committed, lambda failure: print(failure))
    kernel = Kernel(
        Engines(), clock=ManualClock(now), writer=writer, timer=Timer(), perform=lambda _effect: None, next_seq=1
    )
    memory, plain = LongMemory(kernel, store, writer), MarketState()

    def durable():
        kernel.commit_now()
        with acked:
            acked.wait_for(lambda: reached[0] >= kernel.last_seq)
        kernel.committed(kernel.last_seq)

    def tell(event):
        kernel.handle(event)
        if not isinstance(event, MemoryMoved | MemoryRecalled):
            step(plain, event, now=now)

    for event in (ProcessStarted(1, "bench"), MarketSet(TERMS)):
        tell(event)
    sizes, began = [], time.perf_counter()
    for number in range(1, count + 1):
        for event in life(number):
            tell(event)
        if number % SWEEP_EVERY == 0:
            durable()
            sizes.append(size_of(kernel.engines.market))
            while await memory.sweep():
                durable()
    print(f"{count:,} orders with deposit and cancel in {time.perf_counter() - began:.1f} s")
    state = kernel.engines.market
    print(f"state with tables:    {size_of(state):>12,} bytes now, {max(sizes):,} at most before a sweep")
    print(f"state without tables: {size_of(plain):>12,} bytes")
    await asked_again(memory, kernel, state, count)
    durable()
    assert state.orders_made == count
    assert state.funds == plain.funds
    writer.close(30)
    store.close()
    database = sum(it.stat().st_size for it in Path(folder).rglob("*") if it.is_file())
    print(f"database: {database / 1e6:.0f} MB")


async def asked_again(memory, kernel, state, count):
    """Ask old requests again, each read from its table first."""
    spans = []
    for number in range(1, count + 1, max(count // 500, 1)):
        _, order, _ = life(number)
        began = time.perf_counter()
        await memory.recall(order)
        kernel.handle(order)
        spans.append(1000 * (time.perf_counter() - began))
    print(f"an old request asked again: median {statistics.median(spans):.2f} ms, slowest {max(spans):.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), options.orders))


if __name__ == "__main__":
    main()
