"""Addresses to output scripts, and back: Base58Check, Bech32 (BIP 173) and Bech32m (BIP 350).

The decoder is our own because a wrong one pays strangers, and it refuses in words: which coin or network an address
really belongs to is looked for among all coins we know, so that a person who mixes two up is told so.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from hashwright.chain.coin import Coin, Network
from hashwright.errors import OperatorError

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_CONSTANT: Final = 1
_BECH32M_CONSTANT: Final = 0x2BC830A3
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
ADDRESS_MAX: Final = 90


class AddressError(OperatorError):
    """A text is not an address that this coin and network can pay."""


def script_of_address(text: str, coin: Coin, network: str) -> bytes:
    """Return the output script that an address stands for.

    Raises:
        AddressError: it belongs to another coin (HW-201) or network (HW-204), is damaged (HW-206), has no form of an
            address (HW-207), or cannot be paid by a block (HW-208).
    """
    if not text or len(text) > ADDRESS_MAX or not (text.isascii() and text.isprintable()) or " " in text:
        raise AddressError(
            f"{text[:100]!r} is not an address: it has {len(text)} characters or blanks that none has.", code="HW-207"
        )
    home = coin.networks[network]
    prefix = text.lower().rpartition("1")[0]
    if prefix in _known_prefixes(coin):
        return _script_of_bech32(text, coin, home)
    return _script_of_base58(text, coin, home)


def address_of_script(script: bytes, coin: Coin, network: str) -> str:
    """Return the address of an output script, or the empty string where it has none."""
    home = coin.networks[network]
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return _base58check(bytes((home.pubkey_versions[0],)) + script[3:23])
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return _base58check(bytes((home.script_versions[0],)) + script[2:22])
    if 4 <= len(script) <= 42 and script[1] == len(script) - 2 and (script[0] == 0 or 0x51 <= script[0] <= 0x60):
        version = script[0] - 0x50 if script[0] else 0
        return encode_segwit(home.bech32_prefix, version, script[2:])
    return ""


# -------------------------------------------------------------------- bech32


def encode_segwit(prefix: str, version: int, program: bytes) -> str:
    """Return the address of a witness program: Bech32 for version 0, Bech32m above."""
    data = [version, *_regroup(program, 8, 5, pad=True)]
    constant = _BECH32_CONSTANT if version == 0 else _BECH32M_CONSTANT
    check = _polymod([*_expand(prefix), *data, 0, 0, 0, 0, 0, 0]) ^ constant
    data += [(check >> 5 * (5 - i)) & 31 for i in range(6)]
    return prefix + "1" + "".join(_BECH32[value] for value in data)


def decode_segwit(text: str) -> tuple[str, int, bytes]:
    """Read a witness address: prefix, version, program.

    Raises:
        ValueError: it breaks a rule of BIP 173 or BIP 350, said in words.
    """
    if text.lower() != text and text.upper() != text:
        raise ValueError("it mixes capital and small letters")
    prefix, _, payload = text.lower().rpartition("1")
    if not prefix or len(payload) < 6 or len(text) > ADDRESS_MAX:
        raise ValueError("its length is wrong")
    data = [_BECH32.find(letter) for letter in payload]
    if -1 in data:
        wrong = data.index(-1) + len(prefix) + 1
        raise ValueError(f"character {wrong + 1}, {text[wrong]!r}, cannot stand in such an address")
    constant = _polymod([*_expand(prefix), *data])
    if constant not in (_BECH32_CONSTANT, _BECH32M_CONSTANT):
        raise ChecksumError("its checksum does not fit: at least one character is wrong")
    return prefix, *_read_program(data[:-6], constant)


class ChecksumError(ValueError):
    """The form is right, the checksum is not."""


def _read_program(data: list[int], constant: int) -> tuple[int, bytes]:
    if not data or data[0] > 16:
        raise ValueError("its witness version is not 0 to 16")
    if (data[0] == 0) != (constant == _BECH32_CONSTANT):
        raise ValueError("its checksum is of the kind for another witness version (BIP 350)")
    program = bytes(_regroup(data[1:], 5, 8, pad=False))
    if not 2 <= len(program) <= 40 or (data[0] == 0 and len(program) not in (20, 32)):
        raise ValueError("its witness program has a wrong length")
    return data[0], program


def _script_of_bech32(text: str, coin: Coin, home: Network) -> bytes:
    try:
        prefix, version, program = decode_segwit(text)
    except ChecksumError as error:
        raise AddressError(f"{text} is damaged: {error}.", code="HW-206") from error
    except ValueError as error:
        if _is_unpayable(text, coin):
            raise _unpayable(text) from error
        raise AddressError(f"{text} is not an address: {error}.", code="HW-207") from error
    if prefix in coin.unpayable_prefixes:
        raise _unpayable(text)
    if prefix != home.bech32_prefix:
        raise _foreign(text, coin, home, _owners_of_prefix(coin, prefix))
    opcode = 0 if version == 0 else 0x50 + version
    return bytes((opcode, len(program))) + program


def _is_unpayable(text: str, coin: Coin) -> bool:
    return text.lower().rpartition("1")[0] in coin.unpayable_prefixes


def _unpayable(text: str) -> AddressError:
    return AddressError(
        f"{text[:24]}... is an MWEB address. A block's coinbase cannot pay into the extension block.",
        code="HW-208",
        hint="Give an ordinary Litecoin address (ltc1..., M..., L...).",
    )


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
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


# -------------------------------------------------------------------- base58


def decode_base58check(text: str) -> bytes:
    """Read Base58Check: version and payload without the checksum.

    Raises:
        ValueError: a character is none of the alphabet's, or the checksum does not fit.
    """
    number = 0
    for place, letter in enumerate(text):
        value = _BASE58.find(letter)
        if value < 0:
            raise ValueError(f"character {place + 1}, {letter!r}, cannot stand in such an address")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(data) < 5:
        raise ValueError("it is too short")
    if _checksum(data[:-4]) != data[-4:]:
        raise ChecksumError("its checksum does not fit: at least one character is wrong")
    return data[:-4]


def _base58check(payload: bytes) -> str:
    data = payload + _checksum(payload)
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]


def _script_of_base58(text: str, coin: Coin, home: Network) -> bytes:
    try:
        data = decode_base58check(text)
    except ChecksumError as error:
        raise AddressError(f"{text} is damaged: {error}.", code="HW-206") from error
    except ValueError as error:
        raise AddressError(f"{text} is not an address of {coin.title}: {error}.", code="HW-207") from error
    version, payload = data[0], data[1:]
    if len(payload) != 20:
        raise AddressError(f"{text} is not an address: it holds {len(payload)} bytes, not 20.", code="HW-207")
    if version in home.pubkey_versions:
        return b"\x76\xa9\x14" + payload + b"\x88\xac"
    if version in home.script_versions:
        return b"\xa9\x14" + payload + b"\x87"
    raise _foreign(text, coin, home, _owners_of_version(coin, version))


# -------------------------------------------------------------------- whose address is it?


def _family(coin: Coin) -> tuple[Coin, ...]:
    """Return the coins whose addresses a person may mix up, this one first."""
    from hashwright import registry

    others = (registry.load("coins", name).COIN for name in registry.names("coins") if name != coin.key)
    return (coin, *others)


def _known_prefixes(coin: Coin) -> set[str]:
    prefixes = set()
    for item in _family(coin):
        prefixes |= {network.bech32_prefix for network in item.networks.values()} | set(item.unpayable_prefixes)
    return prefixes


def _owners_of_prefix(coin: Coin, prefix: str) -> list[tuple[Coin, str]]:
    return [
        (item, name) for item in _family(coin) for name, net in item.networks.items() if net.bech32_prefix == prefix
    ]


def _owners_of_version(coin: Coin, version: int) -> list[tuple[Coin, str]]:
    return [
        (item, name)
        for item in _family(coin)
        for name, net in item.networks.items()
        if version in net.pubkey_versions + net.script_versions
    ]


def _foreign(text: str, coin: Coin, home: Network, owners: list[tuple[Coin, str]]) -> AddressError:
    own = [name for item, name in owners if item.key == coin.key]
    if own:
        return AddressError(
            f"{text} is a {coin.title} address of the {own[0]} network, but {home.name} is set. Nothing saved.",
            code="HW-204",
        )
    if owners:
        return AddressError(f"{text} is a {owners[0][0].title} address, not one of {coin.title}.", code="HW-201")
    return AddressError(f"{text} is not an address of {coin.title} {home.name}.", code="HW-207")
