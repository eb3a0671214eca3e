"""Power control of one machine: what it should do, what it does, and whether a command may go out now.

    wish  = what it should do (`wish.py`)
    need  = the one command that leads from what it does to what it should
    may   = one command at a time, after a pause from a failed one, within ramp, dwell and starts a day

Every command names a state. After it the machine is read back, and only what it says then counts: one that takes a
command and does not obey by its time is told to a person, and tried again with growing pauses.
"""

from hashwright.fleet import curve, health, limits
from hashwright.fleet import plan as planning
from hashwright.fleet.effects import CommandDevice, FleetEffect, ProtectDevice, RehearseCommand
from hashwright.fleet.events import Action, CommandAnswered
from hashwright.fleet.records import DAY_MS, Breaker, Device, FleetState, Pending, Ramp, Wish
from hashwright.fleet.wish import TIME_IS_OVER, awake_by, is_live, may_draw_w, wish_of
from hashwright.signals import Alert

PART_SLACK = 0.02
"""Nearer than this to the wished part of its power a machine is not commanded again."""
POWER_SLACK = 1.10
"""A machine obeys a limit while it draws no more than this much of it: firmware steps are coarse."""
SETTLED = ("HW-503", "HW-108", "HW-507")
"""Troubles that are over when a machine does what it should."""
RETRY_MS = (30_000, 120_000, 600_000)
"""Pauses after a command that failed; the last one repeats."""


def need_of(device: Device, wish: Wish, *, silent_ms: int, now: int) -> Action | None:
    """Return the command that a machine needs; None where it obeys, or nobody knows what it does."""
    asleep = health.is_asleep(device, silent_ms=silent_ms, now=now)
    if asleep is None:
        return None
    action: Action | None = None
    if wish.mode == "sleep":
        action = None if asleep else "pause"
    elif asleep:
        action = "resume"
    elif abs(wish.part - device.part) > PART_SLACK:
        action = "limit"
    return None if action in device.unsupported else action


def consider(state: FleetState, device: Device, *, now: int) -> tuple[FleetEffect, ...]:
    """Look at one machine and do the next thing about it; settled ones leave the list of the busy."""
    name, rules = device.settings.device, state.rules
    if device.override is not None and now >= device.override.until:
        end_override(state, device, now=now)
    if device.pending is not None:
        return _watch_pending(state, device, now=now)
    wish = wish_of(device, now=now)
    need = None if wish is None else need_of(device, wish, silent_ms=rules.silent_ms, now=now)
    if wish is None or need is None:
        device.waits = device.would = ""
        if device.override is None and not device.is_hot:
            state.busy.pop(name, None)
        return () if wish is None else _untell(device, SETTLED)
    if not is_live(state, device):
        return _rehearse(device, need, wish)
    device.would = ""
    device.waits = why_not_now(state, device, need, wish, now=now)
    if device.waits:
        return _tell_starts(device)
    return _command(state, device, need, wish, now=now)


def end_override(state: FleetState, device: Device, *, now: int) -> None:
    """Let the plan decide again; without one, a machine that slept for a time wakes, for that was what was said."""
    ended, device.override = device.override, None
    if ended is not None and ended.mode == "sleep" and device.plan_wish is None:
        device.plan_wish = awake_by(ended.author)
    state.replan[device.settings.group] = now  # its watts are the plan's again


def why_not_now(state: FleetState, device: Device, need: Action, wish: Wish, *, now: int) -> str:
    """Return what a command waits for, in words; an empty text where nothing stands in its way."""
    if now < device.retry_at:
        return "a pause after a command that failed"
    if need == "limit":
        return _why_no_more(state, device, (wish.part - device.part) * curve.rated_w(device), now=now)
    if device.is_shed and need == "pause":
        return ""  # the site's fuse does not wait for a turn
    is_plan = wish is device.plan_wish and wish.reason != TIME_IS_OVER
    if is_plan and device.changed_at and now - device.changed_at < state.rules.dwell_ms:
        return "the least time between two changes"
    if need == "resume":
        device.starts = [at for at in device.starts if now - at < DAY_MS]
        if len(device.starts) >= (device.settings.starts_a_day or state.rules.starts_a_day):
            return "its starts of the day are used up"
        why = _why_no_more(state, device, wish.part * curve.rated_w(device), now=now)
        if why:
            return why
    return "" if _ramp_allows(state, device, need, now=now) else "its turn: machines are switched in stages"


