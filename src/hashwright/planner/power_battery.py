"""From a kept plan to a battery's orders: which it is in now, and all of them as a table. Plain numbers, no solver.

An order is a pure function of the plan that stands in the turn's row, and of the battery's facts in what the turn saw:
so a stored turn says what its battery was to do, and saying it again gives the same.
"""

from typing import Any, Final

import msgspec

from hashwright.energy.battery_control import ControlTerms, Order
from hashwright.planner.power import KeptPlan, unpacked

SLOT_MS: Final = 900_000


class BatterySlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From `from_ms` to `to_ms` the battery is to do this, before its own reserve and level have their say."""

    from_ms: int
    to_ms: int
    action: str
    watts: int


def order_in(plan: KeptPlan, terms: ControlTerms, *, turn: int, now: int) -> Order | None:
    """Return what a plan wants of its battery at a moment; None before its start and after its end."""
    slot = (now - plan.start_ms) // SLOT_MS
    if not 0 <= slot < plan.slots:
        return None
    charge, discharge = (_value(runs, slot) for runs in (plan.charge_w, plan.discharge_w))
    action, watts = _rounded(charge, discharge, terms)
    end_ms = plan.start_ms + (slot + 1) * SLOT_MS
    return msgspec.convert({"action": action, "watts": watts, "until_ms": end_ms, "turn": turn}, Order)


def orders_of(plan: KeptPlan, terms: ControlTerms) -> tuple[BatterySlot, ...]:
    """Return all of a plan's orders, one stretch of the same order after the other."""
    pairs = zip(unpacked(plan.charge_w), unpacked(plan.discharge_w), strict=True)
    found: list[BatterySlot] = []
    for slot, (charge, discharge) in enumerate(pairs):
        action, watts = _rounded(charge, discharge, terms)
        from_ms = plan.start_ms + slot * SLOT_MS
        if found and (found[-1].action, found[-1].watts) == (action, watts):
            found[-1] = msgspec.structs.replace(found[-1], to_ms=from_ms + SLOT_MS)
        else:
            found.append(BatterySlot(from_ms=from_ms, to_ms=from_ms + SLOT_MS, action=action, watts=watts))
    return tuple(found)


def terms_of(battery: dict[str, Any]) -> ControlTerms:
    """Return the facts of a battery as a kept turn has them, in the finest steps."""
    return ControlTerms(
        capacity_wh=round(battery["capacity_kwh"] * 1000),
        charge_w=round(battery["charge_kw"] * 1000),
        discharge_w=round(battery["discharge_kw"] * 1000),
        reserve=100 * battery.get("reserve", 0.1),
        step_w=1,
        least_w=1,
    )


def _rounded(charge: int, discharge: int, terms: ControlTerms) -> tuple[str, int]:
    """Return an order in whole steps, never more than planned. Planned to do both, it does what is left of them."""
    net = charge - discharge
    watts = min(abs(net), terms.charge_w if net > 0 else terms.discharge_w) // terms.step_w * terms.step_w
    if watts < max(terms.least_w, 1):
        return "idle", 0
    return ("charge" if net > 0 else "discharge"), watts


def _value(runs: tuple[tuple[int, int], ...], slot: int) -> int:
    for value, length in runs:
        if slot < length:
            return value
        slot -= length
    return 0
