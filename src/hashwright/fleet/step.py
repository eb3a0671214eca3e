"""The fleet engine: `step(state, event, now=...)` says which machine is told what, and why.

Facts come from the machines through their drivers, some at a time. Wishes come from plans and from people. A tick each
second looks at the machines that something is to be done about, follows the plan's slots, and goes round the others.

Rules
* Nothing is commanded that nobody wished for; a plan's wishes are only rehearsed until the owner says otherwise.
* Heat stands above everything; a person above a plan.
* A machine off on purpose is in a normal state. Unknown is not zero: what does not answer counts with all it may draw.
* After a start nothing is sent again: machines are read first, then compared with what they should do.
* No event makes it raise, and unknown names change nothing.

Must not know: addresses, drivers, prices, why a plan is what it is.
"""

import itertools

from hashwright.fleet import absence, control, curve, health, limits, plan, wish
from hashwright.fleet.effects import FleetEffect
from hashwright.fleet.events import (
    CommandAnswered,
    DeviceRemoved,
    DeviceSet,
    DevicesSeen,
    FleetEvent,
    GuardActed,
    MachinesWoken,
    OverrideEnded,
    OverrideSet,
    PowerPlan,
    PowerPlanEnded,
    Reading,
    RulesSet,
    ShutdownBegun,
    SiteLimitEnded,
    SiteLimitSet,
    SiteMetered,
)
from hashwright.fleet.records import Device, FleetState, Override
from hashwright.signals import Alert, ClockTicked, ProcessStarted, WakeAt

TICK_MS = 1_000
TICK_KEY = "fleet-tick"
ROUND_TICKS = 20
"""Each tick looks at this part of the machines that need nothing: all of them within 20 s."""
REPLAN_MS = 10_000
"""A group's watts are dealt out again this long after a machine of it went away or came back."""


def step(state: FleetState, event: FleetEvent, *, now: int) -> tuple[FleetEffect, ...]:
    """Take one event and return what is to be done."""
    match event:
        case DevicesSeen():
            return tuple(effect for reading in event.readings for effect in _see(state, reading, now=now))
        case ClockTicked():
            return _tick(state, now=now) if event.key == TICK_KEY else ()
        case CommandAnswered():
            device = state.devices.get(event.device)
            return () if device is None else control.take_answer(state, device, event, now=now)
        case ProcessStarted():
            return _start_process(state, now=now)
        case _:
            return _set_step(state, event, now=now)


# ---------------------------------------------------------------- people and plans


def _set_step(state: FleetState, event: FleetEvent, *, now: int) -> tuple[FleetEffect, ...]:
    match event:
        case DeviceSet():
            return _set_device(state, event, now=now)
        case DeviceRemoved():
            state.devices.pop(event.device, None)
            state.busy.pop(event.device, None)
        case RulesSet():
            state.rules = event
            state.busy.update(dict.fromkeys(state.devices, True))
        case PowerPlan():
            return _take_plan(state, event, now=now)
        case PowerPlanEnded() | MachinesWoken():
            _let_go(state, event)
        case GuardActed():
            return absence.take(state, event)
        case SiteLimitSet() | SiteLimitEnded() | SiteMetered():
            return limits.take(state, event)
        case ShutdownBegun():
            state.is_going = True
            return control.fall_asleep(state, now=now)
        case _:
            _set_override(state, event, now=now)
    return ()


def _set_override(state: FleetState, event: FleetEvent, *, now: int) -> None:
    match event:
        case OverrideSet():
            chosen = Override(mode=event.mode, part=event.part, until=event.until, author=event.author)
            for device in _known(state, event.devices):
                device.override, device.retry_at = chosen, 0
                state.replan[device.settings.group] = now
        case OverrideEnded():
            for device in _known(state, event.devices):
                device.override = None
                state.replan[device.settings.group] = now
        case _:
            pass


def _set_device(state: FleetState, event: DeviceSet, *, now: int) -> tuple[FleetEffect, ...]:
    device = state.devices.get(event.device)
    if device is None:
        state.devices[event.device] = Device(settings=event, answer_since=now)
    else:
        if device.settings.group != event.group:
            device.plan_wish = None
        device.settings = event
        device.unsupported.clear()
        state.busy[event.device] = True
    for it in plan.all_plans(state):
        state.slots.pop(plan.place_of(it, event.group), None)  # its group is dealt out again
    return _begin_ticks(state, now=now)


def _known(state: FleetState, names: tuple[str, ...]) -> list[Device]:
    found = [state.devices[name] for name in names if name in state.devices]
    state.busy.update((device.settings.device, True) for device in found)
    return found


def _take_plan(state: FleetState, event: PowerPlan, *, now: int) -> tuple[FleetEffect, ...]:
    _forget_plan(state, event.key)
    if event.key:
        state.plans[event.key] = event
    else:
        state.plan = event
    named = {slot.group for slot in event.slots}
    for device in state.devices.values():
        is_named = device.settings.group in named and plan.is_in(event, device)
        if device.plan_key == event.key and not is_named:
            device.plan_wish = None
    return _follow_plans(state, now=now)


