"""The 80 bytes that are hashed. Byte order is in the names: `_le` as in the header, `_display` as people read it."""

from dataclasses import dataclass
from typing import Final

HEADER_SIZE: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A block header."""

    version: int
    prevhash_le: bytes
    merkle_root_le: bytes
    ntime: int
    nbits: int
    nonce: int


def header_bytes(header: Header) -> bytes:
    """Serialise a header."""
    return b"".join(
        (
            header.version.to_bytes(4, "little"),
            header.prevhash_le,
            header.merkle_root_le,
            header.ntime.to_bytes(4, "little"),
            header.nbits.to_bytes(4, "little"),
            header.nonce.to_bytes(4, "little"),
        )
    )


def parse_header(data: bytes) -> Header:
    """Read a header.

    Raises:
        ValueError: it has not exactly 80 bytes.
    """
    if len(data) != HEADER_SIZE:
        raise ValueError(f"a header has {HEADER_SIZE} bytes, this one {len(data)}")
    return Header(
        version=int.from_bytes(data[:4], "little"),
        prevhash_le=data[4:36],
        merkle_root_le=data[36:68],
        ntime=int.from_bytes(data[68:72], "little"),
        nbits=int.from_bytes(data[72:76], "little"),
        nonce=int.from_bytes(data[76:], "little"),
    )


def hash_display(hash_le: bytes) -> str:
    """Return a hash as explorers and RPC write it: bytes reversed, in hex."""
    return hash_le[::-1].hex()


def swap_words(data: bytes) -> bytes:
    """Reverse each 4-byte word: how Stratum writes the previous hash."""
    return b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))
