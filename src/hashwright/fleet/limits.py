"""The limit of a site's grid connection, held by the engine whatever a plan thought: shed at once, come back slowly.

    measured   a meter says what the site draws. Above the limit machines are put to sleep until it should fit again,
               then the next reading is waited for. Who wakes is counted on top of a reading for two minutes: a machine
               that starts draws nothing yet.
    counted    no meter, or a silent one: what machines draw or may draw, and what the site draws without them. What the
               plan itself counts on beyond the limit (sun, a battery) is believed here, for nobody measures it.

Rules
* The worst machine goes first (joules a hash, then name), those that a person runs last. Ramp and dwell do not hold it.
* Who was shed comes back in the other order, some at a time, when it would leave a margin, and has so for a while.
* Nobody is woken, by whomever, while it would not fit.
* In a fleet that is not live nothing is done but for machines that a person runs; it is told.

Must not know: where a reading comes from, prices.
"""

from hashwright.fleet import curve, health, plan, wish
from hashwright.fleet.effects import FleetEffect
from hashwright.fleet.events import SiteLimitEnded, SiteLimitSet, SiteMetered
from hashwright.fleet.records import Device, FleetState, SiteLimit
from hashwright.signals import Alert

SHED_TO = 0.98
"""Shed down to this part of the limit: a little more than asked is less than twice."""
BACK_TO = 0.95
HOLD_MS = 60_000
"""A shed machine comes back no sooner; the rules' dwell where that is longer."""
METER_MS = 150_000
"""A reading that is older says nothing of now."""
OBEY_MS = 5_000
"""A reading is of after a command when it is so much younger: machines take some seconds to stop."""
FAILED = frozenset({"HW-107", "HW-108", "HW-503"})
"""Not heard, refused, not obeyed: what a machine draws counts again."""


def take(state: FleetState, event: SiteLimitSet | SiteLimitEnded | SiteMetered) -> tuple[FleetEffect, ...]:
    """Take a site's limit, its end, or a reading of its meter."""
    match event:
        case SiteLimitSet():
            found = state.limits.setdefault(event.key, SiteLimit(settings=event))
            found.settings = event  # what was measured and shed stays
        case SiteLimitEnded():
            ended = state.limits.pop(event.key, None)
            for name in ended.shed if ended is not None else ():
                _release(state, name)
        case SiteMetered():
            return _take_meter(state, event)
    return ()


def _take_meter(state: FleetState, event: SiteMetered) -> tuple[FleetEffect, ...]:
    """Take a reading; an older one than the last changes nothing."""
    limit = state.limits.get(event.key)
    if limit is None or event.at <= limit.meter_at:
        return ()
    limit.meter_at, limit.meter_w = event.at, event.import_w
    most = limit.settings.export_w
    if event.export_w is None or most <= 0:
        return ()
    text = f"{event.key} exports {_kw(event.export_w)}, more than its {_kw(most)}. Machines are not woken for it."
    return _tell(limit, "HW-888", text, is_true=event.export_w > most, level="warning")


def tick(state: FleetState, *, now: int) -> tuple[FleetEffect, ...]:
    """Look at each limit: put machines to sleep where it is exceeded, let some come back where there is room."""
    effects: list[FleetEffect] = []
    for limit in state.limits.values():
        if not is_measured(limit, now=now) and now - limit.counted_at < len(state.devices):
            continue  # counting ten thousand machines takes 16 ms: every ten seconds then, of a thousand each second
        limit.counted_at = now
        limit.shed = [name for name in limit.shed if name in state.devices and state.devices[name].is_shed]
        over_w = _over_w(state, limit, now=now)
        if over_w > 0:
            limit.calm_since = -1
            effects += _shed(state, limit, over_w, now=now)
        else:
            effects += _come_back(state, limit, now=now)
    return tuple(effects)


def allows(state: FleetState, device: Device, more_w: float, *, now: int) -> bool:
    """Tell whether every limit over a machine leaves room for so much more [W]; what is allowed is counted at once."""
    mine = [it for it in state.limits.values() if _is_in(it, device)]
    if not all(_room_w(state, it, now=now) >= more_w * _gross(it) for it in mine):
        return False
    for limit in mine:
        limit.room_w -= more_w * _gross(limit)
    return True


# ---------------------------------------------------------------- how much


