"""Proof-of-work hashes: header bytes to 32 bytes, as the digest gives them (the number is little-endian).

`diff1_target` is the target of Stratum difficulty 1 (reference stratum.md 2.1, 2.2). Litecoin's Stratum scale is
65,536 times easier than Bitcoin's: miners would otherwise see fractions.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_sha256 = hashlib.sha256

DIFF1: Final = 0xFFFF << 208
"""Bitcoin's target of difficulty 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One proof-of-work function. A slow one must not run on the event loop."""

    name: str
    hash: Callable[[bytes], bytes]
    diff1_target: int
    is_slow: bool


def sha256d(data: bytes) -> bytes:
    """Return SHA-256 of SHA-256."""
    return _sha256(_sha256(data).digest()).digest()


def scrypt(header: bytes) -> bytes:
    """Return scrypt with N=1024, r=1, p=1, the header as its own salt (Litecoin)."""
    return hashlib.scrypt(header, salt=header, n=1024, r=1, p=1, dklen=32)


ALGORITHMS: Final = {
    "sha256d": Algorithm(name="sha256d", hash=sha256d, diff1_target=DIFF1, is_slow=False),
    "scrypt": Algorithm(name="scrypt", hash=scrypt, diff1_target=DIFF1 * 65_536, is_slow=True),
}
