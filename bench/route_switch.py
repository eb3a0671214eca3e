"""One reference miner, split over two upstreams in the shortest slices, as a person would run it: what is lost.

Used by bench/route.py. The miner hashes for real; difficulties are such that it finds some thirty shares a second.
"""

import asyncio
import sqlite3

SHARE = 0.000005


async def measure(seconds, mine, options, *, folder, port):
    """Mine for a while, then read the router's own books."""
    done = await mine(
        options(url=f"stratum+tcp://127.0.0.1:{port}", user="bench.m1", max_seconds=float(seconds)), lambda event: None
    )
    await asyncio.sleep(0.5)
    with sqlite3.connect(f"file:{folder}/hashwright.db?mode=ro", uri=True) as books:
        rows = dict(books.execute("SELECT state, sum(shares) FROM delivery GROUP BY state"))
    lost = sum(rows.get(state, 0) for state in ("rejected", "stale", "lost", "late"))
    found = rows.get("submitted", 0) + rows.get("late", 0)
    return {
        "seconds": seconds,
        "shares": found,
        "refused_to_the_miner": done.rejected,
        "by_state": rows,
        "lost_percent": round(100 * lost / max(found, 1), 3),
    }
