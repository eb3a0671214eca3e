"""Addresses to output scripts, and back. Where a coin has no scripts (Monero), they are the payee's keys.

The decoder is our own because a wrong one pays strangers, and it refuses in words: which coin or network an address
really belongs to is looked for among all coins we know, so that a person who mixes two up is told so.
"""

from typing import Final

from hashwright import registry
from hashwright.chain.address_codec import (
    ADDRESS_MAX,
    ChecksumError,
    bech32_prefix,
    decode_base58check,
    decode_segwit,
    encode_base58check,
    encode_segwit,
)
from hashwright.chain.coin import Coin, Network
from hashwright.errors import OperatorError

_HASH_BYTES = 20
_MONERO_LENGTHS: Final = (95, 106)


class AddressError(OperatorError):
    """A text is not an address that this coin and network can pay."""


def script_of_address(text: str, coin: Coin, network: str) -> bytes:
    """Return the output script that an address stands for.

    Raises:
        AddressError: it belongs to another coin (HW-201) or network (HW-204), is damaged (HW-206), has no form of an
            address (HW-207), or cannot be paid by a block (HW-208).
        NotSupported: the coin cannot be mined (HW-205), or has no such network (HW-204).
    """
    home = coin.network(network)
    _check_characters(text, coin)
    if coin.family == "cryptonote":
        return _payee_of_cryptonote(text, coin, network, is_standard=False)
    if _is_bech32(text, coin):
        return _script_of_bech32(text, coin, home)
    return _script_of_base58(text, coin, home)


def script_of_block_address(text: str, coin: Coin, network: str) -> bytes:
    """Return what an address stands for, where a block is to pay it: not every address that a wallet pays will do.

    Raises:
        AddressError: as `script_of_address`, and where no block can pay it (HW-208).
    """
    if coin.family != "cryptonote":
        return script_of_address(text, coin, network)
    coin.network(network)
    _check_characters(text, coin)
    return _payee_of_cryptonote(text, coin, network, is_standard=True)


def address_of_script(script: bytes, coin: Coin, network: str) -> str:
    """Return the address of an output script, or the empty string where it has none."""
    home = coin.network(network)
    if coin.family == "cryptonote":
        from hashwright.chain.cryptonote.payee import address_of_payee  # lazy: its hash takes long to import

        return address_of_payee(script)
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return encode_base58check(bytes((home.pubkey_versions[0],)) + script[3:23])
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return encode_base58check(bytes((home.script_versions[0],)) + script[2:22])
    program = witness_program(script)
    if program is None or program[0] in coin.unpayable_witness_versions:
        return ""
    return encode_segwit(home.bech32_prefix, *program)


def witness_program(script: bytes) -> tuple[int, bytes] | None:
    """Return version and program of a script that is a witness program with an address (BIP 141), else None."""
    if not 4 <= len(script) <= 42 or script[1] != len(script) - 2:
        return None
    if script[0] == 0:
        return (0, script[2:]) if len(script) in (22, 34) else None
    return (script[0] - 0x50, script[2:]) if 0x51 <= script[0] <= 0x60 else None


def _check_characters(text: str, coin: Coin) -> None:
    if not text:
        raise AddressError("The address is empty.", code="HW-207")
    for place, letter in enumerate(text[: _MONERO_LENGTHS[-1] + 1]):
        if not "!" <= letter <= "~":
            what = "a blank" if letter.isspace() else f"{letter!a}, which is no plain letter or digit"
            raise AddressError(
                f"{text[:ADDRESS_MAX]!a} is not an address: character {place + 1} is {what}.", code="HW-207"
            )
    if coin.family == "cryptonote":
        return  # its own decoder says what is wrong with a length
    if len(text) in _MONERO_LENGTHS:
        _refuse_monero(text, coin)
    if len(text) > ADDRESS_MAX and bech32_prefix(text) not in _unpayable_prefixes():
        raise AddressError(
            f"{text[:24]}... is not an address: it has {len(text)} characters, and none has over {ADDRESS_MAX}.",
            code="HW-207",
        )


def _refuse_monero(text: str, coin: Coin) -> None:
    """Refuse a Monero address by its name, where another coin's is wanted.

    Raises:
        AddressError: it is one, and this coin is another (HW-201).
    """
    from hashwright.chain.cryptonote.address import AddressFault, read_address  # lazy: its hash takes long to import

    try:
        read_address(text)
    except AddressFault:
        return
    raise AddressError(f"{text[:12]}... is a Monero address, not one of {coin.title}.", code="HW-201")


