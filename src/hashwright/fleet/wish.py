"""What a machine should do, by whose word, and whether that word acts: the order in which the others give way.

heat > the import limit > a person's override > waking after a fail-safe > the plan > nothing (it is left alone)
"""

from hashwright.fleet import curve, health, plan
from hashwright.fleet.records import Device, FleetState, Wish

WARM_MS = 120_000
"""A machine that was told to wake draws all it will after this."""
TIME_IS_OVER = "the time of its sleep is over"
BACK_AGAIN = Wish(mode="run", part=1.0, author="fail-safe", reason="it slept while Hashwright was away")
TOO_HOT = Wish(mode="sleep", part=1.0, author="heat", reason="it is too hot")
TOO_MUCH = Wish(mode="sleep", part=1.0, author="import limit", reason="its site draws more than it may")


def awake_by(author: str) -> Wish:
    """Return the wish of a person that a machine shall not sleep any longer; a plan to come may want otherwise."""
    return Wish(mode="run", part=1.0, author=author, reason=TIME_IS_OVER)


def left_asleep(state: FleetState, *, now: int) -> dict[str, str]:
    """Return the machines that sleep by a plan which nobody follows any more, with whose plan it was."""
    found = ((name, left_by(state, device, now=now)) for name, device in state.devices.items())
    return {name: author for name, author in found if author}


def left_by(state: FleetState, device: Device, *, now: int) -> str:
    """Return whose plan left a machine asleep: one that was ended, or that has run out; an empty text for nobody's."""
    wanted = device.plan_wish
    if plan.is_held(device, now=now):
        return ""
    if device.left_by or wanted is None or wanted.mode != "sleep":
        return device.left_by
    followed = plan.plan_for(state, device)
    return wanted.author if followed is None or now >= followed.valid_until else ""


def wish_of(device: Device, *, now: int) -> Wish | None:
    """Return what a machine should do; None where nobody wants anything of it."""
    if device.is_hot:
        return TOO_HOT
    if device.is_shed:
        return TOO_MUCH
    if device.override is not None and now < device.override.until:
        chosen = device.override
        return Wish(mode=chosen.mode, part=chosen.part, author=chosen.author, reason="a person decided")
    return BACK_AGAIN if device.is_safe else device.plan_wish


def is_live(state: FleetState, device: Device) -> bool:
    """Tell whether commands to a machine really go out: a plan's only where the owner said so, a person's always."""
    is_persons = (
        device.override is not None
        or device.is_safe
        or (device.plan_wish is not None and device.plan_wish.reason == TIME_IS_OVER)
    )
    return state.rules.is_live or is_persons


def may_draw_w(state: FleetState, device: Device, *, now: int) -> float:
    """Return what a machine draws or may draw [W]: nothing where it surely sleeps and was not told to wake."""
    pending = device.pending
    is_waking = (pending is not None and pending.action == "resume") or _may_still_wake(device, now=now)
    if health.is_asleep(device, silent_ms=state.rules.silent_ms, now=now) and not is_waking:
        return 0.0
    part = max(device.part, pending.part) if pending is not None and pending.action == "limit" else device.part
    return part * curve.rated_w(device)


def _may_still_wake(device: Device, *, now: int) -> bool:
    """Tell whether a machine was told to wake, sleeps on, and may start any moment: firmware takes a minute or two."""
    return bool(device.starts) and device.changed_at < device.starts[-1] and now - device.starts[-1] < WARM_MS
