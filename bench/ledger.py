"""The books: a PPLNS window of 1,000 members, and 100,000 entries posted, read and proved. Prints one line a figure.

python bench/ledger.py [--shares 1000000] [--entries 100000] [--only sqlite|postgresql]

PostgreSQL is Debian's server with its default settings, on a socket, started and stopped here.
"""

import argparse
import pathlib
import sys
import tempfile
import time

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount, Currency
from hashwright.pool.schemes.base import Terms
from hashwright.pool.schemes.fpps import Fpps
from hashwright.pool.schemes.pplns import Pplns
from hashwright.pool.window import Window
from hashwright.store import ledger
from hashwright.store.sqlite import SqliteStore

LTC = Currency("LTC", 8)
MEMBERS = 1_000
BATCH = 500


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shares", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    arguments = parser.parse_args()
    if arguments.only != "postgresql":
        measure_window(arguments.shares)
        with tempfile.TemporaryDirectory() as folder:
            measure_books(SqliteStore.open(pathlib.Path(folder)), arguments.entries)
    if arguments.only != "sqlite":
        measure_postgresql(arguments.entries)


def measure_window(shares):
    """Fill a window and divide blocks by it."""
    scheme, names = Pplns(), [f"member-{number}" for number in range(MEMBERS)]
    window, limit = Window(), 1_000 * shares // 2
    begun = time.perf_counter()
    for number in range(shares):
        window.add(names[number * 7_919 % MEMBERS], 1_000, limit=limit)
    filled = time.perf_counter()
    splits = [
        scheme.split_block(Amount(625_000_000 + number, LTC), finder=names[0], work=window.work(limit))
        for number in range(10)
    ]
    done = time.perf_counter()
    assert all(len(split.credits) == MEMBERS for split in splits)
    print(f"window: {shares / (filled - begun):,.0f} shares/s ({shares:,} shares, {MEMBERS:,} members)")
    print(f"split of a window of {MEMBERS:,} members: {(done - filled) * 100:.1f} ms")
    begun = time.perf_counter()
    image = window.image()
    print(f"image of the window: {(time.perf_counter() - begun) * 1000:.1f} ms, {sum(map(len, image)):,} bytes")
    measure_reserve(names)


def measure_reserve(names):
    """Value the work of all members at once, as every template does while a pool pays for work."""
    terms = Terms(network_work=10**23, subsidy=Amount(312_500_000, LTC), fees=Amount(2_000_000, LTC))
    work, carried = {name: 10**17 + number for number, name in enumerate(names)}, dict.fromkeys(names, 2**61)
    begun = time.perf_counter()
    for _ in range(20):
        Fpps().credit_work(work, terms=terms, carried=carried)
    print(f"work of {MEMBERS:,} members valued by FPPS: {(time.perf_counter() - begun) * 50:.2f} ms")


def measure_postgresql(count):
    """Measure the same on a server."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
    from engines import Server
    from hashwright.store.postgres import PostgresStore

    server = Server()
    try:
        measure_books(PostgresStore.open(server.folder / "books", server.empty("books")), count)
    finally:
        server.stop()


def measure_books(store, count):
    """Post entries in group commits, then read balances and prove everything."""
    connection = store.connect()
    begun = time.perf_counter()
    for first in range(0, count, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(first, min(first + BATCH, count)):
            ledger.post(connection, entry(number))
        connection.execute("COMMIT")
    posted = time.perf_counter()
    balances = ledger.read_balances(connection)
    read = time.perf_counter()
    findings = store.read_books(ledger.ledger_findings)
    proved = time.perf_counter()
    assert not findings
    assert len(balances) == MEMBERS + 1
    print(f"{type(store).__name__}: posted {count / (posted - begun):,.0f} entries/s ({count:,}, {BATCH} a commit)")
    print(f"{type(store).__name__}: balances {(read - posted) * 1000:.1f} ms; full check: {proved - read:.2f} s")
    connection.close()
    store.close()


def entry(number):
    """One credit of one member."""
    member = accounts.member("p", f"member-{number % MEMBERS}")
    amount = Amount(1 + number, LTC)
    return entry_of(f"work:{number}", "work", number, ("equity:reserve:p", amount), (member, -amount))


if __name__ == "__main__":
    main()
