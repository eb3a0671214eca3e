"""A Monero transaction as bytes: its id, what it spends, what it costs. Amounts and payees are hidden; see `payments`.

    prefix     version, lock time, inputs (each a ring and one key image), outputs (one-time keys), extra
    base       kind of signature, fee, masked amounts, commitments
    prunable   proofs and signatures, of which only the hash matters here

A key image stands for the one output of a ring that is really spent: two transactions with the same one exclude each
other. Sources: Monero `cryptonote_basic.h`, `rctTypes.h`, `cryptonote_format_utils.cpp` (calculate_transaction_hash).
"""

from dataclasses import dataclass
from typing import Final

from hashwright.chain.cryptonote.block import OUTPUT_KEY, OUTPUT_TAGGED_KEY
from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.varint import read_varint

VERSION: Final = 2
INPUT_KEY: Final = 2
SIGNATURES: Final = (5, 6)
"""CLSAG (2020) and CLSAG with Bulletproofs+ (2022): what wallets of today sign."""
PARTS_MAX: Final = 1_000
KEY: Final = 32
MASKED_AMOUNT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenOutput:
    """An output: a one-time key, the tag by which its owner finds it soon (-1 for none), amount and commitment."""

    key: bytes
    view_tag: int
    masked_amount: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTransaction:
    """A transaction. `fee` is in piconero; `id` is written as nodes show it."""

    id: str
    key_images: tuple[bytes, ...]
    outputs: tuple[HiddenOutput, ...]
    extra: bytes
    fee: int


def read_transaction(blob: bytes) -> HiddenTransaction:
    """Take a transaction apart.

    Raises:
        ValueError: it does not parse, or is signed in a way that is not known here.
    """
    reader = _Reader(blob)
    if reader.number() != VERSION or reader.number() != 0:
        raise ValueError(f"the transaction is not of version {VERSION}, or it locks what it pays")
    images = tuple(_input(reader) for _ in range(reader.count("inputs")))
    keys = [_output(reader) for _ in range(reader.count("outputs"))]
    extra = reader.take(reader.number())
    prefix_end = reader.at
    kind = reader.take(1)[0]
    if kind not in SIGNATURES:
        raise ValueError(f"the transaction is signed in a way that is not known here ({kind})")
    fee = reader.number()
    amounts = [reader.take(MASKED_AMOUNT) for _ in keys]
    commitments = [reader.take(KEY) for _ in keys]
    parts = (blob[:prefix_end], blob[prefix_end : reader.at], blob[reader.at :])
    return HiddenTransaction(
        id=keccak256(b"".join(keccak256(part) for part in parts)).hex(),
        key_images=images,
        outputs=tuple(
            HiddenOutput(key=key, view_tag=tag, masked_amount=amount, commitment=commitment)
            for (key, tag), amount, commitment in zip(keys, amounts, commitments, strict=True)
        ),
        extra=extra,
        fee=fee,
    )


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def number(self) -> int:
        number, self.at = read_varint(self._data, self.at)
        return number

    def count(self, what: str) -> int:
        number = self.number()
        if not 1 <= number <= PARTS_MAX:
            raise ValueError(f"the transaction has {number} {what}")
        return number

    def take(self, count: int) -> bytes:
        if self.at + count > len(self._data):
            raise ValueError(f"the transaction ends at byte {len(self._data)}, and {count} more bytes belong to it")
        taken = self._data[self.at : self.at + count]
        self.at += count
        return taken


def _input(reader: _Reader) -> bytes:
    if reader.take(1)[0] != INPUT_KEY:
        raise ValueError("the transaction has an input of unknown kind")
    reader.number()
    for _ in range(reader.count("ring members")):
        reader.number()
    return reader.take(KEY)


def _output(reader: _Reader) -> tuple[bytes, int]:
    reader.number()
    kind = reader.take(1)[0]
    if kind not in (OUTPUT_KEY, OUTPUT_TAGGED_KEY):
        raise ValueError(f"the transaction has an output of unknown kind {kind}")
    key = reader.take(KEY)
    return key, reader.take(1)[0] if kind == OUTPUT_TAGGED_KEY else -1
