"""Units and how people read them. Work is a whole number of hashes; a hash rate is an estimate and says so."""

import math
from typing import Final, NewType

Work = NewType("Work", int)
"""Expected hashes. Summed exactly; difficulty is only how the wire and the screen write it."""

UNKNOWN: Final = "unknown"
"""What people read where there is no number: unknown is not zero, and never a traceback."""
_SCALES: Final = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")


def hashrate_est(work: int, seconds: float) -> float:
    """Return the hash rate [H/s] that an amount of proven work stands for over a span."""
    return work / seconds if seconds > 0 else 0.0


def scaled_text(value: float, unit: str, *, digits: int = 3) -> str:
    """Return a number with a metric prefix and its unit: `1.23 TH/s`; `unknown` for what is no finite number."""
    if not math.isfinite(value):
        return UNKNOWN
    scale, size = 0, abs(value)
    while size >= 999.5 and scale < len(_SCALES) - 1:
        size /= 1000
        scale += 1
    sign = "-" if value < 0 else ""
    return f"{sign}{size:.{_decimals(size, digits)}f} {_SCALES[scale]}{unit}"


def _decimals(size: float, digits: int) -> int:
    whole_digits = len(str(int(size)))
    decimals = max(digits - whole_digits, 0)
    if decimals and round(size, decimals) >= 10**whole_digits:
        return decimals - 1  # 9.999 is written 10.0: rounding has made one more digit before the point
    return decimals


def hashrate_text(hashes_per_second: float) -> str:
    """Return a hash rate for people."""
    return scaled_text(hashes_per_second, "H/s")


def power_text(watts: float) -> str:
    """Return a power for people."""
    return scaled_text(watts, "W")


def duration_text(seconds: float) -> str:
    """Return a span for people: the largest two units of d, h, min, s; `unknown` if it has no end."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = int(max(seconds, 0))
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(shown[:2]) or "0 s"
