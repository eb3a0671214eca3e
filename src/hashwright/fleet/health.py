"""How a machine is, in one word, and what of its numbers still counts.

Values expire: what was heard too long ago is unknown, neither the last number nor zero. A machine that we put to sleep
is asleep on purpose, also where it went off the network with its plug; that is no alarm.
"""

from typing import Literal

from hashwright.fleet import curve
from hashwright.fleet.events import Reading
from hashwright.fleet.records import Device, FleetState

State = Literal["new", "hashing", "asleep", "starting", "stopping", "hot", "fault", "refused", "unreachable", "silent"]
MISSES_MAX = 3
"""A machine that misses one question may be busy; three in a row are trouble."""
COOL_DOWN_C = 10.0
"""A machine that was too hot may start again this much below its ceiling."""
MANY_PART = 0.2
MANY_LEAST = 3
"""So large a part of the fleet silent at once is one trouble (a switch, a breaker), told once."""


def fresh(device: Device, *, silent_ms: int, now: int) -> Reading | None:
    """Return the last reading, while it may still be believed."""
    reading = device.reading
    return reading if reading is not None and now - reading.at <= silent_ms else None


def is_asleep(device: Device, *, silent_ms: int, now: int) -> bool | None:
    """Tell whether a machine sleeps; None where nobody knows. One that went dark at our word sleeps."""
    reading = fresh(device, silent_ms=silent_ms, now=now)
    if device.is_asleep_by_us and (reading is None or device.answer == "unreachable"):
        return True
    if device.misses >= MISSES_MAX or reading is None:
        return None
    return None if reading.activity == "unknown" else reading.activity == "asleep"


def state_of(device: Device, *, silent_ms: int, now: int) -> State:
    """Return a machine's state in one word."""
    if device.is_hot:
        return "hot"
    if device.pending is not None and device.pending.action != "limit":
        return "starting" if device.pending.action == "resume" else "stopping"
    if is_asleep(device, silent_ms=silent_ms, now=now):
        return "asleep"
    if device.answer == "refused":
        return "refused"
    if device.misses >= MISSES_MAX:
        return "unreachable"
    reading = fresh(device, silent_ms=silent_ms, now=now)
    if reading is None:
        return "new" if device.reading is None else "silent"
    if reading.activity == "fault" or reading.faults:
        return "fault"
    return "hashing" if reading.activity == "hashing" else "silent"


def is_lost(device: Device) -> bool:
    """Tell whether a machine does not answer, and should."""
    return device.misses >= MISSES_MAX and not device.is_asleep_by_us


def draw_w(device: Device, *, silent_ms: int, now: int) -> float | None:
    """Return what a machine draws by its own word [W]; where that is not plausible its rating; None where unknown."""
    reading = fresh(device, silent_ms=silent_ms, now=now)
    if is_asleep(device, silent_ms=silent_ms, now=now):
        return 0.0 if reading is None or reading.power_w is None or device.misses >= MISSES_MAX else reading.power_w
    if reading is None or reading.power_w is None or device.misses >= MISSES_MAX:
        return None
    if "HW-505" in device.told:
        return curve.rated_w(device) or None
    return reading.power_w


def worst_w(device: Device) -> float:
    """Return what a machine that does not answer may draw [W]: all that it can, unless we put it to sleep."""
    return 0.0 if device.is_asleep_by_us else curve.rated_w(device)


def many_are_lost(state: FleetState) -> tuple[bool, int]:
    """Tell whether a large part of the fleet does not answer, and how many do not."""
    lost = sum(is_lost(device) for device in state.devices.values())
    return lost >= max(MANY_LEAST, MANY_PART * len(state.devices)), lost