def _let_go(state: FleetState, event: PowerPlanEnded | MachinesWoken) -> None:
    """Let machines of a plan be as they are, or wake those that it left asleep."""
    if isinstance(event, MachinesWoken):
        for device in _known(state, event.devices):
            device.plan_wish = wish.awake_by(event.author)
        return
    _forget_plan(state, event.key)
    for device in state.devices.values():
        wanted = device.plan_wish
        if device.plan_key != event.key or wanted is None or wanted.reason == wish.TIME_IS_OVER:
            continue
        device.left_by = wanted.author if wanted.mode == "sleep" else ""
        device.plan_wish, device.plan_key = None, ""


def _forget_plan(state: FleetState, key: str) -> None:
    """Take a plan away, with what is remembered of it."""
    if not key:
        state.plan = None
    state.plans.pop(key, None)
    state.breakers.pop(key, None)
    for place in [place for place in state.slots if place.startswith(f"{key}/")]:
        del state.slots[place]
    if _run_out(key) in state.told:
        state.told.remove(_run_out(key))


def _run_out(key: str) -> str:
    return f"HW-508/{key}"


def _start_process(state: FleetState, *, now: int) -> tuple[FleetEffect, ...]:
    """Forget what was on its way: the machines are read, and told again where they are not as they should be."""
    state.is_ticking = state.is_going = False
    for device in state.devices.values():
        device.pending, device.retry_at, device.would = None, 0, ""
        if device.is_safe and state.rules.is_live and device.plan_wish is not None:
            device.is_safe = False  # the plan says what it should do
    state.busy = dict.fromkeys(state.devices, True)
    return _begin_ticks(state, now=now)


def _begin_ticks(state: FleetState, *, now: int) -> tuple[FleetEffect, ...]:
    if state.is_ticking or not state.devices:
        return ()
    state.is_ticking = True
    return (WakeAt(at=now + TICK_MS, key=TICK_KEY),)


# ---------------------------------------------------------------- the machines


def _see(state: FleetState, reading: Reading, *, now: int) -> tuple[FleetEffect, ...]:
    device = state.devices.get(reading.device)
    if device is None:
        return ()
    if device.answer != reading.answer:
        device.answer, device.answer_since = reading.answer, now
    device.detail = reading.detail
    was_lost = health.is_lost(device)
    if reading.answer != "ok":
        device.misses += 1
        effects = _tell_silence(device, reading)
    else:
        device.misses, device.reading = 0, reading
        effects = _judge(state, device, reading)
    if health.is_lost(device) != was_lost:
        state.replan.setdefault(device.settings.group, now + REPLAN_MS)
    if device.pending is not None or _differs(state, device, now=now):
        state.busy[reading.device] = True
    return effects


def _differs(state: FleetState, device: Device, *, now: int) -> bool:
    wanted = wish.wish_of(device, now=now)
    return wanted is not None and control.need_of(device, wanted, silent_ms=state.rules.silent_ms, now=now) is not None


def _tell_silence(device: Device, reading: Reading) -> tuple[FleetEffect, ...]:
    name = device.settings.device
    if reading.answer == "refused":
        return _tell(device, "HW-102", f"{name} answers but refuses us. {reading.detail}", is_true=True)
    return _tell(device, "HW-107", f"{name} does not answer. {reading.detail}", is_true=health.is_lost(device))


def _judge(state: FleetState, device: Device, reading: Reading) -> tuple[FleetEffect, ...]:
    """Hold a machine's words against its limits and its own rating."""
    name = device.settings.device
    effects = [*_tell(device, "HW-102", "", is_true=False)]
    if "HW-107" in device.told:
        device.told.remove("HW-107")
        effects.append(Alert(level="info", code="HW-115", text=f"{name} answers again."))
    if reading.activity == "hashing":
        device.is_asleep_by_us, device.left_by = False, ""
        device.is_safe = device.is_safe and state.is_going
    effects += _watch_heat(state, device, reading)
    effects += _tell(
        device, "HW-111", f"{name} reports: {', '.join(reading.faults)}.", is_true=bool(reading.faults)
    )  # fmt: skip
    if reading.power_w is not None and reading.activity == "hashing":
        fits = curve.is_plausible(device, power_w=reading.power_w, hashrate_hs=reading.hashrate_hs or 0.0)
        text = f"{name} says it draws {reading.power_w:.0f} W, which does not fit its hash rate. Its rating is used."
        effects += _tell(device, "HW-505", text, is_true=not fits)
        if fits and device.part >= 1:
            device.seen_w = max(device.seen_w, reading.power_w)
    _watch_part(device, reading)
    return tuple(effects)


