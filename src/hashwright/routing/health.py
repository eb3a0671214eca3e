"""Is a destination worth its work? Judged by its own answers, and never by one of them.

Degraded is: more than a tenth of the newest answers were refusals, or it has said yes to none of twenty shares for two
minutes. Fifty answers are enough to judge by, and up to four hundred are looked at, so that a pool that always refuses
two or three of a hundred, as some do, is not emptied by chance. A share without an answer is none: where a connection
broke, that is seen elsewhere. A degraded destination is emptied; after a rest, which doubles when it fails again within
the hour, it is tried again. So does one that comes and goes all the time: each time would move all its machines twice.
One that comes back, from this or from being down, is filled slowly: whatever was wrong may still be.
"""

from hashwright.routing.records import Account, Health
from hashwright.signals import ReturnWork

ANSWERS_MIN = 50
WINDOW = 200
REFUSED_PART_MAX = 0.1
SILENT_SHARES = 20
SILENT_MS = 120_000
ANSWERS = ("accepted", "rejected", "stale")
REST_MS = 300_000
REST_MAX_MS = 3_600_000
FALLS_MAX = 3
FALLS_SPAN_MS = 900_000
"""One that goes away three times, each within a quarter of an hour of the last, is left alone for a rest."""
REFILL_MS = 120_000
REFILL_FIRST = 0.1
"""A destination that comes back gets a tenth of its share at first, and all of it after two minutes."""
LATENCY_WEIGHT = 0.05


def take_answer(health: Health, event: ReturnWork, *, now: int) -> None:
    """Count one step of a share's way."""
    if event.state == "submitted":
        health.sent_since_yes += 1
        if health.sent_since_yes == 1:
            health.first_sent_at = now
        return
    if event.state not in ANSWERS:
        return
    if health.answers >= WINDOW:
        health.answers_before, health.refusals_before = health.answers, health.refusals
        health.answers = health.refusals = 0
    health.answers += 1
    if event.state == "accepted":
        health.sent_since_yes = 0
    else:
        health.refusals += 1
    if event.latency_ms >= 0:
        before = health.latency_ms
        health.latency_ms = event.latency_ms if before < 0 else before + LATENCY_WEIGHT * (event.latency_ms - before)


def trouble_of(health: Health, *, now: int) -> str:
    """Return why a destination is degraded, or an empty string."""
    answers, refusals = health.answers + health.answers_before, health.refusals + health.refusals_before
    if answers >= ANSWERS_MIN and refusals > REFUSED_PART_MAX * answers:
        return f"it refused {refusals} of the last {answers} shares"
    if health.sent_since_yes >= SILENT_SHARES and now - health.first_sent_at >= SILENT_MS:
        return f"it said yes to none of {health.sent_since_yes} shares"
    return ""


def note_fall(account: Account, *, now: int) -> None:
    """Count that a destination went away."""
    account.falls = account.falls + 1 if now - account.fell_at < FALLS_SPAN_MS else 1
    account.fell_at = now


def is_restless(account: Account, *, now: int) -> bool:
    """Tell whether a destination came and went so often that it should rest before machines go there again."""
    return account.falls >= FALLS_MAX and now - account.fell_at < FALLS_SPAN_MS


def degrade(health: Health, why: str, *, now: int) -> None:
    """Note that a destination is to be emptied."""
    health.is_degraded, health.why, health.degraded_at = True, why, now
    if now - health.restored_at >= REST_MAX_MS:
        health.rest_ms = 0
    health.rest_ms = min(max(health.rest_ms * 2, REST_MS), REST_MAX_MS)


def may_try_again(health: Health, *, now: int) -> bool:
    """Tell whether a degraded destination has rested long enough."""
    return health.is_degraded and now - health.degraded_at >= health.rest_ms


def forgive(account: Account, *, now: int) -> None:
    """Begin anew with a destination: no answers counted, filled slowly."""
    health = account.health
    if health.is_degraded:
        health.restored_at = now
    health.is_degraded, health.why = False, ""
    health.answers = health.refusals = health.answers_before = health.refusals_before = health.sent_since_yes = 0
    account.refilled_at = now


def refill_factor(account: Account, *, now: int) -> float:
    """Return the part of its share that a destination gets while it is filled again."""
    if not account.refilled_at:
        return 1.0
    age = now - account.refilled_at
    if age >= REFILL_MS:
        return 1.0
    return REFILL_FIRST + (1.0 - REFILL_FIRST) * age / REFILL_MS
