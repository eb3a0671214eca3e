"""Keccak-256 with the padding of before SHA-3: hashlib has only the later one."""

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """Return the 32 bytes that Monero calls `cn_fast_hash`."""
    return keccak.new(data=data, digest_bits=256).digest()