def _over_w(state: FleetState, limit: SiteLimit, *, now: int) -> float:
    """Return by how much a site exceeds its limit, what was told to stop left out [W]; 0 where it does not."""
    settings = limit.settings
    if not is_measured(limit, now=now):
        staying = (it for it in _members(state, limit) if not _is_going(it))
        coming = sum(wish.may_draw_w(state, it, now=now) for it in staying)
        over_w = coming * _gross(limit) + settings.base_w - _counted_limit_w(state, limit, now=now)
        return over_w if over_w > settings.import_w * plan.SLACK else 0.0
    if limit.meter_at < limit.shed_at + OBEY_MS or limit.meter_w <= settings.import_w:
        return 0.0
    going = sum(_draw_w(state, it, now=now) for it in _members(state, limit) if _is_going(it))
    return max(limit.meter_w - settings.import_w * SHED_TO - going * _gross(limit), 0.0)


def _room_w(state: FleetState, limit: SiteLimit, *, now: int) -> float:
    """Return what a site surely has left [W]; once a tick, for a large fleet asks for every machine that waits."""
    if limit.room_at != now:
        limit.room_at, limit.room_w = now, _surely_left_w(state, limit, now=now)
    return limit.room_w


def _surely_left_w(state: FleetState, limit: SiteLimit, *, now: int) -> float:
    """Return what is left [W]: who may draw is counted, who was told to stop is not believed yet."""
    settings, members = limit.settings, _members(state, limit)
    if is_measured(limit, now=now):
        begun = limit.meter_at - wish.WARM_MS
        warming = sum(it.part * curve.rated_w(it) for it in members if it.starts and it.starts[-1] >= begun)
        return settings.import_w - limit.meter_w - warming * _gross(limit)
    drawn = sum(wish.may_draw_w(state, it, now=now) for it in members)
    return _counted_limit_w(state, limit, now=now) * (1 + plan.SLACK) - drawn * _gross(limit) - settings.base_w


def is_measured(limit: SiteLimit, *, now: int) -> bool:
    """Tell whether a meter says what a site draws now."""
    return limit.meter_at >= 0 and now - limit.meter_at <= METER_MS


def _counted_limit_w(state: FleetState, limit: SiteLimit, *, now: int) -> float:
    """Return the limit [W], or what the plan of the site counts on where that is more: its sun, its battery."""
    settings = limit.settings
    followed = state.plans.get(settings.key)
    slots = {} if followed is None else plan.current_slots(followed, now=now)
    planned = sum(slot.power_w for slot in slots.values())
    return max(settings.import_w, planned * _gross(limit) + settings.base_w)


def _gross(limit: SiteLimit) -> float:
    return 1 + limit.settings.cooling


def _draw_w(state: FleetState, device: Device, *, now: int) -> float:
    """Return what putting a machine to sleep saves [W]: what it draws, or its rating where that is unknown."""
    drawn = health.draw_w(device, silent_ms=state.rules.silent_ms, now=now)
    return wish.may_draw_w(state, device, now=now) if drawn is None else drawn


# ---------------------------------------------------------------- who


def _is_in(limit: SiteLimit, device: Device) -> bool:
    return not limit.settings.site or device.settings.site == limit.settings.site


def _members(state: FleetState, limit: SiteLimit) -> list[Device]:
    return [it for it in state.devices.values() if _is_in(limit, it)]


def _is_going(device: Device) -> bool:
    """Tell whether a machine was told to sleep, or is about to be, and has not failed to."""
    is_stopping = device.pending is not None and device.pending.action == "pause"
    has_failed = "pause" in device.unsupported or bool(FAILED & set(device.told))
    return is_stopping or (device.is_shed and not has_failed)


def _may_shed(state: FleetState, device: Device, *, now: int) -> bool:
    is_off = health.is_asleep(device, silent_ms=state.rules.silent_ms, now=now) and device.pending is None
    is_able = "pause" not in device.unsupported and not health.is_lost(device) and not plan.is_stubborn(device)
    return is_able and not is_off and not device.is_shed and not _is_going(device) and wish.is_live(state, device)


