"""From a group's watts to each machine's wish: the best machines first, the last one at part load, the rest asleep.

The order is by what a hash costs in joules at full speed, as set or measured (never by the moment's figure, or machines
would change places with the noise). Those that cost the same within 2 % take turns: each day (UTC) another of them is
the first, so that none always runs and none always rests. A machine that does not answer, or hashes against its order,
counts with all that it may draw, and one that a person runs with what it runs at.
"""

from collections.abc import Iterator, Sequence

from hashwright.fleet import curve, health
from hashwright.fleet.events import PlanSlot, PowerPlan
from hashwright.fleet.records import DAY_MS, Device, FleetState, Wish

SLACK = 1e-9
ALIKE = 1.02
"""Machines whose hashes cost no more than this times as much share the wear: in pools' luck nobody sees 2 %."""


def all_plans(state: FleetState) -> Iterator[PowerPlan]:
    """Yield every plan that was not ended."""
    if state.plan is not None:
        yield state.plan
    yield from state.plans.values()


def plan_for(state: FleetState, device: Device) -> PowerPlan | None:
    """Return the plan that a machine follows."""
    return state.plans.get(device.plan_key, state.plan if not device.plan_key else None)


def is_in(plan: PowerPlan, device: Device) -> bool:
    """Tell whether a machine is of a plan's site."""
    return not plan.site or device.settings.site == plan.site


def place_of(plan: PowerPlan, group: str) -> str:
    """Return under which name a plan's group is remembered."""
    return f"{plan.key}/{group}"


def current_slots(plan: PowerPlan, *, now: int) -> dict[str, PlanSlot]:
    """Return the slot that each group of a plan is in; none before the first slot or after the plan's end."""
    found: dict[str, PlanSlot] = {}
    if now < plan.valid_until:
        for slot in plan.slots:
            if slot.at <= now:
                found[slot.group] = slot
    return found


def members_of(state: FleetState, plan: PowerPlan) -> dict[str, list[Device]]:
    """Return the machines of a plan's site by their groups."""
    found: dict[str, list[Device]] = {}
    for device in state.devices.values():
        if is_in(plan, device):
            found.setdefault(device.settings.group, []).append(device)
    return found


def assign(plan: PowerPlan, slot: PlanSlot, members: Sequence[Device], *, is_live: bool, now: int) -> list[str]:
    """Give the machines of a group their wishes and return those whose wish changed.

    A machine of unknown rating is left alone: nobody could say what it would draw.
    """
    left_w = slot.power_w - reserved_w(members, now=now)
    parts = [part for part, count in slot.parts for _ in range(count)]
    given: list[tuple[Device, float]] = []
    for number, device in enumerate(_free(members, now=now)):
        rated = curve.rated_w(device)
        most_w = min(left_w, parts[number] * rated) if number < len(parts) else left_w
        part = part_for(device, most_w, rated=rated)
        given.append((device, part))
        left_w -= part * rated
    if left_w >= 0 and all(part for _, part in given):  # there is room for those that would not stop
        given += [(device, 1.0) for device in members if is_stubborn(device) and not is_held(device, now=now)]
    return [device.settings.device for device, part in given if _wish(device, plan, slot, part, is_live=is_live)]


def _wish(device: Device, plan: PowerPlan, slot: PlanSlot, part: float, *, is_live: bool) -> bool:
    """Note what a plan wants of a machine; return whether that is new."""
    reason = f"the plan gives {slot.group} {slot.power_w:.0f} W"
    wish = Wish(mode="run" if part else "sleep", part=part or 1.0, author=plan.author, reason=reason)
    is_new = device.plan_wish != wish
    device.plan_key, device.is_safe, device.plan_wish = plan.key, device.is_safe and not is_live, wish
    device.left_by = ""
    return is_new


def ratings_of(members: Sequence[Device], *, now: int) -> list[float]:
    """Return the ratings of the machines that a plan may command [W], the best machines first."""
    return [curve.rated_w(device) for device in _free(members, now=now)]


def watts_for(ratings: Sequence[float], parts: Sequence[tuple[float, int]]) -> float:
    """Return what so many machines draw at such parts of their ratings [W], the first ones first."""
    total, first = 0.0, 0
    for part, count in parts:
        total += part * sum(ratings[first : first + count])
        first += count
    return total


def reserved_w(members: Sequence[Device], *, now: int) -> float:
    """Return what machines may draw that a plan does not command [W].

    Silent ones, those that hash against their order, and those that a person runs.
    """
    total = 0.0
    for device in members:
        if health.is_lost(device):
            total += health.worst_w(device)
        elif is_stubborn(device):
            total += curve.rated_w(device)
        elif is_held(device, now=now) and device.override is not None and device.override.mode == "run":
            total += device.override.part * curve.rated_w(device)
    return total


def is_held(device: Device, *, now: int) -> bool:
    """Tell whether a person decides about a machine now."""
    return device.override is not None and now < device.override.until


def is_stubborn(device: Device) -> bool:
    """Tell whether a machine was told to stop or to take less, and hashes on: it is tried again, and not counted on."""
    return "HW-503" in device.told and device.reading is not None and device.reading.activity == "hashing"


def _free(members: Sequence[Device], *, now: int) -> list[Device]:
    """Return the machines that a plan may command, the best ones first."""
    able = (it for it in members if curve.rated_w(it) > 0 and not health.is_lost(it) and not is_stubborn(it))
    return in_turn(sorted((it for it in able if not is_held(it, now=now)), key=_order), day=now // DAY_MS)


def in_turn(ordered: Sequence[Device], *, day: int) -> list[Device]:
    """Return machines, the best first, with those that are alike in the turn of the day."""
    found: list[Device] = []
    while len(found) < len(ordered):
        rest = ordered[len(found) :]
        costs = [_order(it)[0] for it in rest]
        count = next((n for n, cost in enumerate(costs) if cost > costs[0] * ALIKE), len(costs))
        first = day % count
        found += (*rest[first:count], *rest[:first])
    return found


def part_for(device: Device, left_w: float, *, rated: float) -> float:
    """Return the part of its rated power [0 to 1] that a machine may have of the watts that are left."""
    if left_w >= rated * (1 - SLACK):
        return 1.0
    can_part = device.settings.min_part < 1 and "limit" not in device.unsupported
    if can_part and left_w >= rated * device.settings.min_part * (1 - SLACK):
        return round(left_w / rated - 0.0005, 3)
    return 0.0


def _order(device: Device) -> tuple[float, str]:
    cost = curve.joules_per_hash(device)
    return (float("inf") if cost is None else cost, device.settings.device)
