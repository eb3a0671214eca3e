"""CryptoNote's numbers: seven bits a byte, the lowest first, the top bit on all but the last."""

from typing import Final

VARINT_MAX: Final = 10
"""Bytes of the largest number below 2**64."""


def write_varint(number: int) -> bytes:
    """Write a number below 2**64.

    Raises:
        ValueError: it is negative or larger.
    """
    if not 0 <= number < 2**64:
        raise ValueError(f"{number} does not fit 64 bits")
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number; return it and where the next byte stands.

    Raises:
        ValueError: the data ends within it, it has more than 64 bits, or it is longer than it needs to be.
    """
    number = 0
    for place in range(VARINT_MAX):
        if at + place >= len(data):
            raise ValueError(f"the data ends within a number, at byte {len(data)}")
        byte = data[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if number >= 2**64 or (place and not byte):
                raise ValueError(f"the number at byte {at} is not written as it must be")
            return number, at + place + 1
    raise ValueError(f"the number at byte {at} has more than {VARINT_MAX} bytes")
