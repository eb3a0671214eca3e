"""Transactions, read and written: enough to prove ids and to see who is paid.

Three forms exist on the wire. The plain one gives the id (txid). The one with witnesses (BIP 144: marker 00, flags 01)
gives the witness id (wtxid). Litecoin's HogEx, the one transaction that binds the extension block to the chain, has
flags 08 and one zero byte before the lock time; neither id covers them. Scripts are carried, never run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hashwright.chain.proof import sha256d

_WITNESS_FLAG: Final = 0x01
_MWEB_FLAG: Final = 0x08
_INPUT_SIZE_MIN: Final = 41
_OUTPUT_SIZE_MIN: Final = 9
VALUE_MAX: Final = 2**63 - 1
"""Values are signed 64-bit numbers on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What is spent, and by which right."""

    txid_le: bytes
    index: int
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A value [minor units] and the script that may spend it."""

    value: int
    script: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction. `is_hogex` marks Litecoin's binding of the extension block."""

    version: int
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    lock_time: int
    is_hogex: bool = False

    @property
    def has_witness(self) -> bool:
        """Tell whether any input carries a witness."""
        return any(item.witness for item in self.inputs)


def parse_transaction(data: bytes) -> Transaction:
    """Read one transaction that fills the bytes exactly.

    Raises:
        ValueError: the bytes are not one whole transaction.
    """
    transaction, end = read_transaction(data, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes are left over behind the transaction")
    return transaction


def read_transaction(data: bytes, at: int) -> tuple[Transaction, int]:
    """Read a transaction that begins somewhere in a block; return it and where it ends.

    Raises:
        ValueError: the bytes are no transaction, or end before it does.
    """
    reader = _Reader(data, at)
    version = reader.number(4)
    flags = reader.flags()
    inputs = [_read_input(reader) for _ in range(reader.count(_INPUT_SIZE_MIN))]
    outputs = [_read_output(reader) for _ in range(reader.count(_OUTPUT_SIZE_MIN))]
    if flags & _WITNESS_FLAG:
        inputs = [_with_witness(item, reader) for item in inputs]
        if not any(item.witness for item in inputs):
            raise ValueError("the transaction says that it has witnesses, and has none")
    if flags & _MWEB_FLAG and reader.take(1) != b"\0":
        raise ValueError("the transaction has an MWEB part, which no block may hold")
    transaction = Transaction(
        version=version,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        lock_time=reader.number(4),
        is_hogex=bool(flags & _MWEB_FLAG),
    )
    return transaction, reader.at


def transaction_bytes(transaction: Transaction) -> bytes:
    """Serialise a transaction as it stands in a block."""
    flags = _WITNESS_FLAG * transaction.has_witness | _MWEB_FLAG * transaction.is_hogex
    return b"".join(
        (
            transaction.version.to_bytes(4, "little"),
            bytes((0, flags)) if flags else b"",
            _body(transaction),
            b"".join(_stack(item.witness) for item in transaction.inputs) if flags & _WITNESS_FLAG else b"",
            b"\0" if transaction.is_hogex else b"",
            transaction.lock_time.to_bytes(4, "little"),
        )
    )


def plain_bytes(transaction: Transaction) -> bytes:
    """Serialise a transaction without witnesses: the form that the txid, and Stratum, hash."""
    return b"".join(
        (transaction.version.to_bytes(4, "little"), _body(transaction), transaction.lock_time.to_bytes(4, "little"))
    )


def txid_le(transaction: Transaction) -> bytes:
    """Return the id of a transaction."""
    return sha256d(plain_bytes(transaction))


def wtxid_le(transaction: Transaction) -> bytes:
    """Return the id that covers the witnesses too (BIP 141)."""
    return sha256d(transaction_bytes(transaction)) if transaction.has_witness else txid_le(transaction)


def output_bytes(output: Output) -> bytes:
    """Serialise an output.

    Raises:
        ValueError: the value is negative or too large for the wire.
    """
    if not 0 <= output.value <= VALUE_MAX:
        raise ValueError(f"{output.value} is no value of an output")
    return output.value.to_bytes(8, "little") + varint(len(output.script)) + output.script


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
        ValueError: the data end before it does, or a shorter form of it exists.
    """
    reader = _Reader(data, at)
    return reader.varint(), reader.at


class _Reader:
    """A place in some bytes that only moves on, and never past their end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise ValueError("the data end too early")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        first = self.number(1)
        if first < 0xFD:
            return first
        size = 1 << (first - 0xFC)
        number = self.number(size)
        if number < 0xFD or (number >> 4 * size == 0 and size > 2):
            raise ValueError("a length is not written in its shortest form")
        return number

    def text(self) -> bytes:
        return self.take(self.varint())

    def count(self, size_min: int) -> int:
        """Return how many things follow, refused where the rest of the data cannot hold them."""
        count = self.varint()
        if count > (len(self.data) - self.at) // size_min:
            raise ValueError("the data end too early")
        return count

    def flags(self) -> int:
        """Return the flags behind a marker, or 0 in the plain form. No input at all is the marker."""
        if self.data[self.at : self.at + 1] != b"\0":
            return 0
        self.take(1)
        flags = self.number(1)
        if not flags or flags & ~(_WITNESS_FLAG | _MWEB_FLAG):
            raise ValueError("the transaction has no inputs, or flags that are not known")
        return flags


def _read_input(reader: _Reader) -> Input:
    return Input(txid_le=reader.take(32), index=reader.number(4), script_sig=reader.text(), sequence=reader.number(4))


def _read_output(reader: _Reader) -> Output:
    return Output(value=reader.number(8), script=reader.text())


def _with_witness(item: Input, reader: _Reader) -> Input:
    witness = tuple(reader.text() for _ in range(reader.count(1)))
    return Input(
        txid_le=item.txid_le, index=item.index, script_sig=item.script_sig, sequence=item.sequence, witness=witness
    )


def _body(transaction: Transaction) -> bytes:
    return b"".join(
        (
            varint(len(transaction.inputs)),
            *(_input_bytes(item) for item in transaction.inputs),
            varint(len(transaction.outputs)),
            *(output_bytes(item) for item in transaction.outputs),
        )
    )


def _input_bytes(item: Input) -> bytes:
    return b"".join(
        (
            item.txid_le,
            item.index.to_bytes(4, "little"),
            varint(len(item.script_sig)),
            item.script_sig,
            item.sequence.to_bytes(4, "little"),
        )
    )


def _stack(witness: Sequence[bytes]) -> bytes:
    return varint(len(witness)) + b"".join(varint(len(item)) + item for item in witness)
