"""The letters of addresses: Base58Check, Bech32 (BIP 173) and Bech32m (BIP 350).

What the decoded bytes mean, and whose they are, is `address.py`'s business. A wrong checksum says, where exactly one
character explains it, which: never what it should be, so that nobody is led to a guess (BIP 173 advises the same).
"""

import hashlib
from collections.abc import Iterable
from typing import Final

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CONSTANT: Final = 1
_CONSTANT_M: Final = 0x2BC830A3
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LETTERS: Final = 6
ADDRESS_MAX: Final = 90
"""BIP 173's limit; Base58 addresses have at most 35 letters."""
BASE58_ADDRESS_BYTES: Final = 25


class ChecksumError(ValueError):
    """The form is right, the checksum is not."""


# -------------------------------------------------------------------- base58


def encode_base58check(payload: bytes) -> str:
    """Write version and payload in Base58Check."""
    return encode_base58(payload + _checksum(payload))


def encode_base58(data: bytes) -> str:
    """Write bytes in Base58; each leading zero byte is a `1`."""
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def decode_base58check(text: str) -> bytes:
    """Read Base58Check: version and payload without the checksum.

    Raises:
        ValueError: a character is none of the alphabet's.
        ChecksumError: the checksum does not fit.
    """
    data = decode_base58(text)
    if len(data) < 5:
        raise ValueError("it is too short")
    if _checksum(data[:-4]) != data[-4:]:
        raise ChecksumError(_checksum_text(_base58_place(text, data)))
    return data[:-4]


def decode_base58(text: str) -> bytes:
    """Read Base58.

    Raises:
        ValueError: a character is none of the alphabet's, or there are more than an address has.
    """
    if len(text) > ADDRESS_MAX:  # the arithmetic below grows with the square of the length
        raise ValueError(f"it has more than {ADDRESS_MAX} characters")
    number = 0
    for letter in text:
        number = number * 58 + _value(_BASE58, text, letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]


def _base58_place(text: str, data: bytes) -> int | None:
    """Return the one place where another letter would make the checksum fit, by trying all."""
    if abs(len(data) - BASE58_ADDRESS_BYTES) > 1:  # a wrong letter at the front can add or take a byte
        return None
    number = int.from_bytes(data, "big")
    places = []
    for place, letter in enumerate(reversed(text)):
        weight = 58**place
        base = number - _BASE58.index(letter) * weight
        if any(_fits(base + value * weight) for value in range(58)):
            places.append(len(text) - 1 - place)
    return places[0] if len(places) == 1 else None


def _fits(number: int) -> bool:
    if number.bit_length() > 8 * BASE58_ADDRESS_BYTES:
        return False
    data = number.to_bytes(BASE58_ADDRESS_BYTES, "big")
    return _checksum(data[:-4]) == data[-4:]


# -------------------------------------------------------------------- bech32


def encode_segwit(prefix: str, version: int, program: bytes) -> str:
    """Write a witness program: Bech32 for version 0, Bech32m above."""
    data = [version, *_regroup(program, 8, 5, pad=True)]
    check = _polymod([*_expand(prefix), *data, *[0] * _CHECKSUM_LETTERS]) ^ _constant_of(version)
    data += [(check >> 5 * (5 - i)) & 31 for i in range(_CHECKSUM_LETTERS)]
    return prefix + "1" + "".join(_BECH32[value] for value in data)


def decode_segwit(text: str) -> tuple[str, int, bytes]:
    """Read a witness address: prefix, version, program.

    Raises:
        ValueError: it breaks a rule of BIP 173 or BIP 350, said in words.
        ChecksumError: the checksum does not fit.
    """
    prefix, data = _split_bech32(text)
    residue = _polymod([*_expand(prefix), *data])
    if residue not in (_CONSTANT, _CONSTANT_M):
        place = _bech32_place(residue, data)
        raise ChecksumError(_checksum_text(None if place is None else len(prefix) + 1 + place))
    return prefix, *_read_program(data[:-_CHECKSUM_LETTERS], residue)


def bech32_prefix(text: str) -> str:
    """Return what stands before the last `1`, in small letters; the empty string where there is none."""
    return text.lower().rpartition("1")[0]


def _split_bech32(text: str) -> tuple[str, list[int]]:
    if text.lower() != text and text.upper() != text:
        raise ValueError("it mixes capital and small letters")
    small = text.lower()
    prefix, payload = bech32_prefix(text), small.rpartition("1")[2]
    if not prefix or len(payload) < _CHECKSUM_LETTERS or len(text) > ADDRESS_MAX:
        raise ValueError("its length is wrong")
    if not all(33 <= ord(letter) <= 126 for letter in prefix):
        raise ValueError("its prefix has a character that no prefix has")
    return prefix, [_value(_BECH32, text, letter, start=len(prefix) + 1) for letter in payload]


def _read_program(data: list[int], constant: int) -> tuple[int, bytes]:
    if not data or data[0] > 16:
        raise ValueError("its witness version is not 0 to 16")
    if constant != _constant_of(data[0]):
        raise ValueError("its checksum is of the kind for another witness version (BIP 350)")
    program = bytes(_regroup(data[1:], 5, 8, pad=False))
    if not 2 <= len(program) <= 40 or (data[0] == 0 and len(program) not in (20, 32)):
        raise ValueError("its witness program has a wrong length")
    return data[0], program


def _constant_of(version: int) -> int:
    return _CONSTANT if version == 0 else _CONSTANT_M


def _bech32_place(residue: int, data: list[int]) -> int | None:
    """Return the one place where a wrong letter explains the checksum.

    The code is linear: a letter that is off by `error` (exclusive or) and followed by n letters changes the residue
    by `error`, stepped n times. So all 31 errors are stepped back through all places.
    """
    places = set()
    for error in range(1, 32):
        effect = error
        for place in range(len(data) - 1, -1, -1):
            version = data[0] ^ error if place == 0 else data[0]
            if effect == residue ^ _constant_of(version):
                places.add(place)
            effect = _step(effect, 0)
    return places.pop() if len(places) == 1 else None


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        check = _step(check, value)
    return check


def _step(check: int, value: int) -> int:
    top = check >> 25
    check = (check & 0x1FFFFFF) << 5 ^ value
    for i, generator in enumerate(_GENERATORS):
        if top >> i & 1:
            check ^= generator
    return check


def _expand(prefix: str) -> list[int]:
    return [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)]


def _regroup(data: Iterable[int], from_bits: int, to_bits: int, *, pad: bool) -> list[int]:
    """Regroup bits; without padding the rest must be less than a group, and zero."""
    buffer = bits = 0
    groups = []
    for value in data:
        buffer = (buffer << from_bits | value) & 0xFFF
        bits += from_bits
        while bits >= to_bits:
            bits -= to_bits
            groups.append(buffer >> bits & (1 << to_bits) - 1)
    if pad and bits:
        groups.append(buffer << (to_bits - bits) & (1 << to_bits) - 1)
    if not pad and (bits >= from_bits or buffer & (1 << bits) - 1):
        raise ValueError("its padding is not zero")
    return groups


# -------------------------------------------------------------------- both


def _value(alphabet: str, text: str, letter: str, *, start: int = 0) -> int:
    value = alphabet.find(letter)
    if value < 0:
        place = text.lower().index(letter.lower(), start) if alphabet is _BECH32 else text.index(letter, start)
        raise ValueError(f"character {place + 1}, {text[place]!r}, cannot stand in such an address")
    return value


def _checksum_text(place: int | None) -> str:
    where = "at least one character is wrong" if place is None else f"look at character {place + 1}"
    return f"its checksum does not fit: {where}"
