"""Is a destination worth its work? Judged by its own answers, and never by one of them.

Degraded is: more than a tenth of the newest fifty answers were refusals, or it has said yes to none of twenty shares
for two minutes. A degraded destination is emptied; after a rest, which doubles each time, it is tried again. One that
comes back, from this or from being down, is filled slowly: whatever was wrong may still be.
"""

from hashwright.routing.records import Account, Health
from hashwright.signals import ReturnWork

ANSWERS_MIN = 50
REFUSALS_MAX = 5
SILENT_SHARES = 20
SILENT_MS = 120_000
REST_MS = 300_000
REST_MAX_MS = 3_600_000
REFILL_MS = 120_000
REFILL_FIRST = 0.1
"""A destination that comes back gets a tenth of its share at first, and all of it after two minutes."""
LATENCY_WEIGHT = 0.05
_WINDOW = (1 << ANSWERS_MIN) - 1


def take_answer(health: Health, event: ReturnWork, *, now: int) -> None:
    """Count one step of a share's way."""
    if event.state == "submitted":
        health.sent_since_yes += 1
        if health.sent_since_yes == 1:
            health.first_sent_at = now
        return
    if event.state == "late":
        return
    is_refusal = event.state != "accepted"
    health.answers = (health.answers << 1 | is_refusal) & _WINDOW
    health.count = min(health.count + 1, ANSWERS_MIN)
    if not is_refusal:
        health.sent_since_yes = 0
    if event.latency_ms >= 0:
        before = health.latency_ms
        health.latency_ms = event.latency_ms if before < 0 else before + LATENCY_WEIGHT * (event.latency_ms - before)


def trouble_of(health: Health, *, now: int) -> str:
    """Return why a destination is degraded, or an empty string."""
    refusals = health.answers.bit_count()
    if health.count >= ANSWERS_MIN and refusals > REFUSALS_MAX:
        return f"it refused {refusals} of the last {ANSWERS_MIN} shares"
    if health.sent_since_yes >= SILENT_SHARES and now - health.first_sent_at >= SILENT_MS:
        return f"it said yes to none of {health.sent_since_yes} shares"
    return ""


def degrade(health: Health, why: str, *, now: int) -> None:
    """Note that a destination is to be emptied."""
    health.is_degraded, health.why, health.degraded_at = True, why, now
    health.rest_ms = min(max(health.rest_ms * 2, REST_MS), REST_MAX_MS)


def may_try_again(health: Health, *, now: int) -> bool:
    """Tell whether a degraded destination has rested long enough."""
    return health.is_degraded and now - health.degraded_at >= health.rest_ms


def forgive(account: Account, *, now: int) -> None:
    """Begin anew with a destination: no answers counted, filled slowly."""
    health = account.health
    health.is_degraded, health.why = False, ""
    health.answers = health.count = health.sent_since_yes = 0
    account.refilled_at = now


def refill_factor(account: Account, *, now: int) -> float:
    """Return the part of its share that a destination gets while it is filled again."""
    if not account.refilled_at:
        return 1.0
    age = now - account.refilled_at
    if age >= REFILL_MS:
        return 1.0
    return REFILL_FIRST + (1.0 - REFILL_FIRST) * age / REFILL_MS
