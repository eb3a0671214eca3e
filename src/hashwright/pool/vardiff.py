"""Difficulty that follows the machine: so many shares a minute, no more (load) and no fewer (variance, detection).

Rules. The difficulty is a power of two, so it changes in steps of two at least: that
is the hysteresis. The first retarget comes early, after a few shares, because a new machine's speed is unknown within
four orders of magnitude; later ones count a longer window. A flood is answered as soon as its shares are counted, not
when the window ends. Silence halves. A new difficulty holds for the jobs after it (`records.Terms`), so it races with
nothing. This file knows no wire and no clock: `now` [ms] comes with each call.
"""

from hashwright.pool.records import Pace

WINDOW_MS = 60_000
FIRST_SHARES = 8
"""The first retarget needs this many shares: the rate is then known within a factor of two (Poisson, 95 %)."""
FLOOD_FACTOR = 4
"""A window ends early once it holds this many times the wanted shares of a whole window."""
IDLE_MS = 60_000
"""Silence that halves the difficulty, if four wanted intervals are not longer."""
STEP_MAX = 2.0**20
"""No machine is a million times faster than its difficulty by honest means; a bound against nonsense."""


def new_pace(*, now: int, minimum: float) -> Pace:
    """Start counting."""
    return Pace(since=now, shares=0.0, last_share=now, is_first=True, is_fixed=False, minimum=minimum)


def count_share(pace: Pace, *, weight: float, now: int) -> None:
    """Count one credited share; `weight` is its difficulty in units of the session's present one."""
    pace.shares += weight
    pace.last_share = now


def is_due(pace: Pace, *, shares_per_minute: float, now: int) -> bool:
    """Tell whether there is enough to judge the speed by."""
    if pace.is_fixed:
        return False
    if pace.is_first:
        return pace.shares >= FIRST_SHARES
    wanted = shares_per_minute * WINDOW_MS / 60_000
    return now - pace.since >= WINDOW_MS or pace.shares >= FIRST_SHARES + FLOOD_FACTOR * wanted


def next_difficulty(pace: Pace, difficulty: float, *, shares_per_minute: float, now: int) -> float:
    """Return the difficulty that would give the wanted rate, or the same where it is within a factor of two.

    Starts a new window. The caller clamps to the destination's bounds.
    """
    minutes = max(now - pace.since, 1) / 60_000
    factor = min(max(pace.shares / minutes / shares_per_minute, 1 / STEP_MAX), STEP_MAX)
    pace.since, pace.shares, pace.is_first = now, 0.0, False
    if 0.5 < factor < 2:
        return difficulty
    return nearest_step(difficulty * factor)


def idle_difficulty(pace: Pace, difficulty: float, *, shares_per_minute: float, now: int) -> float:
    """Return half the difficulty after a long silence, else the same."""
    patience = max(IDLE_MS, 4 * 60_000 / shares_per_minute)
    if pace.is_fixed or now - max(pace.last_share, pace.since) < patience:
        return difficulty
    pace.since, pace.shares = now, 0.0
    return difficulty / 2


def nearest_step(difficulty: float) -> float:
    """Return the largest power of two that is not above a difficulty (fractions included)."""
    if difficulty <= 0:
        return difficulty
    exponent = 0
    while 2.0 ** (exponent + 1) <= difficulty:
        exponent += 1
    while 2.0**exponent > difficulty:
        exponent -= 1
    return 2.0**exponent