def _why_no_more(state: FleetState, device: Device, more_w: float, *, now: int) -> str:
    """Return what stands in the way of drawing so much more [W]; nothing for what draws less."""
    if more_w <= 0:
        return ""
    if not _breaker_allows(state, device, more_w, now=now):
        return "watts: the breaker of its site carries no more"
    if not limits.allows(state, device, more_w, now=now):
        return "watts: the import limit of its site leaves no room"
    return ""


def _ramp_allows(state: FleetState, device: Device, need: Action, *, now: int) -> bool:
    ramp, plan = _ramp(state, device, now=now), planning.plan_for(state, device)
    if need == "resume":
        part, used = (0.0 if plan is None else plan.start_part) or state.rules.start_part, ramp.starts
    else:
        part, used = (0.0 if plan is None else plan.stop_part) or state.rules.stop_part, ramp.stops
    return part >= 1 or used < max(1, int(part * ramp.size))


def _ramp(state: FleetState, device: Device, *, now: int) -> Ramp:
    """Return the starts and stops of a machine's site within the present span."""
    site = device.settings.site
    ramp = state.ramps.get(site)
    if ramp is None or now - ramp.since >= state.rules.ramp_ms:
        size = sum(it.settings.site == site for it in state.devices.values())
        ramp = state.ramps[site] = Ramp(since=now, size=size)
    return ramp


def _breaker_allows(state: FleetState, device: Device, more: float, *, now: int) -> bool:
    """Tell whether the breaker of a plan's site carries so much more [W]; what nobody knows counts as drawn."""
    plan = planning.plan_for(state, device)
    if plan is None or plan.limit_w <= 0 or not planning.is_in(plan, device):
        return True
    breaker = state.breakers.setdefault(plan.key, Breaker())
    if breaker.at != now:  # once a tick: a large fleet asks for every machine that waits
        members = (it for it in state.devices.values() if planning.is_in(plan, it))
        breaker.at, breaker.drawn_w = now, sum(may_draw_w(state, it, now=now) for it in members)
    if breaker.drawn_w + more > plan.limit_w * (1 + planning.SLACK):
        return False
    breaker.drawn_w += more
    return True


def _rehearse(device: Device, need: Action, wish: Wish) -> tuple[FleetEffect, ...]:
    text = f"{need} {wish.part:.3f}" if need == "limit" else need
    if device.would == text:
        return ()
    device.would = text
    return (RehearseCommand(device=device.settings.device, action=need, part=wish.part, reason=wish.reason),)


def _tell_starts(device: Device) -> tuple[FleetEffect, ...]:
    if "starts" not in device.waits or "HW-507" in device.told:
        return ()
    device.told.append("HW-507")
    text = f"{device.settings.device} stays asleep: its starts of the day are used up."
    return (Alert(level="warning", code="HW-507", text=text),)


def _command(state: FleetState, device: Device, need: Action, wish: Wish, *, now: int) -> tuple[FleetEffect, ...]:
    device.serial += 1
    key = f"{device.settings.device}:{device.serial}"
    if need != "limit":
        ramp = _ramp(state, device, now=now)
        ramp.starts += need == "resume"
        ramp.stops += need == "pause"
    if need == "resume":
        device.starts.append(now)
    device.pending = Pending(
        key=key, action=need, part=wish.part, sent_at=now, obey_by=now + state.rules.settle_ms, is_taken=False
    )
    if device.is_hot and need == "pause":
        return (ProtectDevice(key=key, device=device.settings.device, reason=wish.reason),)
    watts = wish.part * curve.rated_w(device) if need == "limit" else 0.0
    return (CommandDevice(key, device.settings.device, need, wish.part, watts, wish.reason),)