def _payee_of_cryptonote(text: str, coin: Coin, network: str, *, is_standard: bool) -> bytes:
    from hashwright.chain.cryptonote.address import AddressFault  # lazy, as above
    from hashwright.chain.cryptonote.payee import address_network, payee_of_address

    shown = text if len(text) <= _MONERO_LENGTHS[-1] else f"{text[:24]}..."
    try:
        payee, found = payee_of_address(text)
    except AddressFault as fault:
        owners = [other.title for other in _family(coin)[1:] if _is_of(text, other)]
        if owners:
            raise AddressError(f"{shown} is a {owners[0]} address, not one of {coin.title}.", code="HW-201") from fault
        if fault.is_damaged:
            raise AddressError(f"{shown} is damaged: {fault}.", code="HW-206") from fault
        raise AddressError(f"{shown} is not an address of {coin.title}: {fault}.", code="HW-207") from fault
    wanted = address_network(coin, network)
    if found.network != wanted:
        has = "" if wanted == network else f", which has addresses of the {wanted} network"
        raise AddressError(
            f"{shown} is a {coin.title} address of the {found.network} network, but {network} is set{has}.",
            code="HW-204",
        )
    if is_standard and found.kind != "standard":
        raise AddressError(
            f"{text[:12]}... is {'a subaddress' if found.kind == 'subaddress' else 'an integrated address'},"
            " and a block can only pay a standard one.",
            code="HW-208",
            hint="Give the primary address of the wallet (4... on the main network). Members can be paid to any kind.",
        )
    return payee


def _is_of(text: str, coin: Coin) -> bool:
    """Tell whether a text is an address of another coin, on any of its networks."""
    for network in coin.networks:
        try:
            script_of_address(text, coin, network)
        except OperatorError:
            continue
        return True
    return False


def _is_bech32(text: str, coin: Coin) -> bool:
    """Tell by the prefix, or by a checksum that fits: then it is an address of a coin that we do not know."""
    if bech32_prefix(text) in _known_prefixes(coin):
        return True
    try:
        decode_segwit(text)
    except ValueError:
        return False
    return True


def _script_of_bech32(text: str, coin: Coin, home: Network) -> bytes:
    if bech32_prefix(text) in _unpayable_prefixes():
        raise _unpayable(text)
    try:
        prefix, version, program = decode_segwit(text)
    except ChecksumError as error:
        raise AddressError(f"{text} is damaged: {error}.", code="HW-206") from error
    except ValueError as error:
        raise AddressError(f"{text} is not an address: {error}.", code="HW-207") from error
    if prefix != home.bech32_prefix:
        raise _foreign(text, coin, home, _owners_of_prefix(coin, prefix))
    if version in coin.unpayable_witness_versions:
        raise _unpayable(text)
    opcode = 0 if version == 0 else 0x50 + version
    return bytes((opcode, len(program))) + program


def _script_of_base58(text: str, coin: Coin, home: Network) -> bytes:
    try:
        data = decode_base58check(text)
    except ChecksumError as error:
        raise AddressError(f"{text} is damaged: {error}.", code="HW-206") from error
    except ValueError as error:
        raise AddressError(f"{text} is not an address of {coin.title}: {error}.", code="HW-207") from error
    version, payload = data[0], data[1:]
    if len(payload) != _HASH_BYTES:
        raise AddressError(
            f"{text} is not an address: it holds {len(payload)} bytes, not {_HASH_BYTES}.", code="HW-207"
        )
    if version in home.pubkey_versions:
        return b"\x76\xa9\x14" + payload + b"\x88\xac"
    if version in home.script_versions:
        return b"\xa9\x14" + payload + b"\x87"
    raise _foreign(text, coin, home, _owners_of_version(coin, version))


# -------------------------------------------------------------------- whose address is it?


def _family(coin: Coin) -> tuple[Coin, ...]:
    """Return the coins whose addresses a person may mix up, this one first."""
    others = (_coin(name) for name in registry.names("coins") if name != coin.key)
    return (coin, *others)


def _coin(name: str) -> Coin:
    coin = registry.load("coins", name).COIN
    assert isinstance(coin, Coin)
    return coin


def _known_prefixes(coin: Coin) -> set[str]:
    networks = (network for item in _family(coin) for network in item.networks.values())
    return {network.bech32_prefix for network in networks if network.bech32_prefix} | _unpayable_prefixes()


def _unpayable_prefixes() -> set[str]:
    return {prefix for name in registry.names("coins") for prefix in _coin(name).unpayable_prefixes}


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
            f"{text} is a {coin.title} address of the {own[0]} network, but {home.name} is set.", code="HW-204"
        )
    if owners:
        title = owners[0][0].title
        return AddressError(f"{text} is a {title} address, not one of {coin.title}.", code="HW-201")
    return AddressError(f"{text} is an address, but of no coin known here, so not of {coin.title}.", code="HW-201")


def _unpayable(text: str) -> AddressError:
    return AddressError(
        f"{text[:24]}... is an MWEB address. A block's coinbase cannot pay into the extension block.",
        code="HW-208",
        hint="Give an ordinary Litecoin address (ltc1..., M..., L...).",
    )
