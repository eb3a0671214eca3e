"""A real turn of a power autopilot, thought by the planner: two groups of a hall over a day, and pins of it."""

import functools

import msgspec

from hashwright.planner.power import PowerSeen, SeenMachines
from hashwright.planner.power_think import think_power

SLOT_MS = 900_000
HOUR = 4 * SLOT_MS
SITE = {
    "site": {"name": "Hall"},
    "limits": {"import_kw": 40.0, "export_kw": 5.0},
    "battery": {"capacity_kwh": 1.0, "charge_kw": 0.5, "discharge_kw": 0.5},
    "revenue": {"coin": "BTC"},
    "sun": [{"dc_kw": 8.0, "tilt": 30, "azimuth": 180}],
    "groups": [
        {
            "name": name, "up_minutes": 0, "down_minutes": 0,
            "levels": [{"power_w": 3000, "hashrate_ths": rate}, {"power_w": 2000, "hashrate_ths": 0.72 * rate}],
        }
        for name, rate in (("old", 120.0), ("new", 170.0))
    ],
}  # fmt: skip


def start_of(now):
    return now // HOUR * HOUR


def seen_at(now, *, pins=(), hours=24):
    """What the hall sees at a moment: a dear evening, sun at noon, both by hours from the plan's start."""
    start = start_of(now)
    dear, bright = set(range(6, 10)), set(range(12, 18))
    price = tuple(0.4 if hour in dear else 0.05 for hour in range(hours) for _ in range(4))
    sun = tuple(6000.0 if hour in bright else 0.0 for hour in range(hours) for _ in range(4))
    slots = len(price)
    machines = tuple(
        SeenMachines(group=name, count=count, rated_w=3000.0, min_part=0.5, running=count, age=20)
        for name, count in (("old", 2), ("new", 3))
    )
    return PowerSeen(
        at_ms=now, name="Hall", currency="EUR", site=SITE, start_ms=start, price=price, export=(0.02,) * slots,
        sun_w=sun, wind_w=(0.0,) * slots, per_th_day=(0.05,) * slots, earns_source="test", machines=machines,
        level=40.0, pins=tuple(pins), solver_s=10,
    )  # fmt: skip


@functools.cache
def _thought(now, pins):
    seen = seen_at(now, pins=pins)
    return seen, think_power(seen)


def turn_at(now, *, number=7, pins=(), mode="dry-run", state="rehearsed"):
    """A kept turn as a document, as `power-status` has it."""
    seen, thought = _thought(now, tuple(pins))
    return {
        "number": number, "at_ms": now, "name": "hall", "mode": mode, "state": state, "note": "a note",
        "seen": msgspec.to_builtins(seen), "thought": msgspec.to_builtins(thought), "gain": thought.gain,
    }  # fmt: skip


def hall_at(now, *, pins=(), change=0, **how):
    """A site's state as `power-status` tells it."""
    turn = turn_at(now, pins=pins, **how)
    last = {name: turn[name] for name in ("number", "at_ms", "name", "mode", "state", "note")}
    return {
        "name": "hall", "settings": {"name": "hall", "mode": "dry-run", "is_paused": False, "every_s": 900},
        "banner": "", "next_at_ms": now + 900_000, "fleet_is_live": False, "driven_by": None, "last": last,
        "plan": turn, "pins": {"change": change, "pins": [msgspec.to_builtins(it) for it in pins]},
    }  # fmt: skip