def _watch_part(device: Device, reading: Reading) -> None:
    """Take back what is believed of a limit where a machine lost it: started again, or set by somebody else.

    Then it differs from what it should do, and is told again.
    """
    rated = curve.rated_w(device)
    said = reading.power_w if reading.limit_w is None else reading.limit_w
    is_judged = device.pending is None and device.part < 1 and rated > 0 and "HW-505" not in device.told
    if not is_judged or said is None or reading.activity != "hashing":
        return
    if said > device.part * rated * control.POWER_SLACK:
        device.part = min(said / rated, 1.0)


def _watch_heat(state: FleetState, device: Device, reading: Reading) -> tuple[FleetEffect, ...]:
    ceiling = device.settings.temperature_max_c or state.rules.temperature_max_c
    heat = reading.temperature_c
    if heat is None or ceiling <= 0:
        return ()
    if heat > ceiling and not device.is_hot:
        device.is_hot = True
        state.busy[device.settings.device] = True
        ending = "It is put to sleep." if wish.is_live(state, device) else "The fleet is not live: nothing is done."
        text = f"{device.settings.device} has {heat:.0f} °C, more than {ceiling:.0f} °C. {ending}"
        return _tell(device, "HW-504", text, is_true=True, level="critical")
    if device.is_hot and heat <= ceiling - health.COOL_DOWN_C:
        device.is_hot = False
        state.busy[device.settings.device] = True
        return _tell(device, "HW-504", "", is_true=False)
    return ()


def _tell(device: Device, code: str, text: str, *, is_true: bool, level: str = "warning") -> tuple[FleetEffect, ...]:
    """Tell a trouble when it begins, and be ready to tell it again when it was over."""
    if is_true == (code in device.told):
        return ()
    if not is_true:
        device.told.remove(code)
        return ()
    device.told.append(code)
    return (Alert(level="critical" if level == "critical" else "warning", code=code, text=text.strip()),)


# ---------------------------------------------------------------- the tick


def _tick(state: FleetState, *, now: int) -> tuple[FleetEffect, ...]:
    if not state.devices:
        state.is_ticking = False
        return ()
    effects: list[FleetEffect] = [WakeAt(at=now + TICK_MS, key=TICK_KEY)]
    if state.is_going:
        return tuple(effects)
    for name in list(state.busy):
        device = state.devices[name]
        if device.override is not None and now >= device.override.until:
            control.end_override(state, device, now=now)
    effects.extend(_follow_plans(state, now=now))
    effects.extend(limits.tick(state, now=now))
    _go_round(state, now=now)
    for name in sorted(
        state.busy, key=lambda name: state.devices[name].tries
    ):  # who does not obey waits for the others
        effects.extend(control.consider(state, state.devices[name], now=now))
    effects.extend(_watch_many(state))
    return tuple(effects)


def _go_round(state: FleetState, *, now: int) -> None:
    """Look at a part of the quiet machines: values expire without an event."""
    count = len(state.devices)
    size = -(-count // ROUND_TICKS)
    start = state.hand % count
    for device in itertools.islice(state.devices.values(), start, start + size):
        if _differs(state, device, now=now):
            state.busy[device.settings.device] = True
    state.hand = 0 if start + size >= count else start + size


def _follow_plans(state: FleetState, *, now: int) -> tuple[FleetEffect, ...]:
    """Bring every group to the slot of its plan, and deal out again what is due."""
    due = {group for group, at in state.replan.items() if now >= at}
    effects = [effect for it in plan.all_plans(state) for effect in _follow(state, it, due, now=now)]
    for group in due:
        del state.replan[group]
    return tuple(effects)


def _follow(state: FleetState, followed: PowerPlan, due: set[str], *, now: int) -> tuple[FleetEffect, ...]:
    if now >= followed.valid_until:
        mark = _run_out(followed.key)
        if mark in state.told:
            return ()
        state.told.append(mark)
        text = f"The power plan {followed.plan} has run out. Machines stay as it left them until there is a new one."
        return (Alert(level="warning", code="HW-508", text=text),)
    current = plan.current_slots(followed, now=now)
    begun = [
        slot
        for group, slot in current.items()
        if group in due or state.slots.get(plan.place_of(followed, group)) != slot.at
    ]
    members = plan.members_of(state, followed) if begun else {}
    for slot in begun:
        state.slots[plan.place_of(followed, slot.group)] = slot.at
        mine = members.get(slot.group, [])
        for name in plan.assign(followed, slot, mine, is_live=state.rules.is_live, now=now):
            state.busy[name] = True
    return ()


def _watch_many(state: FleetState) -> tuple[FleetEffect, ...]:
    is_many, lost = health.many_are_lost(state)
    if is_many == ("HW-506" in state.told):
        return ()
    if not is_many:
        state.told.remove("HW-506")
        return (Alert(level="info", code="HW-115", text="Most machines answer again."),)
    state.told.append("HW-506")
    text = f"{lost} of {len(state.devices)} machines do not answer. Look at the network or the breaker first."
    return (Alert(level="critical", code="HW-506", text=text),)
