"""Merkle trees of transaction ids, and the branch that leads from the coinbase to the root."""

import hashlib
from collections.abc import Sequence

from hashwright.chain.proof import sha256d

_sha256 = hashlib.sha256


def merkle_root(txids_le: Sequence[bytes]) -> bytes:
    """Return the root over all transaction ids, the coinbase's first; an odd last one is doubled."""
    level = list(txids_le)
    if not level:
        raise ValueError("a block has at least a coinbase")
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def merkle_branch(txids_le: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the hashes to join with the coinbase's id, from the leaf up.

    Args:
        txids_le: the ids of the other transactions, without the coinbase.
    """
    branch = []
    level: list[bytes] = [b"", *txids_le]  # the coinbase's place stays empty: it is not known yet
    while len(level) > 1:
        branch.append(level[1])
        level = [b"", *_next_level(level[2:])] if len(level) > 2 else [b""]
    return tuple(branch)


def root_from_branch(coinbase_txid_le: bytes, branch: Sequence[bytes]) -> bytes:
    """Return the root for a coinbase id. On the path of every share: twelve steps in a full block."""
    root = coinbase_txid_le
    for sibling in branch:
        root = _sha256(_sha256(root + sibling).digest()).digest()
    return root


def _next_level(level: list[bytes]) -> list[bytes]:
    if len(level) % 2:
        level = [*level, level[-1]]
    return [sha256d(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
