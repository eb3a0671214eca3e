"""A look at a buyer's pool before an order gets anything, and again while it runs: connect, subscribe, log in, a job.

The address goes through the one gate of outgoing addresses, by the rules for buyers. A pool that is ourselves, by
whatever way round, shows itself: our own listener sees the name that this look gives.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from hashwright.errors import HashwrightError
from hashwright.market.records import Pool
from hashwright.runtime.market_settings import EXTRANONCE_MIN, MarketSettings
from hashwright.runtime.outgoing import Guard
from hashwright.runtime.route_probe import Probe, ProbeLimits, ProbeOptions
from hashwright.runtime.route_test import probe

COINBASE_MAX = 2**62
AGENT = "hashwright-market/"
LIMITS = ProbeLimits(connect_s=4.0, subscribe_s=4.0, login_s=4.0, job_s=6.0, rest_s=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look found: why the pool cannot be mined for, or nothing, and how long the first job took [ms]."""

    problem: str
    latency_ms: int


async def look_at(
    pool: Pool, settings: MarketSettings, *, guard: Guard, agent: str, met: Callable[[], Collection[str]]
) -> Looked:
    """Look at a buyer's pool. What is wrong is an outcome; nothing is raised for it.

    Args:
        pool: where it is, and who the buyer is there.
        settings: the market's bounds.
        guard: the rules for its address.
        agent: the name to give: nobody else uses it.
        met: gives such names that came to our own listeners.
    """
    options = ProbeOptions(url=pool.url, user=pool.user, password=pool.password, algorithm=settings.algorithm)
    try:
        found = await probe(options, limits=LIMITS, guard=guard, agent=agent)
    except HashwrightError as error:
        return Looked(problem=_short(error.message), latency_ms=-1)
    if agent in met():
        return Looked(problem="its pool is this market itself, by a way around", latency_ms=-1)
    return Looked(
        problem=problem_of(found, settings), latency_ms=-1 if found.first_job_ms is None else found.first_job_ms
    )


def problem_of(found: Probe, settings: MarketSettings) -> str:
    """Say why a pool cannot be mined for, or the empty string."""
    job = found.job
    if job is None or found.first_job_ms is None:
        return "it gives no job"
    if found.room.extranonce2_size < EXTRANONCE_MIN:
        return f"it leaves {found.room.extranonce2_size} bytes of extranonce2, and {EXTRANONCE_MIN} are needed"
    low, high = settings.pool_difficulty_min, settings.pool_difficulty_max
    if found.difficulty is None or not low <= found.difficulty <= high:
        return f"its difficulty of {found.difficulty} is not between {low:g} and {high:g}"
    if job.problem:
        return f"its coinbase cannot be read: {job.problem}"
    if not 0 < int(job.total) < COINBASE_MAX:
        return f"its coinbase pays {job.total}, which is no block reward"
    if found.first_job_ms > settings.pool_latency_ms_max:
        return f"its first job took {found.first_job_ms} ms, more than {settings.pool_latency_ms_max}"
    return ""


def _short(text: str) -> str:
    return text.rstrip(".")[:180]
