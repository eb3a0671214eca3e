"""Proof-of-work hashes: header bytes to 32 bytes, as the digest gives them (the number is little-endian).

`diff1_target` is the target of Stratum difficulty 1 (reference stratum.md 2.1, 2.2). Litecoin's Stratum scale is
65,536 times easier than Bitcoin's: miners would otherwise see fractions. Monero's difficulty is plainly the number of
hashes. RandomX hashes under a key, so its hash is not here but in `chain.cryptonote.randomx`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

_sha256 = hashlib.sha256

DIFF1: Final = 0xFFFF << 208
"""Bitcoin's target of difficulty 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One proof-of-work function. A slow one must not run on the event loop.

    `work` says what is hashed and how machines speak of it: a header of 80 bytes (Bitcoin's Stratum), or a blob
    (CryptoNote's). One that `is_keyed` cannot be hashed without the key that the job names. `wire` is its name there.
    """

    name: str
    hash: Callable[[bytes], bytes]
    diff1_target: int
    is_slow: bool
    work: Literal["header", "blob"] = "header"
    is_keyed: bool = False
    wire: str = ""


def sha256d(data: bytes) -> bytes:
    """Return SHA-256 of SHA-256."""
    return _sha256(_sha256(data).digest()).digest()


def scrypt(header: bytes) -> bytes:
    """Return scrypt with N=1024, r=1, p=1, the header as its own salt (Litecoin)."""
    return hashlib.scrypt(header, salt=header, n=1024, r=1, p=1, dklen=32)


def unkeyed(_: bytes) -> bytes:
    """Refuse to hash.

    Raises:
        TypeError: always; a keyed function needs its key.
    """
    raise TypeError("this proof of work is hashed under a key: see chain.cryptonote.randomx")


ALGORITHMS: Final = {
    "sha256d": Algorithm(name="sha256d", hash=sha256d, diff1_target=DIFF1, is_slow=False),
    "scrypt": Algorithm(name="scrypt", hash=scrypt, diff1_target=DIFF1 * 65_536, is_slow=True),
    "randomx": Algorithm(
        name="randomx",
        hash=unkeyed,
        diff1_target=2**256 - 1,
        is_slow=True,
        work="blob",
        is_keyed=True,
        wire="rx/0",
    ),
}
HEADER_ALGORITHMS: Final = tuple(name for name, it in ALGORITHMS.items() if it.work == "header")
