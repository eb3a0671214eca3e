"""From a group's watts to each machine's wish: the best machines first, the last one at part load, the rest asleep.

The order is by what a hash costs in joules at full speed, as set or measured (never by the moment's figure, or machines
would change places with the noise), then by name. A machine that does not answer counts with all that it may draw.
"""

from hashwright.fleet import curve, health
from hashwright.fleet.events import PlanSlot
from hashwright.fleet.records import Device, FleetState, Wish

SLACK = 1e-9


def current_slots(state: FleetState, *, now: int) -> dict[str, PlanSlot]:
    """Return the slot of the plan that each group is in; none before the first slot or after the plan's end."""
    found: dict[str, PlanSlot] = {}
    if state.plan is not None and now < state.plan.valid_until:
        for slot in state.plan.slots:
            if slot.at <= now:
                found[slot.group] = slot
    return found


def assign(state: FleetState, slot: PlanSlot, *, author: str) -> list[str]:
    """Give the machines of a group their wishes and return those whose wish changed.

    A machine of unknown rating is left alone: nobody could say what it would draw.
    """
    members = [device for device in state.devices.values() if device.settings.group == slot.group]
    left_w = slot.power_w - sum(health.worst_w(it) for it in members if health.is_lost(it))
    changed = []
    for device in sorted((it for it in members if not health.is_lost(it)), key=_order):
        rated = curve.rated_w(device)
        if rated <= 0:
            continue
        part = part_for(device, left_w, rated=rated)
        wish = Wish(
            mode="run" if part else "sleep",
            part=part or 1.0,
            author=author,
            reason=f"the plan gives {slot.group} {slot.power_w:.0f} W",
        )
        left_w -= part * rated
        if device.plan_wish != wish:
            device.plan_wish = wish
            changed.append(device.settings.device)
    return changed


def part_for(device: Device, left_w: float, *, rated: float) -> float:
    """Return the part of its rated power [0 to 1] that a machine may have of the watts that are left."""
    if left_w >= rated * (1 - SLACK):
        return 1.0
    can_part = device.settings.min_part < 1 and "limit" not in device.unsupported
    if can_part and left_w >= rated * device.settings.min_part:
        return round(left_w / rated - 0.0005, 3)
    return 0.0


def _order(device: Device) -> tuple[float, str]:
    cost = curve.joules_per_hash(device)
    return (float("inf") if cost is None else cost, device.settings.device)
