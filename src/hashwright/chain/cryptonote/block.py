"""Monero's blocks as bytes: the template that a node gives, the blob that machines hash, and a block's id.

    block          header, miner transaction, hashes of the other transactions
    hashing blob   header, tree root of all transactions, their count: the nonce stands at byte 39 in either
    block id       Keccak of the blob's length and the blob

A template is taken apart as far as it must be: whom its miner transaction pays how much, and where the room is that was
reserved for us. What cannot be read is refused, because a machine must never work on something that nobody understands.
Source: Monero `cryptonote_basic.h`, `crypto/tree-hash.c`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.varint import read_varint, write_varint

HASH: Final = 32
NONCE_BYTES: Final = 4
FORK_MIN: Final = 12
"""RandomX since November 2019."""
FORK_MAX: Final = 16
"""The newest fork that this program knows: a template of a later one may mean something else."""
TX_VERSION: Final = 2
INPUT_GEN: Final = 0xFF
OUTPUT_KEY: Final = 2
OUTPUT_TAGGED_KEY: Final = 3
EXTRA_MAX: Final = 1060
"""Bytes of `extra` in a transaction that nodes relay; a miner's may be longer, a template of ours never is."""
TRANSACTIONS_MAX: Final = 100_000


class UnknownFork(ValueError):
    """A block is of a fork whose rules this program does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTemplate:
    """A block, taken apart. `nonce_at` and `extra` tell where the nonce and the miner's own bytes stand in `blob`."""

    blob: bytes
    major_version: int
    minor_version: int
    timestamp: int
    previous: bytes
    nonce_at: int
    miner_tx_start: int
    miner_tx_end: int
    extra_start: int
    extra_end: int
    height: int
    unlock_height: int
    reward: int
    tx_hashes: tuple[bytes, ...]

    @property
    def miner_tx_hash(self) -> bytes:
        """Return the id of its miner transaction: three hashes, of which the last (no signatures) is zero."""
        body = self.blob[self.miner_tx_start : self.miner_tx_end - 1]
        ring = keccak256(self.blob[self.miner_tx_end - 1 : self.miner_tx_end])
        return keccak256(keccak256(body) + ring + bytes(HASH))

    @property
    def hashing_blob(self) -> bytes:
        """Return what machines hash."""
        hashes = (self.miner_tx_hash, *self.tx_hashes)
        return self.blob[: self.miner_tx_start] + tree_hash(hashes) + write_varint(len(hashes))

    @property
    def id(self) -> bytes:
        """Return the block's id."""
        return block_id(self.hashing_blob)

    def with_bytes(self, at: int, data: bytes) -> "BlockTemplate":
        """Return the block with bytes written over others: a nonce, or the room that was reserved for us.

        Raises:
            ValueError: they reach beyond the block.
        """
        if at < 0 or at + len(data) > len(self.blob):
            raise ValueError(f"{len(data)} bytes at {at} are not within a block of {len(self.blob)}")
        return read_block(self.blob[:at] + data + self.blob[at + len(data) :])


def block_id(hashing_blob: bytes) -> bytes:
    """Return the id of the block with this hashing blob."""
    return keccak256(write_varint(len(hashing_blob)) + hashing_blob)


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a tree of transactions. The leaves that are too many for a power of two are paired first.

    Raises:
        ValueError: there are none, or one is not of 32 bytes.
    """
    if not hashes or any(len(it) != HASH for it in hashes):
        raise ValueError("a tree has at least one leaf, each of 32 bytes")
    count = len(hashes)
    if count == 1:
        return hashes[0]
    width = 1 << (count - 1).bit_length() - 1
    alone = 2 * width - count
    level = list(hashes[:alone])
    level += [keccak256(hashes[at] + hashes[at + 1]) for at in range(alone, count, 2)]
    while len(level) > 1:
        level = [keccak256(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def read_block(blob: bytes) -> BlockTemplate:
    """Take a block apart.

    Raises:
        UnknownFork: it is of a fork that this program does not know.
        ValueError: it does not parse.
    """
    reader = _Reader(blob)
    major, minor, timestamp = reader.number(), reader.number(), reader.number()
    if not FORK_MIN <= major <= FORK_MAX:
        raise UnknownFork(f"the block is of fork {major}, and this program knows {FORK_MIN} to {FORK_MAX}")
    previous = reader.take(HASH)
    nonce_at = reader.at
    reader.take(NONCE_BYTES)
    start = reader.at
    unlock, height, reward = _miner_inputs(reader)
    extra_size = reader.number()
    if extra_size > EXTRA_MAX:
        raise ValueError(f"the miner transaction has {extra_size} bytes of extra, more than {EXTRA_MAX}")
    extra_start = reader.at
    reader.take(extra_size)
    if reader.take(1) != b"\x00":
        raise ValueError("the miner transaction is signed, and none ever is")
    end = reader.at
    count = reader.number()
    if count > TRANSACTIONS_MAX:
        raise ValueError(f"the block has {count} transactions, more than {TRANSACTIONS_MAX}")
    hashes = tuple(reader.take(HASH) for _ in range(count))
    if reader.at != len(blob):
        raise ValueError(f"{len(blob) - reader.at} bytes follow the block")
    return BlockTemplate(
        blob=blob,
        major_version=major,
        minor_version=minor,
        timestamp=timestamp,
        previous=previous,
        nonce_at=nonce_at,
        miner_tx_start=start,
        miner_tx_end=end,
        extra_start=extra_start,
        extra_end=extra_start + extra_size,
        height=height,
        unlock_height=unlock,
        reward=reward,
        tx_hashes=hashes,
    )


class _Reader:
    """Walks over bytes and never beyond them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def number(self) -> int:
        number, self.at = read_varint(self._data, self.at)
        return number

    def take(self, count: int) -> bytes:
        if self.at + count > len(self._data):
            raise ValueError(f"the block ends at byte {len(self._data)}, and {count} more bytes belong to it")
        taken = self._data[self.at : self.at + count]
        self.at += count
        return taken


def _miner_inputs(reader: _Reader) -> tuple[int, int, int]:
    """Read the miner transaction up to its outputs; return unlock height, height and what it pays [piconero]."""
    version, unlock = reader.number(), reader.number()
    if version != TX_VERSION:
        raise ValueError(f"the miner transaction is of version {version}, not {TX_VERSION}")
    if reader.number() != 1 or reader.take(1)[0] != INPUT_GEN:
        raise ValueError("the miner transaction has other inputs than new coins")
    height = reader.number()
    outputs = reader.number()
    if not 1 <= outputs <= TRANSACTIONS_MAX:
        raise ValueError(f"the miner transaction has {outputs} outputs")
    paid = 0
    for _ in range(outputs):
        paid += reader.number()
        kind = reader.take(1)[0]
        if kind not in (OUTPUT_KEY, OUTPUT_TAGGED_KEY):
            raise ValueError(f"the miner transaction has an output of unknown kind {kind}")
        reader.take(HASH + (kind == OUTPUT_TAGGED_KEY))
    return unlock, height, paid


def paid_by(miner_transaction: bytes) -> int:
    """Return what a miner transaction pays [piconero], with its last byte or without.

    Raises:
        ValueError: it does not parse.
    """
    return _miner_inputs(_Reader(miner_transaction))[2]