def fall_asleep(state: FleetState, *, now: int) -> tuple[FleetEffect, ...]:
    """Tell every machine whose fail-safe is sleep to sleep: at once, whatever waits, and whether plans act or not."""
    wish = Wish(mode="sleep", part=1.0, author="fail-safe", reason="Hashwright ends")
    effects: list[FleetEffect] = []
    for device in state.devices.values():
        is_wanted = device.settings.fail_safe == "sleep" and "pause" not in device.unsupported
        if is_wanted and not health.is_asleep(device, silent_ms=state.rules.silent_ms, now=now):
            device.is_safe = True
            effects.extend(_command(state, device, "pause", wish, now=now))
    return tuple(effects)


# ---------------------------------------------------------------- what became of a command


def take_answer(state: FleetState, device: Device, event: CommandAnswered, *, now: int) -> tuple[FleetEffect, ...]:
    """Note what a machine answered to the command that is on its way; an answer to an older one changes nothing."""
    pending = device.pending
    if pending is None or pending.key != event.key:
        return ()
    if event.answer == "ok":
        pending.is_taken = True
        if pending.action == "pause":
            device.is_asleep_by_us = True
        elif pending.action == "resume":
            device.is_asleep_by_us = False
        return ()
    device.pending = None
    if event.answer == "unsupported":
        device.unsupported.append(pending.action)
        text = f"{device.settings.device} cannot {pending.action}. {event.detail}".rstrip()
        return (Alert(level="warning", code="HW-109", text=text),)
    _try_later(device, now=now)
    if event.answer == "refused":
        return _tell(device, "HW-108", f"{device.settings.device} refused to {pending.action}. {event.detail}")
    return _tell(device, "HW-107", f"{device.settings.device} did not hear {pending.action}. {event.detail}")


def _watch_pending(state: FleetState, device: Device, *, now: int) -> tuple[FleetEffect, ...]:
    pending = device.pending
    assert pending is not None
    if pending.is_taken and obeys(device, pending, now=now):
        device.pending = None
        device.tries = 0
        if pending.action == "limit":
            device.part = pending.part
        else:
            device.changed_at = now
            if pending.action == "resume":
                device.part = 1.0 if "limit" in device.unsupported else device.part
        if "HW-503" in device.told:
            state.replan[device.settings.group] = now
        return _untell(device, SETTLED)
    if now < pending.obey_by:
        return ()
    device.pending = None
    _try_later(device, now=now)
    said = "took it and goes on as before" if pending.is_taken else "gave no answer"
    text = f"{device.settings.device} does not obey: told to {pending.action}, it {said}."
    state.replan[device.settings.group] = now  # its watts are not the plan's any more
    return _tell(device, "HW-503", text, level="critical" if device.is_hot else "warning")


def obeys(device: Device, pending: Pending, *, now: int) -> bool:
    """Tell whether a machine, read back since the command, does what it was told."""
    reading = device.reading
    if reading is None or reading.at < pending.sent_at:
        # a plug that was switched off takes its machine off the network: silence is obedience then
        return pending.action == "pause" and device.misses >= 1 and device.answer == "unreachable"
    if pending.action == "pause":
        return reading.activity == "asleep"
    if pending.action == "resume":
        return reading.activity == "hashing"
    rated = curve.rated_w(device)
    if reading.limit_w is not None and rated > 0 and reading.limit_w > pending.part * rated * POWER_SLACK:
        return False
    if reading.power_w is None or rated <= 0:
        return reading.limit_w is not None or now >= pending.sent_at
    return reading.power_w <= pending.part * rated * POWER_SLACK


def _try_later(device: Device, *, now: int) -> None:
    device.retry_at = now + RETRY_MS[min(device.tries, len(RETRY_MS) - 1)]
    device.tries += 1


def _tell(device: Device, code: str, text: str, *, level: str = "warning") -> tuple[FleetEffect, ...]:
    """Tell a trouble once, until it is over."""
    if code in device.told:
        return ()
    device.told.append(code)
    return (Alert(level="critical" if level == "critical" else "warning", code=code, text=text.strip()),)


def _untell(device: Device, codes: tuple[str, ...]) -> tuple[FleetEffect, ...]:
    was_told = [code for code in codes if code in device.told]
    for code in was_told:
        device.told.remove(code)
    if "HW-503" not in was_told and "HW-108" not in was_told:
        return ()
    return (Alert(level="info", code="HW-115", text=f"{device.settings.device} obeys again."),)