def _shed(state: FleetState, limit: SiteLimit, over_w: float, *, now: int) -> tuple[FleetEffect, ...]:
    """Put the worst machines to sleep until what is over is saved, by their own draw."""
    able = [it for it in _members(state, limit) if _may_shed(state, it, now=now)]
    able.sort(key=lambda it: (plan.is_held(it, now=now), *_worst_first(it)))
    count, left_w = 0, over_w / _gross(limit)
    for device in able:
        saved = _draw_w(state, device, now=now)
        if left_w <= 0:
            break
        if saved <= 0:
            continue
        device.is_shed = state.busy[device.settings.device] = True
        limit.shed.append(device.settings.device)
        left_w -= saved
        count += 1
    if count:
        limit.shed_at = now
    return (*_tell_over(limit, over_w, count, now=now), *_tell_helpless(limit, left_w))


def _worst_first(device: Device) -> tuple[float, str]:
    cost = curve.joules_per_hash(device)
    return (-cost if cost is not None else float("-inf"), device.settings.device)


def _come_back(state: FleetState, limit: SiteLimit, *, now: int) -> tuple[FleetEffect, ...]:
    """Let the best of the shed come back where they have fitted for a while, no more at a time than the ramp starts."""
    over = _tell_helpless(limit, 0.0)
    if not limit.shed:
        return (*over, *_tell_well(limit))
    first = state.devices[limit.shed[-1]]
    if not _fits(state, first, curve.rated_w(first), now=now):
        limit.calm_since = -1
        return over
    limit.calm_since = now if limit.calm_since < 0 else limit.calm_since
    if now - max(limit.calm_since, limit.shed_at) < max(HOLD_MS, state.rules.dwell_ms):
        return over
    most = max(1, int(state.rules.start_part * len(_members(state, limit))))
    more_w = 0.0
    for name in limit.shed[::-1][:most]:
        more_w += curve.rated_w(state.devices[name])
        if not _fits(state, state.devices[name], more_w, now=now):
            break
        limit.shed.remove(name)
        _release(state, name)
    limit.calm_since = -1
    return over


def _fits(state: FleetState, device: Device, more_w: float, *, now: int) -> bool:
    """Tell whether a machine may come back: with so much more [W] every limit over it keeps a margin."""
    mine = (it for it in state.limits.values() if _is_in(it, device))
    return all(_room_w(state, it, now=now) - more_w * _gross(it) >= it.settings.import_w * (1 - BACK_TO) for it in mine)


def _release(state: FleetState, name: str) -> None:
    device = state.devices.get(name)
    if device is not None:
        device.is_shed, state.busy[name] = False, True


# ---------------------------------------------------------------- telling


def _tell_over(limit: SiteLimit, over_w: float, count: int, *, now: int) -> tuple[FleetEffect, ...]:
    settings = limit.settings
    how = "measured" if is_measured(limit, now=now) else "counted, for no meter speaks"
    done = f"{count} machine{'s' * (count != 1)} put to sleep" if count else "nothing is done"
    text = f"{settings.key} draws about {_kw(over_w)} too much for its {_kw(settings.import_w)} ({how}): {done}."
    return _tell(limit, "HW-887", text, is_true=True, level="warning") if count or "HW-887" not in limit.told else ()


def _tell_helpless(limit: SiteLimit, left_w: float) -> tuple[FleetEffect, ...]:
    text = f"{limit.settings.key} still draws {_kw(left_w)} too much, and no machine is left that can be put to sleep."
    is_true = left_w * _gross(limit) > limit.settings.import_w * (1 - SHED_TO)
    return _tell(limit, "HW-887/helpless", text, is_true=is_true, level="critical")


def _tell_well(limit: SiteLimit) -> tuple[FleetEffect, ...]:
    if "HW-887" not in limit.told:
        return ()
    limit.told.remove("HW-887")
    return (Alert(level="info", code="HW-115", text=f"{limit.settings.key} is within its import limit again."),)


def _tell(limit: SiteLimit, mark: str, text: str, *, is_true: bool, level: str) -> tuple[FleetEffect, ...]:
    """Tell a trouble when it begins, and be ready to tell it again when it was over."""
    if is_true == (mark in limit.told):
        return ()
    if not is_true:
        limit.told.remove(mark)
        return ()
    limit.told.append(mark)
    return (Alert(level="critical" if level == "critical" else "warning", code=mark.partition("/")[0], text=text),)


def _kw(watts: float) -> str:
    return f"{watts / 1000:.2f} kW"
