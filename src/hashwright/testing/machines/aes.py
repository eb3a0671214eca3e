"""AES-256 backwards, block by block (FIPS 197): what a WhatsMiner does with a list of pools. For simulated ones only.

It is slow and takes no care of side channels; nothing secret of a person passes here.
"""

from typing import Final

ROUNDS: Final = 14
WORDS: Final = 8
BLOCK: Final = 16


def _times_two(value: int) -> int:
    return (value << 1 ^ (0x11B if value & 0x80 else 0)) & 0xFF


def _product(left: int, right: int) -> int:
    result = 0
    while right:
        result ^= left if right & 1 else 0
        left, right = _times_two(left), right >> 1
    return result


def _make_sbox() -> tuple[int, ...]:
    """Compute the substitution of FIPS 197, 5.1.1: the inverse, then the affine map."""
    box = [0x63] * 256
    for value in range(1, 256):
        inverse = next(other for other in range(1, 256) if _product(value, other) == 1)
        rotated = inverse
        mapped = 0x63
        for _ in range(5):
            mapped ^= rotated
            rotated = (rotated << 1 | rotated >> 7) & 0xFF
        box[value] = mapped
    return tuple(box)


class _Tables:
    """The tables, made at the first use."""

    sbox: tuple[int, ...] = ()
    back: bytes = b""
    factors: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def make(cls) -> None:
        if not cls.sbox:
            cls.sbox = _make_sbox()
            cls.back = bytes(cls.sbox.index(value) for value in range(256))
            cls.factors = tuple(tuple(_product(value, by) for value in range(256)) for by in (14, 11, 13, 9))


def _round_keys(key: bytes) -> list[bytes]:
    words = [key[at : at + 4] for at in range(0, 32, 4)]
    constant = 1
    for index in range(WORDS, 4 * (ROUNDS + 1)):
        word = words[-1]
        if index % WORDS == 0:
            word = bytes(_Tables.sbox[value] for value in word[1:] + word[:1])
            word = bytes((word[0] ^ constant, *word[1:]))
            constant = _times_two(constant)
        elif index % WORDS == 4:
            word = bytes(_Tables.sbox[value] for value in word)
        words.append(_xor(words[index - WORDS], word))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


_SHIFT: Final = tuple((at - 4 * (at % 4)) % BLOCK for at in range(BLOCK))


def _unmix(block: bytes) -> bytes:
    by14, by11, by13, by9 = _Tables.factors
    out = bytearray()
    for at in range(0, BLOCK, 4):
        a, b, c, d = block[at : at + 4]
        out += bytes((by14[a] ^ by11[b] ^ by13[c] ^ by9[d], by9[a] ^ by14[b] ^ by11[c] ^ by13[d],
                      by13[a] ^ by9[b] ^ by14[c] ^ by11[d], by11[a] ^ by13[b] ^ by9[c] ^ by14[d]))  # fmt: skip
    return bytes(out)


def _decrypt_block(keys: list[bytes], block: bytes) -> bytes:
    state = _xor(block, keys[-1])
    for number in range(ROUNDS - 1, -1, -1):
        state = bytes(_Tables.back[state[_SHIFT[at]]] for at in range(BLOCK))
        state = _xor(state, keys[number])
        state = _unmix(state) if number else state
    return state


def decrypt_ecb(key: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks with a key of 32 bytes.

    Raises:
        ValueError: the key or the data have another length.
    """
    if len(key) != 32 or len(data) % BLOCK:
        raise ValueError("a key has 32 bytes and data whole blocks of 16")
    _Tables.make()
    keys = _round_keys(key)
    return b"".join(_decrypt_block(keys, data[at : at + BLOCK]) for at in range(0, len(data), BLOCK))
