"""From a miner transaction to the tree's root, quickly: this stands on the path of every Monero share.

The miner transaction is the tree's first leaf, so the way from it to the root is one list of hashes that a template
gives once; a share then costs two hashes for the transaction and one a level. (Monero `crypto/tree-hash.c`.)
"""

import functools
from collections.abc import Sequence
from typing import Final

from hashwright.chain.cryptonote.block import FORK_MAX, FORK_MIN
from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.varint import read_varint, write_varint

NONCE_AT: Final = 39
"""Where the nonce stands in a hashing blob: after two versions, a time of five bytes, and the previous block."""
NONCE_BYTES: Final = 4
BLOB_MIN: Final = NONCE_AT + NONCE_BYTES + 32 + 1
BLOB_MAX: Final = 128
_NO_SIGNATURES: Final = bytes.fromhex("bc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a") + bytes(32)
_EMPTY: Final = b""


def branch_of(tx_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the hashes to join with the miner transaction's id, from the leaf up.

    Args:
        tx_hashes: the ids of the other transactions.
    """
    count = 1 + len(tx_hashes)
    if count == 1:
        return ()
    leaves = [_EMPTY, *tx_hashes]  # the miner transaction's place stays empty: it is not known yet
    width = 1 << (count - 1).bit_length() - 1
    alone = 2 * width - count
    branch = [] if alone else [leaves[1]]
    level = leaves[:alone]
    level += [keccak256(leaves[at] + leaves[at + 1]) if at else _EMPTY for at in range(alone, count, 2)]
    while len(level) > 1:
        branch.append(level[1])
        level = [_EMPTY, *(keccak256(level[at] + level[at + 1]) for at in range(2, len(level), 2))]
    return tuple(branch)


@functools.lru_cache(maxsize=16_384)
def root_of(miner_tx: bytes, branch: tuple[bytes, ...]) -> bytes:
    """Return the tree's root. `miner_tx` is without its last byte, which says that it has no signatures.

    All shares of one machine and job have the same, so it is remembered: some five megabytes of them.
    """
    root = keccak256(keccak256(miner_tx) + _NO_SIGNATURES)
    for sibling in branch:
        root = keccak256(root + sibling)
    return root


def hashing_blob(head: bytes, nonce: int, root: bytes, transactions: int) -> bytes:
    """Return what machines hash: `head` up to the nonce, the nonce, the root, and the count of all transactions."""
    return head + nonce.to_bytes(NONCE_BYTES, "little") + root + write_varint(transactions)


def read_hashing_blob(blob: bytes) -> tuple[int, int, bytes]:
    """Return fork, time and previous block of a hashing blob.

    Raises:
        ValueError: it is no blob of a block with RandomX: another length, another fork, or a nonce in another place.
    """
    if not BLOB_MIN <= len(blob) <= BLOB_MAX:
        raise ValueError(f"a hashing blob has {BLOB_MIN} to {BLOB_MAX} bytes, and this one has {len(blob)}")
    major, at = read_varint(blob, 0)
    _, at = read_varint(blob, at)
    time_s, at = read_varint(blob, at)
    if not FORK_MIN <= major <= FORK_MAX:
        raise ValueError(f"it is of fork {major}, and this program knows {FORK_MIN} to {FORK_MAX}")
    if at + 32 != NONCE_AT:
        raise ValueError(f"its nonce stands at byte {at + 32}, not {NONCE_AT}")
    count, end = read_varint(blob, NONCE_AT + NONCE_BYTES + 32)
    if not count or end != len(blob):
        raise ValueError("it does not end with the count of its transactions")
    return major, time_s, blob[at:NONCE_AT]
