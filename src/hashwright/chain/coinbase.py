"""Coinbase transactions: built around the extranonce, and read back to see who is really paid.

All forms here are without witness, as Stratum hashes them; the witness (one item of 32 zero bytes, BIP 141) is added
only when a block is put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SCRIPT_SIG_MAX: Final = 100
"""Consensus: a coinbase's input script has 2 to 100 bytes."""
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
    """A coinbase that was read: the height (None where BIP 34 is not followed), the script, who is paid how much."""

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
        ValueError: the script would be longer than consensus allows.
    """
    before = push_height(height) + _push(extra)
    script_size = len(before) + 1 + extranonce_size + len(_push(tag))
    if script_size > SCRIPT_SIG_MAX:
        raise ValueError(f"the coinbase script would have {script_size} bytes, of {SCRIPT_SIG_MAX}: shorten the tag")
    head = (1).to_bytes(4, "little") + b"\x01" + _NULL_OUTPOINT + bytes((script_size,)) + before
    paid = [*outputs, *([(0, witness_commitment)] if witness_commitment else [])]
    tail = _push(tag) + _SEQUENCE + varint(len(paid)) + b"".join(_output(*output) for output in paid) + bytes(4)
    return CoinbaseParts(prefix=head + bytes((extranonce_size,)), suffix=tail)


def with_witness(coinbase: bytes) -> bytes:
    """Return a coinbase in the form that stands in a block with witnesses (BIP 144)."""
    return coinbase[:4] + b"\x00\x01" + coinbase[4:-4] + _WITNESS + coinbase[-4:]


def push_height(height: int) -> bytes:
    """Return the script that BIP 34 wants first: the height, pushed as a minimal script number."""
    if height < 0:
        raise ValueError("a height is not negative")
    if height == 0:
        return b"\x00"
    if height <= 16:
        return bytes((0x50 + height,))
    size = height.bit_length() // 8 + 1  # one more bit for the sign
    return bytes((size,)) + height.to_bytes(size, "little")


def decode_coinbase(data: bytes) -> Coinbase:
    """Read a coinbase in the form without witness.

    Raises:
        ValueError: the bytes are not one whole coinbase.
    """
    if len(data) < 46 or data[4:5] != b"\x01" or data[5:41] != _NULL_OUTPOINT:
        raise ValueError("this is no coinbase: it needs exactly one input, and that spends nothing")
    size = data[41]
    script_sig = data[42 : 42 + size]
    if not 2 <= size <= SCRIPT_SIG_MAX or len(script_sig) != size:
        raise ValueError("the coinbase's input script has not 2 to 100 bytes")
    outputs, end = _read_outputs(data, 42 + size + 4)
    if end + 4 != len(data):
        raise ValueError("the coinbase does not end where it should")
    return Coinbase(height=_read_height(script_sig), script_sig=script_sig, tag=printable(script_sig), outputs=outputs)


def printable(script_sig: bytes) -> str:
    """Return the longest run of printable ASCII in a script: the miner's tag. It is data, never markup."""
    runs, run = [""], ""
    for byte in script_sig:
        run = run + chr(byte) if 0x20 <= byte < 0x7F else ""
        runs.append(run)
    longest = max(runs, key=len)
    return longest if len(longest) >= 4 else ""


def varint(number: int) -> bytes:
    """Return a number in Bitcoin's variable-length form."""
    if number < 0xFD:
        return bytes((number,))
    if number <= 0xFFFF:
        return b"\xfd" + number.to_bytes(2, "little")
    if number <= 0xFFFFFFFF:
        return b"\xfe" + number.to_bytes(4, "little")
    return b"\xff" + number.to_bytes(8, "little")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number in Bitcoin's variable-length form; return it and where it ends.

    Raises:
        ValueError: the data end before it does.
    """
    sizes = {0xFD: 2, 0xFE: 4, 0xFF: 8}
    if at >= len(data):
        raise ValueError("the data end too early")
    first = data[at]
    size = sizes.get(first, 0)
    if at + 1 + size > len(data):
        raise ValueError("the data end too early")
    return (int.from_bytes(data[at + 1 : at + 1 + size], "little") if size else first), at + 1 + size


def _push(data: bytes) -> bytes:
    return bytes((len(data),)) + data if data else b""


def _output(value: int, script: bytes) -> bytes:
    return value.to_bytes(8, "little") + varint(len(script)) + script


def _read_outputs(data: bytes, at: int) -> tuple[tuple[tuple[int, bytes], ...], int]:
    count, at = read_varint(data, at)
    outputs = []
    for _ in range(min(count, len(data))):
        value = int.from_bytes(data[at : at + 8], "little")
        size, at = read_varint(data, at + 8)
        script = data[at : at + size]
        if len(script) != size:
            raise ValueError("an output of the coinbase ends too early")
        outputs.append((value, script))
        at += size
    return tuple(outputs), at


def _read_height(script_sig: bytes) -> int | None:
    first = script_sig[0]
    if first == 0 or 0x51 <= first <= 0x60:
        return first - 0x50 if first else 0
    if 1 <= first <= 8 and len(script_sig) > first:
        number = int.from_bytes(script_sig[1 : 1 + first], "little")
        return number if push_height(number) == script_sig[: 1 + first] else None
    return None
