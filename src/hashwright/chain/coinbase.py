"""Coinbase transactions: built around the extranonce, and read back to see who is really paid.

All forms built here are without witness, as Stratum hashes them; the witness (one item of 32 zero bytes, BIP 141) is
added only when a block is put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hashwright.chain.transaction import Output, output_bytes, parse_transaction, varint

SCRIPT_SIG_MIN: Final = 2
SCRIPT_SIG_MAX: Final = 100
"""Consensus: a coinbase's input script has 2 to 100 bytes."""
TAG_SIZE_MIN: Final = 4
"""Shorter runs of letters are chance, not a name."""
_PUSH_MAX: Final = 75
"""A script opcode up to this number pushes that many bytes; more need the opcode below."""
_HEIGHT_SIZE_MAX: Final = 5
"""Bytes of a height below 2**31 and its sign, and room for more than any chain will have."""
_OP_PUSHDATA1: Final = 0x4C
_NULL_OUTPOINT: Final = bytes(32) + b"\xff" * 4
_SEQUENCE: Final = b"\xff" * 4
_WITNESS: Final = b"\x01\x20" + bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinbaseParts:
    """What stands before and behind the extranonce."""

    prefix: bytes
    suffix: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Coinbase:
    """A coinbase that was read: height, script, printable tag, and who is paid how much [minor units].

    The height is what BIP 34 says; it is None where the script does not begin with one, and of no meaning in blocks
    from before that rule.
    """

    height: int | None
    script_sig: bytes
    tag: str
    outputs: tuple[tuple[int, bytes], ...]


def build_coinbase(
    height: int,
    outputs: Sequence[tuple[int, bytes]],
    *,
    tag: bytes,
    extranonce_size: int,
    extra: bytes = b"",
    witness_commitment: bytes = b"",
) -> CoinbaseParts:
    """Build the two halves of a coinbase around an extranonce of a given size [bytes].

    Args:
        outputs: value [minor units] and script of each.
        tag: text that tells who made the block; behind the extranonce.
        extra: bytes before the extranonce that make this job unlike every other.
        witness_commitment: the commitment's whole script (BIP 141), or nothing.

    Raises:
        ValueError: the script would be longer than consensus allows, or a value or the height is out of range.
    """
    if not 0 < extranonce_size <= _PUSH_MAX:
        raise ValueError(f"the extranonce cannot have {extranonce_size} bytes")
    before = push_height(height) + _push(extra) + bytes((extranonce_size,))
    script_size = len(before) + extranonce_size + len(_push(tag))
    if script_size > SCRIPT_SIG_MAX:
        raise ValueError(f"the coinbase script would have {script_size} bytes, of {SCRIPT_SIG_MAX}: shorten the tag")
    head = (1).to_bytes(4, "little") + b"\x01" + _NULL_OUTPOINT + bytes((script_size,)) + before
    paid = [*outputs, *([(0, witness_commitment)] if witness_commitment else [])]
    written = b"".join(output_bytes(Output(value=value, script=script)) for value, script in paid)
    return CoinbaseParts(prefix=head, suffix=_push(tag) + _SEQUENCE + varint(len(paid)) + written + bytes(4))


def with_witness(coinbase: bytes) -> bytes:
    """Return a coinbase in the form that stands in a block with witnesses (BIP 144)."""
    return coinbase[:4] + b"\x00\x01" + coinbase[4:-4] + _WITNESS + coinbase[-4:]


def push_height(height: int) -> bytes:
    """Return the script that BIP 34 wants first: the height, pushed as a minimal script number."""
    if not 0 <= height < 2**31:
        raise ValueError(f"{height} is no height")
    return _push_number(height)


def decode_coinbase(data: bytes) -> Coinbase:
    """Read a coinbase, with its witness or without.

    Raises:
        ValueError: the bytes are not one whole coinbase.
    """
    transaction = parse_transaction(data)
    first = transaction.inputs[0]
    if len(transaction.inputs) != 1 or first.txid_le + first.index.to_bytes(4, "little") != _NULL_OUTPOINT:
        raise ValueError("this is no coinbase: it needs exactly one input, and that spends nothing")
    if not SCRIPT_SIG_MIN <= len(first.script_sig) <= SCRIPT_SIG_MAX:
        raise ValueError("the coinbase's input script has not 2 to 100 bytes")
    return Coinbase(
        height=_read_height(first.script_sig),
        script_sig=first.script_sig,
        tag=tag_of(first.script_sig),
        outputs=tuple((output.value, output.script) for output in transaction.outputs),
    )


def tag_of(script_sig: bytes) -> str:
    """Return the longest run of printable ASCII behind the height: the miner's tag. It is data, never markup."""
    behind_height = script_sig[_height_end(script_sig) :]
    runs = [run for piece in _pieces(behind_height) for run in _runs(piece)]
    return max(runs, key=len, default="")


def _runs(piece: bytes) -> list[str]:
    letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "\n" for byte in piece)
    return [run for run in letters.split("\n") if len(run) >= TAG_SIZE_MIN]


def _pieces(script_sig: bytes) -> list[bytes]:
    """Return what a script pushes, so that a length that happens to be a letter is not read as one.

    Many pools write no proper script: then the whole is one piece.
    """
    pieces, at = [], 0
    while at < len(script_sig):
        opcode, start = script_sig[at], at + 1
        size = opcode if opcode <= _PUSH_MAX else 0
        if opcode == _OP_PUSHDATA1:
            size, start = int.from_bytes(script_sig[start : start + 1], "little"), start + 1
        if start + size > len(script_sig) or opcode > 0x60:
            return [script_sig]
        pieces.append(script_sig[start : start + size])
        at = start + size
    return pieces


def _push(data: bytes) -> bytes:
    if not data:
        return b""
    return (bytes((len(data),)) if len(data) <= _PUSH_MAX else bytes((_OP_PUSHDATA1, len(data)))) + data


def _push_number(number: int) -> bytes:
    if number == 0:
        return b"\x00"
    if number <= 16:
        return bytes((0x50 + number,))
    size = number.bit_length() // 8 + 1  # one more bit for the sign
    return bytes((size,)) + number.to_bytes(size, "little")


def _read_height(script_sig: bytes) -> int | None:
    end = _height_end(script_sig)
    if end <= 1:
        return None if end == 0 else max(script_sig[0] - 0x50, 0)
    return int.from_bytes(script_sig[1:end], "little")


def _height_end(script_sig: bytes) -> int:
    """Return where the pushed height ends, or 0 where the script does not begin with one."""
    first = script_sig[0]
    if first == 0 or 0x51 <= first <= 0x60:
        return 1
    end = 1 + first
    if first > _HEIGHT_SIZE_MAX or len(script_sig) < end:
        return 0
    return end if _push_number(int.from_bytes(script_sig[1:end], "little")) == script_sig[:end] else 0
