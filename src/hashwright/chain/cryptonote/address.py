"""Monero's addresses: two public keys, a network, and sometimes a payment id, in a Base58 of its own.

Eight bytes become eleven letters, block by block, so the length is fixed and a letter that is wrong spoils one block
only; the last four bytes are a checksum. (Monero `common/base58.cpp`, `cryptonote_basic_impl.cpp`.)

    standard     4... (main), 9... or A... (test), 5... (stage)      95 letters
    subaddress   8... (main), B... (test), 7... (stage)              95 letters
    integrated   4... (main), A... (test), 5... (stage)              106 letters, with an 8-byte payment id
"""

from dataclasses import dataclass
from typing import Final, Literal

from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.varint import read_varint, write_varint

Kind = Literal["standard", "integrated", "subaddress"]

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BLOCK: Final = 8
LETTERS: Final = (0, 2, 3, 5, 6, 7, 9, 10, 11)
"""Letters for 0 to 8 bytes."""
CHECKSUM: Final = 4
KEY: Final = 32
PAYMENT_ID: Final = 8
ADDRESS_MAX: Final = 110
TAGS: Final[dict[int, tuple[str, Kind]]] = {
    18: ("main", "standard"),
    19: ("main", "integrated"),
    42: ("main", "subaddress"),
    53: ("test", "standard"),
    54: ("test", "integrated"),
    63: ("test", "subaddress"),
    24: ("stage", "standard"),
    25: ("stage", "integrated"),
    36: ("stage", "subaddress"),
}
P: Final = 2**255 - 19
D: Final = -121665 * pow(121666, P - 2, P) % P
"""Field and constant of Ed25519 (RFC 8032, section 5.1)."""


class AddressFault(ValueError):
    """A text is no Monero address; `is_damaged` where only the checksum or a key is wrong."""

    def __init__(self, problem: str, *, is_damaged: bool = False) -> None:
        super().__init__(problem)
        self.is_damaged = is_damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneroAddress:
    """An address, taken apart. Keys are 32 bytes; `payment_id` is 8 bytes of an integrated one, else empty."""

    network: str
    kind: Kind
    spend_key: bytes
    view_key: bytes
    payment_id: bytes = b""

    @property
    def text(self) -> str:
        """Write it as people see it."""
        tag = next(tag for tag, meaning in TAGS.items() if meaning == (self.network, self.kind))
        data = write_varint(tag) + self.spend_key + self.view_key + self.payment_id
        return encode_base58(data + keccak256(data)[:CHECKSUM])


def read_address(text: str) -> MoneroAddress:
    """Take an address apart.

    Raises:
        AddressFault: it has another form, another length, a wrong checksum, an unknown network, or keys that are none.
    """
    if not text or len(text) > ADDRESS_MAX:
        raise AddressFault(f"it has {len(text)} letters, and a Monero address has 95 or 106")
    data = decode_base58(text)
    body, checksum = data[:-CHECKSUM], data[-CHECKSUM:]
    if len(body) < 1 + 2 * KEY:
        raise AddressFault(f"it holds {len(data)} bytes, too few for two keys")
    if keccak256(body)[:CHECKSUM] != checksum:
        raise AddressFault("its checksum is wrong: a letter is missing or mistaken", is_damaged=True)
    tag, at = read_varint(body, 0)
    if tag not in TAGS:
        raise AddressFault(f"{tag} is the mark of no network of Monero")
    network, kind = TAGS[tag]
    wanted = at + 2 * KEY + (PAYMENT_ID if kind == "integrated" else 0)
    if len(body) != wanted:
        raise AddressFault(f"it holds {len(body)} bytes, and one of this kind has {wanted}")
    spend, view = body[at : at + KEY], body[at + KEY : at + 2 * KEY]
    if not (is_point(spend) and is_point(view)):
        raise AddressFault("one of its keys is no point of the curve: nobody could spend what it is paid",
                           is_damaged=True)  # fmt: skip
    return MoneroAddress(
        network=network, kind=kind, spend_key=spend, view_key=view, payment_id=body[at + 2 * KEY :]
    )  # fmt: skip


def encode_base58(data: bytes) -> str:
    """Write bytes in Monero's Base58."""
    out = []
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK]
        number, letters = int.from_bytes(block, "big"), []
        for _ in range(LETTERS[len(block)]):
            number, rest = divmod(number, len(ALPHABET))
            letters.append(ALPHABET[rest])
        out.append("".join(reversed(letters)))
    return "".join(out)


def decode_base58(text: str) -> bytes:
    """Read bytes back.

    Raises:
        AddressFault: a letter is none of the alphabet, or a block has no such length or value.
    """
    out = bytearray()
    for start in range(0, len(text), LETTERS[BLOCK]):
        block = text[start : start + LETTERS[BLOCK]]
        if len(block) not in LETTERS:
            raise AddressFault(f"its last {len(block)} letters are no whole number of bytes")
        number = 0
        for place, letter in enumerate(block, start=start + 1):
            if letter not in ALPHABET:
                raise AddressFault(f"letter {place} is {letter!a}, which no address has")
            number = number * len(ALPHABET) + ALPHABET.index(letter)
        size = LETTERS.index(len(block))
        if number >= 1 << (8 * size):
            raise AddressFault(f"letters {start + 1} to {start + len(block)} are too large a number", is_damaged=True)
        out += number.to_bytes(size, "big")
    return bytes(out)


def is_point(key: bytes) -> bool:
    """Tell whether 32 bytes are a point of Ed25519 (RFC 8032, section 5.1.3)."""
    number = int.from_bytes(key, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return False
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return not sign
    return pow(square, (P - 1) // 2, P) == 1
