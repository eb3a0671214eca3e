"""Power to hash rate: what a machine does with its watts, measured or as rated; pure functions over pairs [W, H/s]."""

import itertools
from collections.abc import Sequence

from hashwright.fleet.records import Device

Curve = Sequence[tuple[float, float]]
PLAUSIBLE = (0.4, 2.5)
"""A machine's own power figure is believed within these factors of what its hash rate should cost. Wider than ageing,
heat and firmware, narrower than a unit mistaken or a sensor that is dead."""


def hashrate_at(curve: Curve, power_w: float) -> float | None:
    """Return the hash rate [H/s] at a power [W], straight between points; None below the first or without any."""
    points = sorted(curve)
    if not points or power_w < points[0][0]:
        return None
    for (low_w, low_hs), (high_w, high_hs) in itertools.pairwise(points):
        if power_w <= high_w:
            return low_hs + (high_hs - low_hs) * (power_w - low_w) / (high_w - low_w)
    return points[-1][1]


def is_rising(curve: Curve) -> bool:
    """Tell whether more power gives more hashes at each step: a curve that does not is not usable."""
    points = sorted(curve)
    return all(low[0] < high[0] and low[1] < high[1] for low, high in itertools.pairwise(points))


def rated_w(device: Device) -> float:
    """Return a machine's power at full speed [W]: as set, as measured, or the most it was seen to draw; 0 unknown."""
    if device.settings.rated_w:
        return device.settings.rated_w
    if device.settings.curve:
        return max(power for power, _ in device.settings.curve)
    return device.seen_w


def rated_hs(device: Device) -> float:
    """Return a machine's hash rate at full speed [H/s], as set or measured; 0 unknown."""
    if device.settings.rated_hs:
        return device.settings.rated_hs
    return max((rate for _, rate in device.settings.curve), default=0.0)


def joules_per_hash(device: Device) -> float | None:
    """Return what a hash costs at full speed [J], by settings or measurement; None where that is unknown."""
    rate, power = rated_hs(device), rated_w(device)
    return power / rate if rate > 0 and power > 0 else None


def is_plausible(device: Device, *, power_w: float, hashrate_hs: float) -> bool:
    """Tell whether the power that a machine reports fits its hash rate; an unknown rating judges nothing."""
    cost = joules_per_hash(device)
    if cost is None or hashrate_hs <= 0:
        return True
    low, high = PLAUSIBLE
    return low <= power_w / (cost * hashrate_hs) <= high
