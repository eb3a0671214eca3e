"""Targets, the compact form of them in headers (nbits), difficulty as the wire writes it, and work.

Only whole numbers are compared. Difficulty is a text for people and the wire; it becomes a target on arrival, exactly,
by `Fraction`.
"""

from fractions import Fraction
from typing import Final

TARGET_MAX: Final = 2**256 - 1
_SIGN_BIT: Final = 0x00800000


def target_of_bits(nbits: int) -> int:
    """Expand the compact form of a target (Bitcoin's `SetCompact`).

    Raises:
        ValueError: it is negative, zero, or does not fit in 256 bits: no header may carry it.
    """
    exponent, mantissa = nbits >> 24, nbits & 0x007FFFFF
    target = mantissa >> 8 * (3 - exponent) if exponent <= 3 else mantissa << 8 * (exponent - 3)
    if nbits & _SIGN_BIT or not 0 < target <= TARGET_MAX:
        raise ValueError(f"nbits {nbits:08x} stand for no target")
    return target


def bits_of_target(target: int) -> int:
    """Return the compact form of a target, rounded down as consensus does (Bitcoin's `GetCompact`)."""
    if not 0 < target <= TARGET_MAX:
        raise ValueError(f"{target} is no target")
    size = (target.bit_length() + 7) // 8
    mantissa = target << 8 * (3 - size) if size <= 3 else target >> 8 * (size - 3)
    if mantissa & _SIGN_BIT:
        mantissa >>= 8
        size += 1
    return size << 24 | mantissa


def target_of_difficulty(difficulty: float | Fraction, diff1_target: int) -> int:
    """Return the target of a difficulty, rounded down, within 1 and 2**256 - 1.

    Raises:
        ValueError: the difficulty is not finite or not above zero.
    """
    try:
        exact = Fraction(difficulty)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{difficulty} is no difficulty") from error
    if exact <= 0:
        raise ValueError(f"{difficulty} is no difficulty")
    return min(max(diff1_target * exact.denominator // exact.numerator, 1), TARGET_MAX)


def difficulty_of_target(target: int, diff1_target: int) -> float:
    """Return a target as a difficulty, for the screen and the wire."""
    return float(Fraction(diff1_target, target))


def work_of_target(target: int) -> int:
    """Return the expected number of hashes for one at or below a target: `2**256 // (target + 1)`."""
    return 2**256 // (target + 1)
