"""What the history of ten thousand machines takes: its size when full, one span's writing, one machine's reading.

    PYTHONPATH=src python bench/machine_history.py [MACHINES]

SQLite in a folder of its own, filled with as many chunks as are kept; then what happens every five minutes and every
hour, and what a page asks. Times are of this computer.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from hashwright.runtime.machine_history import AT_ONCE, Means, points_of
from hashwright.store import machine_history as rows
from hashwright.store.machine_history import COARSE, FINE, Point
from hashwright.store.rates import Done
from hashwright.store.sqlite import SqliteStore

NOW_S = 1_800_000_000 // 86_400 * 86_400


def main() -> None:
    """Fill, measure, print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    names = [f"m-10-21-{at // 250}-{at % 250}" for at in range(number)]
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore.open(Path(folder))
        empty = sum(it.stat().st_size for it in Path(folder).iterdir())
        for grain in (FINE, COARSE):
            begins = range(NOW_S - grain.kept_s, NOW_S, grain.chunk_s)
            began = time.perf_counter()
            for begin in begins:
                store.change_books(lambda it, begin=begin, grain=grain: fill(it, grain, begin, names))
            print(f"{grain.span_s} s: {len(begins)} chunks of {number} machines in {time.perf_counter() - began:.0f} s")
        connection = store.connect()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        size = sum(it.stat().st_size for it in Path(folder).iterdir()) - empty
        print(f"size: {size / 1e6:.0f} MB, {size / number / 1e3:.1f} kB a machine")
        measure(store, names)
        store.close()


def fill(connection, grain, begin, names) -> None:
    """Write the chunks of all machines that begin at one moment: one for all, as rows are not compressed."""
    chunk = b"".join(
        rows.packed(
            Point(at_s=at, temperature_c=60.0, power_w=3_200.0, refused_part=0.01, said_hs=1e14, credited_hs=1e14),
            grain,
        )
        for at in range(begin, begin + grain.chunk_s, grain.span_s)
    )
    rows.write(connection, grain, begin, [(name, chunk) for name in names])


def measure(store, names) -> None:
    """Print what a span costs, what an hour costs, and what a page waits for."""
    said = {name: Means(sums=[60.0, 3200.0, 1e14], counts=[1, 1, 1]) for name in names}
    done = [
        Done(minute=0, worker=f"kai.{name}", destination="home", work=10**15, accepted=20, refused=0) for name in names
    ]
    began = time.perf_counter()
    points = points_of(NOW_S, 300, said=said, done=done, devices=names)
    chunks = rows.joined({}, points, FINE)
    print(f"a span: gathered in {1e3 * (time.perf_counter() - began):.0f} ms (on a thread)")
    lines, times = sorted(chunks.items()), []
    for begin in range(0, len(lines), AT_ONCE):
        began = time.perf_counter()
        store.change_books(lambda it, part=lines[begin : begin + AT_ONCE]: rows.write(it, FINE, NOW_S, part))
        times.append(1e3 * (time.perf_counter() - began))
    print(f"a span: written in {len(times)} commits of {max(times):.0f} ms at most, {sum(times):.0f} ms in all")
    began = time.perf_counter()
    found = store.read_tables(lambda it: rows.read_chunks(it, FINE, NOW_S - 3600))
    means = {name: rows.mean_of(rows.unpacked(body, NOW_S - 3600, FINE), NOW_S - 3600) for name, body in found.items()}
    print(f"an hour: {len(means)} means in {1e3 * (time.perf_counter() - began):.0f} ms (on a thread)")
    for grain, title in ((FINE, "48 hours"), (COARSE, "90 days")):
        times = []
        for name in random.Random(2).sample(names, min(50, len(names))):
            began = time.perf_counter()
            store.read_tables(
                lambda it, name=name, grain=grain: rows.read_machine(
                    it, name, grain, since_s=NOW_S - grain.kept_s, until_s=NOW_S
                )
            )
            times.append(1e3 * (time.perf_counter() - began))
        print(f"one machine's {title}: {sorted(times)[len(times) // 2]:.1f} ms, at most {max(times):.1f} ms")


if __name__ == "__main__":
    main()
