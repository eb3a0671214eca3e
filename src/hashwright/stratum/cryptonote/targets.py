"""Targets as they stand on the wire: 4 or 8 bytes, little-endian, in hex.

Four bytes become eight by two divisions (xmrig `base/net/stratum/Job.cpp`); the rounded number is what machines work
for, so it is the only one that counts, on either side.
"""

from typing import Final

from hashwright.stratum.strict import Malformed, hex_bytes

TOP_64: Final = 2**64 - 1
TOP_32: Final = 2**32 - 1
_SHORT, _LONG = 4, 8


def target_text(target_64: int) -> str:
    """Write a target: four bytes where they say exactly the same, for machines that read no more, else eight."""
    hashes = TOP_64 // target_64
    short = TOP_32 // hashes if hashes <= TOP_32 else 0
    if short and TOP_64 // (TOP_32 // short) == target_64:
        return short.to_bytes(_SHORT, "little").hex()
    return target_64.to_bytes(_LONG, "little").hex()


def read_target(value: object) -> int:
    """Read a target as 64 bits.

    Raises:
        Malformed: it is of another length, or zero: no hash could meet it.
    """
    data = hex_bytes(value, "target", limit=_LONG)
    number = int.from_bytes(data, "little")
    if len(data) not in (_SHORT, _LONG) or not number:
        raise Malformed("target must be 4 or 8 bytes, and not zero")
    return number if len(data) == _LONG else TOP_64 // (TOP_32 // number)


def target_be_of(target_64: int) -> bytes:
    """Return the largest hash that is good: 32 bytes, big-endian."""
    return ((target_64 << 192) - 1).to_bytes(32, "big")


def target_64_of(target_be: bytes) -> int:
    """Return the 64 bits of a share target: the inverse of `target_be_of`."""
    return min((int.from_bytes(target_be, "big") + 1) >> 192, TOP_64) or 1
