"""Whom a Monero address pays, as bytes: what an output script is to Bitcoin, this is here.

The bytes are those of the address itself without its checksum: its mark (network and kind), both keys, and the payment
id of an integrated one. So two texts of one payee are one payee, and the text can be written again from the bytes.
"""

from hashwright.chain.coin import Coin
from hashwright.chain.cryptonote.address import (
    CHECKSUM,
    AddressFault,
    MoneroAddress,
    decode_base58,
    encode_base58,
    read_address,
)
from hashwright.chain.cryptonote.keccak import keccak256


def payee_of_address(text: str) -> tuple[bytes, MoneroAddress]:
    """Return whom an address pays, and the address taken apart.

    Raises:
        AddressFault: it is none of Monero.
    """
    found = read_address(text)
    return decode_base58(text)[:-CHECKSUM], found


def address_of_payee(payee: bytes) -> str:
    """Write the address again; the empty string where the bytes are no payee."""
    text = encode_base58(payee + keccak256(payee)[:CHECKSUM])
    try:
        read_address(text)
    except AddressFault:
        return ""
    return text


def address_network(coin: Coin, network: str) -> str:
    """Return the network whose addresses are used on a network.

    Raises:
        NotSupported: the coin has no network of that name (HW-204).
    """
    home = coin.network(network)
    return home.address_network or home.name
