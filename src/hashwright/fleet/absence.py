"""What happened to machines while nobody looked after them: the guard's report, taken into the fleet's memory.

A machine that the guard put to sleep wakes again like one that slept at an orderly end: in the order of the ramp,
unless a person or a live plan wants it asleep. Who slept before stays asleep. Who was not heard is told of, and read.

Must not know: the guard's process, files, addresses.
"""

from collections import Counter
from datetime import UTC, datetime

from hashwright.fleet.effects import FleetEffect
from hashwright.fleet.events import GuardActed
from hashwright.fleet.records import FleetState
from hashwright.signals import Alert

REPORTS_KEPT = 16
NAMED_MAX = 5
CAUSES = {
    "gone": "Hashwright died or was killed (last heard of at {since})",
    "silent": "Hashwright hung (last heard of at {since})",
}


def take(state: FleetState, event: GuardActed) -> tuple[FleetEffect, ...]:
    """Note who sleeps by the guard's word, and tell a person what happened; a report that is known changes nothing."""
    if event.report in state.guards:
        return ()
    state.guards = [*state.guards, event.report][-REPORTS_KEPT:]
    for name, outcome in event.outcomes:
        device = state.devices.get(name)
        if device is None or outcome != "slept":
            continue
        device.is_asleep_by_us = True
        device.is_safe = not (state.rules.is_live and device.plan_wish is not None)  # else the plan says it
        state.busy[name] = True
    failed = [f"{name} {outcome}" for name, outcome in event.outcomes if outcome not in ("slept", "asleep")]
    return (Alert(level="critical" if failed else "warning", code="HW-885", text=text_of(event, failed)),)


def text_of(event: GuardActed, failed: list[str]) -> str:
    """Say in words what the guard did."""
    counts = Counter(outcome for _, outcome in event.outcomes)
    words = [f"its guard put {counts['slept']} of {len(event.outcomes)} machines to sleep at {_clock(event.at)}"]
    if counts["asleep"]:
        words.append(f"{counts['asleep']} slept before")
    if failed:
        more = f" and {len(failed) - NAMED_MAX} more" if len(failed) > NAMED_MAX else ""
        words.append(f"not asleep: {', '.join(failed[:NAMED_MAX])}{more}")
    return f"{CAUSES[event.cause].format(since=_clock(event.since))}: {'; '.join(words)}."


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
